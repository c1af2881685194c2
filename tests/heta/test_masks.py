"""What a masked token becomes, by hand and in every family."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model, tiny_tokenizer
from heta import LoadedModel, create_method, prepare
from heta.errors import ConfigError
from heta.masks import MASKS, Mask, mask_vector
from heta.passes import base_pass


def with_tokenizer(**special: Any) -> LoadedModel:
    tokenizer = tiny_tokenizer()
    for name, value in special.items():
        setattr(tokenizer, name, value)
    return replace(tiny_model(), tokenizer=tokenizer)


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors(family: str) -> None:
    model = replace(tiny_model(family), tokenizer=with_tokenizer(unk_token="e").tokenizer)
    prepared = prepare(model, PROMPT, TARGET)
    base = prepared.base
    ids = list(prepared.encoding.prompt_ids)
    # Gemma scales its embeddings by the root of their width, inside the embedding module.
    scale = 32**0.5 if family in ("gemma2", "gemma3") else 1.0
    matrix = model.embedding.weight.detach() * scale
    expected = {
        "zero": torch.zeros(32, dtype=torch.float64),
        "sequence_mean": matrix[ids[1:]].mean(0),
        "vocabulary_mean": matrix.mean(0),
        "unk": matrix[model.tokenizer.convert_tokens_to_ids("e")],
        "pad": matrix[model.tokenizer.pad_token_id],
    }
    for mask, vector in expected.items():
        got = mask_vector(model, base, mask)  # type: ignore[arg-type]
        assert got is not None
        # Gemma keeps the scale in the model's precision at load, float32.
        torch.testing.assert_close(got, vector, rtol=1e-6, atol=1e-9)
    assert mask_vector(model, base, "drop") is None
    assert {*expected, "drop"} == set(MASKS)


def test_blocks_of_the_vocabulary_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    base = base_pass(model, [1, 2, 3], [2], [4])
    whole = mask_vector(model, base, "vocabulary_mean")
    monkeypatch.setattr("heta.masks._ROWS", 7)
    torch.testing.assert_close(mask_vector(model, base, "vocabulary_mean"), whole)


@pytest.mark.parametrize(
    ("mask", "special", "message"),
    [
        ("unk", {}, "mask 'unk' needs a tokenizer with unk_token, that of tiny-llama .* has none; take one of zero"),
        ("pad", {"pad_token": None}, "mask 'pad' needs a tokenizer with pad_token"),
        ("pad", {"pad_token": "<new>"}, "token 360 of tiny-llama's tokenizer has no embedding, the model has 360"),
        ("mean", {}, "mask is 'mean', allowed are zero, sequence_mean"),
    ],
)
def test_a_mask_that_cannot_be_had(mask: Mask, special: dict[str, Any], message: str) -> None:
    model = with_tokenizer()
    if special.get("pad_token") == "<new>":
        model.tokenizer.add_tokens(["<new>"])
    for name, value in special.items():
        setattr(model.tokenizer, name, value)
    base = base_pass(model, [1, 2, 3], [2], [4])
    with pytest.raises(ConfigError, match=message) as caught:
        mask_vector(model, base, mask)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["kl", "leave_one_out"])
def test_every_mask_gives_other_scores(name: str) -> None:
    prepared = prepare(with_tokenizer(unk_token="e"), PROMPT, TARGET)
    results = [prepared.attribute(create_method(name, mask=mask)) for mask in MASKS]
    assert len({tuple(result.scores.round(6)) for result in results}) == len(MASKS)
    assert len({result.config_hash for result in results}) == len(MASKS)
    with pytest.raises(ConfigError, match="'zero', 'sequence_mean', 'vocabulary_mean', 'unk', 'pad' or 'drop'"):
        create_method(name, mask="mean")
