"""Transition against the rollout of true attention weights and values."""

import threading
from contextlib import nullcontext
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import prepare
from heta.attention import AttentionLayer
from heta.errors import ConfigError, IncompatibleModel, NumericalError
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


def test_heads_are_chained_or_averaged_which_differs() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    assert not np.allclose(prepared.transition(heads="chained"), prepared.transition(heads="averaged"), rtol=1e-2)


@pytest.mark.parametrize(("option", "allowed"), [("rollout", "suffix, prefix"), ("heads", "chained, averaged")])
def test_an_unknown_variant_is_refused(option: str, allowed: str) -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    with pytest.raises(ConfigError, match=f"{option} is 'both', allowed are {allowed}"):
        transition_rows(prepared.model, prepared.base, prepared.positions, **{option: "both"})


def test_rows_are_the_targets_steps() -> None:
    model = tiny_model()
    whole, first = (prepare(model, PROMPT, TARGET, policy=policy) for policy in ("answer", "first"))
    rows = transition_rows(model, whole.base, whole.positions)
    assert rows.shape == (len(whole.encoding.target_ids), len(whole.positions))
    torch.testing.assert_close(rows.sum(1), torch.ones(len(rows), dtype=torch.float64))
    # The first row is the whole of a target that ends there.
    np.testing.assert_allclose(rows[0], first.transition()[first.positions], rtol=1e-9)
    assert not torch.allclose(rows[0], rows[1], rtol=1e-2)


def test_no_flow_from_any_scored_token_is_an_error() -> None:
    # Two windows of 10 reach 9 + 9 tokens back; only the prompt's first word is scored, and the last step lies beyond.
    model = tiny_model("mistral")
    prepared = prepare(model, PROMPT, TARGET, unscored=[(4, len(PROMPT))])
    assert prepared.base.read[-1] - max(prepared.positions) > 18
    with pytest.raises(NumericalError, match="no attention flow of tiny-mistral leads from any of the 2 scored tokens"):
        prepared.transition()


def test_layers_of_different_width_cannot_be_chained(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    length = prepared.base.length
    uneven = [
        AttentionLayer(
            torch.ones(h, length),
            lambda h=h: torch.eye(length).repeat(h, 1, 1),
            torch.zeros(h, length, 1),
            torch.nn.Identity(),
        )
        for h in (2, 3)
    ]
    monkeypatch.setattr("heta.transition.attention_layers", lambda *_: nullcontext(uneven))
    with pytest.raises(IncompatibleModel, match="layers of 2, 3 heads"):
        prepared.transition()
    # Every token sees itself alone: the last scored position is not the one that is read, so nothing flows.
    with pytest.raises(NumericalError):
        transition_rows(prepared.model, prepared.base, [1], heads="averaged")


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
