"""Screened curvature: the top is that of exact curvature, for fewer probes, and it says what it knows."""

from collections.abc import Sequence

import numpy as np
import pytest

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import create_method, prepare
from heta.errors import ConfigError
from heta.screening import Knowledge, _open


def top(scores: np.ndarray, count: int) -> set[int]:
    return set(np.argsort(-scores, kind="stable")[:count].tolist())


@pytest.mark.parametrize("name", ["heta", "heta_balanced"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3"])
def test_the_top_is_that_of_exact_curvature(family: str, name: str) -> None:
    prepared = prepare(tiny_model(family), PROMPT, TARGET)
    exact = prepared.attribute(create_method(name, probes=60))
    screened = prepared.attribute(create_method(name, probes=60, curvature="screened", top=5))
    assert top(screened.scores, 5) == top(exact.scores, 5)
    spent = screened.components["exact_probes"]
    assert 0 < spent.sum() < 60 * len(prepared.positions) / 3
    # I is measured for every token where its share counts, and only where the top hangs on it where it is added raw.
    masked = screened.components["masked"][prepared.positions]
    assert masked.all() == (name == "heta_balanced")
    known = screened.components["masked"] == 1
    np.testing.assert_allclose(
        screened.components["information"][known], exact.components["information"][known], atol=1e-9
    )
    assert "top 5" in screened.notes[0]
    assert f"{int(spent.sum())} in all" in screened.notes[0]


def test_probed_tokens_come_close_to_exact() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    exact = prepared.attribute(create_method("heta", probes=40)).components["curvature"]
    screened = prepared.attribute(create_method("heta", probes=40, curvature="screened", top=5))
    settled = screened.components["exact_probes"] == 40
    if settled.any():
        np.testing.assert_allclose(screened.components["curvature"][settled], exact[settled], rtol=0.1)


@pytest.mark.parametrize("name", ["heta", "heta_balanced"])
def test_everything_is_exact_where_every_token_is_in_the_top(name: str) -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    count = len(prepared.positions)
    exact = prepared.attribute(create_method(name))
    for top_most in (count, 1000):
        result = prepared.attribute(create_method(name, curvature="screened", top=top_most))
        np.testing.assert_array_equal(result.scores, exact.scores)
        assert result.notes[0] == f"screened: all {count} tokens are in the top {top_most}; all were computed exactly"
        assert result.components["exact_probes"].sum() == 10 * count


def test_tokens_that_only_information_keeps_open_are_masked_and_not_probed() -> None:
    # In the residual stream of the last layer S is small beside I.
    prepared = prepare(tiny_model("gpt2"), PROMPT, TARGET)
    method = create_method("heta", curvature="screened", top=3, hessian_layer=1, beta=1e-6)
    result = prepared.attribute(method)
    assert result.components["masked"].sum() > 8
    # The first round probes four tokens on either side at most, three in the top here; S then decides nothing.
    assert (result.components["exact_probes"] > 0).sum() <= 7
    exact = prepared.attribute(create_method("heta", hessian_layer=1, beta=1e-6))
    assert top(result.scores, 3) == top(exact.scores, 3)


def test_repeats_itself() -> None:
    method = create_method("heta_balanced", curvature="screened")
    first, second = (prepare(tiny_model(), PROMPT, TARGET).attribute(method) for _ in range(2))
    np.testing.assert_array_equal(first.scores, second.scores)
    assert first.notes == second.notes


def test_one_ranking_only() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET, policy="each")
    with pytest.raises(ConfigError, match="screened settles one ranking"):
        prepared.attribute(create_method("heta", curvature="screened"))


class TestKnowledge:
    def test_before_any_probe_the_prior_speaks(self) -> None:
        mean, deviation = Knowledge(np.array([1.0, 2.0]), np.zeros(2)).curvature()
        np.testing.assert_allclose(mean, [0, np.log(2)])
        np.testing.assert_allclose(deviation, 0.2)

    def test_many_probes_outweigh_the_estimate(self) -> None:
        knowledge = Knowledge(np.ones(6), np.zeros(6))
        for i in range(5):
            knowledge.norms[i] = [3.0, 3.0]
        knowledge.norms[5] = [6.0] * 10_000
        mean, deviation = knowledge.curvature()
        # The median ratio is 3, so an unprobed token would be log 3; the sixth has its own mean, log 6.
        assert mean[5] == pytest.approx(np.log(6), abs=1e-3)
        assert deviation[5] < deviation[0]

    def test_open_tokens_reach_across_the_edge(self) -> None:
        # With a spread of 0.2 a score may be off by exp(0.4) = 1.5: 5 and 4.9 can change places, 20 and 1 cannot.
        knowledge = Knowledge(np.array([20.0, 5.0, 4.9, 1.0]), np.zeros(4))
        assert _open(lambda s, _: s, knowledge, 2) == ([1], [2])
        assert _open(lambda s, _: s, knowledge, 1) == ([], [])

    def test_information_that_was_not_measured_keeps_a_token_open(self) -> None:
        asked: list[list[int]] = []

        def measure(indices: Sequence[int]) -> np.ndarray:
            asked.append(list(indices))
            return np.full(len(indices), 4.0)

        knowledge = Knowledge(np.array([20.0, 5.0, 1.0, 0.1]), measure)
        knowledge.mask([0])
        # Nobody else was masked: between 0 and twice the largest I known, so up to 8. The second place could be taken
        # by the third token (1.5 + 8) and by the fourth (0.15 + 8): the second may have no more than 5 / 1.5.
        assert _open(lambda s, i: s + i, knowledge, 2) == ([1], [2, 3])
        knowledge.mask([0, 1, 2, 3])
        assert asked == [[0], [1, 2, 3]]
        assert _open(lambda s, i: s + i, knowledge, 2) == ([], [])

    def test_tokens_without_any_curvature(self) -> None:
        knowledge = Knowledge(np.array([1.0, 1e-300, 1.0]), np.zeros(3))
        knowledge.norms[1] = [0.0, 0.0, 0.0]
        mean, deviation = knowledge.curvature()
        assert np.isfinite(mean).all()
        assert np.isfinite(deviation).all()
