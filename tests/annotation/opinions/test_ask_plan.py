"""What is wrong with an ask is said all at once; what was sent stays as it was."""

from pathlib import Path

import pytest

from helpers.asks import CONFIG, METHODS, ask_folder, drawn_attribution
from helpers.campaigns import simple_items
from heta_annotation.campaign.entries import Rater
from heta_annotation.campaign.ledger import CampaignChanged, Ledger
from heta_annotation.campaign.queues import Queue
from heta_annotation.opinions.fetch import asked_servers, fetch_opinions
from heta_annotation.opinions.plan import AskBlocked, plan_ask
from heta_annotation.opinions.send import to_send
from heta_annotation.opinions.settings import AskSettings, Spec, read_spec
from heta_data.jsonl import write_records
from heta_data.workspace import Workspace

ITEMS = simple_items(4)


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    return ask_folder(Workspace(tmp_path), ITEMS, toml="")


def prefer(**changes: object) -> AskSettings:
    return AskSettings(**{"asked": "prefer", "methods": METHODS, "raters": ("a95", "a96"), **changes})  # type: ignore[arg-type]


def test_a_plan(folder: Workspace) -> None:
    planned = plan_ask(folder, prefer())
    assert planned.problems == ()
    assert planned.methods["quillwort"].name == f"quillwort-{CONFIG}@modelwort"
    assert planned.methods["random"].name == f"random-{CONFIG}@none"
    # 4 items x 3 pairs of methods x 2 raters, less what shows the same words.
    assert planned.total == 2 * (12 - sum(planned.same.values()))
    assert plan_ask(folder, prefer()).hash == planned.hash
    for changed in (prefer(seed=1), prefer(share=0.5), prefer(overlap=1), prefer(raters=("a95", "a97"))):
        assert plan_ask(folder, changed).hash != planned.hash
    limited = plan_ask(folder, prefer(limit=2))
    assert limited.items == 2
    assert to_send(folder, planned) == planned.total
    assert not folder.ledger.exists()


def test_everything_that_is_wrong_is_said_at_once(folder: Workspace) -> None:
    wrong = prefer(
        methods=("plumbago", "plumbago", "nothing", "a b"),
        raters=("Ada", "a95", "a95", "s01"),
        share=0.0,
        overlap=9,
        limit=0,
        server="blind",
    )
    with pytest.raises(AskBlocked) as raised:
        plan_ask(folder, wrong).check()
    text = "\n".join(raised.value.problems)
    for part in (
        "method 'a b': expected a name",
        "plumbago stands there twice",
        "'Ada' is no pseudonym",
        "'s01' is scripted by its name",
        "a95 stands there twice",
        "share is 0",
        "overlap is 9, and there are 4 raters",
        "limit is 0",
        "server 'blind' is that of an arm",
        "must hold nothing of any attribution",
    ):
        assert part in text, part
    assert "problems:\n  - " in str(raised.value)


def test_methods_are_looked_for(folder: Workspace) -> None:
    (problem,) = plan_ask(folder, prefer(methods=("plumbago", "nothing"))).problems
    assert "the ask shows nothing" in problem
    assert "heta data attribute" in problem
    (few,) = plan_ask(folder, prefer(methods=("plumbago",))).problems
    assert "prefer needs at least 2" in few
    assert plan_ask(folder, AskSettings("answer", ("plumbago",), ("a95",))).problems == ()
    (same,) = plan_ask(folder, prefer(methods=("plumbago", f"plumbago-{CONFIG}@modelwort"))).problems
    assert "are the same attributions" in same
    (none,) = plan_ask(folder, prefer(methods=("plumbago", "random@modelwort"))).problems
    assert "random uses no model; leave out @modelwort" in none


def test_configurations_of_one_method_are_compared_by_name(folder: Workspace) -> None:
    records = [drawn_attribution(item, "plumbago", "12345678") for item in ITEMS]
    write_records(folder.attribution_file("modelwort", "plumbago", "12345678"), records)
    (problem,) = plan_ask(folder, prefer(methods=("plumbago", "random"))).problems
    assert "plumbago is there more than once (config 12345678; config abcdef01)" in problem
    assert "name one as plumbago-<config>@<model> by --methods" in problem
    planned = plan_ask(folder, prefer(methods=("plumbago-12345678", f"plumbago-{CONFIG}")))
    assert planned.problems == ()
    assert {shown.config_hash for shown in planned.methods.values()} == {"12345678", CONFIG}


