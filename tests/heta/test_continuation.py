"""The model's own continuation, as a text and as the target that is explained."""

import pytest
import torch

from helpers.oracles import embed, log_probs
from helpers.tiny_models import FAMILIES, PROMPT, tiny_model
from heta import Continuation, attribute, generate, prepare
from heta.encode import encode_prompt
from heta.errors import ConfigError, InputError


@pytest.mark.parametrize("family", FAMILIES)
def test_each_token_is_the_most_likely_one(family: str) -> None:
    model = tiny_model(family)
    written = generate(model, PROMPT, 6)
    ids = list(encode_prompt(model, PROMPT)[0])
    # Full passes without any cache, one a token.
    for token in written.token_ids:
        with torch.no_grad():
            assert int(log_probs(model, embed(model, ids))[-1].argmax()) == token
        ids.append(token)
    # Random weights end their text early where the most likely token happens to be one that ends it.
    assert written.ended == (len(written.token_ids) < 6)
    assert written.text == model.decode(written.token_ids)


def test_it_stops_where_the_model_ends_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    free = generate(model, PROMPT, 6).token_ids
    stop = free[3]
    where = free.index(stop)
    monkeypatch.setattr(model.module.generation_config, "eos_token_id", [stop, 0])
    written = generate(model, PROMPT, 6)
    assert written == Continuation(model.decode(free[:where]), free[:where], ended=True)
    monkeypatch.setattr(model.module.generation_config, "eos_token_id", free[0])
    with pytest.raises(InputError, match="ends its text right after this prompt"):
        generate(model, PROMPT, 6)


def test_the_tokenizers_end_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    free = generate(model, PROMPT, 6).token_ids
    monkeypatch.setattr(type(model.tokenizer), "eos_token_id", free[2], raising=False)
    assert generate(model, PROMPT, 6).token_ids == free[: free.index(free[2])]


def test_its_very_tokens_are_explained() -> None:
    model = tiny_model()
    written = generate(model, PROMPT, 5)
    prepared = prepare(model, PROMPT, written)
    assert prepared.encoding.target_ids == written.token_ids
    assert prepared.target.answered
    assert prepared.target.ranks == (1,) * 5
    assert prepared.target.text == written.text
    # The same as policy `model` gives for a target of as many tokens.
    same = attribute(model, PROMPT, written, "kl", policy="model")
    assert same.scores.tolist() == attribute(model, PROMPT, written, "kl").scores.tolist()
    assert prepare(model, PROMPT, written, policy="first").target.token_ids == written.token_ids[:1]


def test_a_blank_at_the_prompts_end_is_no_obstacle() -> None:
    # Its tokens stand as the prompt alone gives them, so there is no border that a target could straddle.
    model = tiny_model()
    written = generate(model, "the stairs ", 3)
    result = attribute(model, "the stairs ", written, "kl")
    assert result.spans[-1] == (10, 11)


@pytest.mark.parametrize(
    ("prompt", "count", "error", "message"),
    [
        (PROMPT, 0, ConfigError, "tokens to generate is 0, it must be at least 1"),
        (" ", 3, InputError, "no blank"),
        # BOS + 60 "a" + 5 - 1 read tokens are 65, the window is 64.
        ("\x04" * 60, 5, InputError, "65 tokens long, the window of tiny-llama is 64"),
    ],
)
def test_what_cannot_be_continued(prompt: str, count: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        generate(tiny_model(), prompt, count)
    assert "\n" not in str(caught.value)
    assert len(generate(tiny_model(), "\x04" * 60, 4).token_ids) == 4


def test_a_continuation_without_tokens_is_refused() -> None:
    with pytest.raises(InputError, match="'x' has no token; take what `generate` gives"):
        prepare(tiny_model(), PROMPT, Continuation("x", (), ended=False))
