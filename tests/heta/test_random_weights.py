"""A model that was never trained, under an identity of its own."""

from pathlib import Path

import pytest
import torch

from helpers.saved_model import save_tiny_model
from heta import create_method, load_model, prepare
from heta.errors import ConfigError

PROMPT, TARGET = "Tom baked bread in", " the"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def test_seeded_untrained_and_named(folder: Path) -> None:
    trained, one = load_model(str(folder)), load_model(str(folder), random_weights=0)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    again, other = load_model(str(folder), random_weights=0), load_model(str(folder), random_weights=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = [model.module.get_input_embeddings().weight for model in (one, again, other, trained)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert weights[0].shape == weights[3].shape
    assert (trained.identity.name, one.identity.name) == ("tiny", "tiny-random")
    assert one.identity == again.identity != other.identity
    assert one.identity.revision.startswith("random:0:")
    assert one.identity.tokenizer == trained.identity.tokenizer
    assert load_model(str(folder), random_weights=0, dtype="float64").identity.revision.endswith("+float64")
    result = prepare(one, PROMPT, TARGET).attribute(create_method("kl"))
    assert result.model == one.identity
    assert result.scores.any()


def test_what_is_no_seed(folder: Path) -> None:
    with pytest.raises(ConfigError, match="random_weights takes a seed from 0 up and no device_map, got -1"):
        load_model(str(folder), random_weights=-1)
    with pytest.raises(ConfigError, match="got a device_map"):
        load_model(str(folder), random_weights=0, device_map="cpu")
