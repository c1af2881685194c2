"""Accidents that are really caused, with counts before and after: nothing is lost, nothing comes twice, all is said.

A killed client, a lost reply, a time-out, late copies and changed data are in test_push.py.
"""

import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from helpers.campaigns import campaign_folder, project_of, simple_items, write_folder
from helpers.faulty_proxy import Fate, FaultyProxy
from helpers.sample_records import make_labels
from helpers.studio_server import state_of
from heta_annotation.campaign import client
from heta_annotation.campaign.client import CampaignClient, page_hash
from heta_annotation.campaign.ledger import CampaignChanged, open_existing
from heta_annotation.campaign.page import render_page
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.pull import ArmPulled, pull
from heta_annotation.campaign.push import ArmPushed, push
from heta_annotation.campaign.queue_push import PushOptions
from heta_annotation.campaign.simulate import simulate
from heta_annotation.campaign.tasks import units_region
from heta_annotation.errors import ServerUnavailable
from heta_annotation.studio import local
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records, write_records
from heta_data.records import Arm, TokenLabels
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]
ARM: Arm = "blind"
# Accounts are made once for all tests here.
RATERS = 'kind = "simulated"\nraters = ["s95", "s96"]\noverlap = 1'
QUICK = PushOptions(settle_seconds=0.2)


@pytest.fixture
def blind(studio_workspace: Workspace) -> Connection:
    """The blind arm's server, started again where the test before has killed it."""
    return local.start(studio_workspace, ARM)


@pytest.fixture
def folder(tmp_path: Path, studio_workspace: Workspace) -> Workspace:
    return campaign_folder(tmp_path, studio_workspace)


def shared(folder: Workspace, name: str, items: int, raters: str = RATERS) -> Workspace:
    """A campaign of one project that all raters share."""
    toml = f'name = "{name}"\narms = ["{ARM}"]\nassignment = "shared"\n{raters}'
    return write_folder(folder, simple_items(items), toml)


def push_once(folder: Workspace, connection: Connection, **options: float) -> ArmPushed:
    (pushed,) = push(folder, {ARM: connection}, options=replace(QUICK, **options))  # type: ignore[arg-type]
    return pushed


def pull_once(folder: Workspace, connection: Connection) -> ArmPulled:
    (pulled,) = pull(folder, {ARM: connection}).arms
    return pulled


def held(folder: Workspace, connection: Connection) -> Counter[str | None]:
    """How often each uid is on the server."""
    return Counter(task.uid for task in CampaignClient(connection).each_task(project_of(folder, ARM)))


def planned(folder: Workspace) -> Counter[str | None]:
    """Every uid once."""
    return Counter(list(plan(folder).arms[0].items))


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    return text


def test_server_killed_while_a_batch_is_on_its_way(
    folder: Workspace, blind: Connection, studio_workspace: Workspace
) -> None:
    shared(folder, "server killed", 9)
    imports: list[str] = []

    def kill_at_the_third(_method: str, path: str) -> None:
        imports.extend([path] if "/import" in path else [])
        if len(imports) == 3:
            psutil.Process(state_of(studio_workspace, ARM).pid).kill()

    proxied = FaultyProxy(blind.url, lambda *_: "arrives", kill_at_the_third)
    with proxied as proxy, pytest.raises(ServerUnavailable) as raised:
        push_once(folder, replace(blind, url=proxy.url), batch=2)
    one_line(raised.value)
    assert len(imports) == 3
    again = local.start(studio_workspace, ARM)
    # Two batches of two had arrived; the third is one transaction, and was there as a whole or not at all.
    before = held(folder, again)
    assert set(before.values()) == {1}
    assert len(before) in (4, 6)
    finished = push_once(folder, again)
    assert (finished.sent, finished.present) == (9 - len(before), len(before))
    assert held(folder, again) == planned(folder)


