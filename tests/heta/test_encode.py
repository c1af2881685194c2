"""Tokens, their places in the text, and which of them get a score."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import Span
from heta.encode import encode, is_unscored
from heta.errors import InputError

TEXT = st.text(st.sampled_from("ab é東😀\u200d \n<s>|שקר"), min_size=1, max_size=20)


def test_prompt_and_target_are_tokenised_once_together() -> None:
    model = tiny_model()
    coded = encode(model, PROMPT, TARGET)
    whole = model.encoder.encode(PROMPT + TARGET, add_special_tokens=False).ids
    assert [*coded.prompt_ids[1:], *coded.target_ids] == whole
    assert model.decode(coded.target_ids) == TARGET


def test_bos_is_put_in_front_and_gets_no_score() -> None:
    coded = encode(tiny_model(), PROMPT, TARGET)
    # The tokenizer has a BOS token but does not add it itself.
    assert coded.prompt_ids[0] == tiny_model().tokenizer.bos_token_id
    assert tiny_model().tokenizer(PROMPT).input_ids[0] != tiny_model().tokenizer.bos_token_id
    assert coded.spans[0] == Span(0, 0)
    assert not coded.scored[0]
    assert coded.scored[1:].all()


def test_without_a_bos_token_the_first_position_is_left_out() -> None:
    coded = encode(tiny_model(bos=False), PROMPT, TARGET)
    assert coded.spans[0].end > 0
    assert not coded.scored[0]
    assert coded.scored[1:].all()


def test_literal_text_stays_literal() -> None:
    model = tiny_model()
    prompt = "<s> is not <pad> here"
    coded = encode(model, prompt, " now")
    assert model.bos not in coded.prompt_ids[1:]
    assert model.tokenizer.pad_token_id not in coded.prompt_ids
    assert model.decode(coded.prompt_ids[1:]) == prompt


def test_offsets_count_code_points_and_keep_blanks() -> None:
    model = tiny_model()
    prompt = "😀é the stairs"
    coded = encode(model, prompt, " green")
    # The four bytes of the emoji and the two of é are tokens of their own here; each stands for its whole character.
    assert [span for span in coded.spans if span.start == 0 and span.end > 0] == [Span(0, 1)] * 4
    assert [span for span in coded.spans if span == Span(1, 2)] == [Span(1, 2)] * 2
    assert prompt[coded.spans[-1].start : coded.spans[-1].end] == " stairs"


@pytest.mark.parametrize(
    ("prompt", "target", "message"),
    [
        ("The stairs are ", "green", "move the space from the prompt's end"),
        ("The stairs are gre", "en", "begin the target with"),
        ("", " green", "the prompt is ''"),
        (" \n", " green", "no blank"),
        ("The stairs", "", "the target is empty"),
    ],
)
def test_texts_that_cannot_be_explained(prompt: str, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        encode(tiny_model(), prompt, target)
    assert "\n" not in str(caught.value)


def test_context_longer_than_the_window() -> None:
    # 64 positions: BOS + 61 "a" + 2 of 3 target tokens fill them; the last target token is never an input.
    model = tiny_model()
    target = "\x01\x02\x03"
    assert len(encode(model, "\x04" * 61, target).target_ids) == 3
    with pytest.raises(InputError, match="65 tokens long, the window of tiny-llama is 64"):
        encode(model, "\x04" * 62, target)


def test_unscored_spans() -> None:
    model = tiny_model()
    # The span ends in front of "baked"; the blank before it belongs to the token " baked", which counts.
    cut = PROMPT.index("baked")
    coded = encode(model, PROMPT, TARGET, unscored=[Span(0, cut)])
    texts = [PROMPT[span.start : span.end] for span, counts in zip(coded.spans, coded.scored, strict=True) if counts]
    assert "".join(texts) == PROMPT[cut - 1 :]
    with pytest.raises(InputError, match="left to score"):
        encode(model, PROMPT, TARGET, unscored=[Span(0, len(PROMPT))])
    for span in (Span(5, 5), Span(-1, 3), Span(0, len(PROMPT) + 1)):
        with pytest.raises(InputError, match="does not lie in the prompt"):
            encode(model, PROMPT, TARGET, unscored=[span])


def test_blanks_at_the_ends_of_a_token_belong_to_nobody() -> None:
    assert not is_unscored("one two", Span(3, 7), [Span(0, 4)])
    assert is_unscored("one two", Span(3, 7), [Span(0, 5)])
    assert is_unscored("a\n\nb", Span(1, 3), [Span(0, 2)])
    assert is_unscored("ab", Span(1, 1), [])


@given(prompt=TEXT, target=TEXT)
@settings(max_examples=150, deadline=None)
def test_offsets_tile_the_prompt_or_the_pair_is_refused(prompt: str, target: str) -> None:
    model = tiny_model()
    try:
        coded = encode(model, prompt, target)
    except InputError as error:
        assert "\n" not in str(error)
        return
    covered = 0
    for start, end in coded.spans[1:]:
        assert covered >= start
        assert start < end <= len(prompt)
        covered = max(covered, end)
    assert covered == len(prompt)
    assert model.decode([*coded.prompt_ids[1:], *coded.target_ids]) == prompt + target
