"""`heta doctor`: every check passes on a sound model, fails on a broken one, and never takes the others down."""

import shutil
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers import normalizers

from helpers.tiny_models import FAMILIES, tiny_model, tiny_tokenizer
from heta import LoadedModel, prepared, wrap_model
from heta.checks import installation
from heta.checks import model as model_checks
from heta.doctor import CHECKS, Check, Finding, InstallationCheck, ModelCheck, Patient, diagnose
from heta.errors import ConfigError
from heta_data import disk

MODEL_CHECKS = ["tokenizer", "cached", "batched", "captured", "information", "curvature", "deterministic"]


def found(model: LoadedModel, check: str) -> dict[str, Finding]:
    chosen = CHECKS.get(check)
    assert isinstance(chosen, ModelCheck)
    result = chosen.run(Patient(model))
    return {one.name: one for one in ([result] if isinstance(result, Finding) else result)}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sound_model_passes_every_check(family: str) -> None:
    for check in MODEL_CHECKS:
        for finding in found(tiny_model(family, dtype="float32"), check).values():
            assert (finding.status, finding.remedy) == ("ok", ""), finding


def test_checks_leave_the_model_as_it_was() -> None:
    model = tiny_model()
    before = model.module.config._attn_implementation
    found(model, "curvature")
    found(model, "captured")
    assert model.module.config._attn_implementation == before


def shifted(original: Callable[..., Any], when: Callable[[Any], bool] = lambda _: True) -> Callable[..., Any]:
    """The same, moved by a twentieth of itself: logits of the first vocabulary entry, or scores."""

    def act(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        if when(result):
            result = result.clone() if hasattr(result, "clone") else result.copy()
            result[..., 0:1] += 1.0
        return result

    return act


@pytest.mark.parametrize(
    ("check", "line", "owner", "name", "broken"),
    [
        ("cached", "cached = uncached", model_checks, "suffix_logits", shifted(model_checks.suffix_logits)),
        # Only a pass of several rows goes wrong.
        ("batched", "batched = single", model_checks, "suffix_logits",
         shifted(model_checks.suffix_logits, lambda logits: len(logits) > 1)),
        ("captured", "transition captured", model_checks, "capture_error", lambda *_: 0.5),
        ("information", "information = plain passes", prepared.Prepared, "information",
         lambda self: 1.1 * REAL_INFORMATION(self)),
        ("curvature", "curvature = double backward", prepared.Prepared, "curvature",
         lambda self, options: (1.2 * REAL_CURVATURE(self, options)[0], ())),
    ],
)  # fmt: skip
def test_a_broken_short_cut_is_found(
    check: str, line: str, owner: Any, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(tiny_model(), check)[line].status == "ok"
    monkeypatch.setattr(owner, name, broken)
    finding = found(tiny_model(), check)[line]
    assert finding.status == "FAILED"
    assert finding.remedy


REAL_INFORMATION, REAL_CURVATURE = prepared.Prepared.information, prepared.Prepared.curvature


def test_scores_that_differ_from_run_to_run_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter(range(1, 9))
    monkeypatch.setattr(prepared.Prepared, "information", lambda self, *_: REAL_INFORMATION(self) ** next(runs))
    assert found(tiny_model(), "deterministic")["same seed, same scores"].status == "FAILED"


def test_a_tokenizer_that_loses_text_or_reads_special_tokens_is_found() -> None:
    tokenizer: Any = tiny_tokenizer()
    # Accents are dropped before tokens are cut, so "e" and its mark leave a gap.
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    model = wrap_model(tiny_model().module, tokenizer, name="losing")
    lines = found(model, "tokenizer")
    assert lines["offsets rebuild the text"].status == "FAILED"
    assert "6 of 7 texts; not 'cafe" in lines["offsets rebuild the text"].figure
    model.encoder.encode_special_tokens = False
    assert found(model, "tokenizer")["literal text stays literal"].status == "FAILED"


def run_installation(check: InstallationCheck) -> Finding:
    result = check.run()
    assert isinstance(result, Finding)
    return result


def test_requirements_that_are_not_met_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_installation(installation.requirements).status == "ok"
    lines = ["numpy>=999", "no-such-package>=1", "rich>=13", 'gguf>=999; extra == "models"']
    monkeypatch.setattr(installation, "declared", lambda _: lines)
    finding = run_installation(installation.requirements)
    assert finding.status == "FAILED"
    # The extra is not asked for, rich is there: 1 of 3.
    assert finding.figure.startswith("1 of 3 as declared; numpy>=999 is ")
    assert finding.figure.endswith("no-such-package>=1 is missing")


def test_the_unrelated_package_of_the_same_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_installation(installation.namesake).status == "ok"
    monkeypatch.setattr(installation, "distribution", lambda _: SimpleNamespace(version="2.1"))
    finding = run_installation(installation.namesake)
    assert finding.status == "FAILED"
    assert "heta 2.1 is installed too" in finding.figure
    assert finding.remedy.startswith("pip uninstall heta")


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "not" / "yet"))
    assert run_installation(installation.cache).status == "ok"
    monkeypatch.setattr(installation.os, "access", lambda path, _: path != tmp_path)
    assert f"make {tmp_path} writable" in run_installation(installation.cache).remedy


def test_a_full_disk_is_found_by_the_check_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHECKS.get("disk") is disk.disk
    for free, status in ((disk.NEEDED, "ok"), (disk.NEEDED - 1, "FAILED")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert run_installation(disk.disk).status == status


def replace_check(monkeypatch: pytest.MonkeyPatch, name: str, check: Any) -> None:
    CHECKS.get(name)
    monkeypatch.setitem(CHECKS._loaded, name, check)


def test_a_check_that_raises_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def boom(*_: object) -> Finding:
        raise RuntimeError("two\nlines")

    replace_check(monkeypatch, "cached", ModelCheck(boom))
    replace_check(monkeypatch, "cache", InstallationCheck(boom))
    replace_check(monkeypatch, "disk", "no check")
    lines = {line.name: line for line in diagnose(lambda: tiny_model(dtype="float32"))}
    assert {name for name, line in lines.items() if line.status != "ok"} == {"cached", "cache", "disk"}
    assert lines["cached"].figure == "RuntimeError: two lines"
    assert "report this" in lines["cached"].remedy
    assert "'disk' is str, not a heta.doctor check" in lines["disk"].remedy


def test_without_a_model_only_the_installation_is_checked() -> None:
    lines = [line.name for line in diagnose(None)]
    assert lines == [
        "python", "heta-bench", "torch", "transformers", "requirements", "import name", "devices", "cache",
        "disk space",
    ]  # fmt: skip


def test_a_model_that_does_not_load_leaves_its_checks_unrun() -> None:
    def load() -> LoadedModel:
        raise ConfigError("model 'x' is not there: run `heta model get x`")

    lines = {line.name: line for line in diagnose(load)}
    assert (lines["model"].status, lines["model"].remedy) == (
        "FAILED",
        "model 'x' is not there: run `heta model get x`",
    )
    assert [name for name, line in lines.items() if line.status == "not run"] == MODEL_CHECKS


def test_the_registry_holds_checks() -> None:
    assert all(isinstance(CHECKS.get(name), Check) for name in CHECKS)
