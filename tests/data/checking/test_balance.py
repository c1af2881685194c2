"""Places that give answers away: far enough from even, and not by chance."""

from dataclasses import replace

import pytest

from helpers.checked_items import candidate, find, sound, words_of
from heta_data.checking.balance import PARTS, answer_fifth


def ordered(first: int, last: int) -> list:
    """So many items with the evidence first, and so many with it last."""
    return [candidate(number, evidence_first=number < first) for number in range(first + last)]


# Two-sided binomial tests against a coin: 30 of 30, p = 2e-9; 25 of 40, p = 0.15; 65 of 100, p = 0.0035;
# 320 of 500 (64 %), p = 4e-10; 295 of 500 (59 %) is within what counts as balanced, though p = 6e-5.
@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (30, 0, True),
        (0, 30, True),
        (25, 15, False),
        (65, 35, False),
        (320, 180, True),
        (295, 205, False),
        (5, 0, False),
    ],
)
def test_an_order_that_gives_the_evidence_away(first: int, last: int, found: bool) -> None:
    findings = find("orders", ordered(first, last))
    assert [finding.severity for finding in findings] == ["error"] * found
    if found:
        assert f"first in {first} of {first + last} items" in findings[0].problem
        assert len(findings[0].where) == first + last


def test_items_without_a_distractor_have_no_order() -> None:
    assert find("orders", [replace(candidate(number), distractor=()) for number in range(40)]) == []


@pytest.mark.parametrize(("place", "fifth"), [(0, 0), (4, 2), (9, 4)])
def test_the_fifth_of_an_answer_counts_the_texts_without_what_stands_between(place: int, fifth: int) -> None:
    # Ten words of four letters and nine blanks, twice: the texts have 98 code points, a fifth 19.6. The word at place n
    # of the text that comes first has its middle at 5 n + 2: 2, 22 and 47 of 49; beside a distractor half as far.
    words = ["abcd"] * 10
    words[place] = "lamp"
    alone = replace(candidate(1, evidence=" ".join(words), answer="lamp"), distractor=())
    assert answer_fifth(alone) == fifth
    both = candidate(
        1, evidence=" ".join(words), distractor=" ".join(["wxyz"] * 10), answer="lamp", evidence_first=True
    )
    assert answer_fifth(both) == int(PARTS * (5 * place + 2) / 98)
    behind = candidate(
        1, evidence=" ".join(words), distractor=" ".join(["wxyz"] * 10), answer="lamp", evidence_first=False
    )
    assert answer_fifth(behind) == int(PARTS * (49 + 5 * place + 2) / 98)


def test_an_answer_that_stands_nowhere_or_twice_has_no_place() -> None:
    assert answer_fifth(replace(candidate(1), answer="nowhere")) is None
    assert answer_fifth(candidate(1, evidence="lamp and lamp and so on", answer="lamp")) is None


def placed(number: int, place: int) -> object:
    """An item without a distractor whose answer is the word at `place` of 20."""
    words = words_of(number)[:20]
    return replace(candidate(number, evidence=" ".join(words), answer=words[place]), distractor=())


def test_answers_crowded_in_one_fifth_are_named() -> None:
    crowded = [placed(number, 1 if number < 40 else 10) for number in range(60)]
    (finding,) = find("positions", crowded)
    assert finding.severity == "warning"
    assert (
        "40 of 60 answers stand in one fifth of the texts (shares of the fifths: 67%, 0%, 33%, 0%, 0%)"
        in finding.problem
    )
    assert len(finding.where) == 40


def test_answers_spread_evenly_or_few_of_them_pass() -> None:
    assert find("positions", [placed(number, number % 20) for number in range(60)]) == []
    assert find("positions", [placed(number, 1) for number in range(6)]) == []
    assert find("positions", sound()) == []
    assert find("positions", [replace(candidate(1), answer="nowhere")]) == []
