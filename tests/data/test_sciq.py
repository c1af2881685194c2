import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.curated_inputs import GOOD_ROW, row, write_sciq
from heta.errors import InputError
from heta_data.sources.sciq import (
    Row,
    cluster,
    find_glued_words,
    in_the_middle,
    occurrences,
    read_sciq,
    relaxed_filters,
    tidy,
)


def rows_of(tmp_path: Path, *values: dict[str, Any]) -> list[Row]:
    return read_sciq(write_sciq(tmp_path / "train.json", list(values)))


def dropped_by(tmp_path: Path, *values: dict[str, Any]) -> list[str | None]:
    """For each row the name of the filter that drops it, or None."""
    rows = rows_of(tmp_path, *values)
    names: dict[int, str] = {}
    for name, _, test in relaxed_filters(rows):
        names |= {one.index: name for one in rows if one.index not in names and not test(one)}
        rows = [one for one in rows if one.index not in names]
    return [names.get(index) for index in range(len(values))]


# --- filters --------------------------------------------------------------------------------------------------------

WORDS_OF_19 = "Leaves give off oxygen" + " all day long" * 5 + "."
WORDS_OF_20 = "Leaves give off the oxygen" + " all day long" * 5 + "."
WORDS_OF_150 = "Leaves give off much oxygen" + " by day" * 72 + " so."
WORDS_OF_151 = "Leaves give off so much oxygen" + " by day" * 72 + " so."

SUPPORT = GOOD_ROW["support"]


def after(sentence: str) -> str:
    return f"{SUPPORT} {sentence}"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, None),
        ({"support": ""}, "support"),
        ({"support": "  \n "}, "support"),
        ({"correct_answer": "hydrogen"}, "verbatim"),
        # "oxy" stands in the passage, but not as a word.
        ({"correct_answer": "oxy"}, "verbatim"),
        ({"correct_answer": ""}, "verbatim"),
        ({"correct_answer": "OXYGEN"}, None),
        ({"support": after("Oxygen is a gas.")}, "once"),
        ({"question": "What do leaves do with oxygen when the sun shines on them?"}, "not asked"),
        ({"question": "What do leaves do with oxygenated water in the sun?"}, None),
        ({"correct_answer": "given off through tiny openings"}, "answer"),
        ({"correct_answer": "off through tiny openings"}, None),
        ({"support": after("It has 21 parts."), "correct_answer": "21 parts"}, "answer"),
        ({"support": after("It is a by-product."), "correct_answer": "by-product"}, None),
        ({"support": WORDS_OF_19}, "length"),
        ({"support": WORDS_OF_20}, None),
        ({"support": WORDS_OF_150}, None),
        ({"support": WORDS_OF_151}, "length"),
        ({"question": "What do leaves make?"}, "question"),
        ({"question": "What do green leaves make?"}, None),
        ({"question": "What" + " very" * 33 + " old?"}, None),
        ({"question": "What" + " very" * 34 + " old?"}, "question"),
        ({"support": after("See http://leaves.example for more.")}, "address"),
        ({"support": after("It is at leaves. org/green today.")}, "address"),
        ({"support": after("A leaf is drawn in Figure below .")}, "reference"),
        ({"support": after("The gases are listed in Table 2.")}, "reference"),
        ({"support": after("This is shown below.")}, "reference"),
        ({"support": after("The diagram has an arrow for it.")}, "reference"),
        ({"question": "In the picture, which gas do most of the leaves give off?"}, "reference"),
        ({"support": after("Fish live below the ice, above the mud.")}, None),
        ({"support": after("It is in the periodic table of elements.")}, None),
        ({"support": after("Leaf (credit: A. Writer) in the sun.")}, "credit"),
        ({"support": after("Click on the leaf to hear it.")}, "credit"),
        ({"support": after("So <b>leaves</b> are green.")}, "markup"),
        ({"support": after("Light → sugar is the rule.")}, "markup"),
        ({"support": after("Zero\u200bwidth blanks are odd.")}, "markup"),
        ({"question": "Most green plants give off a gas called _________ in the sun?"}, "markup"),
        ({"support": "Leaves of Green Plants The " + SUPPORT[0].lower() + SUPPORT[1:]}, "heading"),
        ({"support": after("8.2 Openings in the skin follow.")}, "heading"),
        ({"support": "Green leaves. " + SUPPORT}, "heading"),
        ({"support": "Illustration of a leaf. " + SUPPORT}, "heading"),
        ({"support": after("Its mass is given by , where the leaf is dry.")}, "gap"),
        ({"support": after("How do leaves grow?.")}, "gap"),
        ({"support": after("The openings are called stomata .")}, None),
        ({"support": after("It is made of H 2 O and air.")}, "formula"),
        ({"support": SUPPORT[:-1]}, "fragment"),
        ({"support": SUPPORT[0].lower() + SUPPORT[1:]}, "fragment"),
        ({"support": after("The gases are:.")}, "fragment"),
        ({"question": "which gas do most green plants give off in the sun"}, None),
        ({"support": after("The gas is calledPhlogiston by some.")}, "glued"),
        ({"support": after("It is a gas.It has no smell.")}, "glued"),
    ],
)
def test_each_filter_drops_exactly_what_it_names(tmp_path: Path, change: dict[str, str], name: str | None) -> None:
    assert dropped_by(tmp_path, row(**change)) == [name]


def test_a_question_or_passage_counts_once(tmp_path: Path) -> None:
    same_question = row(support=after("A leaf is green."))
    same_support = row(question="What leaves the skin of a leaf in the sun?")
    other = row(question="Which gas leaves a leaf by day?", support=after("A leaf is flat."))
    # Case, punctuation and white space make no other text.
    shouted = row(
        question="Which gas, leaves a  LEAF by day", support="Nothing else stands in the way here. " + SUPPORT
    )
    assert dropped_by(tmp_path, row(), same_question, same_support, other, shouted) == [
        None,
        "unique question",
        "unique support",
        None,
        "unique question",
    ]


