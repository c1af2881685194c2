"""HETA's ablations are combinations of the components that `heta` keeps."""

from typing import Any

import numpy as np
import pytest

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import TargetChoice, create_method, prepare
from heta.errors import ConfigError


@pytest.mark.parametrize("options", [{}, {"curvature": "one_pass", "probes": 2}])
@pytest.mark.parametrize("policy", ["answer", "each"])
def test_combinations(policy: Any, options: dict[str, Any]) -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET, policy=policy)
    whole = prepared.attribute(create_method("heta", **options))
    parts = whole.rows if policy == "each" else whole.components
    m, s, i = (parts[name] for name in ("transition", "curvature", "information"))

    def scores(name: str, **given: Any) -> np.ndarray:
        result = prepared.attribute(create_method(name, **given))
        return result.rows["score"] if policy == "each" else result.scores

    np.testing.assert_array_equal(scores("heta_m"), m)
    np.testing.assert_array_equal(scores("heta_s", **options), m * s)
    np.testing.assert_array_equal(scores("heta_i"), m * i)
    np.testing.assert_array_equal(scores("heta_no_gate", **options), 0.5 * s + 0.5 * i)
    shares = 0.2 * s / s.sum(-1, keepdims=True) + 3 * i / i.sum(-1, keepdims=True)
    balanced = scores("heta_no_gate", combination="balanced", beta=0.2, gamma=3.0, **options)
    np.testing.assert_allclose(balanced, shares)


def test_options_reach_the_components() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    whole = prepared.attribute(create_method("heta_fast", rollout="prefix", heads="averaged", mask="pad"))
    gate = prepared.attribute(create_method("heta_m", rollout="prefix", heads="averaged"))
    np.testing.assert_array_equal(gate.scores, whole.components["transition"])
    told = prepared.attribute(create_method("heta_i", rollout="prefix", heads="averaged", mask="pad"))
    np.testing.assert_array_equal(told.scores, gate.scores * whole.components["information"])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("heta_s", {"curvature": "screened"}, "'exact', 'one_pass', 'fisher' or 'low_rank'"),
        ("heta_no_gate", {"beta": 0.0, "gamma": 0.0}, "both 0"),
        ("heta_m", {"probes": 3}, "no option 'probes'"),
        ("heta_i", {"unit": "word"}, "no option 'unit'; its options are"),
    ],
)
def test_options_that_cannot_apply(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_method(name, **options)


def test_the_gate_alone_is_not_defined_against_a_foil() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    with pytest.raises(ConfigError, match="'heta_m' reads what is the same"):
        prepared.attribute(create_method("heta_m"))
    assert prepared.attribute(create_method("heta_s", probes=1)).scores.any()
