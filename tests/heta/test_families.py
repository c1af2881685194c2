"""What every family has to do right before anything can be computed from it."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model, tiny_tokenizer
from heta import prepare, wrap_model
from heta.model import LoadedModel, forward_arguments
from heta.passes import read_logits


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_give_the_prediction_that_token_ids_give(family: str) -> None:
    # Attribution feeds embeddings: a family that scales them, or adds to them by token id, must do so all the same.
    model = tiny_model(family)
    prepared = prepare(model, PROMPT, TARGET)
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
    with torch.no_grad():
        logits = model.module(torch.tensor([ids]), use_cache=False).logits[0, list(prepared.base.read)]
    torch.testing.assert_close(prepared.base.log_probs, logits.log_softmax(-1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_equals_the_one_of_a_full_pass(family: str) -> None:
    model = tiny_model(family)
    prepared = prepare(model, PROMPT, TARGET)
    ids = torch.tensor([*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]])
    leaf = model.embedding(ids).detach().requires_grad_(True)
    logits = model.module(inputs_embeds=1.0 * leaf[None], use_cache=False).logits[0]
    steps = logits.log_softmax(-1)[list(prepared.base.read), list(prepared.encoding.target_ids)]
    (expected,) = torch.autograd.grad(steps.sum(), leaf)
    # Some families compute their softmax in float32, whatever the model's precision.
    np.testing.assert_allclose(prepared.gradient(), expected[prepared.positions], rtol=0, atol=1e-5)


def ctrl() -> LoadedModel:
    """A family that scales its input embeddings in place."""
    config = transformers.CTRLConfig(vocab_size=360, n_embd=32, n_layer=2, n_head=4, dff=48, n_positions=64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = transformers.AutoModelForCausalLM.from_config(config)
    return wrap_model(module.eval(), tiny_tokenizer(), name="ctrl")


def test_a_family_that_scales_its_input_in_place_does_not_change_ours() -> None:
    model = ctrl()
    prepared = prepare(model, PROMPT, TARGET)
    ids = torch.tensor([*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]])
    assert torch.equal(prepared.base.embeddings[0], model.embedding(ids))
    assert np.isfinite(prepared.gradient()).all()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("read", [[2], [1, 3], [4], [0, 1, 2, 3, 4]])
def test_logits_are_those_of_the_positions_asked_for(read: list[int], told: bool, monkeypatch: Any) -> None:
    model = tiny_model()
    forward = model.module.forward

    def older(inputs_embeds: Any, past_key_values: Any, use_cache: bool) -> Any:
        """Projects every position onto the vocabulary."""
        return forward(inputs_embeds=inputs_embeds, past_key_values=past_key_values, use_cache=use_cache)

    embeddings = model.embedding(torch.tensor([[5, 6, 7, 8, 9]])).detach()
    with torch.no_grad():
        expected = model.module(inputs_embeds=embeddings, use_cache=False).logits[:, read]
        if not told:
            monkeypatch.setattr(model.module, "forward", older)
        assert ("logits_to_keep" in forward_arguments(model.module)) == told
        torch.testing.assert_close(read_logits(model, embeddings, None, read), expected)
