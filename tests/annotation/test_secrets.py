"""Passwords, tokens, secret keys and e-mail addresses stand in the files made for them, and nowhere else."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
import pytest
from click.testing import CliRunner, Result

from helpers.campaigns import project_of, simple_items, start_arms, write_folder
from heta.cli import cli
from heta_annotation.campaign.adjudication import adjudicate
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.gold import write_gold
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.simulate import simulate
from heta_annotation.errors import AuthError, LabelStudioError, NotFound, ServerUnavailable
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_annotation.studio.server import free_port
from heta_data.records import Arm
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]
# Below studio/<name>/, beside the sheets of log-ins (*.csv); what else is in data/ is Label Studio's own.
MEANT = {"server.json", "accounts.json", "data"}


RATERS = ("s61", "s62", "s63", "s64")


def secrets_of(workspace: Workspace) -> dict[str, str]:
    """Secret -> what it is, over all servers of the folder."""
    found = {}
    for state in sorted(workspace.studio.glob("*/server.json")):
        accounts = [json.loads(state.read_text())]
        if (kept := state.with_name("accounts.json")).exists():
            accounts += json.loads(kept.read_text()).values()
        for account in accounts:
            # Label Studio names an account in its own log where it refuses what another test makes it try.
            other = account is not accounts[0] and account["email"].partition("@")[0] not in RATERS
            for what in ("token", "password") if other else ("token", "password", "email"):
                found[account[what]] = f"{what} of {account['email']} on {state.parent.name}"
        key = (state.parent / "data" / ".env").read_text().strip().removeprefix("SECRET_KEY=")
        found[key] = f"secret key of {state.parent.name}"
    return found


def told(secrets: dict[str, str], content: str | bytes) -> list[str]:
    """Which secrets stand in a text."""
    text = content.encode() if isinstance(content, str) else content
    return [what for secret, what in secrets.items() if secret.encode() in text]


@contextmanager
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """At DEBUG, those libraries included that the command line keeps quiet."""
    with ExitStack() as levels:
        for name in (None, "httpx", "httpcore", "label_studio_sdk", "urllib3", "filelock"):
            levels.enter_context(caplog.at_level(logging.DEBUG, logger=name))
        yield


@pytest.fixture
def folder(studio_workspace: Workspace) -> Iterator[Workspace]:
    """The servers' own folder as campaign folder, so that all files of a user's folder are there."""
    yield studio_workspace
    for name in ("items", "config", "ledger", "labels", "quarantine", "gold"):
        getattr(studio_workspace, name).unlink(missing_ok=True)


@pytest.fixture
def arms(studio_workspace: Workspace) -> dict[Arm, Connection]:
    return start_arms(studio_workspace)


def test_a_whole_campaign_tells_no_secret(
    folder: Workspace, arms: dict[Arm, Connection], caplog: pytest.LogCaptureFixture
) -> None:
    toml = 'name = "secrets"\nkind = "simulated"\nraters = {blind = ["s61", "s62"], assisted = ["s63"]}'
    write_folder(folder, simple_items(4), toml)

    def heta(*arguments: str) -> Result:
        done = CliRunner().invoke(cli, ["campaign", *arguments, "-C", str(folder.root)])
        assert done.exit_code == 0, done.output
        return done

    with everything_logged(caplog):
        push(folder, arms)
        simulate(folder, arms)
        pull(folder, arms)
        campaign_status(folder, arms)
        adjudicate(folder, arms["blind"], ["s64"], below=1.0)
        write_gold(folder, arms["blind"], folder.gold, below=1.0)
    # Who has answered everything and asks for more: Label Studio writes that into its log, with the address.
    path = f"/api/projects/{project_of(folder, 'blind/s61')}/next/"
    token = known_accounts(folder, "blind")["s61@campaign.invalid"].token
    asked = httpx.get(arms["blind"].url + path, headers={"Authorization": f"Token {token}"}, trust_env=False)
    assert asked.status_code == 404
    assert "There are no tasks" in (folder.studio / "blind" / "server.log").read_text()
    commands = (("plan",), ("push",), ("push", "--json"), ("status",), ("status", "--json"), ("pull",), ("close",))
    said = [heta(*arguments).output for arguments in commands]
    secrets = secrets_of(folder)
    # Two servers' administrators, four accounts, all with token, password and address; two keys. More from other tests.
    assert len(secrets) >= 6 * 3 - 1 + 2
    assert told(secrets, "\n".join(said)) == []
    assert {"httpx", "httpcore"} <= {record.name.partition(".")[0] for record in caplog.records}
    assert told(secrets, caplog.text) == []
    looked = 0
    for path in sorted(folder.root.rglob("*")):
        below = path.relative_to(folder.studio).parts if path.is_relative_to(folder.studio) else ()
        meant = len(below) > 1 and (below[1] in MEANT or (len(below) == 2 and path.suffix == ".csv"))
        if path.is_file() and not meant:
            looked += 1
            assert told(secrets, path.read_bytes()) == [], path
    # heta.toml, items, ledger, labels, quarantine, gold, attributions, and each server's log and locks.
    assert looked >= 10
    # The same search finds them where they are meant to be.
    assert told(secrets, (folder.studio / "blind" / "raters.csv").read_bytes())
    assert told(secrets, folder.studio.joinpath("blind", "data", ".env").read_bytes())
    sheets = sorted(folder.studio.glob("*/*.csv"))
    assert {"raters.csv", "adjudicators.csv"} <= {path.name for path in sheets}
    for path in sheets:
        assert path.stat().st_mode & 0o077 == 0


def test_no_error_tells_a_secret(
    folder: Workspace, arms: dict[Arm, Connection], caplog: pytest.LogCaptureFixture
) -> None:
    blind = arms["blind"]
    wrong, gone = "f0" * 20, replace(blind, url=f"http://127.0.0.1:{free_port()}")
    client = CampaignClient(blind)
    project = client.connection.client().projects.create(title="errors").id
    attempts: list[tuple[type[LabelStudioError], Callable[[], object]]] = [
        (AuthError, lambda: CampaignClient(replace(blind, token=wrong)).find_project("x")),
        (AuthError, lambda: CampaignClient(replace(blind, token=wrong)).import_tasks(project, [{"data": {}}])),
        (ServerUnavailable, lambda: CampaignClient(gone).find_project("x")),
        (ServerUnavailable, lambda: CampaignClient(gone).import_tasks(project, [{"data": {}}])),
        (NotFound, lambda: client.project(999_999)),
        (NotFound, lambda: client.export(999_999)),
        (LabelStudioError, lambda: client.import_tasks(project, [{"predictions": 3}])),
        (LabelStudioError, lambda: client.annotate(999_999, [], seconds=1.0)),
        (LabelStudioError, lambda: client.put_page(project, "<View><Text")),
    ]
    secrets = secrets_of(folder) | {wrong: "the wrong token"}
    with everything_logged(caplog):
        for kind, attempt in attempts:
            with pytest.raises(kind) as raised:
                attempt()
            shown = "".join(traceback.format_exception(raised.value))
            assert "\n" not in str(raised.value)
            assert told(secrets, f"{raised.value!r}\n{shown}") == []
    assert told(secrets, caplog.text) == []
    assert told(secrets, f"{blind!r} {client!r}") == []