def test_network_error_on_every_third_call(
    folder: Workspace, blind: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared(folder, "third call", 8)
    monkeypatch.setattr(client, "PAGE_SIZE", 3)
    kinds: Iterator[Fate] = iter(["lost on the way", "reply lost"] * 200)

    def third(number: int, _method: str, _path: str) -> Fate:
        return next(kinds) if number % 3 == 0 else "arrives"

    runs = 0
    with FaultyProxy(blind.url, third) as proxy:
        while True:
            runs += 1
            assert runs < 20
            try:
                finished = push_once(folder, replace(blind, url=proxy.url), batch=2)
                break
            except ServerUnavailable as error:
                one_line(error)
    assert proxy.failed == proxy.calls // 3 > 2
    # Whatever run sent a task: each is there once, and the next push has nothing to do.
    assert finished.sent + finished.present == 8
    assert held(folder, blind) == planned(folder)
    assert push_once(folder, blind).sent == 0


@pytest.fixture
def own_folder(studio_workspace: Workspace) -> Iterator[Workspace]:
    """The servers' own folder as campaign folder, for commands in processes of their own; emptied afterwards."""
    yield studio_workspace
    for name in ("items", "config", "ledger", "labels", "quarantine"):
        getattr(studio_workspace, name).unlink(missing_ok=True)


def command(folder: Workspace, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "heta", "campaign", *arguments, "-C", str(folder.root)]


def test_two_pushes_at_once(own_folder: Workspace, blind: Connection) -> None:
    shared(own_folder, "two at once", 12)
    both = [
        subprocess.Popen(
            command(own_folder, "push", "--batch", "1", "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ.copy(),
        )
        for _ in range(2)
    ]
    sent = 0
    for process in both:
        out, err = process.communicate(timeout=240)
        if process.returncode == 0:
            sent += json.loads(out)[0]["sent"]
        else:
            assert "another heta command is writing here" in err.decode()
            assert err.count(b"\n") == 1
    assert sent == 12
    assert held(own_folder, blind) == planned(own_folder)


def test_foreign_project_in_the_ledger(folder: Workspace, blind: Connection) -> None:
    shared(folder, "foreign project", 3)
    push_once(folder, blind)
    simulate(folder, {ARM: blind})
    assert pull_once(folder, blind).labels == 3
    labels = folder.labels.read_bytes()
    lead = CampaignClient(blind)
    foreign = blind.client().projects.create(title="somebody else's", label_config=render_page(None)).id
    lead.import_tasks(foreign, [{"data": {"question": "?", "answer": "", "text": "", "units": [], "verdicts": []}}])
    (ours,) = [project_of(folder, ARM)]
    with closing(sqlite3.connect(folder.ledger)) as database, database:
        database.execute("UPDATE queue SET project = ?", (foreign,))
    for attempt in (push_once, pull_once):
        with pytest.raises(CampaignChanged, match=f"project {foreign} ") as raised:
            attempt(folder, blind)
        one_line(raised.value)
    assert folder.labels.read_bytes() == labels
    assert [len(lead.tasks(project)) for project in (foreign, ours)] == [1, 3]


def test_ledger_deleted(folder: Workspace, blind: Connection) -> None:
    shared(folder, "ledger deleted", 5)
    first = push_once(folder, blind)
    simulate(folder, {ARM: blind})
    assert pull_once(folder, blind).labels == 5
    labels, accounts = folder.labels.read_bytes(), known_accounts(folder, ARM)
    folder.ledger.unlink()
    again = push_once(folder, blind)
    assert again.oddities == ()
    # Found by what stands in its description; nothing is sent twice, nobody gets another account.
    assert (again.projects, again.sent, again.present, again.digest) == (first.projects, 0, 5, first.digest)
    assert known_accounts(folder, ARM) == accounts
    assert held(folder, blind) == planned(folder)
    found = pull_once(folder, blind)
    assert (found.labels, found.quarantined, found.vanished) == (5, 0, ())
    assert folder.labels.read_bytes() == labels


def test_task_deleted_on_the_server(folder: Workspace, blind: Connection) -> None:
    shared(folder, "task deleted", 4)
    push_once(folder, blind)
    simulate(folder, {ARM: blind})
    before = pull_once(folder, blind)
    assert (before.annotations, before.labels) == (4, 4)
    with open_existing(folder.ledger) as ledger:
        uid, number = next(iter(ledger.queue(ARM).remotes().items()))
    CampaignClient(blind).delete_task(number)
    (gone,) = [raw["id"] for raw in snapshots(folder) if raw["task"] == number]

    after = pull_once(folder, blind)
    assert (after.annotations, after.labels, after.vanished) == (3, 3, (gone,))
    assert [raw["id"] for raw in snapshots(folder)].count(gone) == 1
    pushed = push_once(folder, blind)
    assert (pushed.sent, pushed.present) == (1, 3)
    (odd,) = pushed.oddities
    assert f"1 tasks had been removed from project {pushed.projects[0]}" in odd
    assert f"task {number}, uid {uid}" in odd
    assert held(folder, blind) == planned(folder)
    # The rater gets it again, and what was answered before stays reported.
    simulate(folder, {ARM: blind})
    last = pull_once(folder, blind)
    assert (last.labels, last.quarantined, last.vanished) == (4, 0, (gone,))


def snapshots(folder: Workspace) -> list[dict[str, object]]:
    with open_existing(folder.ledger) as ledger:
        return ledger.snapshots(ARM)


def test_label_configuration_changed_by_hand(folder: Workspace, blind: Connection) -> None:
    shared(folder, "page changed", 3)
    (project,) = push_once(folder, blind).projects
    simulate(folder, {ARM: blind})
    assert (pull_once(folder, blind).labels, pull_once(folder, blind).pages) == (3, ())
    sdk = blind.client()
    other = render_page(None).replace("Mark the smallest set of words", "Mark every word that you like")
    sdk.projects.update(project, label_config=other)

    found = pull_once(folder, blind)
    # Said, and none of the answers is taken for that.
    assert (found.pages, found.labels, found.quarantined) == ((project,), 3, 0)
    pushed = push_once(folder, blind)
    (odd,) = pushed.oddities
    assert f"the labelling page of project {project} had been changed" in odd
    assert (pushed.sent, pushed.present) == (0, 3)
    assert page_hash(str(sdk.projects.get(project).label_config)) == page_hash(render_page(None))
    assert pull_once(folder, blind).pages == ()
    assert push_once(folder, blind).oddities == ()


def test_rater_edits_another_raters_answer_in_a_shared_project(
    folder: Workspace, blind: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE_SIZE", 2)
    monkeypatch.setattr(client, "IDS_PAGE_SIZE", 2)
    shared(folder, "edited by another", 3, RATERS.replace("overlap = 1", "overlap = 2"))
    push_once(folder, blind)
    simulate(folder, {ARM: blind})
    before = pull_once(folder, blind)
    assert (before.annotations, before.labels, before.quarantined) == (6, 6, 0)
    accounts = known_accounts(folder, ARM)
    one, other = (accounts[f"{name}@campaign.invalid"] for name in ("s95", "s96"))
    victim = next(raw["id"] for raw in snapshots(folder) if raw["completed_by"] == one.id)
    replace(blind, token=other.token).client().annotations.update(victim, result=[units_region([0])])

    after = pull_once(folder, blind)
    assert (after.annotations, after.labels, after.quarantined, after.changed) == (6, 5, 1, (victim,))
    (refused,) = map(json.loads, folder.quarantine.read_text().splitlines())
    assert refused["annotation"] == victim
    assert refused["rater"] == "s95"
    assert refused["reasons"] == [f"edited by another: account {other.id} changed what account {one.id} had submitted"]
    # Both states are kept.
    assert [raw["id"] for raw in snapshots(folder)].count(victim) == 2


@pytest.mark.parametrize("full", ["labels", "ledger"])
def test_disk_full_while_pulling(own_folder: Workspace, blind: Connection, full: str) -> None:
    """The system refuses to write beyond a size: labels.jsonl is larger than the ledger, or the ledger is too large."""
    shared(own_folder, f"disk full {full}", 4)
    push_once(own_folder, blind)
    items = simple_items(4)
    elsewhere = [make_labels(item, f"judge-{number}", kind="judge") for item in items for number in range(200)]
    write_records(own_folder.labels, elsewhere)
    labels, ledger = own_folder.labels.read_bytes(), own_folder.ledger.stat().st_size
    simulate(own_folder, {ARM: blind})
    room = (len(labels) + ledger) // 2 if full == "labels" else ledger // 2
    assert full == "ledger" or ledger + 100_000 < room < len(labels)
    stopped = subprocess.run(
        command(own_folder, "pull"),
        capture_output=True,
        env=os.environ.copy(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    said = stopped.stderr.decode()
    assert stopped.returncode == 1
    assert said.count("\n") == 1, said
    assert (
        "labels.jsonl: File too large; make room" if full == "labels" else "campaign.sqlite) cannot be used"
    ) in said
    # Whole, as before, and nothing half-written beside it; what was seen is kept where there was room for that.
    assert own_folder.labels.read_bytes() == labels
    assert list(own_folder.root.glob(".labels*")) == []
    assert len(snapshots(own_folder)) == (4 if full == "labels" else 0)
    assert pull_once(own_folder, blind).labels == 4
    assert len(list(read_records(own_folder.labels, TokenLabels))) == len(elsewhere) + 4
