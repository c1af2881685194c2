"""Figures over items: means, differences, ratios and errors by hand."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.sample_records import make_item
from heta.records import ModelIdentity
from heta_data.records import MetricResult
from heta_evaluation.alignment.subjects import Subject
from heta_evaluation.faithfulness.results import summary_results
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.faithfulness.soft import SOFT_NS

ITEMS = [make_item(number) for number in range(1, 5)]


def source(name: str, kinds: tuple[str, ...] = ()) -> Any:
    arms = ("blind",) if kinds else ()
    return SimpleNamespace(subject=Subject(name, name), file=name, kinds=kinds, arms=arms, labels=None, digest=None)


def run(values: dict[str, list[float | None]], errors: float = 0.2) -> Any:
    """A finished run of one metric; None is an item without a value."""

    def one(name: str, item: str, value: float | None) -> MetricResult:
        reason = "no_mass" if value is None else None
        config = {"version": 1, **({} if value is None else {"error": errors})}
        return MetricResult(
            metric="soft_ns", subject=name, item_id=item, value=value, reason=reason, n=1, config=config
        )

    there = {
        name: {("soft_ns", 1, "main", item.id): one(name, item.id, v) for item, v in zip(ITEMS, row, strict=True)}
        for name, row in values.items()
    }
    return SimpleNamespace(
        sources=[source(name, ("simulated",) if name == "labels" else ()) for name in values],
        metrics=[SOFT_NS],
        items=ITEMS,
        settings=FaithfulnessSettings(resamples=500),
        model=SimpleNamespace(identity=ModelIdentity("tiny", "r", "t")),
        results=lambda: there,
    )


def test_figures_by_hand() -> None:
    found = summary_results(
        run({"kl": [0.8, 0.6, None, 0.4], "random": [0.2, 0.4, 0.9, None], "labels": [None] * 4}), ["a note"]
    )
    index = {(one.variant, one.subject): one for one in found[1:]}
    mean = index["main", "kl"]
    assert (mean.value, mean.n) == (pytest.approx(0.6), 3)
    assert mean.low is not None
    assert mean.high is not None
    assert 0.0 <= mean.low < 0.6 < mean.high <= 1.0
    # Errors of .2 on three items: sqrt(3 x .04) / 3.
    assert mean.config["error"] == pytest.approx(math.sqrt(0.12) / 3)
    # On the two items that both have: (.6 + .2) / 2, and log of .7 over .3.
    difference = index["difference", "kl minus random"]
    assert (difference.value, difference.n) == (pytest.approx(0.4), 2)
    ratio = index["log_ratio", "kl over random"]
    assert (ratio.value, ratio.n) == (pytest.approx(math.log(0.7 / 0.3)), 2)
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low <= ratio.value <= ratio.high
    labels = index["main", "labels"]
    assert (labels.value, labels.reason, labels.n) == (None, "no_mass", 0)
    assert (labels.kinds, labels.arms) == (("simulated",), ("blind",))
    assert index["difference", "labels minus random"].reason == "no_common_items"
    assert ("difference", "random minus random") not in index
    assert (found[0].metric, found[0].value, found[0].config["notes"]) == ("faithfulness", 4.0, ["a note"])


def test_a_ratio_of_nothing_has_a_reason() -> None:
    found = summary_results(run({"kl": [0.0] * 4, "random": [0.5] * 4}), [])
    (ratio,) = [one for one in found if one.variant == "log_ratio"]
    assert (ratio.value, ratio.reason) == (None, "mean_is_zero")


def test_the_same_draws_give_the_same_intervals() -> None:
    values = {"kl": [0.8, 0.6, 0.1, 0.4], "random": [0.2, 0.4, 0.9, 0.3]}
    assert summary_results(run(values), []) == summary_results(run(values), [])
