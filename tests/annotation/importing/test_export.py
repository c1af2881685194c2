"""What counts as an export, and what is said of everything else."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.exports import annotation, task
from heta.errors import ConfigError, InputError
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.importing.export import parse, read_file, read_project, source_name
from heta_annotation.studio.connection import Connection

GOOD = [task(1, {"text": "a"}, [annotation(1, [])])]


def test_a_list_of_tasks_is_an_export(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("\ufeff" + json.dumps(GOOD), encoding="utf-8")  # editors put a byte order mark in front
    assert list(read_file(path)) == GOOD


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,text\n1,a\n", "is no JSON .* export the project again as JSON"),
        ("{}", "got a JSON dict, expected a list of tasks"),
        ("[]", "holds no task"),
        ("[3]", "task 1 of the list is a JSON int"),
        ('[{"id": 1, "text": "a", "annotation_id": 2, "annotator": 1}]', "JSON_MIN .* not JSON-MIN"),
        ('[{"id": 1, "data": {}, "completions": []}]', "before 1.0"),
        ('[{"id": 1, "data": {}}]', "no 'data' and list of 'annotations'"),
        ('[{"id": 1, "data": [], "annotations": []}]', "no 'data' and list of 'annotations'"),
        ('[{"data": {}, "annotations": []}]', "a file for importing tasks, not an export"),
        ('[{"id": true, "data": {}, "annotations": []}]', "a file for importing tasks, not an export"),
        ('[{"id": 1, "data": {}, "annotations": [{"result": []}]}]', "an annotation without a number"),
        ('[{"id": 1, "data": {}, "annotations": [5]}]', "an annotation without a number or without content"),
        ('[{"id": 1, "data": {"x": NaN}, "annotations": []}]', "NaN is no number"),
        ('[{"id": 1, "data": {"x": 1e999}, "annotations": []}]', "1e999 is too large"),
        ("[" * 100_000, "is no JSON that labels can be read from"),
    ],
)
def test_what_is_no_export_is_refused_in_one_line(content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        parse(content, "export.json")
    assert str(raised.value).startswith("export.json: ")
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_file(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_file(tmp_path)
    (tmp_path / "export.zip").write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(InputError, match=r"is no UTF-8 text; .* unpack it"):
        read_file(tmp_path / "export.zip")


def test_a_project_is_asked_from_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def export(_self: CampaignClient, project: int) -> list[dict[str, Any]]:
        asked.append(project)
        return GOOD

    monkeypatch.setattr(CampaignClient, "export", export)
    connection = Connection("external", "http://127.0.0.1:1", "token", "trust", local=False)
    assert list(read_project(connection, 7)) == GOOD
    assert asked == [7]


def test_the_source_is_called_after_the_project_unless_it_has_a_name() -> None:
    assert source_name(GOOD, None) == "project-7"
    assert source_name(GOOD, "clinic-pilot.2") == "clinic-pilot.2"
    for name in ("", "a b", "grace@navy.example", "x" * 61, "-x"):
        with pytest.raises(ConfigError, match="--source: expected"):
            source_name(GOOD, name)
    two = [*GOOD, task(2, {}, [], project=8)]
    with pytest.raises(ConfigError, match=r"of 2 projects.*--source"):
        source_name(two, None)
    with pytest.raises(ConfigError, match=r"of no project.*--source"):
        source_name([task(1, {}, [], project=None)], None)
    # One task that does not say where it is from may be from anywhere.
    with pytest.raises(ConfigError, match="--source"):
        source_name([*GOOD, task(2, {}, [], project=None)], None)
