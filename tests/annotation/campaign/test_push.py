"""Pushing to real servers: repeatable, proved, and whole after accidents that are really caused."""

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.campaigns import (
    CONFIG,
    METHOD,
    MODEL,
    LossyProxy,
    campaign_folder,
    difficult_items,
    project_of,
    queue_client,
    simple_items,
    start_arms,
    write_folder,
)
from helpers.sample_records import make_attribution
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.ledger import CampaignChanged, open_existing
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.push import preview, push
from heta_annotation.campaign.queue_push import CountMismatch, PushOptions
from heta_annotation.errors import AuthError, LabelStudioError, ServerUnavailable
from heta_annotation.studio.connection import Connection
from heta_data.errors import FolderBusy
from heta_data.records import Arm
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]

Connections = dict[Arm, Connection]


@pytest.fixture(scope="module")
def arms(studio_workspace: Workspace) -> Connections:
    return start_arms(studio_workspace)


@pytest.fixture
def folder(tmp_path: Path, studio_workspace: Workspace) -> Workspace:
    return campaign_folder(tmp_path, studio_workspace)


def uids_on(connection: Connection, workspace: Workspace, arm: Arm) -> list[str | None]:
    """Uids on the server, of every queue of the arm."""
    with open_existing(workspace.ledger) as ledger:
        queues = [row.queue for row in ledger.projects(arm)]
    return sorted(
        str(task.uid)
        for queue in queues
        for task in queue_client(workspace, connection, queue).tasks(project_of(workspace, queue))
    )


def planned_uids(workspace: Workspace, arm: int) -> list[str]:
    return sorted(uid for queue in plan(workspace).arms[arm].queues for uid in queue.uids)


def test_both_arms_then_again_and_the_blind_server_holds_no_trace(folder: Workspace, arms: Connections) -> None:
    items = difficult_items()
    # Names that nothing else on the server can hold by chance.
    marks = {i.id: make_attribution(i, method=METHOD, model="zebramodel", config_hash="deadbeef") for i in items}
    write_folder(folder, items, 'name = "both arms"\nconfig = "deadbeef"\nraters = 2', attributions=marks)
    folder.attributions.joinpath(MODEL).rename(folder.attributions / "zebramodel")
    (folder.attributions / "zebramodel" / f"{METHOD}-{CONFIG}.jsonl").rename(
        folder.attributions / "zebramodel" / f"{METHOD}-deadbeef.jsonl"
    )
    # 3 items for each of 2 raters.
    assert preview(folder, plan(folder), arms) == {"blind": 6, "assisted": 6}
    assert not folder.ledger.exists()
    told: list[tuple[str, int, int]] = []
    first = push(folder, arms, progress=lambda *told_now: told.append(told_now))
    assert [(arm.sent, arm.present, arm.predictions) for arm in first] == [(6, 0, 0), (6, 0, 6)]
    assert told == [("blind", 3, 6), ("blind", 6, 6), ("assisted", 3, 6), ("assisted", 6, 6)]
    assert preview(folder, plan(folder), arms) == {"blind": 0, "assisted": 0}

    again = push(folder, arms)
    assert [(arm.sent, arm.present) for arm in again] == [(0, 6), (0, 6)]
    assert [arm.digest for arm in again] == [arm.digest for arm in first]
    for number, arm in enumerate(("blind", "assisted")):
        assert uids_on(arms[arm], folder, arm) == planned_uids(folder, number)

    # What a rater can read of the project tells nothing of the arms.
    descriptions = []
    for arm in ("blind", "assisted"):
        with open_existing(folder.ledger) as ledger:
            queues = [row.queue for row in ledger.projects(arm)]
        for queue in queues:
            sdk = queue_client(folder, arms[arm], queue).connection.client()
            project = sdk.projects.get(project_of(folder, queue))
            assert project.title == "both arms"
            assert not {"blind", "assisted", "heta"} & set(str(project.description).split())
            descriptions.append(project.description)
    assert len(set(descriptions)) == 4

    # The log-ins: for the user's eyes only, one line per rater and the heading.
    sheet = Path(first[0].logins)
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    assert len(sheet.read_text().splitlines()) == 3
    with open_existing(folder.ledger) as ledger:
        assert [(r.arm, r.pseudonym, r.kind) for r in ledger.raters()] == [
            ("assisted", "a03", "human"),
            ("assisted", "a04", "human"),
            ("blind", "a01", "human"),
            ("blind", "a02", "human"),
        ]
    passwords = [line.split(",")[3] for line in sheet.read_text().splitlines()[1:]]
    assert not any(password.encode() in folder.ledger.read_bytes() for password in passwords)

    blind, assisted = (database(folder, arm) for arm in ("blind", "assisted"))
    assert rows(blind, "prediction") == 0
    assert rows(assisted, "prediction") >= 6
    for trace in (b"deadbeef", b"zebramodel", METHOD.encode(), b'model_version": "heta'):
        assert trace not in content(blind)
    # The same search finds them where they are: it is able to fail.
    assert b"zebramodel" in content(assisted)


