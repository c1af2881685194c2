"""`heta data build curated`: what is written, what is said, and what is left after a failure."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heta.errors import HetaError, InputError
from heta_data.cli.curated import curated as command
from heta_data.jsonl import read_records
from heta_data.records import Item
from heta_data.sources.curated import build_curated, save_curated
from heta_data.workspace import Workspace


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_command_writes_items_and_funnel(sciq: Path, books: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    result = run("--sciq", sciq, "--books", books, "-C", folder)
    assert result.exit_code == 0, result.output
    assert re.search(r"^\(read\) +8$", result.stdout, re.MULTILINE)
    assert re.search(r"^support +0 +8  no supporting passage$", result.stdout, re.MULTILINE)
    assert "8 item(s) written" in result.stdout
    assert "only 2 groups" in result.stdout
    items = list(read_records(folder / "items.jsonl", Item))
    report = json.loads((folder / "funnel.json").read_text(encoding="utf-8"))
    assert report["items"] == len(items) == 8
    assert report["funnel"]["steps"][0] == {"name": "support", "why": "no supporting passage", "dropped": 0, "left": 8}
    assert sorted(path.name for path in folder.iterdir()) == [".heta.lock", "funnel.json", "items.jsonl"]


def test_the_command_speaks_json(sciq: Path, books: Path, tmp_path: Path) -> None:
    result = run(
        "--sciq", sciq, "--books", books, "-C", tmp_path / "bench", "--json", "--limit", "4", "--orders", "both"
    )
    report = json.loads(result.stdout)
    assert report["outcome"] == "written"
    assert report["items"] == 8
    assert report["options"] == {"limit": 4, "seed": 0, "orders": "both", "strict": False}


def test_other_items_are_replaced_by_force_only(sciq: Path, books: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    arguments = ("--sciq", sciq, "--books", books, "-C", folder)
    run(*arguments)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "8 item(s) were there already, unchanged" in run(*arguments).stdout
    refused = run(*arguments, "--seed", "5")
    assert isinstance(refused.exception, InputError)
    assert "holds other items" in str(refused.exception)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert run(*arguments, "--seed", "5", "--force").exit_code == 0
    assert (folder / "items.jsonl").read_bytes() != before["items.jsonl"]
    assert json.loads((folder / "funnel.json").read_text())["options"]["seed"] == 5


@pytest.mark.parametrize("what", ["missing", "broken", "no books", "binary"])
def test_bad_input_writes_nothing(sciq: Path, books: Path, tmp_path: Path, what: str) -> None:
    if what == "missing":
        sciq = tmp_path / "none.json"
    elif what == "broken":
        sciq.write_text('[{"question": "Why?"')
    elif what == "no books":
        books = tmp_path / "none"
    else:
        (books / "3.txt").write_bytes(b"\x00\x81")
    folder = tmp_path / "bench"
    result = run("--sciq", sciq, "--books", books, "-C", folder)
    assert isinstance(result.exception, HetaError)
    assert "\n" not in str(result.exception)
    assert not folder.exists()


def test_a_failed_write_leaves_nothing_behind(
    sciq: Path, books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_curated([sciq], books)
    workspace = Workspace(tmp_path / "bench")

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(json, "dump", fail)
        with pytest.raises(KeyboardInterrupt):
            save_curated(workspace, built)
    assert sorted(path.name for path in workspace.root.iterdir()) == [".heta.lock", "items.jsonl"]
    # The same command again completes what is missing.
    assert save_curated(workspace, built) == "unchanged"
    assert (workspace.root / "funnel.json").exists()
