"""Prompts that people really paste: a sound result or one line that says why not, never a traceback or a NaN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tiny_models import TARGET, tiny_model
from heta import Attribution, LoadedModel, attribute
from heta.errors import HetaError, InputError

METHODS = ("heta_fast", "kl", "gradient_x_input", "random", "answer_match", "longest_words")
WINDOW = 64
PIECES = st.sampled_from(
    [
        "a", "the", " stairs", " ", "  ", "\n", "\t", "\u00a0", "\u3000", "\r\n",  # ordinary, and blanks of every kind
        "😀", "👨\u200d👩\u200d👧", "🇫🇷", "❤\ufe0f",  # one sign, several code points
        "<s>", "</s>", "<pad>", "<|im_start|>", "[INST]",  # look-alikes of special tokens
        "e\u0301", "\u0301", "Z\u0351\u036b\u0343", "é",  # combining marks, alone too
        "שלום", "العربية", "\u202e", "\u200f",  # right to left, and what turns direction
        "東京", "ไทย", "\ufeff", "\x00", "\u2028", "\ud800", "\U0010ffff", "{{x}}", "%s", "\\n",
    ]
)  # fmt: skip
PROMPTS = st.one_of(
    st.lists(PIECES, max_size=8).map("".join),
    st.text(max_size=12),
    st.integers(0, 4).map(lambda count: " " * count),
    # One control character is one token: BOS, n of them and 2 of 3 target tokens fill the window at n = 61.
    st.integers(59, 63).map(lambda count: "\x04" * count),
)
TARGETS = st.sampled_from([TARGET, " green", "x", "\x01\x02\x03", "😀", " ", "", "<s>"])


def check(result: Attribution, prompt: str) -> None:
    """What every result promises."""
    count = len(result.spans)
    assert result.prompt == prompt
    assert len(result.scores) == len(result.scored) == count
    assert all(0 <= start <= end <= len(prompt) for start, end in result.spans)
    for values in (result.scores, *result.components.values()):
        assert values.shape == (count,)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
        assert not values[~result.scored].any()
    assert result.scored.any()
    assert all(end > start for (start, end), counts in zip(result.spans, result.scored, strict=True) if counts)
    if not result.signed:
        assert (result.scores >= 0).all()
    # And it can be shown: every form of it holds the whole text.
    assert result._repr_html_()


@given(prompt=PROMPTS, target=TARGETS, method=st.sampled_from(METHODS), bos=st.booleans())
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_a_sound_result_or_one_line(prompt: str, target: str, method: str, bos: bool) -> None:
    try:
        result = attribute(tiny_model(bos=bos), prompt, target, method)
    except HetaError as error:
        assert str(error)
        assert "\n" not in str(error)
        str(error).encode("utf-8")
    else:
        check(result, prompt)


@pytest.mark.parametrize("method", ["heta_fast", "kl", "gradient_x_input"])
@pytest.mark.parametrize(
    "prompt", ["a", "😀", "<s>", "\u202eשלום\u202c", "e\u0301", " a", "\x04" * (WINDOW - 3), "\x00", "\u0301"]
)
def test_odd_and_yet_fine(prompt: str, method: str) -> None:
    check(attribute(tiny_model(), prompt, "\x01\x02\x03", method), prompt)


@pytest.mark.parametrize("model", [None, tiny_model()], ids=["no model", "model"])
def test_methods_that_score_words_refuse_a_prompt_without_any(model: LoadedModel | None) -> None:
    with pytest.raises(InputError, match="no word of the prompt is left to score"):
        attribute(model, "?! \u0301", TARGET, "random")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "the prompt is ''"),
        (" \t\n\u00a0\u3000", "no blank"),
        ("\x04" * (WINDOW - 2), "65 tokens long, the window of tiny-llama is 64"),
        ("a\ud800", r"half a surrogate pair, U\+D800, at code point 1"),
    ],
)
def test_odd_and_refused(prompt: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        attribute(tiny_model(), prompt, "\x01\x02\x03", "kl")


def test_half_a_surrogate_pair_in_the_target_is_refused() -> None:
    with pytest.raises(InputError, match="the target holds half a surrogate pair"):
        attribute(None, "a word", "\udfff", "random")