def test_a_dropped_row_does_not_make_a_later_one_a_duplicate(tmp_path: Path) -> None:
    assert dropped_by(tmp_path, row(correct_answer="hydrogen"), row()) == ["verbatim", None]


def test_words_glued_together_are_found_by_the_rows_own_vocabulary(tmp_path: Path) -> None:
    plain = [row(support=f"Some calcium has a role here as number {'x' * n}.") for n in range(1, 21)]
    rows = rows_of(tmp_path, *plain, row(support=after("The calciumrole is motionless, butcalcium is ofcalcium.")))
    # "calcium" and "role" stand 20 times, "of" is a function word; "motion", "less" and "but" are unknown here.
    assert find_glued_words(rows) == {"calciumrole", "ofcalcium"}
    # Nineteen times are too few to know a word.
    assert find_glued_words(rows[1:]) == set()
    test = dict((name, test) for name, _, test in relaxed_filters(rows))["glued words"]
    assert [test(one) for one in rows] == [True] * 20 + [False]


# --- what a row says ------------------------------------------------------------------------------------------------


def test_tidy_mends_blanks_only() -> None:
    assert tidy("a group ( or clan ) , it is said ; so .") == "a group (or clan), it is said; so."


@given(st.text("ab (),.;:?!'", max_size=40))
def test_tidy_changes_nothing_but_blanks_and_is_done_at_once(text: str) -> None:
    assert tidy(text).replace(" ", "") == text.replace(" ", "")
    assert tidy(tidy(text)) == tidy(text)


def test_occurrences_are_whole_words_of_any_case() -> None:
    assert occurrences("ox", "Ox and fox, the OX's ox-cart") == [0, 16, 21]
    assert occurrences("a.b", "a.b axb") == [0]
    assert occurrences("", "ox") == []


@pytest.mark.parametrize(
    ("answer", "support", "stated"),
    [
        ("ddt", "They sprayed DDT on the fields.", "DDT"),
        ("ddt", "DDT was sprayed on the fields.", "DDT"),
        ("coriolis effect", "It is the Coriolis Effect that turns winds.", "Coriolis Effect"),
        ("freezing", "Freezing makes ice.", "freezing"),
        ("freezing", "Ice is cold. Freezing makes ice.", "freezing"),
        ("freezing", "He said: “Freezing makes ice.”", "freezing"),
        ("Freezing", "This is how freezing works.", "freezing"),
        ("y chromosome", "They lack a Y chromosome.", "Y chromosome"),
    ],
)
def test_the_answer_is_stated_as_the_evidence_has_it(tmp_path: Path, answer: str, support: str, stated: str) -> None:
    (one,) = rows_of(tmp_path, row(correct_answer=answer, support=support))
    assert one.stated == stated


@pytest.mark.parametrize(
    ("before", "behind", "middle"),
    # The answer begins at code point `before` of before + 6 + behind.
    [(9, 85, False), (10, 84, True), (90, 4, True), (91, 3, False)],
)
def test_the_strict_rule_keeps_the_middle(tmp_path: Path, before: int, behind: int, middle: bool) -> None:
    (one,) = rows_of(tmp_path, row(support=f"{'x' * (before - 1)} oxygen {'x' * (behind - 1)}"))
    assert len(one.evidence) == 100
    assert in_the_middle(one) is middle


def test_rows_that_share_eight_words_are_one_cluster(tmp_path: Path) -> None:
    chain = [
        "one two three four five six seven eight alpha",
        "zero ONE two, three four five six seven (eight) nine ten eleven twelve thirteen fourteen",
        "seven eight nine ten eleven twelve thirteen fourteen omega",
        "one two three four five six seven and eight",
    ]
    rows = rows_of(tmp_path, *(row(support=text) for text in chain))
    # 0 and 1 share "one ... eight", 1 and 2 share "seven ... fourteen"; 3 shares seven words at most.
    assert [[one.index for one in members] for members in cluster(rows)] == [[0, 1, 2], [3]]


# --- reading --------------------------------------------------------------------------------------------------------


def test_rows_are_read_with_white_space_collapsed(tmp_path: Path) -> None:
    (one,) = rows_of(tmp_path, row(question=" Which  gas\nis it? "))
    assert one.question == "Which gas is it?"
    assert one.id == "train.json:0"
    assert one.distractors == ("argon", "nitrogen", "helium")
    assert one.revision.startswith("sha256:")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{]", r"train\.json:1:3: not JSON: Expecting property name"),
        ('[\n{"question": }]', r"train\.json:2:14: not JSON"),
        ("{}", "got a JSON dict, expected a list of rows"),
        ("[]", "got an empty list, expected a list of rows"),
        ("[" * 100_000, "nested too deeply"),
        ("[3]", r"train\.json:0: got a JSON int, expected an object with question"),
        (json.dumps([GOOD_ROW, {"question": "Why?"}]), r"train\.json:1:correct_answer: missing; a row has"),
        (json.dumps([row(support=None)]), r"train\.json:0:support: got None, expected a string"),
        (json.dumps([row(suport="x")]), r"train\.json:0:suport: unknown key; did you mean 'support'\?; a row has"),
        (b"\xff\xfe[", r"train\.json: not UTF-8 text \(byte 0\)"),
    ],
)
def test_a_file_that_is_no_sciq_is_refused_in_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_sciq(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot be read: No such file"):
        read_sciq(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_sciq(tmp_path)
