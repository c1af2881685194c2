"""`heta data check`, as typed; and a check of another package."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helpers.checked_items import CC_BY, rights, sound_item
from heta.cli import cli
from heta.errors import InputError
from heta_data.checking import CHECKS, check_items, read_candidates
from heta_data.items import write_items
from heta_data.workspace import Workspace

BUILT_IN = [
    "duplicates", "near-duplicates", "leakage", "orders", "positions", "targets", "labels", "rights", "texts",
    "personal-data",
]  # fmt: skip


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["data", "check", *map(str, arguments)])


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A folder in which nothing is to be found."""
    write_items(Workspace(tmp_path / "clean"), [sound_item(number) for number in range(12)])
    return tmp_path / "clean"


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A folder whose items put SciQ and a Wikipedia summary into one prompt; one has a tab."""
    licences = [rights(field, "CC-BY-NC-3.0", "SciQ") for field in ("evidence", "question", "answer")]
    licences.append(rights("distractor", "CC-BY-SA-3.0", "Wikipedia"))
    items = [sound_item(number, rights=licences) for number in range(5)]
    write_items(Workspace(tmp_path / "refused"), items)
    return tmp_path / "refused"


def test_a_clean_folder_exits_with_0_and_one_line(clean: Path) -> None:
    result = run(clean)
    assert result.exit_code == 0, result.output
    assert result.output == f"{clean}: 12 items, 10 checks ({', '.join(BUILT_IN)}): 0 errors, 0 warnings\n"
    assert run(clean / "items.jsonl").exit_code == 0
    # Nothing is written.
    assert [path.name for path in sorted(clean.iterdir())] == [".heta.lock", "items.jsonl"]


def test_the_current_folder_is_checked_where_none_is_named(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clean)
    assert run().output.startswith(".: 12 items, ")


def test_an_error_exits_with_1_and_shows_three_places_or_all(refused: Path) -> None:
    result = run(refused)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    first, *rest = result.output.splitlines()
    assert first.startswith("error rights: CC-BY-NC-3.0 and CC-BY-SA-3.0 in one prompt: no licence of the whole")
    assert first.endswith("[5 places]")
    assert [line.startswith("  - items.jsonl > item ") for line in rest[:3]] == [True] * 3
    assert rest[3] == "  ... 2 more: --all lists them"
    assert rest[-1].endswith("1 error, 0 warnings")
    assert run(refused, "--all").output.count("  - items.jsonl > item ") == 5


def test_a_warning_exits_with_0(tmp_path: Path) -> None:
    odd = [
        rights(field, "Lamp-1.0" if field == "distractor" else CC_BY)
        for field in ("evidence", "question", "distractor")
    ]
    write_items(Workspace(tmp_path), [sound_item(1, rights=odd)])
    result = run(tmp_path)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].endswith("0 errors, 1 warning")
    assert result.output.startswith("warning rights: ")


def test_json_is_one_document_with_every_place(clean: Path, refused: Path) -> None:
    result = run(refused, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert {key: report[key] for key in ("path", "items", "ok", "checks")} == {
        "path": str(refused),
        "items": 5,
        "ok": False,
        "checks": BUILT_IN,
    }
    (finding,) = report["findings"]
    assert sorted(finding) == ["check", "problem", "severity", "where"]
    assert (finding["check"], finding["severity"], len(finding["where"])) == ("rights", "error", 5)
    result = run(clean, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "path": str(clean), "items": 12, "ok": True, "checks": BUILT_IN, "findings": [],
    }  # fmt: skip


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for path in (tmp_path / "none", tmp_path / "x.json", tmp_path):
        error = run(path).exception
        assert isinstance(error, InputError)
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)


def test_many_items_show_how_far_the_checks_are(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(clean).stderr == ""
    # The package binds the command to the name of its module.
    monkeypatch.setattr(import_module("heta_data.cli.check"), "MANY", 12)
    monkeypatch.setattr(import_module("heta_data.cli.check"), "LARGE", 1000)
    result = run(clean, "--json")
    assert result.stderr.startswith("reading 0 MB\n")
    assert "check: 10 of 10" in result.stderr
    assert json.loads(result.stdout)["ok"] is True


LOUD = """
from heta_data.checking import Check, Finding


def shout(candidates):
    for one in candidates:
        yield Finding("loud", "error", "no capitals", (one.where,))


loud = Check("loud", "items without capitals", shout)
"""


def test_a_check_of_another_package_runs_with_the_others(clean: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "heta_loud-1.0.dist-info").mkdir(parents=True)
    (site / "heta_loud-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: heta-loud\nVersion: 1.0\n")
    (site / "heta_loud-1.0.dist-info" / "entry_points.txt").write_text("[heta.item_checks]\nloud = heta_loud:loud\n")
    (site / "heta_loud.py").write_text(LOUD)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "heta", "data", "check", clean, "--json"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["checks"] == [*BUILT_IN, "loud"]
    assert [(finding["check"], finding["problem"]) for finding in report["findings"]] == [("loud", "no capitals")] * 12


def test_the_library_gives_errors_first_and_says_how_far_it_is(refused: Path) -> None:
    candidates, _ = read_candidates(refused)
    tabbed = [one if number else _with_tab(one) for number, one in enumerate(candidates)]
    steps: list[tuple[int, int]] = []
    found = check_items(tabbed, progress=lambda done, total: steps.append((done, total)))
    assert [(finding.check, finding.severity) for finding in found] == [("rights", "error"), ("texts", "warning")]
    assert steps == [(done, 10) for done in range(11)]
    assert all(CHECKS.get(name).summary and CHECKS.get(name).name == name for name in CHECKS)


def _with_tab(one):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(one, prompt=f"{one.prompt}\t:")
