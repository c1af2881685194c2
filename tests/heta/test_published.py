"""`compat="reference"` and position 0: what the published code computes on multi-head models."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import cpu_offload

from helpers import oracles
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import LoadedModel, attribute, create_method, prepare, wrap_model
from heta.errors import ConfigError, IncompatibleModel, InputError
from heta.published import published_norms


def as_published(family: str) -> LoadedModel:
    """The family's tiny model with position 0 scored and nothing in front of it."""
    model = tiny_model(family)
    return wrap_model(model.module, model.tokenizer, name=family, bos=False, exclude_first=False)


def value_and_output(model: LoadedModel, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """W_V and W_O of a layer, rows in and columns out, without biases."""
    module: Any = model.module
    if hasattr(module, "transformer"):
        attention = module.transformer.h[layer].attn
        # GPT-2 keeps queries, keys and values side by side, 32 columns each.
        return attention.c_attn.weight[:, 64:96], attention.c_proj.weight
    attention = module.model.decoder.layers[layer].self_attn
    return attention.v_proj.weight.T, attention.out_proj.weight.T


@pytest.mark.parametrize("family", ["gpt2", "opt"])
def test_equals_the_defining_sum_over_raw_hidden_states(family: str) -> None:
    model = as_published(family)
    prepared = prepare(model, PROMPT, TARGET, policy="first")
    assert prepared.positions[0] == 0
    embeddings = oracles.embed(model, prepared.encoding.prompt_ids)
    attentions, _ = oracles.attention_and_values(model, embeddings)
    with torch.no_grad():
        entering = model.module(inputs_embeds=embeddings[None], output_hidden_states=True).hidden_states
    writes = []
    for layer in range(2):
        value, output = value_and_output(model, layer)
        hidden = entering[layer][0]
        # Four heads of eight.
        parts = [slice(8 * head, 8 * head + 8) for head in range(4)]
        writes.append(torch.stack([hidden @ value[:, part] @ output[part] for part in parts]))
    (row,) = oracles.transition_rows(attentions, writes, prepared.base.read, prepared.positions, "prefix")
    transition = row.numpy()

    found = prepared.attribute(create_method("heta", compat="reference", probes=2))
    np.testing.assert_allclose(found.components["transition"], transition, atol=1e-7)
    # Eq. 5, S and I added raw; they are held against their own oracles elsewhere.
    s, i = found.components["curvature"], found.components["information"]
    np.testing.assert_allclose(found.scores, transition * (0.5 * s + 0.5 * i), rtol=1e-6)
    assert found.config["compat"] == "reference"
    assert found.config["rollout"] == "prefix"
    # Neither the layer norm nor the bias is in it, which the corrected method has.
    assert not np.allclose(transition, prepared.transition("prefix"), rtol=1e-2)


def test_without_compat_nothing_is_called_otherwise_than_before() -> None:
    assert "compat" not in create_method("heta").config
    assert create_method("heta", compat=None).config_hash == create_method("heta").config_hash


@pytest.mark.parametrize("family", ["llama", "falcon", "gptj"])
def test_a_model_whose_values_the_published_code_gets_wrong_is_refused_or_computed(family: str) -> None:
    prepared = prepare(as_published(family), PROMPT, TARGET)
    if family == "gptj":
        # Plain v_proj and out_proj of its own: nothing goes wrong there.
        norms = published_norms(prepared.model, prepared.base)
        assert [part.shape for part in norms] == [(4, prepared.base.length)] * 2
        return
    with pytest.raises(IncompatibleModel, match="compat=reference"):
        prepared.attribute(create_method("heta", compat="reference", probes=1))


@pytest.mark.parametrize(
    "other",
    [
        {"rollout": "suffix"},
        {"heads": "averaged"},
        {"mask": "drop"},
        {"curvature": "one_pass"},
        {"hessian_layer": 1},
        {"window": 8, "windows": "isolated"},
    ],
)
def test_an_option_that_the_published_code_does_not_have_is_refused_beside_it(other: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="compat=reference has"):
        create_method("heta", compat="reference", **other)


@pytest.mark.parametrize("name", ["heta_balanced", "heta_fast"])
def test_only_the_raw_combination_can_be_the_published_one(name: str) -> None:
    with pytest.raises(ConfigError, match="compat"):
        create_method(name, compat="reference")


def test_compat_needs_position_0_to_be_scored() -> None:
    with pytest.raises(ConfigError, match="exclude_first=False"):
        attribute(tiny_model("gpt2"), PROMPT, TARGET, "heta", compat="reference")


def test_position_0_has_a_score_where_the_model_was_loaded_for_it() -> None:
    model = tiny_model("gpt2")
    left_out = wrap_model(model.module, model.tokenizer, name="gpt2", bos=False)
    scored = as_published("gpt2")
    kl_out, kl_in = (attribute(each, PROMPT, TARGET, "kl") for each in (left_out, scored))
    assert not kl_out.scored[0]
    assert kl_in.scored[0]
    assert kl_in.scores[0] > 0
    # Masking one token asks for no other.
    np.testing.assert_allclose(kl_in.scores[1:], kl_out.scores[1:], rtol=1e-9)
    m_out, m_in = (prepare(each, PROMPT, TARGET, policy="first").transition() for each in (left_out, scored))
    # M sums to 1 over what is scored, so the others' shares are the same up to a factor.
    np.testing.assert_allclose(m_in[1:] / m_in[1:].sum(), m_out[1:], rtol=1e-6)
    assert m_in.sum() == pytest.approx(1)
    # Other scores, so another name in records and keys.
    assert left_out.identity != scored.identity


def test_a_bos_token_in_front_leaves_no_first_position_to_score() -> None:
    model = tiny_model("gpt2")
    with pytest.raises(ConfigError, match="exclude_first=False scores position 0, where gpt2 has its BOS token"):
        wrap_model(model.module, model.tokenizer, name="gpt2", exclude_first=False)


def test_a_prompt_of_one_token_has_finite_curvature() -> None:
    model = as_published("llama")
    prepared = prepare(model, "t", " h", policy="first")
    assert prepared.base.length == 1
    found = prepared.attribute(create_method("heta", probes=3))
    by_autograd = prepared.attribute(create_method("heta", probes=3, product="double_backward"))
    assert found.components["curvature"][0] == pytest.approx(by_autograd.components["curvature"][0], rel=2e-2)


def test_leaving_out_the_whole_prompt_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="all of the 1 positions before the target are left out; keep at least one"):
        attribute(as_published("gpt2"), "t", " h", "leave_one_out", mask="drop")


def test_offloaded_or_adapted_projections_are_refused_under_compat() -> None:
    model = tiny_model("gpt2", dtype="float32", seed=5)
    module = cpu_offload(copy.deepcopy(model.module), execution_device=torch.device("cpu"))
    offloaded = wrap_model(module, model.tokenizer, name="gpt2", bos=False, exclude_first=False)
    with pytest.raises(IncompatibleModel, match="offloaded, adapted or quantised"):
        attribute(offloaded, PROMPT, TARGET, "heta", compat="reference", probes=1)
