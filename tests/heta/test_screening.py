"""Screened curvature: the top is that of exact curvature, for fewer probes, and it says what it knows."""

import numpy as np
import pytest

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import create_method, prepare
from heta.errors import ConfigError
from heta.screening import _open, _State


def top(scores: np.ndarray, count: int) -> set[int]:
    return set(np.argsort(-scores, kind="stable")[:count].tolist())


@pytest.mark.parametrize("name", ["heta", "heta_balanced"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3"])
def test_the_top_is_that_of_exact_curvature(family: str, name: str) -> None:
    prepared = prepare(tiny_model(family), PROMPT, TARGET)
    exact = prepared.attribute(create_method(name, probes=200))
    screened = prepared.attribute(create_method(name, probes=200, curvature="screened", top=5))
    assert top(screened.scores, 5) == top(exact.scores, 5)
    spent = screened.components["exact_probes"]
    assert 0 < spent.sum() < 200 * len(prepared.positions) / 3
    # Tokens that reached the most probes hold exact S itself up to the weight of the one-pass estimate.
    assert "top 5" in screened.notes[0]
    assert f"{int(spent.sum())} in all" in screened.notes[0]


def test_probed_tokens_come_close_to_exact() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    exact = prepared.attribute(create_method("heta", probes=40)).components["curvature"]
    screened = prepared.attribute(create_method("heta", probes=40, curvature="screened", top=5))
    settled = screened.components["exact_probes"] == 40
    if settled.any():
        np.testing.assert_allclose(screened.components["curvature"][settled], exact[settled], rtol=0.1)


def test_nothing_is_probed_where_every_token_is_in_the_top() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    result = prepared.attribute(create_method("heta", curvature="screened", top=1000))
    assert not result.components["exact_probes"].any()
    assert "exact probes for 0 of" in result.notes[0]


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
        state = _State(np.array([1.0, 2.0]))
        mean, deviation = state.posterior()
        np.testing.assert_allclose(mean, [0, np.log(2)])
        np.testing.assert_allclose(deviation, 0.2)

    def test_many_probes_outweigh_the_estimate(self) -> None:
        state = _State(np.ones(6))
        for i in range(5):
            state.norms[i] = [3.0, 3.0]
        state.norms[5] = [6.0] * 10_000
        mean, deviation = state.posterior()
        # The median ratio is 3, so an unprobed token would be log 3; the sixth has its own mean, log 6.
        assert mean[5] == pytest.approx(np.log(6), abs=1e-3)
        assert deviation[5] < deviation[0]

    def test_open_tokens_reach_across_the_edge(self) -> None:
        # With a spread of 0.2 a score may be off by exp(0.4) = 1.5: 5 and 4.9 can change places, 20 and 1 cannot.
        state = _State(np.array([20.0, 5.0, 4.9, 1.0]))
        assert _open(lambda s: s, state, 2) == ([1], [2])
        assert _open(lambda s: s, state, 1) == ([], [])
        assert _open(lambda s: s, state, 4) == ([], [])

    def test_tokens_without_any_curvature(self) -> None:
        state = _State(np.array([1.0, 1e-300, 1.0]))
        state.norms[1] = [0.0, 0.0, 0.0]
        mean, deviation = state.posterior()
        assert np.isfinite(mean).all()
        assert np.isfinite(deviation).all()
