"""Labels of a project that somebody else made on a real Label Studio: spans on `Text` and `HyperText`."""

import json
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helpers.campaigns import campaign_folder, difficult_items, words_of
from helpers.exports import html_span, passage_of, span_of
from helpers.sample_records import file_contents
from heta.cli import cli
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.page import passage
from heta_annotation.importing.export import read_file
from heta_annotation.importing.importer import ImportSettings, import_labels
from heta_annotation.studio import accounts
from heta_annotation.studio.connection import Connection
from heta_data.compose import label_units
from heta_data.jsonl import read_records, write_records
from heta_data.records import Item, TokenLabels
from heta_data.workspace import Workspace

ITEMS = difficult_items()
NAMES = ("w01", "w02", "w03")
EMAILS = [f"{name}@import.invalid" for name in NAMES]
PAGE = """<View>
  <{text} name="text" value="$text"/>
  <Labels name="label" toName="text"><Label value="important"/><Label value="misleading"/></Labels>
  <Rating name="sure" toName="text"/>
</View>"""

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


@pytest.fixture(scope="module")
def people(studio_workspace: Workspace, label_studio: Connection) -> list[Connection]:
    """The same server as three raters reach it."""
    made = accounts.create_accounts(studio_workspace, label_studio.name, EMAILS)
    return [replace(label_studio, token=made[email].token) for email in EMAILS]


@pytest.fixture
def folder(tmp_path: Path, studio_workspace: Workspace) -> Workspace:
    workspace = campaign_folder(tmp_path, studio_workspace)
    write_records(workspace.items, ITEMS)
    return workspace


def make_project(server: Connection, tag: str, texts: list[str]) -> tuple[int, list[int]]:
    """A project that shows `texts`, and the numbers of its tasks."""
    sdk = server.client()
    project = int(sdk.projects.create(title=f"import {tag}", label_config=PAGE.format(text=tag)).id)
    sdk.projects.import_tasks(project, request=[{"data": {"text": text}} for text in texts])
    return project, [remote.id for remote in CampaignClient(server).tasks(project)]


def marked_words(record: TokenLabels) -> list[str]:
    (item,) = [item for item in ITEMS if item.id == record.item_id]
    assert list(zip(record.starts, record.ends, strict=True)) == list(label_units(item))
    return [word for word, label in zip(words_of(item), record.labels, strict=True) if label]


def pieces(item: Item) -> list[dict[str, Any]]:
    """Regions for the first two words of an item with what lies between them, and for its last word."""
    text, shift, units = passage_of(item), passage(item).start, label_units(item)
    first, second, last = units[0], units[1], units[-1]
    spans = [(first.start, second.end), (last.start, last.end)]
    return [span_of(text, text[start - shift : end - shift]) for start, end in spans]


def test_a_project_made_elsewhere_is_imported_from_server_and_file_alike(
    folder: Workspace,
    label_studio: Connection,
    people: list[Connection],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, numbers = make_project(label_studio, "Text", [*map(passage_of, ITEMS), "a text of nobody's"])
    first, second, third = (CampaignClient(person) for person in people)
    for number, item in zip(numbers, ITEMS, strict=False):
        first.annotate(number, pieces(item), seconds=3.5)
    empty = second.annotate(numbers[0], [], seconds=1.0)
    skipped = second.annotate(numbers[1], pieces(ITEMS[1]), seconds=1.0, skipped=True)
    again = [second.annotate(numbers[2], [region], seconds=1.0) for region in pieces(ITEMS[2])]
    edited = third.annotate(numbers[0], pieces(ITEMS[0]), seconds=1.0)
    people[0].client().annotations.update(edited, result=[])  # any rater can
    far = {**pieces(ITEMS[1])[0], "value": {"start": 0, "end": 9999, "labels": ["important"]}}  # the server takes it
    third.annotate(numbers[1], [far], seconds=1.0)
    third.annotate(numbers[3], [], seconds=1.0)

    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)
    words = ["campaign", "import", "-C", str(folder.root), "--kind", "simulated", "--arm", "blind", "--json"]
    done = CliRunner().invoke(cli, [*words, "--project", str(project)], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert (found["tasks"], found["matched"], len(found["unmatched"]), found["source"]) == (
        4,
        3,
        1,
        f"project-{project}",
    )
    # 3 by the first; an empty one, a skipped one and the later of two by the second; none by the third.
    assert (found["labels"], found["empty"], found["skipped"], found["raters"]) == (5, 1, 1, ["r01", "r02"])
    assert found["reasons"] == {"edited by another": 1, "impossible span": 1, "superseded": 1}
    by_number = {r.origin.annotation: r for r in read_records(folder.labels, TokenLabels) if r.origin}
    for record in by_number.values():
        (item,) = [item for item in ITEMS if item.id == record.item_id]
        if record.rater == "r01":
            assert marked_words(record) == [*words_of(item)[:2], words_of(item)[-1]]
            assert record.seconds == 3.5
    assert (by_number[empty].answered, sum(by_number[empty].labels)) == (True, 0)
    assert (by_number[skipped].skipped, sum(by_number[skipped].labels)) == (True, 0)
    assert marked_words(by_number[again[1]]) == words_of(ITEMS[2])[-1:]
    assert again[0] not in by_number

    # The same project as a file is the same source: nothing changes, not even a byte.
    before = file_contents(folder.root)
    path = tmp_path / "export.json"
    path.write_text(json.dumps(CampaignClient(label_studio).export(project)), encoding="utf-8")
    CliRunner().invoke(cli, [*words, str(path)], catch_exceptions=False)
    assert file_contents(folder.root) == before
    assert not any(b"import.invalid" in content for content in before.values())

    # Deleted annotations and accounts: the server forgets, and the folder tells.
    label_studio.client().annotations.delete(empty)
    gone = CliRunner().invoke(cli, [*words, "--project", str(project)], catch_exceptions=False)
    assert json.loads(gone.stdout)["gone"] == [empty]


def test_html_and_a_deleted_account(
    folder: Workspace, studio_workspace: Workspace, label_studio: Connection, tmp_path: Path
) -> None:
    item = ITEMS[0]
    text = passage_of(item)
    project, (number,) = make_project(label_studio, "HyperText", [f"<p>{escape(text)}</p>"])
    made = accounts.create_accounts(studio_workspace, label_studio.name, ["w08@import.invalid", "w09@import.invalid"])
    start = text.index("hives")
    region = html_span(start, start + 5, "hives", kind="labels")
    stays, leaves = (CampaignClient(replace(label_studio, token=account.token)) for account in made.values())
    stays.annotate(number, [region], seconds=2.0)
    left = leaves.annotate(number, [region], seconds=2.0)
    label_studio.client().users.delete(made["w09@import.invalid"].id)

    path = tmp_path / "export.json"
    path.write_text(json.dumps(CampaignClient(label_studio).export(project)), encoding="utf-8")
    done = import_labels(folder, read_file(path), ImportSettings("blind", "simulated"))
    (record,) = read_records(folder.labels, TokenLabels)
    assert marked_words(record) == ["hives"]
    assert done.reasons == {"deleted account": 1}
    assert f'"annotation":{left}' in folder.quarantine.read_text()
