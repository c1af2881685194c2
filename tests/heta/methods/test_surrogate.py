"""LIME, KernelSHAP and ContextCite against closed forms, subset sums and planted models."""

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Lasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import oracles
from helpers.tiny_models import TARGET, tiny_model
from heta import coalitions, create_method, prepare
from heta.coalitions import Design, draw
from heta.errors import ConfigError
from heta.methods.surrogate import logit
from heta.surrogate import lasso_regression, ridge_regression, shapley_regression

EIGHT = "The keeper painted the stairs green before storm"
WORDS = 8


def shapley_values(value: Any, units: int) -> np.ndarray:
    """The sum over subsets, written out: s! (n - s - 1)! / n! (v(S + i) - v(S))."""
    scores = np.zeros(units)
    for unit in range(units):
        others = [other for other in range(units) if other != unit]
        for size in range(units):
            weight = factorial(size) * factorial(units - size - 1) / factorial(units)
            for chosen in combinations(others, size):
                scores[unit] += weight * (value(frozenset({*chosen, unit})) - value(frozenset(chosen)))
    return scores


@pytest.mark.parametrize("mask", ["drop", "zero"])
def test_kernel_shap_is_the_shapley_value_of_eight_words(mask: str) -> None:
    model = tiny_model()
    prepared = prepare(model, EIGHT, TARGET)
    base, units = prepared.base, prepared.unit_positions("word")
    assert len(units) == WORDS
    vector = None if mask == "drop" else base.embeddings[0, 0] * 0
    known: dict[frozenset[int], float] = {}

    def value(kept: frozenset[int]) -> float:
        if kept not in known:
            gone = sorted(position for unit, at in enumerate(units) if unit not in kept for position in at)
            moved = oracles.perturbed_log_probs(model, base.embeddings[0], base.read, gone, vector)
            known[kept] = float(moved[range(len(base.read)), base.target_ids].sum())
        return known[kept]

    expected = shapley_values(value, WORDS)
    # 2^8 masks fit into 256 of `half`; `shapley` needs 254.
    for design in ("half", "shapley"):
        got = prepared.attribute(create_method("kernel_shap", mask=mask, samples=256, design=design))
        np.testing.assert_allclose(got.scores, expected, atol=1e-6)
        assert any("no sampling error" in note for note in got.notes)


@pytest.mark.parametrize("samples", [2, 12, 100])
@pytest.mark.parametrize("design", ["half", "shapley"])
def test_kernel_shap_keeps_its_sum_with_any_number_of_masks(design: str, samples: int) -> None:
    prepared = prepare(tiny_model(), EIGHT, TARGET, policy="each")
    got = prepared.attribute(create_method("kernel_shap", design=design, samples=samples, mask="zero"))
    found = coalitions.evaluate(prepared, "word", "zero", Design(design, samples))  # type: ignore[arg-type]
    np.testing.assert_allclose(got.rows["score"].sum(1), found.full - found.empty, atol=1e-9)
    assert any("standard error" in note for note in got.notes)


def test_shapley_regression_of_an_additive_game_is_exact_from_few_masks() -> None:
    weights = np.array([[1.0, -2.0, 0.5, 0.0, 3.0]])
    found = draw(Design("shapley", 14), 5)
    values = 0.7 + found.kept @ weights.T
    got = shapley_regression(found.kept, values, found.weight, np.array([0.7]), np.array([0.7 + weights.sum()]))
    np.testing.assert_allclose(got, weights, atol=1e-10)


def test_a_single_unit_gets_the_whole_difference() -> None:
    prepared = prepare(tiny_model(), "green", TARGET)
    for name, design in (("kernel_shap", "half"), ("kernel_shap", "shapley")):
        got = prepared.attribute(create_method(name, design=design))
        found = coalitions.evaluate(prepared, "word", "drop", Design("half", 2))
        assert got.scores[0] == pytest.approx(float((found.full - found.empty).sum()))


