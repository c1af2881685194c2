"""A whole campaign of scripted raters on a server that is not ours, by the commands as a user types them."""

import csv
import json
import stat
from collections.abc import Sequence
from pathlib import Path

from click.testing import CliRunner

from helpers.campaigns import difficult_items, write_folder
from helpers.own_server import OwnServer
from heta.cli import cli
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.ledger import open_existing
from heta_annotation.campaign.tasks import units_region
from heta_annotation.studio.accounts import known_accounts
from heta_data.jsonl import read_records
from heta_data.records import TokenLabels
from heta_data.workspace import Workspace


def heta(*arguments: str) -> str:
    """What a command says; its errors are raised."""
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def every_step(folder: Workspace, server: OwnServer, names: Sequence[str]) -> None:
    """A campaign of scripted raters from plan to gold, by the commands, with the variables set to the server.

    `names`: pseudonyms that nobody has on that server, two for each arm and an adjudicator.
    """
    where = ("-C", str(folder.root))
    raters = '{{blind = ["{}", "{}"], assisted = ["{}", "{}"]}}'.format(*names)
    write_folder(folder, difficult_items(), f'server = "external"\nkind = "simulated"\nraters = {raters}')
    said = heta("campaign", "plan", *where)
    assert "isolation: trust (on LABEL_STUDIO_URL)" in said and "rests on trust" in said
    dry = json.loads(heta("campaign", "push", *where, "--dry-run", "--json"))
    assert dry["to_send"] == {"blind": 6, "assisted": 6}
    assert not folder.studio.exists() and not folder.ledger.exists()

    first = json.loads(heta("campaign", "push", *where, "--json"))
    # 3 items for each of 2 raters.
    assert [(arm["sent"], arm["present"], arm["predictions"]) for arm in first] == [(6, 0, 0), (6, 0, 6)]
    again = json.loads(heta("campaign", "push", *where, "--json"))
    assert [(arm["sent"], arm["present"]) for arm in again] == [(0, 6), (0, 6)]
    assert [arm["digest"] for arm in again] == [arm["digest"] for arm in first]
    assert json.loads(heta("campaign", "push", *where, "--dry-run", "--json"))["to_send"] == {"blind": 0, "assisted": 0}
    _check_order(folder)
    for arm in first:
        _check_sheet(Path(arm["logins"]), server)

    given = json.loads(heta("campaign", "simulate", *where, "--json"))
    assert [arm["given"] for arm in given] == [6, 6]
    assert "3 of 3 tasks complete, 6 of 6 labels" in heta("campaign", "status", *where)
    pulled = json.loads(heta("campaign", "pull", *where, "--json"))
    assert [(arm["labels"], arm["quarantined"]) for arm in pulled["arms"]] == [(6, 0), (6, 0)]
    before = folder.labels.read_bytes()
    heta("campaign", "pull", *where)
    assert folder.labels.read_bytes() == before
    labels = list(read_records(folder.labels, TokenLabels))
    assert {(record.isolation, record.origin.url if record.origin else "") for record in labels} == {
        ("trust", "external")
    }
    _decide(folder, server, names[-1])


def _check_order(folder: Workspace) -> None:
    """Label Studio shows tasks by number: that has to be the order that was dealt."""
    with open_existing(folder.ledger) as ledger:
        for row in ledger.projects():
            shown = [pushed.remote for pushed in ledger.tasks(row.queue).values()]
            assert shown == sorted(shown, key=lambda number: number or 0)


def _check_sheet(sheet: Path, server: OwnServer) -> None:
    """Each line opens its project through the log-in page."""
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    rows = list(csv.DictReader(sheet.read_text().splitlines()))
    assert len(rows) == 2
    assert len({row["label_here"] for row in rows}) == 2, "a project for each"
    for row in rows:
        with server.logged_in(row["email"], row["password"]) as browser:
            number = row["label_here"].removeprefix(f"{server.url}/projects/").partition("/")[0]
            assert browser.get(f"/api/projects/{number}/next").status_code == 200


def _decide(folder: Workspace, server: OwnServer, adjudicator: str) -> None:
    """Adjudicate everything that two raters do not mark alike, and write the gold labels."""
    where = ("-C", str(folder.root), "--below", "1", "--json")
    sent = json.loads(heta("campaign", "adjudicate", *where, "--raters", adjudicator))
    assert sent["sent"] == len(sent["contested"]) > 0
    again = json.loads(heta("campaign", "adjudicate", *where, "--raters", adjudicator))
    assert (again["sent"], again["present"]) == (0, sent["sent"])
    account = known_accounts(folder, "external")[f"{adjudicator}@campaign.invalid"]
    decider = CampaignClient(server.connection(account.token))
    with open_existing(folder.ledger) as ledger:
        for pushed in ledger.tasks(f"blind/{adjudicator}/adjudicate").values():
            decider.annotate(pushed.remote or 0, [units_region([0])], seconds=1.0)
    gold = json.loads(heta("campaign", "gold", *where))
    assert (gold["sources"]["adjudicated"], gold["waiting"], gold["set_aside"]) == (sent["sent"], 0, 0)
