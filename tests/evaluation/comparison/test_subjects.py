"""What a name on the command line means."""

import pytest

from heta.errors import InputError
from heta_evaluation.comparison.subjects import method_of, resolve, shortest

SUBJECTS = (
    "heta on smollm2 [11111111]",
    "heta_fast on gemma [22222222]",
    "heta_fast on smollm2 [22222222]",
    "kl on smollm2 [33333333]",
    "own [44444444]",
    "each on m, target model [55555555]",
    "answer_match",
)


def test_methods_of_subjects():
    assert [method_of(one) for one in SUBJECTS] == [
        "heta",
        "heta_fast",
        "heta_fast",
        "kl",
        "own",
        "each",
        "answer_match",
    ]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("heta", 0),  # a method's whole name, though others begin so
        ("heta on smollm2 [11111111]", 0),
        ("heta_fast on s", 2),
        ("k", 3),
        (" own ", 4),
        ("answer_match", 6),
        ("ans", 6),
    ],
)
def test_names_and_beginnings(given, place):
    assert resolve(given, SUBJECTS) == SUBJECTS[place]


def test_several_are_listed():
    with pytest.raises(InputError, match=r"'heta_fast' is the beginning of several subjects: .*gemma.*smollm2"):
        resolve("heta_fast", SUBJECTS)


@pytest.mark.parametrize("given", ["hetafast", "", "zzz"])
def test_none_lists_what_there_is(given):
    with pytest.raises(InputError, match=r"is no subject of results.jsonl.*kl on smollm2"):
        resolve(given, SUBJECTS)


def test_a_method_is_not_taken_for_another_whose_name_begins_so():
    with pytest.raises(InputError, match=r"method 'heta' was not evaluated; there are: heta_fast on gemma"):
        resolve("heta", SUBJECTS[1:])


def test_short_names_are_unique():
    names = shortest((*SUBJECTS, "kl on smollm2 [99999999]"))
    assert len(set(names.values())) == len(names)
    assert names[SUBJECTS[0]] == "heta"
    assert names[SUBJECTS[2]] == "heta_fast on smollm2"
    assert names[SUBJECTS[3]] == SUBJECTS[3]
