"""People are asked about methods on a real server: sent once, answered by API, fetched with whatever was odd."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helpers.asks import CONFIG, METHODS, ask_folder
from helpers.campaigns import campaign_folder, difficult_items, queue_client, simple_items
from helpers.studio_server import NAME
from heta.cli import cli
from heta_annotation.campaign.ledger import CampaignChanged, Pushed, open_existing
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.withdrawal import withdraw
from heta_annotation.opinions.fetch import AskFetched, fetch_opinions
from heta_annotation.opinions.plan import AskPlan, plan_ask
from heta_annotation.opinions.questions import Question
from heta_annotation.opinions.send import send_ask, to_send
from heta_annotation.opinions.settings import AskSettings
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import parse_line, read_records
from heta_data.opinions import Opinion
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]
ITEMS = [*simple_items(2), *difficult_items()]


@pytest.fixture
def folder(tmp_path: Path, studio_workspace: Workspace) -> Workspace:
    return ask_folder(campaign_folder(tmp_path, studio_workspace), ITEMS)


def questions(folder: Workspace, queue: str) -> dict[Question, Pushed]:
    with open_existing(folder.ledger) as ledger:
        return {parse_line(one.record, Question, queue): one for one in ledger.tasks(queue).values()}


def choice(chosen: str, name: str = "preference") -> list[object]:
    return [{"from_name": name, "to_name": "passage", "type": "choices", "value": {"choices": [chosen]}}]


def typed(text: str) -> list[object]:
    return [{"from_name": "answer", "to_name": "passage", "type": "textarea", "value": {"text": [text]}}]


def respond(
    folder: Workspace, connection: Connection, queue: str, result: Callable[[Question], list[object]]
) -> list[Question]:
    client = queue_client(folder, connection, queue)
    asked = questions(folder, queue)
    for question, pushed in asked.items():
        client.annotate(pushed.remote or 0, result(question), seconds=4.0)
    return list(asked)


def prefers(method: str) -> Callable[[Question], list[object]]:
    """Chooses that method where it stands, and sees no difference elsewhere."""

    def chosen(question: Question) -> list[object]:
        names = [shown.method for shown in question.shown]
        return choice(("left", "right")[names.index(method)] if method in names else "same")

    return chosen


def by_kind(fetched: list[AskFetched]) -> dict[str, AskFetched]:
    return {one.ask.asked: one for one in fetched}


def stored(studio: Workspace) -> str:
    """Everything in the server's database that a rater could come across."""
    (path,) = (studio.studio / NAME / "data").glob("*.sqlite3")
    return path.read_bytes().decode("latin-1") + "".join(
        file.read_bytes().decode("latin-1") for file in path.parent.glob("*.sqlite3-wal")
    )


