"""Campaigns on a server that is not ours: a plain Label Studio, reached by its address and a token alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.campaigns import difficult_items, simple_items, write_folder
from helpers.every_step import every_step, heta
from helpers.own_server import OwnServer, UseServer
from helpers.studio_server import one_line
from heta.errors import ConfigError
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.ledger import Ledger, open_existing
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.push import push
from heta_annotation.campaign.review import review
from heta_annotation.errors import LabelStudioError, SignUpRefused
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.server import free_port
from heta_data.jsonl import read_records
from heta_data.records import TokenLabels
from heta_data.workspace import Workspace


@pytest.mark.parametrize("assignment", ["own", "shared"])
def test_the_plan_says_that_blinding_rests_on_trust(tmp_path: Path, assignment: str) -> None:
    toml = f'server = "external"\nassignment = "{assignment}"'
    planned = plan(write_folder(Workspace(tmp_path), difficult_items(), toml))
    assert planned.settings.isolation == "trust"
    assert {task.isolation for arm in planned.arms for task in arm.tasks} == {"trust"}
    assert any("rests on trust" in note for note in planned.notes)
    assert not any("trust" in note for note in plan(write_folder(Workspace(tmp_path), difficult_items())).notes)


def test_without_the_variables_it_is_one_line(tmp_path: Path) -> None:
    write_folder(Workspace(tmp_path), simple_items(2), 'server = "external"')
    with pytest.raises(ConfigError, match="LABEL_STUDIO_URL is not set") as raised:
        heta("campaign", "push", "-C", str(tmp_path))
    one_line(raised)


@pytest.mark.server
@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("kind", ["legacy", "personal"])
def test_every_step_with_one_kind_of_token_alone(
    lead_server: OwnServer, use_server: UseServer, tmp_path: Path, kind: str
) -> None:
    token = {"legacy": lead_server.legacy, "personal": lead_server.personal}[kind]
    lead_server.allow(legacy=kind == "legacy", personal=kind == "personal")
    use_server(lead_server, token)
    folder = Workspace(tmp_path / "campaign")
    every_step(
        folder, lead_server, [f"s{number}" for number in {"legacy": range(11, 16), "personal": range(21, 26)}[kind]]
    )
    kept = json.loads((folder.studio / "external" / "accounts.json").read_text())
    # A personal access token is a JWT, in three parts.
    assert {account["token"].count(".") for account in kept.values()} == {2 if kind == "personal" else 0}

    # Another server is not taken for this one, and one that is down is told from the last pull.
    use_server(replace(lead_server, url=lead_server.url.replace("127.0.0.1", "localhost")), token)
    for verb in ("push", "pull", "simulate", "status"):
        with pytest.raises(ConfigError, match="this folder's raters have their accounts on") as raised:
            heta("campaign", verb, "-C", str(folder.root))
        one_line(raised)
    if kind == "legacy":
        gone = f"http://127.0.0.1:{free_port()}"
        use_server(replace(lead_server, url=gone), token)
        (folder.studio / "external" / "address.json").write_text(json.dumps({"url": gone}))
        assert "blind: server down, as of the last pull\n  3 of 3 tasks complete" in heta(
            "campaign", "status", "-C", str(folder.root)
        )


@pytest.mark.server
@pytest.mark.postgres
@pytest.mark.xdist_group("server")
def test_every_step_on_postgres(postgres_server: OwnServer, use_server: UseServer, tmp_path: Path) -> None:
    use_server(postgres_server, postgres_server.personal)
    every_step(Workspace(tmp_path / "campaign"), postgres_server, [f"s{number}" for number in range(11, 16)])
    # SQLite's file is not there: it was PostgreSQL that held all this.
    assert not list(postgres_server.data.glob("*.sqlite3"))


@pytest.mark.server
@pytest.mark.xdist_group("server")
class TestOneServer:
    """What happens beside the straight way."""

    @pytest.fixture(autouse=True)
    def _both_tokens(self, lead_server: OwnServer, use_server: UseServer) -> None:
        lead_server.allow(legacy=True)
        use_server(lead_server, lead_server.legacy)

    def test_a_shared_project(self, tmp_path: Path) -> None:
        where = ("-C", str(tmp_path), "--json")
        folder = write_folder(Workspace(tmp_path), simple_items(2), f'{TAKEN % "s31"}\nassignment = "shared"')
        (pushed,) = json.loads(heta("campaign", "push", *where))
        assert (pushed["sent"], len(pushed["projects"])) == (2, 1)
        assert json.loads(heta("campaign", "simulate", *where))[0]["given"] == 2
        assert json.loads(heta("campaign", "pull", *where))["arms"][0]["labels"] == 2
        assert {label.isolation for label in read_records(folder.labels, TokenLabels)} == {"trust"}

    def test_consent_a_rater_more_and_a_withdrawal(self, lead_server: OwnServer, tmp_path: Path) -> None:
        where = ("-C", str(tmp_path), "--json")
        toml = 'server = "external"\narms = ["blind"]\nraters = ["a71"]\nconsent = "consent.md"'
        folder = write_folder(Workspace(tmp_path), simple_items(2), toml, attributions={})
        (tmp_path / "consent.md").write_text("You may stop at any time.")
        (first,) = json.loads(heta("campaign", "push", *where))
        assert first["waiting"] == {"a71": "has not answered the consent page yet"}
        account = known_accounts(folder, "external")["a71@campaign.invalid"]
        rater = CampaignClient(lead_server.connection(account.token))
        with open_existing(folder.ledger) as ledger:
            (page,) = ledger.tasks("blind/a71/consent").values()
        agreed = {"type": "choices", "value": {"choices": ["I agree to take part"]}}
        rater.annotate(page.remote or 0, [{"from_name": "consent", "to_name": "passage", **agreed}], seconds=1.0)
        (second,) = json.loads(heta("campaign", "push", *where))
        assert (second["waiting"], second["sent"]) == ({}, 2)

        gone = json.loads(heta("campaign", "withdraw", "a71", "--yes", *where))
        assert gone["annotations"] == 1
        given = json.loads(heta("campaign", "extend", "--items", "short", "--new", "a72", *where))["given"]
        assert given == {"a72": 2}
        (third,) = json.loads(heta("campaign", "push", *where))
        assert third["waiting"] == {"a71": "has withdrawn", "a72": "has not answered the consent page yet"}

    def test_a_name_that_is_taken_can_be_changed_or_its_log_in_given(self, tmp_path: Path) -> None:
        first, second = (
            write_folder(Workspace(tmp_path / name), simple_items(1 + number), TAKEN % "s41")
            for number, name in enumerate(("first", "second"))
        )
        (pushed,) = json.loads(heta("campaign", "push", "-C", str(first.root), "--json"))
        with pytest.raises(
            SignUpRefused, match=r"s41@campaign\.invalid: User with this email already exists"
        ) as raised:
            heta("campaign", "push", "-C", str(second.root))
        assert "--accounts FILE.csv" in one_line(raised)
        with Ledger(second.ledger) as ledger:
            assert ledger.campaign() is None, "nothing was begun, so that the settings can still be changed"
        # The sheet of the other campaign will do.
        sent = heta("campaign", "push", "-C", str(second.root), "--accounts", pushed["logins"], "--json")
        assert json.loads(sent)[0]["sent"] == 2
        third = write_folder(Workspace(second.root), simple_items(2), TAKEN % "s42")
        third.ledger.unlink()
        assert json.loads(heta("campaign", "push", "-C", str(third.root), "--json"))[0]["sent"] == 2

    def test_local_and_external_are_not_mixed_up(self, lead_server: OwnServer, tmp_path: Path) -> None:
        connection = lead_server.connection(lead_server.legacy)
        local = write_folder(Workspace(tmp_path / "local"), simple_items(1), 'arms = ["blind"]')
        with pytest.raises(LabelStudioError, match='say server = "external"') as raised:
            push(local, {"blind": connection})
        one_line(raised)
        external = write_folder(Workspace(tmp_path / "external"), simple_items(1), TAKEN % "s51")
        with pytest.raises(LabelStudioError, match="is a local server") as raised:
            push(external, {"blind": replace(connection, local=True)})
        one_line(raised)
        # What several methods and all raters marked is not put where raters see it.
        with pytest.raises(LabelStudioError, match="its raters must not see") as raised:
            review(external, connection, ["kl"])
        one_line(raised)

    def test_titles_say_whose_project_it_is(self, lead_server: OwnServer, tmp_path: Path) -> None:
        (pushed,) = json.loads(heta("campaign", "push", "-C", str(named(tmp_path).root), "--json"))
        project = lead_server.connection(lead_server.legacy).client().projects.get(pushed["projects"][0])
        # Everybody sees all projects; their titles tell nothing of the arm.
        assert project.title == "s61: words that matter"


TAKEN = 'server = "external"\nkind = "simulated"\narms = ["blind"]\nraters = ["%s"]'


def named(folder: Path) -> Workspace:
    return write_folder(Workspace(folder), simple_items(1), f'name = "words that matter"\n{TAKEN % "s61"}')
