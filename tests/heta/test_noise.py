"""Noise on the embeddings: every pass starts from the moved ones, and nothing else changes."""

import numpy as np
import pytest
import torch

import heta
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta.errors import ConfigError
from heta.noise import with_noise


@pytest.fixture
def prepared() -> heta.Prepared:
    return heta.prepare(tiny_model(), PROMPT, TARGET)


def noise_for(prepared: heta.Prepared, size: float) -> torch.Tensor:
    rng = np.random.default_rng(0)
    shape = (len(prepared.encoding.prompt_ids), prepared.base.embeddings.shape[-1])
    return torch.from_numpy(size * rng.standard_normal(shape))


def test_no_noise_changes_nothing(prepared: heta.Prepared) -> None:
    still = with_noise(prepared, noise_for(prepared, 0.0))
    for name in ("heta_fast", "kl", "gradient_x_input"):
        method = heta.create_method(name)
        np.testing.assert_array_equal(still.attribute(method).scores, prepared.attribute(method).scores)


def test_the_full_pass_reads_the_moved_embeddings(prepared: heta.Prepared) -> None:
    noise = noise_for(prepared, 0.1)
    moved = with_noise(prepared, noise)
    coded, model = prepared.encoding, prepared.model
    assert model is not None
    ids = torch.tensor([[*coded.prompt_ids, *coded.target_ids[:-1]]])
    with torch.no_grad():
        embeddings = model.embedding(ids)
        embeddings[0, : len(noise)] += noise
        logits = model.module(inputs_embeds=embeddings).logits[0]
    read = range(len(coded.prompt_ids) - 1, len(coded.prompt_ids) - 1 + len(coded.target_ids))
    expected = logits[list(read)].double().log_softmax(-1)
    torch.testing.assert_close(moved.base.log_probs, expected, rtol=0.0, atol=1e-9)
    assert (moved.base.log_probs - prepared.base.log_probs).abs().max() > 1e-4
    assert moved.encoding is prepared.encoding
    assert (
        moved.attribute(heta.create_method("kl")).scores != prepared.attribute(heta.create_method("kl")).scores
    ).any()


def test_the_model_itself_is_not_touched(prepared: heta.Prepared) -> None:
    before = heta.prepare(tiny_model(), PROMPT, TARGET).base.log_probs
    _ = with_noise(prepared, noise_for(prepared, 0.5)).base
    torch.testing.assert_close(heta.prepare(tiny_model(), PROMPT, TARGET).base.log_probs, before, rtol=0.0, atol=0.0)


def test_what_cannot_be_moved_is_refused(prepared: heta.Prepared) -> None:
    with pytest.raises(ValueError, match=r"noise has shape \(2, 3\), the prompt's embeddings have"):
        with_noise(prepared, torch.zeros(2, 3))
    moved = with_noise(prepared, noise_for(prepared, 0.1))
    with pytest.raises(ConfigError, match="isolated windows start from unmoved embeddings"):
        moved.attribute(heta.create_method("heta_fast", window=8, windows="isolated"))
    with pytest.raises(ConfigError, match="prepared without a model"):
        with_noise(heta.prepare(None, PROMPT, TARGET), torch.zeros(1, 1))
