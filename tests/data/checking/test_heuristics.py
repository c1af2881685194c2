"""Labels that a rule gives are told from those of people, who are let alone."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from helpers.checked_items import candidate, find, mark, sound, words_of
from heta_data.checking import Candidate, read_candidates

Pick = Callable[[int, Sequence[str]], Sequence[str]]
"""(number of an item, words of its evidence) -> the words that are marked."""


def tiers(number: int, words: Sequence[str]) -> list[str]:
    """The answer, then the two words that the question shares with the evidence, then the others in order."""
    answer = words_of(number)[16]
    return sorted(words, key=lambda word: (word != answer, word not in (words[0], words[-1])))


RULES: dict[str, Pick] = {
    "answer, question, first others": lambda number, words: tiers(number, words)[:8],
    "answer, first others": lambda number, words: sorted(words, key=lambda word: word != words_of(number)[16])[:6],
    "first words": lambda number, words: words[:5],
    "longest words": lambda number, words: sorted(words, key=lambda word: (-len(word), word))[:4],
    "longest words, the later of equal ones": lambda number, words: sorted(words[::-1], key=len)[::-1][:4],
}


def honest(number: int, words: Sequence[str], *, seed: int = 0) -> list[str]:
    """A person: mostly the answer and what is asked, some words around them, now and then something else."""
    draw = random.Random(f"{seed} {number}")
    core = {words_of(number)[16], words[0], words[-1]}
    near = {
        words[index + step]
        for index, word in enumerate(words)
        if word in core
        for step in (-1, 1)
        if 0 <= index + step < 17
    }
    chances = {word: 0.9 if word in core else 0.4 if word in near else 0.05 for word in words}
    return [word for word in words if draw.random() < chances[word]]


def labelled(pick: Pick, items: int = 30, **rater: str) -> list[Candidate]:
    """Items that one rater has marked."""
    return [
        mark(one, lambda words, number=number: pick(number, words), **rater) for number, one in enumerate(sound(items))
    ]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_labels_that_a_rule_gives_are_no_persons(rule: Pick) -> None:
    items = labelled(rule)
    errors = [finding for finding in find("labels", items) if finding.severity == "error"]
    assert len(errors) == 1
    assert "labels 'r01' are what a rule gives in 30 of the 30 items that can tell" in errors[0].problem
    assert errors[0].where == tuple(f"{one.where} > r01" for one in items)


@pytest.mark.parametrize("seed", range(5))
def test_an_honest_rater_is_let_alone(seed: int) -> None:
    assert find("labels", labelled(lambda number, words: honest(number, words, seed=seed), 60)) == []


def test_a_rule_with_a_few_changes_is_still_a_rule_and_with_many_is_not() -> None:
    def changed(share: float) -> Pick:
        def pick(number: int, words: Sequence[str]) -> Sequence[str]:
            return words[3:8] if number < 40 * share else RULES["first words"](number, words)

        return pick

    assert len([f for f in find("labels", labelled(changed(0.05), 40)) if "rule" in f.problem]) == 1
    assert [f for f in find("labels", labelled(changed(0.25), 40)) if "rule" in f.problem] == []


@pytest.mark.parametrize("kind", ["simulated", "judge"])
def test_who_says_that_no_person_marked_is_let_alone(kind: str) -> None:
    assert find("labels", labelled(RULES["first words"], kind=kind)) == []


def test_one_rater_of_several_is_named() -> None:
    items = [
        mark(one, lambda words, number=number: RULES["first words"](number, words)[: 3 + number % 3], by="r02")
        for number, one in enumerate(labelled(honest))
    ]
    (finding,) = find("labels", items)
    assert "labels 'r02'" in finding.problem
    assert all(place.endswith("> r02") for place in finding.where)


def test_raters_of_a_few_items_each_are_taken_together() -> None:
    def spread(pick: Pick) -> list[Candidate]:
        return [
            mark(one, lambda words, number=number: pick(number, words), by=f"r{number // 3}")
            for number, one in enumerate(sound(30))
        ]

    (finding,) = find("labels", spread(RULES["answer, question, first others"]))
    assert finding.problem.startswith(
        "labels of the raters with fewer than 10 items, taken together, are what a rule gives"
    )
    assert find("labels", spread(honest)) == []


def test_few_items_or_few_marks_say_nothing() -> None:
    assert find("labels", labelled(RULES["first words"], 9)) == []
    assert find("labels", labelled(lambda number, words: words[:2])) == []
    # Whoever marks every word follows every rule.
    assert find("labels", labelled(lambda number, words: words[: 15 + number % 3], 9)) == []


def test_words_of_question_and_answer_alone_are_what_a_person_may_mark() -> None:
    def common(number: int, words: Sequence[str]) -> Sequence[str]:
        return tiers(number, words)[:3]

    found = find("labels", labelled(common))
    assert {finding.severity for finding in found} == {"warning"}
    assert "just the words that the evidence shares with question and answer in 30 of 30 items" in found[0].problem


def test_always_the_same_number_of_words_wants_a_look() -> None:
    def five(number: int, words: Sequence[str]) -> Sequence[str]:
        return random.Random(number).sample(list(words), 5)

    (finding,) = find("labels", labelled(five))
    assert (finding.severity, "mark 5 different words in 30 of 30 items" in finding.problem) == ("warning", True)
    assert find("labels", labelled(lambda number, words: random.Random(number).sample(list(words), 1))) == []


def test_labels_of_nobody_are_named() -> None:
    (finding,) = find("labels", labelled(honest, kind=None))
    assert (finding.severity, "do not say who made them" in finding.problem) == ("error", True)


def test_items_without_labels_have_no_findings() -> None:
    assert find("labels", sound()) == []
    assert find("labels", [mark(candidate(1), lambda words: [])]) == []


@pytest.mark.shared
@pytest.mark.parametrize("source", ["cose", "fair-rationales"])
def test_real_raters_are_let_alone(shared_data: Path, tmp_path: Path, source: str) -> None:
    from click.testing import CliRunner

    from heta.cli import cli

    file = {"cose": "cose/v1.11/cose_dev_v1.11.jsonl", "fair-rationales": "fair_rationales/cose_even.jsonl"}[source]
    questions = ["--questions", str(shared_data / "cose" / "commonsenseqa_dev.jsonl")]
    options = ["-C", str(tmp_path), "--licence", "MIT", "--credit", "CommonsenseQA", "--skip-misaligned"]
    done = CliRunner().invoke(cli, ["data", "import", source, str(shared_data / file), *questions, *options])
    assert done.exit_code == 0, done.output
    candidates, problems = read_candidates(tmp_path)
    assert problems == []
    assert sum(len(one.marks) for one in candidates) > 600
    assert find("labels", candidates) == []
