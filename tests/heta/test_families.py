"""What every family has to do right before anything can be computed from it."""

import numpy as np
import pytest
import torch

from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import prepare


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


def test_a_family_that_scales_its_input_in_place_does_not_change_ours() -> None:
    import transformers

    from helpers.tiny_models import tiny_tokenizer
    from heta import wrap_model

    config = transformers.CTRLConfig(vocab_size=360, n_embd=32, n_layer=2, n_head=4, dff=48, n_positions=64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = transformers.AutoModelForCausalLM.from_config(config)
    model = wrap_model(module, tiny_tokenizer(), name="ctrl")
    prepared = prepare(model, PROMPT, TARGET)
    ids = torch.tensor([*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]])
    assert torch.equal(prepared.base.embeddings[0], model.embedding(ids))
    assert np.isfinite(prepared.gradient()).all()
