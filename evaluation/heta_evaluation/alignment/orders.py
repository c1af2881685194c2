"""What the order of the segments does to a method: items that come in both orders (twins)."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from heta_data.records import MetricResult
from heta_evaluation.alignment.quantities import Column
from heta_evaluation.metrics.base import FloatArray, Grid
from heta_evaluation.results import Writer
from heta_evaluation.statistics.bootstrap import Cells, Design, crossed_bootstrap

_NO_RATERS = np.zeros(0, dtype=np.int64)


def order_results(writer: Writer, observed: Sequence[Mapping[str, Grid]]) -> Iterator[MetricResult]:
    """Two figures of each subject over the pairs of twins; nothing where there are no twins.

    `dsa`, variant `order_effect`: DSA with the evidence last minus DSA with the evidence first, mean over pairs, in
    [-2, 2]. 0 is a method that does not care; above 0 it prefers whatever stands nearer to the target.
    `dsa_minus_uniform`, variant `order_averaged`: the mean over both orders, mean over pairs.
    """
    pairs = writer.table.twins()
    if not pairs:
        return
    groups = writer.table.design().groups
    numbers: dict[int, int] = {}
    design = Design(
        [numbers.setdefault(groups[first], len(numbers)) for first, _ in pairs], [_NO_RATERS] * len(pairs), 0
    )
    subjects = len(writer.table.subjects)

    def cells(pair: int, weights: FloatArray) -> Cells:
        first, last = (observed[item] for item in pairs[pair])
        raw, free = (first["dsa"], last["dsa"]), (first["dsa_minus_uniform"], last["dsa_minus_uniform"])
        valid = np.tile(raw[0].valid & raw[1].valid, (1, 2))
        values = np.concatenate([raw[1].values - raw[0].values, (free[0].values + free[1].values) / 2], axis=1)
        repeat = (len(weights), 1)
        return Cells(np.tile(np.where(valid, values, 0.0), repeat), np.tile(valid, repeat))

    draws = crossed_bootstrap(design, cells, draws=writer.settings.draws, seed=writer.settings.seed)
    for offset, (metric, variant) in enumerate((("dsa", "order_effect"), ("dsa_minus_uniform", "order_averaged"))):
        for number, subject in enumerate(writer.table.subjects):
            yield writer.estimate(
                Column(metric, variant, number),
                draws,
                offset * subjects + number,
                reason="no_common_items",
                config={**subject.description(), "pairs": len(pairs)},
                raters=False,
            )