def planted(monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
    """What is explained under masks becomes `function` of `kept`: `[coalition, step]`."""
    monkeypatch.setattr(coalitions, "explained_under", lambda prepared, units, mask, kept: function(kept))


def test_lime_of_a_linear_model(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.linspace(-2, 3, WORDS)
    planted(monkeypatch, lambda kept: 0.3 + np.stack([kept @ weights, kept @ weights[::-1]], axis=1))
    prepared = prepare(tiny_model(), EIGHT, TARGET, policy="each")
    got = prepared.attribute(create_method("lime", samples=40, penalty=0.0))
    # Whatever the kernel, a linear function is its own best linear fit.
    np.testing.assert_allclose(got.rows["score"], [weights, weights[::-1]], atol=1e-8)
    np.testing.assert_allclose(got.scores, weights + weights[::-1], atol=1e-8)


def test_lime_by_the_normal_equations(monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, lambda kept: (kept.sum(1, keepdims=True) ** 2 + kept[:, :1] * kept[:, 3:4]) / 4.0)
    prepared = prepare(tiny_model(), EIGHT, TARGET)
    got = prepared.attribute(create_method("lime", samples=50, design="sizes", kernel_width=10.0, penalty=2.0, seed=4))
    found = draw(Design("sizes", 50, 4), WORDS)
    z, y = found.kept.astype(float), (found.kept.sum(1) ** 2 + found.kept[:, 0] * found.kept[:, 3]) / 4.0
    # Cosine of z with all ones: s / (sqrt(s) sqrt(n)); of the mask that keeps nothing, 0.
    ones = np.ones(WORDS)
    cosine = np.array([row @ ones / max(1e-300, np.linalg.norm(row)) / np.sqrt(WORDS) for row in z])
    w = 50 * found.weight * np.sqrt(np.exp(-((100 * (1 - cosine)) ** 2) / 10.0**2))
    design = np.concatenate([np.ones((len(z), 1)), z], axis=1)
    penalty = np.diag([0.0, *[2.0] * WORDS])
    expected = np.linalg.solve(design.T @ (w[:, None] * design) + penalty, design.T @ (w * y))[1:]
    np.testing.assert_allclose(got.scores, expected, atol=1e-8)


LONG = " ".join(["The keeper painted the stairs green before the storm came in from the sea"] * 2)


def test_contextcite_recovers_planted_sparse_coefficients(monkeypatch: pytest.MonkeyPatch) -> None:
    # Logit of p(response) = -1 + 4 z_3 - 2.5 z_17 + 1.5 z_25; of 28 words 25 matter nothing.
    truth = np.zeros(28)
    truth[[3, 17, 25]] = 4.0, -2.5, 1.5
    assert len(prepare(None, LONG, TARGET).words) == len(truth)

    def log_p(kept: np.ndarray) -> np.ndarray:
        # Three tokens that share the log-probability of the whole.
        return np.repeat(-np.logaddexp(0, -(kept @ truth - 1.0))[:, None] / 3, 3, axis=1)

    planted(monkeypatch, log_p)
    got = prepare(tiny_model(), LONG, TARGET).attribute(create_method("contextcite"))
    assert set(np.argsort(-np.abs(got.scores))[:3]) == {3, 17, 25}
    # LASSO shrinks: lambda 0.01 on a logit of thirds, 3 x 0.01 / sd of a fair coin 0.5 = 0.06 at most, apart.
    np.testing.assert_allclose(got.scores[[3, 17, 25]], [4.0, -2.5, 1.5], atol=0.15)
    others = np.delete(got.scores, [3, 17, 25])
    assert np.abs(others).max() < 0.05
    assert (others == 0).sum() > 10


def test_contextcite_equals_scaling_lasso_and_scaling_back() -> None:
    prepared = prepare(tiny_model(), LONG + ". It rained. Tom baked.", TARGET)
    method = create_method("contextcite", samples=64, paired=False, seed=2)
    got = prepared.attribute(method)
    found = coalitions.evaluate(prepared, "word", "drop", Design("half", 64, 2, paired=False))
    kept, tokens = found.coalitions.kept, found.values.shape[1]
    assert len(kept) == 64
    response = logit(found.values.sum(1)) / tokens
    scaler, lasso = StandardScaler(), Lasso(alpha=0.01, random_state=0, max_iter=100_000)
    make_pipeline(scaler, lasso).fit(kept.astype(np.float64), response)
    np.testing.assert_allclose(got.scores, tokens * lasso.coef_ / scaler.scale_, atol=1e-3)


def test_logit() -> None:
    np.testing.assert_allclose(logit(np.log([0.5, 0.9, 1e-9])), np.log([1.0, 9.0, 1e-9 / (1 - 1e-9)]))
    assert logit(np.array([0.0]))[0] == pytest.approx(np.log(1e15), rel=1e-3)


def test_weights_are_repeats() -> None:
    # A coalition of weight 2/5 is one that was drawn twice in five.
    random = np.random.default_rng(0)
    kept, values = random.random((4, 3)) < 0.5, random.normal(size=(4, 2))
    weight = np.array([0.4, 0.2, 0.2, 0.2])
    again = [0, 0, 1, 2, 3]
    for fit, scale in ((ridge_regression, 5.0), (lasso_regression, 1.0)):
        once = fit(kept, values, scale * weight, 0.1)
        np.testing.assert_allclose(once, fit(kept[again], values[again], np.full(5, scale / 5), 0.1), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lime", {"design": "sizes", "paired": False}, "design sizes draws no pairs; leave paired out"),
        ("lime", {"design": "shapley"}, "'half' or 'sizes'"),
        ("contextcite", {"unit": "token"}, "'word' or 'sentence'"),
        ("contextcite", {"penalty": 0.0}, "greater than 0"),
        ("kernel_shap", {"samples": 1}, "greater than or equal to 2"),
    ],
)
def test_options_that_cannot_apply(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_method(name, **options)
