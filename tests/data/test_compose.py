"""Items composed of their parts: the segments tile the prompt, ids follow the content, bad parts are refused."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta.errors import InputError
from heta.records import Span
from heta_data.compose import EXAMPLE_RIGHTS, EXAMPLES, compose_item, label_units, prompt_without, unscored_spans
from heta_data.records import Item, Rights

RIGHTS = (Rights(field="evidence", licence="CC-BY-4.0", source="test"),)
PARTS: dict[str, Any] = {
    "source": "test",
    "source_id": "row-1",
    "group": "g",
    "split": "test",
    "language": "en",
    "evidence": "The cat Pim is red.",
    "distractor": "Dogs bark, loudly!",
    "question": "What colour is Pim?",
    "answer": "red",
    "evidence_first": True,
    "rights": RIGHTS,
}


def compose(**changes: Any) -> Item:
    return compose_item(**{**PARTS, **changes})


# A word in front and behind: neither white space at the ends nor a text without a word.
_BODY = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")) | st.sampled_from(" \n\n😀é中ש"), max_size=40
)
TEXTS = _BODY.map(lambda body: f"a{body}b")
LINES = TEXTS.map(lambda text: text.replace("\n", " "))


@given(TEXTS, TEXTS, LINES, LINES, st.booleans(), st.none() | st.just("") | TEXTS)
def test_segments_tile_the_prompt(
    evidence: str, distractor: str, question: str, answer: str, evidence_first: bool, examples: str | None
) -> None:
    if evidence == distractor:
        evidence += "c"
    item = compose(
        evidence=evidence,
        distractor=distractor,
        question=question,
        answer=answer,
        evidence_first=evidence_first,
        examples=examples,
    )
    shown = EXAMPLES if examples is None else examples
    texts = [item.prompt[segment.start : segment.end] for segment in item.segments]
    assert "".join(texts) == item.prompt
    assert [segment.start for segment in item.segments] == [0, *(segment.end for segment in item.segments[:-1])]
    by_role = dict(zip((segment.role for segment in item.segments), texts, strict=True))
    assert by_role == {
        **({"example": shown} if shown else {}),
        "separator": "\n\n",
        "evidence": evidence,
        "distractor": distractor,
        "question": f"Question: {question}\nAnswer:",
    }
    assert item.target == f" {answer}"
    assert Item.model_validate_json(item.model_dump_json()) == item


@given(TEXTS, TEXTS)
def test_the_id_follows_content_and_order_only(evidence: str, distractor: str) -> None:
    if evidence == distractor:
        evidence += "c"
    first = compose(evidence=evidence, distractor=distractor)
    again = compose(evidence=evidence, distractor=distractor, group="other", split="train", source_id="row-2")
    twin = compose(evidence=evidence, distractor=distractor, evidence_first=False)
    assert first.id == again.id
    assert first.id != twin.id
    assert (first.source, first.source_id, first.target) == (twin.source, twin.source_id, twin.target)
    assert [s.role for s in first.spans("evidence", "distractor")] == ["evidence", "distractor"]
    assert [s.role for s in twin.spans("evidence", "distractor")] == ["distractor", "evidence"]


@given(TEXTS, TEXTS, st.booleans())
def test_label_units_lie_in_the_two_texts(evidence: str, distractor: str, evidence_first: bool) -> None:
    if evidence == distractor:
        evidence += "c"
    item = compose(evidence=evidence, distractor=distractor, evidence_first=evidence_first)
    units = label_units(item)
    assert list(units) == sorted(set(units))
    for unit in units:
        assert any(s.start <= unit.start and unit.end <= s.end for s in item.spans("evidence", "distractor")), unit


def test_label_units_are_the_words() -> None:
    item = compose(evidence_first=False, examples="")
    assert [item.prompt[unit.start : unit.end] for unit in label_units(item)] == (
        ["Dogs", "bark", "loudly", "The", "cat", "Pim", "is", "red"]
    )


def test_label_units_can_be_the_sentences_that_hold_a_word() -> None:
    item = compose(evidence='Pim is a cat. "Is she red?" asked Dr. Ems … ***', distractor="狗叫。猫睡了！ Dogs bark")
    sentences = [item.prompt[unit.start : unit.end] for unit in label_units(item, "sentence/1")]
    # A title ends no sentence, the stars are a sentence without a word, and the two texts are cut by themselves.
    assert sentences == ["Pim is a cat.", '"Is she red?" asked Dr. Ems …', "狗叫。", "猫睡了！", "Dogs bark"]
    with pytest.raises(InputError, match=r"'token/1': this toolkit makes word/1 and sentence/1"):
        label_units(item, "token/1")


@given(TEXTS, TEXTS, st.booleans())
def test_every_word_lies_in_one_sentence(evidence: str, distractor: str, evidence_first: bool) -> None:
    if evidence == distractor:
        return
    item = compose(evidence=evidence, distractor=distractor, evidence_first=evidence_first)
    sentences = label_units(item, "sentence/1")
    for word in label_units(item):
        assert sum(sentence.overlaps(word) for sentence in sentences) >= 1
    assert all(first.end <= second.start for first, second in pairwise(sentences))


def test_examples_are_unscored_and_bring_their_rights() -> None:
    item = compose()
    assert unscored_spans(item) == (Span(0, len(EXAMPLES)),)
    assert item.rights == (*RIGHTS, EXAMPLE_RIGHTS)
    # The user's own examples are the user's to license.
    own = compose(examples="Question: Is this mine?\nAnswer: yes")
    assert own.rights == RIGHTS
    assert own.prompt.startswith("Question: Is this mine?\nAnswer: yes\n\nThe cat")
    assert unscored_spans(compose(examples="")) == ()


def test_the_prompt_can_be_asked_without_its_evidence() -> None:
    question = "Question: What colour is Pim?\nAnswer:"
    for evidence_first in (True, False):
        item = compose(evidence_first=evidence_first)
        assert prompt_without(item, "evidence") == f"{EXAMPLES}\n\nDogs bark, loudly!\n\n{question}"
        assert prompt_without(item, "evidence", "distractor", "example") == question
        assert prompt_without(item) == item.prompt


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evidence": ""}, "evidence is empty"),
        ({"distractor": " \n"}, "distractor is empty"),
        ({"question": ""}, "question is empty"),
        ({"answer": ""}, "answer is empty"),
        ({"answer": " red"}, "answer begins or ends with white space"),
        ({"answer": "..."}, "answer is '...' and holds no word"),
        ({"answer": "red\nblue"}, "answer has more than one line"),
        ({"question": "What\ncolour?"}, "question has more than one line"),
        ({"evidence": "The cat\x00 is red."}, "evidence holds the control character U+0000 at 7"),
        ({"distractor": "Dogs\tbark."}, "distractor holds the control character U+0009 at 4"),
        ({"evidence": "The cat \ud83d is red."}, "evidence holds the control character U+D83D at 8"),
        ({"examples": "A.\n\n"}, "examples begins or ends with white space"),
        ({"distractor": PARTS["evidence"]}, "evidence and distractor are the same text"),
        ({"language": "English please"}, "language is 'English please'; give a BCP 47 tag"),
        ({"rights": ()}, "no rights given"),
        ({"group": ""}, "group is empty"),
    ],
)
def test_bad_parts_are_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"^test:row-1: {re.escape(message)}") as refused:
        compose(**changes)
    assert "\n" not in str(refused.value)


def test_an_emoji_can_be_the_answer() -> None:
    assert compose(answer="🐢").target == " 🐢"
