"""Attention, its rollout and value zeroing: by hand on three tokens, and against plain passes with hooks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import Prepared, TargetChoice, create_method, mixing, prepare
from heta.attention import AttentionLayer
from heta.errors import ConfigError
from heta.model import LoadedModel

Tensor = torch.Tensor


def scored_rows(prepared: Prepared, rows: Tensor) -> np.ndarray:
    """`[step, pos]` over the prompt, 0 where a token has no score."""
    return prepared.spread(rows[:, prepared.positions].numpy())


def test_rollout_of_three_tokens_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two layers of two heads. Averaged over heads, and mixed half and half with the identity:
    # layer 1  A = [1 0 0; .5 .5 0; 0 .5 .5]    A_hat = [1 0 0; .25 .75 0; 0 .25 .75]
    # layer 2  A = [1 0 0; 1 0 0; .25 .25 .5]   A_hat = [1 0 0; .5 .5 0; .125 .125 .75]
    # row 3 of A_hat_2 A_hat_1: .125 (1, 0, 0) + .125 (.25, .75, 0) + .75 (0, .25, .75) = (.15625, .28125, .5625)
    # row 2:                    .5 (1, 0, 0) + .5 (.25, .75, 0)                         = (.625, .375, 0)
    first = torch.tensor([[[1.0, 0, 0], [1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]])
    second = torch.tensor([[[1.0, 0, 0], [1, 0, 0], [0.5, 0.5, 0]], [[1, 0, 0], [1, 0, 0], [0, 0, 1]]])

    @contextmanager
    def layers(*_: object) -> Iterator[Sequence[AttentionLayer]]:
        nothing = torch.zeros(0)
        yield [AttentionLayer(nothing, lambda w=w: w.clone(), nothing, torch.nn.Identity()) for w in (first, second)]

    monkeypatch.setattr(mixing, "attention_layers", layers)
    base: Any = type("Base", (), {"read": (1, 2), "length": 3})()
    model: Any = None
    assert mixing.rollout_rows(model, base).tolist() == [[0.625, 0.375, 0], [0.15625, 0.28125, 0.5625]]
    assert mixing.attention_rows(model, base, None)[1].tolist() == [0.25, 0.25, 0.5]
    assert mixing.attention_rows(model, base, 1)[1].tolist() == [0, 0.5, 0.5]


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3", "gpt_oss", "gptj", "falcon"])
def test_attention_is_the_models_own(family: str) -> None:
    model = tiny_model(family)
    each = prepare(model, PROMPT, TARGET, policy="each")
    attentions, _ = oracles.attention_and_values(model, each.base.embeddings[0])
    read = list(each.base.read)
    for layer, weights in enumerate(attentions, start=1):
        result = each.attribute(create_method("attention_last", layer=layer))
        np.testing.assert_allclose(result.rows["score"], scored_rows(each, weights.mean(0)[read]), atol=1e-6)
    np.testing.assert_array_equal(each.attribute(create_method("attention_last")).scores, result.scores)
    product = torch.eye(each.base.length, dtype=torch.float64)
    for weights in attentions:
        mixed = 0.5 * weights.mean(0) + 0.5 * torch.eye(each.base.length)
        product = mixed / mixed.sum(-1, keepdim=True) @ product
    rolled = each.attribute(create_method("attention_rollout"))
    np.testing.assert_allclose(rolled.rows["score"], scored_rows(each, product[read]), atol=1e-6)
    answer = prepare(model, PROMPT, TARGET).attribute(create_method("attention_rollout"))
    np.testing.assert_allclose(answer.scores, rolled.rows["score"].mean(0), atol=1e-12)


VALUES = {"llama": "v_proj", "gemma3": "v_proj", "gpt2": "c_attn", "gptj": "v_proj", "gpt_neox": "query_key_value"}


def zeroed(family: str, output: Tensor, position: int, heads: int = 4) -> Tensor:
    """What makes the values, with those of one position set to 0."""
    output = output.clone()
    if family == "gpt2":
        output[0, position, output.shape[-1] // 3 * 2 :] = 0
    elif family == "gpt_neox":
        output[0, position].view(heads, 3, -1)[:, 2] = 0
    else:
        output[0, position] = 0
    return output


def value_zeroing_matrices(model: LoadedModel, family: str, embeddings: Tensor) -> list[Tensor]:
    """S of every layer: each layer alone, once for each zeroed position, through a hook on what makes its values."""
    module: Any = model.module
    layers = module.model.layers if family in ("llama", "gemma3") else None
    if layers is None:
        layers = module.gpt_neox.layers if family == "gpt_neox" else module.transformer.h
    calls: list[tuple[Any, Any, Tensor]] = []

    def keep(_: Any, positional: Any, named: Any, output: Any) -> None:
        calls.append((positional, named, (output[0] if isinstance(output, tuple) else output)[0]))

    handles = [layer.register_forward_hook(keep, with_kwargs=True) for layer in layers]
    with torch.no_grad():
        oracles.log_probs(model, embeddings)
    for handle in handles:
        handle.remove()
    matrices = []
    for layer, (positional, named, clean) in zip(layers, calls, strict=True):
        makers = [part for name, part in layer.named_modules() if name.endswith(VALUES[family])]
        columns = []
        for position in range(len(embeddings)):
            hook = makers[0].register_forward_hook(lambda _, __, output, p=position: zeroed(family, output, p))
            with torch.no_grad():
                output = layer(*positional, **named)
            hook.remove()
            changed = (output[0] if isinstance(output, tuple) else output)[0]
            columns.append(1 - torch.cosine_similarity(clean.double(), changed.double(), dim=-1))
        distances = torch.stack(columns, dim=1)
        matrices.append(distances / distances.sum(-1, keepdim=True))
    return matrices


@pytest.mark.parametrize("family", sorted(VALUES))
def test_value_zeroing_is_a_loop_with_hooks(family: str) -> None:
    model = tiny_model(family)
    each = prepare(model, PROMPT, TARGET, policy="each")
    matrices = value_zeroing_matrices(model, family, each.base.embeddings[0])
    read = list(each.base.read)
    product = torch.eye(each.base.length, dtype=torch.float64)
    for matrix in matrices:
        product = matrix @ product
    last = matrices[-1]
    wanted = {"rollout": product, "mean": torch.stack(matrices).mean(0), "last": last}
    for layers, matrix in wanted.items():
        result = each.attribute(create_method("value_zeroing", layers=layers))
        np.testing.assert_allclose(result.rows["score"], scored_rows(each, matrix[read]), atol=1e-6)


@pytest.mark.parametrize("name", ["attention_last", "attention_rollout", "value_zeroing"])
def test_what_they_are_not_defined_for_is_refused_in_one_line(name: str) -> None:
    against = prepare(tiny_model(), PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    with pytest.raises(ConfigError, match="the same for the target and the foil ' blue'; leave the foil out") as caught:
        against.attribute(create_method(name))
    assert "\n" not in str(caught.value)


def test_units_share_what_their_tokens_share() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    tokens = prepared.attribute(create_method("attention_rollout")).scores
    sentences = prepared.attribute(create_method("attention_rollout", unit="sentence"))
    inside = prepared.unit_positions("sentence")
    np.testing.assert_allclose(sentences.scores, [tokens[list(positions)].sum() for positions in inside])
    assert 0 < tokens.sum() < 1  # BOS has the rest
    with pytest.raises(ConfigError, match="layer is 3, tiny-llama has layers 1 to 2"):
        prepared.attribute(create_method("attention_last", layer=3))
