"""Raters who withdraw: what they answer afterwards, in the midst of an erasure, and while others take their place."""

import json
from pathlib import Path

import pytest

from helpers.campaigns import campaign_folder, simple_items, start_arms, write_folder
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.closing import close
from heta_annotation.campaign.extension import extend
from heta_annotation.campaign.ledger import CampaignChanged, open_existing
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.simulate import simulate
from heta_annotation.campaign.tasks import units_region
from heta_annotation.campaign.withdrawal import withdraw
from heta_annotation.errors import NotFound
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records
from heta_data.records import Arm, TokenLabels
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]
ARM: Arm = "blind"


@pytest.fixture(scope="module")
def connection(studio_workspace: Workspace) -> Connection:
    return start_arms(studio_workspace)[ARM]


def campaign(tmp_path: Path, servers: Workspace, name: str, more: str, items: int = 2) -> Workspace:
    folder = campaign_folder(tmp_path, servers)
    (tmp_path / "campaign").mkdir()
    (tmp_path / "campaign" / "consent.md").write_text("Take part?", encoding="utf-8")
    toml = f'name = "{name}"\narms = ["{ARM}"]\nkind = "simulated"\n{more}'
    return write_folder(folder, simple_items(items), toml, attributions={})


def raters(folder: Workspace) -> list[str]:
    return sorted(label.rater for label in read_records(folder.labels, TokenLabels))


def test_answers_given_after_a_withdrawal_are_not_taken(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection
) -> None:
    """In a shared project the account still opens: Label Studio lets nobody be shut out of one."""
    folder = campaign(tmp_path, studio_workspace, "after", 'raters = ["s86", "s87"]\nassignment = "shared"')
    arms = {ARM: connection}
    push(folder, arms)
    simulate(folder, arms)
    pull(folder, arms)
    assert withdraw(folder, arms, "s86").annotations == 2
    account = known_accounts(folder, ARM)["s86@campaign.invalid"]
    with open_existing(folder.ledger) as ledger:
        (first, _) = ledger.tasks(ARM).values()
    answered = CampaignClient(Connection(ARM, connection.url, account.token, "server", local=True)).annotate(
        first.remote or 0, [units_region([1])], seconds=5.0
    )
    # Scripts leave alone who has withdrawn.
    assert simulate(folder, arms)[0].given == 0
    (pulled,) = pull(folder, arms).arms
    assert (pulled.labels, pulled.quarantined, pulled.taken_back) == (2, 0, (answered,))
    assert raters(folder) == ["s87", "s87"]
    with open_existing(folder.ledger) as ledger:
        assert answered not in ledger.seen(ARM)
    # Once more, and it is gone from the server too.
    assert withdraw(folder, arms, "s86").annotations == 1
    assert pull(folder, arms).arms[0].taken_back == ()


def test_an_erasure_that_was_cut_short_is_finished(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = campaign(tmp_path, studio_workspace, "cut short", 'raters = ["s86"]\nconsent = "consent.md"')
    arms = {ARM: connection}
    for _ in range(2):  # the consent page, then the items
        push(folder, arms)
        simulate(folder, arms)
    pull(folder, arms)
    remove = CampaignClient.delete_project
    removed: list[int] = []

    def remove_one(client: CampaignClient, project: int) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(project)
        remove(client, project)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(CampaignClient, "delete_project", remove_one)
        withdraw(folder, arms, "s86")
    assert len(removed) == 1
    gone = withdraw(folder, arms, "s86")
    # Both labels; of the three answers the one to the consent page went before.
    assert (gone.labels, gone.annotations in (1, 2)) == (2, True)
    with open_existing(folder.ledger) as ledger:
        assert ledger.projects(ARM) == []
    assert (pull(folder, arms).records, pull(folder, arms).arms[0].vanished) == (0, ())


def test_others_in_the_place_of_who_withdrew(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection
) -> None:
    folder = campaign(tmp_path, studio_workspace, "in place", 'raters = ["s86", "s87"]')
    arms = {ARM: connection}
    push(folder, arms)
    simulate(folder, arms)
    withdraw(folder, arms, "s87")
    assert extend(folder, connection, ARM, "short", new=["s88"]).given == {"s88": 2}
    # Until the next push they have no project, and that is what is said.
    for look in (lambda: pull(folder, arms), lambda: campaign_status(folder, arms)):
        with pytest.raises(CampaignChanged, match=r"no project .* for 1 of the queues, blind/s88: run `heta campaign"):
            look()
    push(folder, arms)
    simulate(folder, arms)
    pull(folder, arms)
    (status,) = campaign_status(folder, arms)
    # 2 items x the 2 raters who are there: the places of s87 count no more.
    assert (status.expected, status.labels, status.complete) == (4, 4, 2)
    assert close(folder, arms).missing == {}


def test_who_withdraws_before_the_push_holds_nobody_up(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection
) -> None:
    folder = campaign(tmp_path, studio_workspace, "before", 'raters = ["s86", "s87"]')
    arms = {ARM: connection}
    push(folder, arms)
    simulate(folder, arms)
    withdraw(folder, arms, "s87")
    extend(folder, connection, ARM, "short", new=["s88"])
    assert withdraw(folder, arms, "s88").annotations == 0
    assert pull(folder, arms).arms[0].labels == 2
    assert push(folder, arms)[0].sent == 0
    assert extend(folder, connection, ARM, "short", new=["s89"]).given == {"s89": 2}


def test_a_task_that_the_server_cannot_export_is_named(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection
) -> None:
    """Half of a surrogate pair: Label Studio stores it and then fails to write it, with a whole batch of tasks."""
    import httpx

    from heta_annotation.errors import ExportError

    folder = campaign(tmp_path, studio_workspace, "surrogate", 'raters = ["s86"]', items=5)
    arms = {ARM: connection}
    push(folder, arms)
    simulate(folder, arms)
    assert pull(folder, arms).arms[0].labels == 5
    with open_existing(folder.ledger) as ledger:
        hurt = list(ledger.tasks("blind/s86").values())[3].remote
        project = ledger.project("blind/s86")
    token = known_accounts(folder, ARM)["s86@campaign.invalid"].token
    choice = '{"from_name":"units","to_name":"passage","type":"choices","value":{"choices":["\\ud800"]}}'
    with httpx.Client(base_url=connection.url, headers={"Authorization": f"Token {token}"}, trust_env=False) as http:
        sent = http.post(
            f"/api/tasks/{hurt}/annotations/",
            content=f'{{"result":[{choice}],"lead_time":5}}',
            headers={"content-type": "application/json"},
        )
        # It is stored although the reply fails.
        assert sent.status_code == 500
        before = folder.labels.read_bytes()
        with pytest.raises(
            ExportError, match=rf"task {hurt}: of project {project} cannot be exported .*status 500"
        ) as error:
            pull(folder, arms)
        assert "\n" not in str(error.value)
        assert folder.labels.read_bytes() == before
        # What the message says to do: Delete Annotations in the project's list of tasks.
        done = http.post(
            "/api/dm/actions/",
            params={"id": "delete_tasks_annotations", "project": project},
            json={"selectedItems": {"all": False, "included": [hurt]}},
        )
        assert done.status_code == 200, json.dumps(done.text)
    (after,) = pull(folder, arms).arms
    assert (after.labels, len(after.vanished)) == (4, 1)


def test_a_project_that_is_not_there_is_not_found(connection: Connection) -> None:
    """An erasure takes this for what it did itself before."""
    with pytest.raises(NotFound):
        CampaignClient(connection).export(10**6)
