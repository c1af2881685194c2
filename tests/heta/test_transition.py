"""Transition against the rollout of true attention weights and values."""

import threading
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import prepare
from heta.errors import IncompatibleModel
from heta.transition import HEADS, ROLLOUTS, transition_rows


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_rollout_of_true_attentions_and_values(family: str) -> None:
    model = tiny_model(family)
    prepared = prepare(model, PROMPT, TARGET)
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
    attentions, writes = oracles.attention_and_values(model, oracles.embed(model, ids))
    base, positions = prepared.base, prepared.positions
    assert len(attentions) == len(writes) == 2
    assert len(base.read) > 1
    for rollout, heads in product(ROLLOUTS, HEADS):
        expected = oracles.transition_rows(attentions, writes, base.read, positions, rollout, heads)
        got = transition_rows(model, base, positions, rollout=rollout, heads=heads)
        assert got.dtype == torch.float64
        np.testing.assert_allclose(got, expected, atol=1e-5, rtol=0, err_msg=f"{rollout} {heads}")
        mean = prepared.transition(rollout, heads)
        np.testing.assert_allclose(mean[positions], expected.mean(0), atol=1e-5, rtol=0)
        assert mean.sum() == pytest.approx(1.0)


def test_the_families_differ_in_what_could_go_wrong() -> None:
    # Else the test above would prove less than it says: grouped queries, a Conv1D with bias, a sliding window.
    assert tiny_model("llama").module.config.num_key_value_heads == 2
    assert tiny_model("llama").module.config.num_attention_heads == 4
    assert float(tiny_model("gpt2").module.transformer.h[0].attn.c_attn.bias.abs().min()) > 0
    assert tiny_model("gemma3").module.config.sliding_window < len(
        prepare(tiny_model("gemma3"), PROMPT, TARGET).positions
    )


def test_the_rollouts_are_different_vectors() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    assert not np.allclose(prepared.transition("suffix"), prepared.transition("prefix"), rtol=1e-2)


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
def test_value_norms_through_the_module_equal_those_from_its_weight(family: str) -> None:
    model = tiny_model(family)
    name = {"llama": "self_attn", "gpt2": "attn", "opt": "self_attn"}[family]
    attention = next(module for path, module in model.module.named_modules() if path.endswith(name))
    value = torch.randn(4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    projection = next(getattr(attention, n) for n in ("o_proj", "out_proj", "c_proj") if hasattr(attention, n))
    torch.testing.assert_close(_value_norms_by_call(projection, value), _value_norms(attention, value))


def test_the_model_is_left_as_it_was_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama", seed=3)
    before = model.module.config._attn_implementation
    prepare(model, PROMPT, TARGET).transition()
    assert model.module.config._attn_implementation == before
    prepared = prepare(model, PROMPT, TARGET)
    _ = prepared.base

    def broken(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr("heta.transition._value_norms", broken)
    with pytest.raises(RuntimeError, match="no memory"):
        prepared.transition()
    assert model.module.config._attn_implementation == before


def test_a_family_outside_the_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama", seed=4)
    prepared = prepare(model, PROMPT, TARGET)
    # Such families keep their own attention, whatever implementation is asked for.
    monkeypatch.setattr(model.module, "set_attn_implementation", lambda _: None)
    with pytest.raises(IncompatibleModel, match="0 of 2 layers"):
        prepared.transition()


def test_attention_with_an_unknown_term_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama", seed=5)
    prepared = prepare(model, PROMPT, TARGET)
    _ = prepared.base
    for layer in model.module.model.layers:
        # The capture is told another scale than the base pass was.
        monkeypatch.setattr(layer.self_attn, "scaling", 3.0)
    with pytest.raises(IncompatibleModel, match="nats away"):
        prepared.transition()


def test_threads_do_not_see_each_others_captures() -> None:
    models = [tiny_model("llama"), tiny_model("llama"), tiny_model("gpt2"), tiny_model("qwen2")]
    alone = [prepare(model, PROMPT, TARGET).transition() for model in models]
    results: list[Any] = [None] * len(models)

    def work(index: int) -> None:
        for _ in range(3):
            prepared = prepare(models[index], PROMPT, TARGET)
            information = prepared.information()
            results[index] = (prepared.transition(), information)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(models))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        np.testing.assert_allclose(results[index][0], expected, rtol=1e-9)
