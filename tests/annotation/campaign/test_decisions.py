"""From answers that differ to gold labels, through real servers: status, more raters, adjudication, gold, closing."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.campaigns import campaign_folder, project_of, queue_client, simple_items, start_arms, write_folder
from heta.cli import cli
from heta.errors import ConfigError
from heta_annotation.campaign.adjudication import NothingToDecide, adjudicate
from heta_annotation.campaign.closing import CampaignOpen, close
from heta_annotation.campaign.extension import extend
from heta_annotation.campaign.gold import write_gold
from heta_annotation.campaign.ledger import CampaignChanged, open_existing
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.tasks import units_region
from heta_annotation.studio.connection import Connection
from heta_data.compose import label_units
from heta_data.jsonl import read_records
from heta_data.records import Arm, GoldLabels, TokenLabels
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]
ARM: Arm = "blind"
ITEMS = simple_items(4)


@pytest.fixture(scope="module")
def connection(studio_workspace: Workspace) -> Connection:
    return start_arms(studio_workspace)[ARM]


def label(folder: Workspace, connection: Connection, queue: str, marks: dict[str, list[int]]) -> None:
    """Answer the tasks of a queue whose items `marks` names."""
    client = queue_client(folder, connection, queue)
    with open_existing(folder.ledger) as ledger:
        for pushed in ledger.tasks(queue).values():
            if pushed.task.item_id in marks:
                found = marks[pushed.task.item_id]
                client.annotate(pushed.remote or 0, [units_region(found)] if found else [], seconds=30.0)


def verdict(folder: Workspace, connection: Connection, queue: str, item: str, reason: str) -> None:
    """An adjudicator gives up on an item, and says why."""
    client = queue_client(folder, connection, queue)
    regions = [
        {"from_name": "verdict", "to_name": "passage", "type": "choices", "value": {"choices": ["cannot be decided"]}},
        {"from_name": "reason", "to_name": "passage", "type": "textarea", "value": {"text": [reason]}},
    ]
    with open_existing(folder.ledger) as ledger:
        (task,) = [pushed for pushed in ledger.tasks(queue).values() if pushed.task.item_id == item]
    client.annotate(task.remote or 0, regions, seconds=20.0)


def test_from_contested_answers_to_gold_labels(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    write_folder(folder, ITEMS, 'name = "decide"\narms = ["blind"]\nraters = ["a71", "a72"]', attributions={})
    arms = {ARM: connection}
    push(folder, arms)
    same, split, open_, unseen = (item.id for item in ITEMS)
    with pytest.raises(NothingToDecide):
        adjudicate(folder, connection, ["a91"], below=0.5)
    label(folder, connection, "blind/a71", {same: [0, 1], split: [0], open_: [0], unseen: [2]})
    label(folder, connection, "blind/a72", {same: [0, 1], split: [1], open_: [2]})

    (status,) = campaign_status(folder, arms)
    assert (status.complete, status.labels, status.expected) == (3, 7, 8)
    assert set(status.contested) == {split, open_}
    # One answer is missing, at 30 s each.
    assert (status.seconds, status.seconds_left) == (210.0, 30.0)
    assert status.agreement.items == 3
    assert status.agreement.alpha is not None
    assert [(rater.rater, rater.stage, rater.planned, rater.answered) for rater in status.raters] == [
        ("a71", "labels", 4, 4),
        ("a72", "labels", 4, 3),
    ]
    with pytest.raises(CampaignOpen, match="1 in arm blind"):
        close(folder, arms)

    # Somebody else has to decide, under a pseudonym that can be published.
    with pytest.raises(CampaignChanged, match="a71 has labelled"):
        adjudicate(folder, connection, ["a71"], below=0.5)
    with pytest.raises(ConfigError, match="no pseudonym"):
        adjudicate(folder, connection, ["Ada"], below=0.5)
    planned = adjudicate(folder, connection, ["a91"], below=0.5, dry_run=True)
    assert (set(planned.contested), planned.sent) == ({split, open_}, 2)
    sent = adjudicate(folder, connection, ["a91"], below=0.5)
    assert (sent.sent, sent.present) == (2, 0)
    again = adjudicate(folder, connection, ["a91"], below=0.5)
    assert (again.sent, again.present) == (0, 2)

    waiting = write_gold(folder, connection, tmp_path / "early.jsonl", below=0.5)
    assert (waiting.waiting, dict(waiting.sources)) == (2, {"unanimous": 1, "unresolved": 2, "aggregated": 1})

    label(folder, connection, "blind/a91/adjudicate", {split: [1, 2]})
    verdict(folder, connection, "blind/a91/adjudicate", open_, "two readings")
    gold = write_gold(folder, connection, tmp_path / "gold.jsonl", below=0.5)
    assert (gold.waiting, gold.without, gold.set_aside) == (0, (), ())
    found = {record.item_id: record for record in read_records(tmp_path / "gold.jsonl", GoldLabels)}
    assert {item: record.source for item, record in found.items()} == {
        same: "unanimous",
        split: "adjudicated",
        open_: "unresolved",
        unseen: "aggregated",
    }
    assert [index for index, mark in enumerate(found[split].labels) if mark] == [1, 2]
    assert found[open_].reason is not None
    assert found[open_].reason.endswith("two readings")
    # Adjudicators' answers are no labels.
    pull(folder, arms)
    assert {record.rater for record in read_records(folder.labels, TokenLabels)} == {"a71", "a72"}


def test_more_raters_for_contested_and_for_short_items(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    toml = 'name = "more"\narms = ["blind"]\nraters = ["a73", "a74", "a75"]\noverlap = 2'
    write_folder(folder, ITEMS, toml, attributions={})
    arms = {ARM: connection}
    (first,) = push(folder, arms)
    # 4 items x 2 answers over 3 raters.
    assert first.sent == 8
    for rater, marks in (("a73", [0]), ("a74", [1]), ("a75", [2])):
        label(folder, connection, f"blind/{rater}", {item.id: marks for item in ITEMS})
    planned = extend(folder, connection, ARM, "contested", dry_run=True)
    # Every item has two raters, so exactly one is left for each.
    assert (len(planned.items), sum(planned.given.values()), planned.nobody) == (4, 4, 0)
    assert extend(folder, connection, ARM, "contested") == planned
    (second,) = push(folder, arms)
    assert (second.sent, second.present) == (4, 8)
    (status,) = campaign_status(folder, arms)
    assert (status.labels, status.expected) == (8, 12)
    # Now everybody has everything.
    assert extend(folder, connection, ARM, "contested").nobody == 4
    with pytest.raises(CampaignChanged, match="takes part"):
        extend(folder, connection, ARM, "contested", new=["a73"])
    more = extend(folder, connection, ARM, "contested", new=["a76"])
    assert more.given == {"a76": 4}
    (third,) = push(folder, arms)
    assert (third.sent, third.present, third.raters) == (4, 12, 4)
    assert (len(Path(third.logins).read_text().splitlines()), project_of(folder, "blind/a76") > 0) == (5, True)


def test_a_closed_campaign_stays_as_it_is(tmp_path: Path, studio_workspace: Workspace, connection: Connection) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    write_folder(folder, ITEMS, 'name = "closing"\narms = ["blind"]\nraters = ["a77"]', attributions={})
    arms = {ARM: connection}
    push(folder, arms)
    label(folder, connection, "blind/a77", {item.id: [0] for item in ITEMS[:3]})
    closed = close(folder, arms, incomplete=True)
    assert (closed.labels, closed.missing) == (3, {ARM: 1})
    assert close(folder, arms, incomplete=True) == closed
    for change in (lambda: push(folder, arms), lambda: extend(folder, connection, ARM, "short")):
        with pytest.raises(CampaignChanged, match="was closed at"):
            change()
    before = folder.labels.read_bytes()
    gold = write_gold(folder, connection, folder.campaign_gold, below=0.5)
    decided = gold.path.read_bytes()
    label(folder, connection, "blind/a77", {item.id: [1] for item in ITEMS})
    with pytest.raises(CampaignChanged, match="now hold other answers"):
        pull(folder, arms)
    assert folder.labels.read_bytes() == before
    # Gold labels are of the answers that it was closed with, and of no others.
    assert write_gold(folder, connection, folder.campaign_gold, below=0.5).sources == gold.sources
    assert gold.path.read_bytes() == decided
    folder.labels.write_bytes(b"".join(before.splitlines(keepends=True)[:-1]))
    with pytest.raises(CampaignChanged, match="holds other labels than the campaign was closed with"):
        write_gold(folder, connection, folder.campaign_gold, below=0.5)
    assert gold.path.read_bytes() == decided


def test_commands(studio_workspace: Workspace, connection: Connection) -> None:
    folder = studio_workspace
    write_folder(folder, ITEMS, 'name = "commands"\narms = ["blind"]\nraters = ["a78", "a79"]', attributions={})
    try:
        push(folder, {ARM: connection})
        label(folder, connection, "blind/a78", {item.id: [0] for item in ITEMS})
        label(folder, connection, "blind/a79", {item.id: [1] for item in ITEMS[:3]})

        def run(*arguments: str) -> str:
            shown = CliRunner().invoke(cli, ["campaign", *arguments, "-C", str(folder.root)])
            assert shown.exit_code == 0, shown.output
            return shown.output

        screen = run("status")
        for part in ("3 of 4 tasks complete", "3 contested", "alpha", "a78", "4/4", "min of work"):
            assert part in screen
        assert json.loads(run("status", "--json"))[0]["raters"][0]["planned"] == 4
        assert "3 items contested: 3 sent" in run("adjudicate", "--raters", "a98")
        assert "3 unresolved" in run("gold")
        assert "0 short items" in run("extend", "--items", "short")
        assert "a79 (arm blind) has withdrawn: 3 answers" in run("withdraw", "a79", "--yes")
        assert "4 short items of arm blind would get" in run("extend", "--items", "short", "--new", "a80", "--dry-run")
        assert "closed" in run("close", "--incomplete")
    finally:
        for path in (folder.items, folder.config, folder.ledger, folder.labels, folder.quarantine):
            path.unlink(missing_ok=True)
        (folder.root / "campaign_gold.jsonl").unlink(missing_ok=True)


def test_units_of_the_items_are_enough_for_these_marks() -> None:
    assert all(len(label_units(item)) > 3 for item in ITEMS)
