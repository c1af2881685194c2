"""`heta campaign import` as a user types it, and its errors in one line."""

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helpers.campaigns import difficult_items
from helpers.exports import PERSON, annotation, passage_of, span, span_of, task
from helpers.sample_records import file_contents
from helpers.studio_server import one_line
from heta.cli import cli
from heta.errors import HetaError
from heta_data.jsonl import write_records
from heta_data.workspace import Workspace

ITEM = difficult_items()[0]
TEXT = passage_of(ITEM)
EXPORT = [
    task(
        1,
        {"text": TEXT},
        [
            annotation(1, [span_of(TEXT, "bees"), span_of(TEXT, "hives", "misleading")], {"id": 3, "email": PERSON}),
            annotation(2, [], 4),
            annotation(3, [span(TEXT, 0, 9999)], 5),
            annotation(4, [], 6, was_cancelled=True),
            annotation(5, [span_of(TEXT, "bees"), span(TEXT, 0, 1)], 7),
        ],
        drafts=[{"id": 1}],
    ),
    *(task(number, {"text": "another text"}, []) for number in range(2, 14)),
]
SAID = ("--kind", "human", "--arm", "blind")


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "bench")
    write_records(workspace.items, [ITEM])
    return workspace


@pytest.fixture
def export(tmp_path: Path) -> str:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(EXPORT), encoding="utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["campaign", "import", *arguments], catch_exceptions=False)


def fails(*arguments: str) -> str:
    """The one line that a failing import says."""
    with pytest.raises(HetaError) as raised:
        run(*arguments)
    return one_line(raised)


def test_what_is_said_of_an_import(folder: Workspace, export: str) -> None:
    labels = ("--label", "important", "--ignore-label", "misleading", "-C", str(folder.root))
    before = file_contents(folder.root)
    dry = run(export, *SAID, *labels, "--dry-run")
    assert file_contents(folder.root) == before
    assert "would hold 4 records; nothing was written" in dry.stdout
    done = run(export, *SAID, *labels)
    assert done.exit_code == 0
    assert "source      project-7, human, blind" in done.stdout
    assert "marked means important" in done.stdout
    assert "tasks       13, 1 show an item of this folder" in done.stdout
    # Marked: 1 and 5; empty: 2; skipped: 4; out of range: 3.
    assert "annotations 5: 3 labels (1 of them empty), 0 cannot tell, 1 skipped, 1 quarantined" in done.stdout
    # Account 5 has a name as well, though what it did cannot be read.
    assert "raters      4: r01, r02, r04, r05" in done.stdout
    assert "ignored     1 drafts" in done.stdout
    assert "ignored     regions that are no marks: 1 other label" in done.stdout
    assert f"{folder.labels}: 4 records" in done.stdout
    assert f"Next: heta evaluate run -C {folder.root}" in done.stdout
    assert "quarantined 1 impossible span" in done.stderr
    assert "no item     task 2 (0 annotations): no field holds the prompt or the passage of an item" in done.stderr
    assert "no item     2 more tasks; --json lists them" in done.stderr
    assert "no word     1 spans cover none: [" in done.stderr
    again = run(export, *SAID, *labels, "--json")
    found = json.loads(again.stdout)
    assert (found["replaced"], found["labels"], found["reasons"]) == (4, 3, {"impossible span": 1})
    assert len(found["unmatched"]) == 12
    assert "replaced    4 labels" in run(export, *SAID, *labels).stdout


def test_a_deleted_annotation_is_told(folder: Workspace, export: str) -> None:
    labels = ("--label", "important", "--ignore-label", "misleading", "-C", str(folder.root))
    run(export, *SAID, *labels)
    first, *others = deepcopy(EXPORT)
    del first["annotations"][0]
    Path(export).write_text(json.dumps([first, *others]), encoding="utf-8")
    done = run(export, *SAID, *labels)
    assert "gone since an earlier import: annotation 1" in done.stderr
    assert "quarantine.jsonl: see there" in done.stderr


@pytest.mark.parametrize("missing", ["--kind", "--arm"])
def test_who_labelled_and_what_they_saw_must_be_said(folder: Workspace, export: str, missing: str) -> None:
    said = {"--kind": "human", "--arm": "blind"}
    del said[missing]
    done = run(export, *(word for pair in said.items() for word in pair), "-C", str(folder.root))
    assert done.exit_code == 2
    assert f"Missing option '{missing}'" in done.stderr
    assert not folder.labels.exists()


def test_errors_are_one_line_and_write_nothing(folder: Workspace, export: str, tmp_path: Path) -> None:
    there = (*SAID, "-C", str(folder.root))
    before = file_contents(folder.root)
    assert "several labels: 'important' 4, 'misleading' 1" in fails(export, *there)
    assert "got neither, expected either the file" in fails(*there)
    assert "got both, expected either the file" in fails(export, "--project", "3", *there)
    assert "LABEL_STUDIO_URL is not set" in fails("--project", "3", *there)
    assert "none.json: cannot be read: No such file" in fails("none.json", *there)
    flat = tmp_path / "flat.json"
    flat.write_text('[{"text": "a", "id": 1, "annotator": 1, "annotation_id": 2, "lead_time": null}]')
    assert "(Export > JSON, not JSON-MIN)" in fails(str(flat), *there)
    assert "expected the columns account,pseudonym" in fails(export, "--label", "important", "--raters", export, *there)
    assert {name: content for name, content in file_contents(folder.root).items() if name != ".heta.lock"} == before
    nowhere = tmp_path / "nowhere"
    command = [sys.executable, "-m", "heta", "campaign", "import", export, *SAID, "-C", str(nowhere)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"heta: {nowhere / 'items.jsonl'}: no such file; ")
    assert not nowhere.exists()