def test_sent_answered_fetched(folder: Workspace, studio_workspace: Workspace, label_studio: Connection) -> None:
    plans: dict[str, AskPlan] = {}
    for asked, raters in (("prefer", ("a31", "a32")), ("answer", ("a33", "a34", "a35"))):
        settings = AskSettings(asked, METHODS, raters, share=0.25, server=NAME)  # type: ignore[arg-type]
        planned = plans[asked] = plan_ask(folder, settings)
        assert to_send(folder, planned) == planned.total
        first = send_ask(folder, planned, label_studio)
        assert (first.sent, first.present, first.raters) == (planned.total, 0, len(raters))
        # Again, from the files as they are now: nothing is sent, and nobody is made anew.
        again = send_ask(folder, plan_ask(folder, settings), label_studio)
        assert (again.sent, again.present, again.hash) == (0, planned.total, first.hash)
        assert to_send(folder, planned) == 0
        with Path(first.logins).open(newline="") as file:
            assert [row["rater"] for row in csv.DictReader(file)] == list(raters)
        other = plan_ask(folder, AskSettings(asked, METHODS, raters, share=0.5, server=NAME))  # type: ignore[arg-type]
        with pytest.raises(CampaignChanged, match=r"share was 0\.25, now 0\.5") as raised:
            send_ask(folder, other, label_studio)
        assert "\n" not in str(raised.value)
    database = stored(studio_workspace)
    assert ITEMS[0].question in database
    for secret in (*METHODS[:2], CONFIG, "modelwort"):
        assert secret not in database, secret
    # No arm was pushed, and questions are none.
    assert campaign_status(folder, {}) == []
    with pytest.raises(CampaignChanged, match="it holds no campaign"):
        pull(folder, {})

    for rater in ("a31", "a32"):
        respond(folder, label_studio, f"prefer/{rater}", prefers("plumbago"))
    by_id = {item.id: item for item in ITEMS}
    respond(folder, label_studio, "answer/a33", lambda question: typed(by_id[question.item_id].answer.upper() + "!"))
    respond(folder, label_studio, "answer/a34", lambda _: choice("cannot tell", "unsure"))
    connections = {"prefer": label_studio, "answer": label_studio}
    fetched = by_kind(fetch_opinions(folder, connections))  # type: ignore[arg-type]
    assert {kind: (len(one.opinions), one.skipped, one.odd) for kind, one in fetched.items()} == {
        "prefer": (plans["prefer"].total, 0, ()),
        "answer": (10, 0, ()),
    }
    written = list(read_records(folder.opinions, Opinion))
    assert len(written) == plans["prefer"].total + 10
    for opinion in written:
        assert (opinion.kind, opinion.isolation, opinion.seconds) == ("human", "organisation", 4.0)
        assert opinion.campaign_hash == plans[opinion.task].hash
        if opinion.task == "prefer":
            names = [shown.method for shown in opinion.shown]
            assert opinion.winner is None or opinion.winner.method == "plumbago"
            assert (opinion.choice == "same") == ("plumbago" not in names)
        else:
            assert (opinion.correct, opinion.gave_up) == (opinion.rater == "a33", opinion.rater == "a34")
    before = folder.opinions.read_bytes()
    fetch_opinions(folder, connections)  # type: ignore[arg-type]
    assert folder.opinions.read_bytes() == before

    gone = withdraw(folder, {"prefer": label_studio}, "a32")
    assert (gone.was_asked, gone.labels) == (True, 0)
    assert gone.opinions == gone.annotations == len(plans["prefer"].questions["a32"])
    assert {opinion.rater for opinion in read_records(folder.opinions, Opinion)} == {"a31", "a33", "a34"}
    after = by_kind(fetch_opinions(folder, connections))["prefer"]  # type: ignore[arg-type]
    assert (after.questions, len(after.opinions), after.vanished) == (gone.opinions, gone.opinions, ())
    # Sending again brings nobody back.
    assert send_ask(folder, plans["prefer"], label_studio).sent == 0


def test_odd_answers_are_told_and_kept(folder: Workspace, label_studio: Connection) -> None:
    planned = plan_ask(folder, AskSettings("answer", METHODS, ("a36", "a37"), server=NAME))
    send_ask(folder, planned, label_studio)
    client = queue_client(folder, label_studio, "answer/a36")
    tasks = [pushed.remote or 0 for pushed in questions(folder, "answer/a36").values()]
    client.annotate(tasks[0], [], seconds=1.0)
    client.annotate(tasks[1], typed("first"), seconds=1.0)
    client.annotate(tasks[1], typed("second"), seconds=1.0)
    client.annotate(tasks[2], typed("unsent"), seconds=1.0, skipped=True)
    removed = client.annotate(tasks[3], typed("removed"), seconds=1.0)
    (fetched,) = fetch_opinions(folder, {"answer": label_studio})
    assert (len(fetched.opinions), fetched.skipped, fetched.questions) == (2, 1, 10)
    reasons = {odd.task: odd.reasons for odd in fetched.odd}
    assert reasons[tasks[0]] == ("neither an answer nor the box for not being able to tell",)
    assert reasons[tasks[1]][0].startswith("superseded")
    assert {odd.rater for odd in fetched.odd} == {"a36"}
    assert {opinion.answer for opinion in read_records(folder.opinions, Opinion)} == {"second", "removed"}
    client.delete_annotation(removed)
    (later,) = fetch_opinions(folder, {"answer": label_studio})
    assert (len(later.opinions), later.vanished) == (1, (removed,))
    with open_existing(folder.ledger) as ledger:
        assert removed in ledger.seen("answer/a36")


