"""Scripted raters: the same seed gives the same marks, and only a rater named so reads a suggestion."""

from pathlib import Path

import pytest

from helpers.campaigns import difficult_items, simple_items, text_item, words_of, write_folder
from heta_annotation.campaign.ledger import Ledger, Pushed, Rater
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.simulate import NotSimulated, answer, answer_units, assign, simulate
from heta_data.compose import label_units
from heta_data.jsonl import dump_line
from heta_data.records import Item, LabelTask, SuggestionPart
from heta_data.workspace import Workspace

ITEM = text_item(
    1,
    "The old miller keeps nine grey geese in the yard.",
    "Nine loaves lie on the sill.",
    "What are kept?",
    "grey geese",
)


def tasks_of(tmp_path: Path, items: list[Item], raters: int = 3) -> tuple[list[LabelTask], list[LabelTask]]:
    planned = plan(write_folder(Workspace(tmp_path), items, f'kind = "simulated"\nraters = {raters}'))
    return list(planned.arms[0].tasks), list(planned.arms[1].tasks)


def test_answer_is_found_in_the_evidence_as_a_run_of_words() -> None:
    answers, evidence = answer_units(ITEM)
    words = words_of(ITEM)
    assert [words[index] for index in sorted(answers)] == ["grey", "geese"]
    assert [words[index] for index in sorted(evidence)] == [
        "The",
        "old",
        "miller",
        "keeps",
        "nine",
        "grey",
        "geese",
        "in",
        "the",
        "yard",
    ]


def test_without_the_answer_in_the_text_words_of_the_question_stand_in() -> None:
    item = text_item(1, "Piet sold three of twelve geese.", "The fair is far.", "How many geese has Piet?", "nine")
    words = words_of(item)
    assert {words[index] for index in answer_units(item)[0]} == {"Piet", "geese"}


def test_same_seed_same_marks_and_raters_differ(tmp_path: Path) -> None:
    blind, _ = tasks_of(tmp_path, [ITEM])
    first, second = Rater("blind", "s01", "simulated", 1), Rater("blind", "s02", "simulated", 2)
    assert answer(ITEM, first, blind[0], 0) == answer(ITEM, first, blind[0], 0)
    given = {answer(ITEM, rater, blind[0], seed) for rater in (first, second) for seed in range(5)}
    assert len(given) > 5


def test_marks_lie_mostly_around_the_answer(tmp_path: Path) -> None:
    items = simple_items(40)
    tasks = {task.item_id: task for task in tasks_of(tmp_path, items)[0]}
    inside = outside = hits = 0
    for item in items:
        answers, evidence = answer_units(item)
        marks, seconds = answer(item, Rater("blind", "s01", "simulated", 1), tasks[item.id], 0)
        inside += len(set(marks) & evidence)
        outside += len(set(marks) - evidence)
        hits += bool(set(marks) & answers)
        assert seconds > 0
    # `keep` is at least 0.9 and `stray` in the distractor at most 0.008 a word.
    assert hits >= 30
    assert outside < inside / 10


@pytest.mark.parametrize("name", ["s01", "anchored"])
def test_only_the_rater_named_so_reads_the_suggestion(tmp_path: Path, name: str) -> None:
    _, assisted = tasks_of(tmp_path, [ITEM])
    last = len(label_units(ITEM)) - 1
    part = SuggestionPart(method="m", model="n", config_hash="0" * 8, selected=(last,))
    other = assisted[0].model_copy(update={"suggestion": part})
    rater = Rater("assisted", name, "simulated", 1)
    pairs = [(answer(ITEM, rater, assisted[0], seed)[0], answer(ITEM, rater, other, seed)[0]) for seed in range(20)]
    followed = [second for _, second in pairs if last in second]
    if name == "s01":
        assert all(first == second for first, second in pairs)
    else:
        # Kept with probability 0.8: at least 8 of 20 except with probability below 1e-4.
        assert len(followed) >= 8


@pytest.mark.parametrize(("raters", "overlap"), [(3, 3), (4, 2), (1, 1)])
def test_work_is_dealt_round(tmp_path: Path, raters: int, overlap: int) -> None:
    blind, _ = tasks_of(tmp_path, simple_items(8), raters)
    pushed = [Pushed(task.uid, {}, "", None, dump_line(task.model_copy(update={"overlap": overlap}))) for task in blind]
    team = [Rater("blind", f"s{n}", "simulated", n) for n in range(raters)]
    dealt = assign(team, pushed)
    assert len(dealt) == len({(rater.pseudonym, work.task.uid) for rater, work in dealt}) == 8 * overlap
    loads = [sum(rater == one for rater, _ in dealt) for one in team]
    assert max(loads) - min(loads) <= 1


def test_refused_where_raters_are_people(tmp_path: Path) -> None:
    workspace = write_folder(Workspace(tmp_path), difficult_items())
    with Ledger(workspace.ledger) as ledger:
        ledger.add_rater(Rater("blind", "s01", "simulated", 1))
        ledger.add_rater(Rater("assisted", "a01", "human", 1))
    with pytest.raises(NotSimulated, match="a01") as error:
        simulate(workspace, {})
    assert "\n" not in str(error.value)