def test_the_model_of_the_campaign_does_not_hide_methods_without_one(folder: Workspace) -> None:
    folder.config.write_text('[campaign]\nmodel = "modelwort"\nrevision = "r1"\nraters = 1\n')
    assert plan_ask(folder, prefer()).problems == ()


def test_spec() -> None:
    assert read_spec("kl") == Spec("kl", "kl", None, None)
    assert read_spec("kl-0123abcd") == Spec("kl-0123abcd", "kl", "0123abcd", None)
    assert read_spec("kl@org/model-1") == Spec("kl@org/model-1", "kl", None, "org/model-1")
    assert read_spec("my-own-0123abcd@m") == Spec("my-own-0123abcd@m", "my-own", "0123abcd", "m")
    assert read_spec("") is None
    assert read_spec("k l") is None


def test_methods_that_agree_everywhere_cannot_be_compared(tmp_path: Path) -> None:
    folder = ask_folder(Workspace(tmp_path), ITEMS, ("plumbago",), toml="")
    copies = [
        drawn_attribution(item, "plumbago").model_copy(update={"method": "copywort", "config_hash": "00000000"})
        for item in ITEMS
    ]
    write_records(folder.attribution_file("modelwort", "copywort", "00000000"), copies)
    planned = plan_ask(folder, prefer(methods=("plumbago", "copywort")))
    assert planned.same == {("plumbago", "copywort"): 4}
    assert planned.problems == ("the methods show the same words of every item: there is nothing to compare",)


def test_nobody_is_asked_who_labels_or_decides(folder: Workspace) -> None:
    with Ledger(folder.ledger) as ledger:
        ledger.begin("h", {"name": "campaign"}, "guideline")
        ledger.add_rater(Rater("blind", "a95", "human", 3))
        ledger.add_rater(Rater("blind", "a96", "human", 4, "adjudicator"))
        ledger.add_rater(Rater("answer", "a97", "human", 3, "asked"))
    problems = plan_ask(folder, prefer(raters=("a95", "a96", "a97", "a98"))).problems
    assert [problem.split(":")[0] for problem in problems] == [
        "rater a95 labels in arm blind",
        "rater a96 decides what raters do not agree on",
        "rater a97 is asked (answer)",
    ]
    assert all("take another pseudonym" in problem for problem in problems)


def test_raters_of_a_campaign_that_is_not_pushed_yet_are_kept_for_it(folder: Workspace) -> None:
    folder.config.write_text('[campaign]\narms = ["blind"]\nraters = ["a95"]\n')
    (problem,) = plan_ask(folder, prefer()).problems
    assert "a95 is to label in arm blind" in problem


def test_nobody_labels_who_was_asked(folder: Workspace) -> None:
    with Ledger(folder.ledger) as ledger:
        ledger.add_rater(Rater("prefer", "a95", "human", 3, "asked"))
        with pytest.raises(CampaignChanged, match=r"a95 is asked \(prefer\) already"):
            ledger.add_rater(Rater("blind", "a95", "human", 9))
        # Numbers of accounts are those of another server.
        ledger.add_rater(Rater("assisted", "a01", "human", 3))
        assert [rater.pseudonym for rater in ledger.raters()] == ["a01"]


def test_opinions_of_nobody(folder: Workspace) -> None:
    with pytest.raises(CampaignChanged, match="nobody was asked anything"):
        asked_servers(folder)
    with Ledger(folder.ledger):
        pass
    with pytest.raises(CampaignChanged, match="heta campaign ask prefer"):
        fetch_opinions(folder, {})


def test_questions_are_no_arm(folder: Workspace) -> None:
    with Ledger(folder.ledger) as ledger:
        ledger.add_queue(Queue("prefer/a95", "prefer", ("a95",), ("u1",), 1, "prefer"), "judging")
        assert ledger.arms() == []
        ledger.add_queue(Queue("blind/a01", "blind", ("a01",), ("u2",), 1), "blind")
        ledger.set_project("blind/a01", 1, "page")
        assert ledger.arms() == ["blind"]
        assert ledger.projects() == ledger.projects("blind")
        (row,) = ledger.projects("prefer", "prefer")
        assert (row.rater, row.server, row.number) == ("a95", "judging", None)
