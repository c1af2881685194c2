"""The ledger: what was meant to be sent stays, snapshots are only added, no secret is in it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.campaigns import difficult_items, write_folder
from heta_annotation.campaign.entries import LedgerError
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Rater, open_existing
from heta_annotation.campaign.plan import Plan, plan
from heta_annotation.campaign.tasks import Entry
from heta_data.errors import IntegrityError
from heta_data.workspace import Workspace


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    return plan(write_folder(Workspace(tmp_path), difficult_items()))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "campaign.sqlite") as opened:
        yield opened


def entries(planned: Plan, arm: int = 1) -> list[Entry]:
    return [planned.arms[arm].write(uid) for uid in planned.arms[arm].items]


def test_tasks_come_back_as_they_were_noted(ledger: Ledger, planned: Plan) -> None:
    arm = planned.arms[1]
    ledger.add_tasks("assisted", entries(planned))
    ledger.add_tasks("assisted", entries(planned))
    assert list(ledger.planned("assisted").values()) == list(arm.tasks)
    first, second = arm.queues[:2]
    for queue in (first, second, first):
        ledger.add_queue(queue, "assisted")
    found = ledger.tasks(first.name)
    # Each in the order in which its rater gets them, with what was sent for it.
    assert tuple(found) == first.uids
    sent = {task.uid: content for task, content in zip(arm.tasks, arm.payloads, strict=True)}
    assert {uid: pushed.content for uid, pushed in found.items()} == sent
    assert ledger.tasks("blind/a01") == {}
    ledger.queue(first.name).confirm({first.uids[0]: 41})
    # The same task is another one on the server in another rater's project.
    assert ledger.tasks(first.name)[first.uids[0]].remote == 41
    assert ledger.tasks(second.name)[first.uids[0]].remote is None
    assert ledger.overlap("assisted") == dict.fromkeys(sent, 3)


def test_an_arm_counts_once_all_of_its_queues_have_a_project(ledger: Ledger, planned: Plan) -> None:
    first, second = planned.arms[0].queues[:2]
    for queue in (first, second):
        ledger.add_queue(queue, "blind")
    ledger.set_project(first.name, 5, "page")
    assert ledger.arms() == []
    ledger.set_project(second.name, 6, "other page")
    ledger.add_queue(second, "blind")
    assert ledger.arms() == ["blind"]
    assert [(row.queue, row.rater, row.number) for row in ledger.projects("blind")] == [
        ("blind/a01", "a01", 5),
        ("blind/a02", "a02", 6),
    ]
    assert ledger.page(second.name) == "other page"


def test_same_uid_with_other_content_is_refused_and_nothing_noted(ledger: Ledger, planned: Plan) -> None:
    good = entries(planned)
    ledger.add_tasks("assisted", good[:1])
    changed = {**good[0].payload, "data": {**good[0].payload["data"], "answer": "other"}}
    with pytest.raises(CampaignChanged, match=good[0].uid):
        ledger.add_tasks("assisted", [good[0]._replace(payload=changed), *good[1:]])
    assert len(ledger.planned("assisted")) == 1


def test_kind_of_a_rater_never_changes(ledger: Ledger) -> None:
    ledger.add_rater(Rater("blind", "a01", "human", 2))
    ledger.add_rater(Rater("blind", "a01", "human", 2))
    with pytest.raises(CampaignChanged, match="registered as human"):
        ledger.add_rater(Rater("blind", "a01", "simulated", 2))
    assert ledger.raters() == [Rater("blind", "a01", "human", 2)]
    assert ledger.raters("assisted") == []


def test_snapshots_are_only_added(ledger: Ledger, tmp_path: Path) -> None:
    ledger.snapshot("blind", [{"id": 1, "result": []}])
    ledger.snapshot("blind", [{"id": 1, "result": []}, {"id": 2, "result": []}])
    assert ledger.seen("blind") == {1, 2}
    assert ledger.changed("blind") == set()
    ledger.snapshot("blind", [{"id": 1, "result": ["other"]}])
    assert ledger.changed("blind") == {1}
    assert [raw["result"] for raw in ledger.snapshots("blind") if raw["id"] == 1] == [[], ["other"]]
    with sqlite3.connect(tmp_path / "campaign.sqlite") as database:
        for statement in ("DELETE FROM snapshot", "UPDATE snapshot SET raw = ''"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                database.execute(statement)
    database.close()


def test_batches_are_open_until_closed(ledger: Ledger) -> None:
    queue = ledger.queue("blind")
    number = queue.open_batch(["u1", "u2"], 12.5)
    assert queue.open_batches() == [(number, ("u1", "u2"), 12.5)]
    assert ledger.queue("assisted").open_batches() == []
    queue.close_batch(number, landed=True)
    assert queue.open_batches() == []


def test_what_the_system_refuses_is_one_line(tmp_path: Path, planned: Plan) -> None:
    with Ledger(tmp_path / "campaign.sqlite") as ledger:
        ledger.add_tasks("assisted", entries(planned)[:1])
        # As a full disk: the database may not grow any more.
        (pages,) = ledger._db.execute("PRAGMA page_count").fetchone()
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match=r"campaign\.sqlite\) cannot be used: database or disk is full") as error:
            ledger.add_tasks("assisted", [entries(planned)[1]._replace(record="x" * 100_000)])
        assert "\n" not in str(error.value)
        # All or nothing, and usable again once there is room.
        assert len(ledger.planned("assisted")) == 1
        ledger._db.execute("PRAGMA max_page_count = 1000000")
        ledger.add_tasks("assisted", entries(planned))
        assert len(ledger.planned("assisted")) == 3


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(CampaignChanged, match="heta campaign push"):
        open_existing(tmp_path / "campaign.sqlite")
    assert not (tmp_path / "campaign.sqlite").exists()
    (tmp_path / "text.sqlite").write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(IntegrityError, match="no campaign ledger"):
        Ledger(tmp_path / "text.sqlite")
    with Ledger(tmp_path / "new.sqlite"):
        pass
    database = sqlite3.connect(tmp_path / "new.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(CampaignChanged, match="newer"):
        Ledger(tmp_path / "new.sqlite")
    database = sqlite3.connect(tmp_path / "new.sqlite")
    database.execute("PRAGMA user_version = 1")
    database.close()
    with pytest.raises(CampaignChanged, match="older"):
        Ledger(tmp_path / "new.sqlite")


def test_who_has_yet_to_agree_holds_up_nobody_else(ledger: Ledger, planned: Plan) -> None:
    ledger.begin("0" * 16, {"consent": "consent.md", "practice": 0}, "text")
    first, later = planned.arms[0].queues[:2]
    for queue in (first, later):
        ledger.add_queue(queue, "blind")
    ledger.set_project(first.name, 1, "page")
    assert ledger.arms() == ["blind"]
    assert ledger.unsent() == []
    ledger.standings.note_consent("blind", later.raters[0], "v1", agreed=True)
    assert [row.queue for row in ledger.unsent()] == [later.name]
    assert ledger.arms() == []  # until the next push