def database(folder: Workspace, arm: str) -> Path:
    return next((folder.studio / arm / "data").glob("*.sqlite3"))


def rows(path: Path, table: str) -> int:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def content(path: Path) -> bytes:
    """Everything in the database as SQL text, whatever page or journal it lies in."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return "\n".join(connection.iterdump()).encode()
    finally:
        connection.close()


def test_changed_attributions_are_refused_and_the_server_stays(folder: Workspace, arms: Connections) -> None:
    write_folder(folder, simple_items(3), 'name = "changed"\nraters = 1')
    push(folder, arms)
    before = uids_on(arms["assisted"], folder, "assisted")
    reversed_scores = {}
    for item in simple_items(3):
        record = make_attribution(item, method=METHOD, model=MODEL)
        turned = tuple(None if score is None else -score for score in record.scores)
        reversed_scores[item.id] = record.model_copy(update={"scores": turned, "components": {}})
    write_folder(folder, simple_items(3), 'name = "changed"\nraters = 1', attributions=reversed_scores)
    with pytest.raises(CampaignChanged, match="3 tasks of arm assisted"):
        push(folder, arms)
    assert uids_on(arms["assisted"], folder, "assisted") == before


@pytest.mark.parametrize(
    ("items", "toml", "says"),
    [
        (4, 'name = "frozen"\nraters = 1', "the items, the gold"),
        (3, 'name = "frozen"\nraters = 1\nshare = 0.5', "share"),
    ],
)
def test_changed_campaign_is_one_line(folder: Workspace, arms: Connections, items: int, toml: str, says: str) -> None:
    write_folder(folder, simple_items(3), 'name = "frozen"\nraters = 1')
    push(folder, arms)
    write_folder(folder, simple_items(items), toml)
    with pytest.raises(CampaignChanged, match=says) as error:
        push(folder, arms)
    assert "\n" not in str(error.value)


def test_reply_lost_after_the_server_completed(folder: Workspace, arms: Connections) -> None:
    write_folder(folder, simple_items(5), 'name = "lost reply"\narms = ["blind"]\nraters = 1')
    with LossyProxy(arms["blind"].url, hang=False) as proxy:
        (pushed,) = push(folder, {"blind": replace(arms["blind"], url=proxy.url)}, options=PushOptions(batch=2))
    assert proxy.lost == 3  # batches of 2, 2 and 1, each sent once
    assert (pushed.sent, pushed.present) == (5, 0)
    assert uids_on(arms["blind"], folder, "blind") == planned_uids(folder, 0)


def test_client_time_out_that_the_server_completes(folder: Workspace, arms: Connections) -> None:
    write_folder(folder, simple_items(4), 'name = "time-out"\narms = ["blind"]\nraters = 1')
    with LossyProxy(arms["blind"].url, hang=True) as proxy:
        options = PushOptions(batch=4, import_seconds=0.3)
        (pushed,) = push(folder, {"blind": replace(arms["blind"], url=proxy.url)}, options=options)
    assert proxy.lost == 1
    assert pushed.sent == 4
    assert uids_on(arms["blind"], folder, "blind") == planned_uids(folder, 0)
    again = push(folder, {"blind": arms["blind"]})
    assert [(arm.sent, arm.present) for arm in again] == [(0, 4)]


def test_nothing_arrived_is_said_and_the_next_push_completes(folder: Workspace, arms: Connections) -> None:
    write_folder(folder, simple_items(3), 'name = "nothing"\narms = ["blind"]\nraters = 1')

    class Swallowing(CampaignClient):
        """As if the network had failed before the request reached the server."""

        def import_tasks(self, project: int, payloads: object) -> tuple[int, int]:
            raise ServerUnavailable("no answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("heta_annotation.campaign.push.CampaignClient", Swallowing)
        with pytest.raises(ServerUnavailable, match="run the same command again"):
            push(folder, {"blind": arms["blind"]}, options=PushOptions(settle_seconds=0.1))
    (pushed,) = push(folder, {"blind": arms["blind"]}, options=PushOptions(settle_seconds=0.1))
    assert (pushed.sent, pushed.present) == (3, 0)
    assert uids_on(arms["blind"], folder, "blind") == planned_uids(folder, 0)


def test_late_copies_are_removed_while_nobody_has_labelled_them(folder: Workspace, arms: Connections) -> None:
    write_folder(folder, simple_items(3), 'name = "copies"\narms = ["blind"]\nraters = 1')
    push(folder, {"blind": arms["blind"]})
    client, project = queue_client(folder, arms["blind"], "blind/a01"), project_of(folder, "blind/a01")
    with open_existing(folder.ledger) as ledger:
        tasks = ledger.tasks("blind/a01")
    # A batch of an earlier run that arrives after all.
    client.import_tasks(project, [pushed.content for pushed in tasks.values()])
    assert len(client.tasks(project)) == 6
    (pushed,) = push(folder, {"blind": arms["blind"]})
    assert (pushed.sent, pushed.present) == (0, 3)
    assert {task.id for task in client.tasks(project)} == {task.remote for task in tasks.values()}


def test_tampering_is_named(folder: Workspace, arms: Connections) -> None:
    write_folder(folder, simple_items(2), 'name = "tampered"\narms = ["blind"]\nraters = 1')
    push(folder, {"blind": arms["blind"]})
    client, project = queue_client(folder, arms["blind"], "blind/a01"), project_of(folder, "blind/a01")
    with open_existing(folder.ledger) as ledger:
        tasks = ledger.tasks("blind/a01")
    sdk = client.connection.client()
    victim = next(iter(tasks.values()))
    sdk.tasks.update(str(victim.remote), data={**victim.content["data"], "answer": "another"})
    with pytest.raises(CountMismatch, match=f"uid {victim.task.uid}.*other data"):
        push(folder, {"blind": arms["blind"]})
    sdk.tasks.update(str(victim.remote), data=victim.content["data"])
    sdk.predictions.create(task=victim.remote, result=[], model_version="sneaky", score=1.0)
    (repaired,) = push(folder, {"blind": arms["blind"]})
    assert (repaired.sent, repaired.present, repaired.predictions) == (0, 2, 0)
    (odd,) = repaired.oddities
    assert f"uid {victim.task.uid}) had other predictions than were sent; replaced 1 by 0" in odd
    client.import_tasks(project, [{"data": {**victim.content["data"], "uid": "foreign"}}])
    with pytest.raises(CountMismatch, match="not of this campaign"):
        push(folder, {"blind": arms["blind"]})


def test_servers_that_cannot_be_used(folder: Workspace, arms: Connections) -> None:
    write_folder(folder, simple_items(2), 'name = "servers"\nraters = 1')
    with pytest.raises(ServerUnavailable, match="heta studio start assisted"):
        push(folder, {"blind": arms["blind"]})
    with pytest.raises(LabelStudioError, match="both arms"):
        push(folder, {"blind": arms["blind"], "assisted": replace(arms["blind"], name="assisted")})
    with pytest.raises(LabelStudioError, match="server of its own"):
        push(folder, {**arms, "blind": replace(arms["blind"], isolation="trust", local=False)})
    folder.config.write_text(folder.config.read_text() + '\nassignment = "shared"')
    with pytest.raises(AuthError) as error:
        push(folder, {**arms, "blind": replace(arms["blind"], token="0" * 40)})
    # Never the SDK's own message, which shows every header.
    assert "Set-Cookie" not in str(error.value)
    assert "\n" not in str(error.value)
    with folder.lock(), pytest.raises(FolderBusy):
        push(folder, arms)


@pytest.fixture
def own_folder(studio_workspace: Workspace) -> Iterator[Workspace]:
    """The servers' own folder as campaign folder, for the command in a process of its own; emptied afterwards."""
    yield studio_workspace
    for path in (studio_workspace.items, studio_workspace.config, studio_workspace.ledger, studio_workspace.labels):
        path.unlink(missing_ok=True)


