"""Single cases of alignment metrics, and Hypothesis strategies for them."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from heta_evaluation.metrics import METRICS
from heta_evaluation.metrics.base import AlignmentMetric, Batch, Pooling, Value, one_case


def value(name: str, scores, gold, **more) -> Value:
    metric = METRICS.get(name)
    assert isinstance(metric, AlignmentMetric)
    return metric.one(one_case(scores, gold, **more))


# few distinct values, so that ties are common; halves are exact
tied_scores = st.lists(st.integers(-4, 4).map(lambda number: number / 2), min_size=2, max_size=12)


@st.composite
def cases(draw):
    scores = draw(tied_scores)
    gold = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    return np.asarray(scores), np.asarray(gold)


def pooled(pooling: Pooling, batches: Sequence[Batch]) -> float:
    """The figure that a pooling makes of items with one subject and one label vector each."""
    parts = [[part(batch) for batch in batches] for part in pooling.parts]
    means = [np.asarray([np.mean([found.values[0, 0] for found in part])]) for part in parts]
    return float(pooling.combine(*means)[0])