def test_who_is_asked_agrees_first(folder: Workspace, label_studio: Connection) -> None:
    settings = AskSettings("prefer", METHODS, ("a38", "a39"), share=0.25, server=NAME)
    without = plan_ask(folder, settings)
    folder.config.write_text(folder.config.read_text() + 'consent = "consent.md"\n')
    (folder.root / "consent.md").write_text("You may stop at any time.")
    planned = plan_ask(folder, settings)
    assert planned.consent is not None
    assert planned.hash != without.hash
    first = send_ask(folder, planned, label_studio)
    assert (first.sent, first.raters) == (0, 0)
    assert first.waiting == dict.fromkeys(("a38", "a39"), "has not answered the consent page yet")
    with Path(first.logins).open(newline="") as file:
        assert {row["label_here"].removeprefix(label_studio.url) for row in csv.DictReader(file)} == {"/projects/"}
    for rater, chosen in (("a38", "I agree to take part"), ("a39", "I do not agree")):
        with open_existing(folder.ledger) as ledger:
            (page,) = ledger.tasks(f"prefer/{rater}/consent").values()
        client = queue_client(folder, label_studio, f"prefer/{rater}/consent")
        client.annotate(page.remote or 0, choice(chosen, "consent"), seconds=1.0)
    second = send_ask(folder, planned, label_studio)
    assert second.waiting == {"a39": "does not agree to take part"}
    assert (second.sent, second.raters) == (len(planned.questions["a38"]), 1)
    respond(folder, label_studio, "prefer/a38", prefers("plumbago"))
    (fetched,) = fetch_opinions(folder, {"prefer": label_studio})
    assert {opinion.consent_version for opinion in fetched.opinions} == {planned.consent.hash}
    assert len(fetched.opinions) == len(planned.questions["a38"])
    gone = withdraw(folder, {"prefer": label_studio}, "a38")
    # The questions, and the page on which the rater agreed.
    assert gone.annotations == len(planned.questions["a38"]) + 1
    (folder.root / "consent.md").write_text("Another text.")
    with pytest.raises(CampaignChanged, match="the guideline or the consent text differ"):
        send_ask(folder, plan_ask(folder, settings), label_studio)


@pytest.fixture
def own_folder(studio_workspace: Workspace) -> Iterator[Workspace]:
    """The server's own folder; emptied afterwards."""
    yield ask_folder(studio_workspace, ITEMS)
    for path in (studio_workspace.items, studio_workspace.config, studio_workspace.ledger, studio_workspace.opinions):
        path.unlink(missing_ok=True)
    for path in sorted(studio_workspace.attributions.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_commands(own_folder: Workspace, label_studio: Connection) -> None:
    def run(*arguments: str, code: int = 0) -> Result:
        done = CliRunner().invoke(cli, ["campaign", *arguments, "-C", str(own_folder.root)])
        assert done.exit_code == code, done.output
        return done

    options = ("--methods", "plumbago,quillwort", "--raters", "s31,s32", "--kind", "simulated", "--seed", "3")
    dry = run("ask", "prefer", *options, "--dry-run")
    assert "2 simulated, 2 a question" in dry.output
    assert "questions would be sent" in dry.output
    assert not own_folder.ledger.exists()
    assert json.loads(run("ask", "prefer", *options, "--dry-run", "--json").stdout)["to_send"] > 0
    down = CliRunner().invoke(cli, ["campaign", "ask", "prefer", *options, "-C", str(own_folder.root)])
    assert "heta studio start judging" in str(down.exception)
    options = (*options, "--server", NAME)
    sent = run("ask", "prefer", *options).output
    assert "0 there before; read back and equal" in sent
    assert "prefer.csv" in sent
    assert "0 questions sent" in run("ask", "prefer", *options).output
    assert json.loads(run("ask", "prefer", *options, "--json").stdout)["sent"] == 0
    asked = respond(own_folder, label_studio, "prefer/s31", prefers("plumbago"))
    told = run("opinions").output
    for part in (
        f"prefer: {len(asked)} of {2 * len(asked)} questions answered by 1 simulated raters",
        "none of these opinions is a person's",
        f"plumbago over quillwort: 1.00 [1.00, 1.00] on {len(asked)} items (preferred {len(asked)} times",
        "no difference: 0.00 [0.00, 0.00]; left among the others:",
        f"{len(asked)} opinions",
    ):
        assert part in told, told
    (document,) = json.loads(run("opinions", "--json").stdout)
    assert (document["kind"], document["pairs"][0]["won"]) == ("simulated", len(asked))
    assert {opinion.kind for opinion in read_records(own_folder.opinions, Opinion)} == {"simulated"}
    assert f"s31 (asked: prefer) has withdrawn: {len(asked)} answers" in run("withdraw", "s31", "--yes").output
    assert "0 opinions" in run("opinions").output