def test_kill_9_in_the_middle_of_a_push(own_folder: Workspace, arms: Connections, tmp_path: Path) -> None:
    toml = 'name = "killed"\narms = ["blind"]\nraters = 1'
    write_folder(own_folder, simple_items(24), toml)
    command = [sys.executable, "-m", "heta", "campaign", "push", "-C", str(own_folder.root), "--batch", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ.copy())
    deadline = time.monotonic() + 240
    while landed(own_folder.ledger) < 2:
        assert process.poll() is None, process.stdout.read().decode() if process.stdout else ""
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.communicate()
    client, project = queue_client(own_folder, arms["blind"], "blind/a01"), project_of(own_folder, "blind/a01")
    assert 2 <= len(client.tasks(project)) < 24

    (finished,) = push(own_folder, {"blind": arms["blind"]}, options=PushOptions(settle_seconds=10))
    assert finished.sent + finished.present == 24
    assert uids_on(arms["blind"], own_folder, "blind") == planned_uids(own_folder, 0)

    # The same campaign, undisturbed, on an emptied server: the same content to the last hash.
    client.connection.client().projects.delete(project)
    other = Workspace(tmp_path / "undisturbed")
    other.studio = own_folder.studio
    write_folder(other, simple_items(24), toml)
    (undisturbed,) = push(other, {"blind": arms["blind"]})
    assert (undisturbed.sent, undisturbed.present) == (24, 0)
    assert undisturbed.digest == finished.digest


def landed(ledger: Path) -> int:
    """Batches that the running push has seen arrive."""
    if not ledger.exists():
        return 0
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=5)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM batch WHERE landed = 1").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # the tables are not there yet
    finally:
        connection.close()
