"""The suite passes on our metrics, and catches a metric that measures nothing."""

from dataclasses import replace

import numpy as np
import pytest

from heta_evaluation.faithfulness.base import Estimate
from heta_evaluation.faithfulness.hard import COMPREHENSIVENESS
from heta_evaluation.faithfulness.planted import CARRIED, planted_prompts
from heta_evaluation.faithfulness.suite import run_suite
from heta_evaluation.metrics import METRICS


def test_the_planted_model_depends_on_what_was_planted() -> None:
    import heta

    for planted in planted_prompts(3, 0):
        prepared = planted.prepare()
        assert prepared.target.answered
        effects = prepared.attribute(heta.create_method("leave_one_out")).scores[1:-1]
        assert len(effects) == len(planted.truth)
        # A token that carries nothing has no effect at all, and more of it more.
        assert np.abs(effects[planted.truth == 0]).max() < 1e-9
        order = np.argsort(planted.truth)
        assert (np.diff(effects[order]) > -1e-9).all()
        assert effects[planted.truth < 0].max() < 0
        assert sorted(planted.truth[planted.truth != 0]) == sorted(CARRIED.values())
    first, second = planted_prompts(2, 0)
    assert first.prompt != second.prompt
    assert planted_prompts(2, 0)[0].prompt == first.prompt


def test_every_metric_passes_and_a_useless_one_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # Registered beside the others, as by another package: it looks at the first unit's score and not at the model.
    useless = replace(
        COMPREHENSIVENESS,
        name="useless",
        compute=lambda case: {"main": Estimate(float(np.tanh(case.scores[0])))},
        variants={"main": (-1.0, 1.0)},
    )
    monkeypatch.setitem(METRICS._loaded, "useless", useless)
    monkeypatch.setitem(METRICS._builtin, "useless", "heta_evaluation.faithfulness.hard:COMPREHENSIVENESS")
    checks = run_suite(10)
    failed = [(check.metric, check.check) for check in checks if not check.passed]
    assert [metric for metric, _ in failed] == ["useless"] * len(failed)
    assert "the truth beats random and permuted scores" in [check for _, check in failed]
    assert "the same ranking in other numbers changes nothing" in [check for _, check in failed]
    tried = {check.metric for check in checks}
    measured = [METRICS.get(name) for name in METRICS]
    assert tried == {metric.name for metric in measured if metric.family in ("faithfulness", "robustness")}
    # What moves with the numbers and not with the ranking alone is shown to.
    assert [check.metric for check in checks if check.check == "how peaked scores are changes it"] == [
        *("soft_nc", "soft_ns", "lds")
    ]
