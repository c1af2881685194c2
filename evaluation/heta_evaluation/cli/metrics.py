"""`heta metrics`."""

import json
import math
from typing import TYPE_CHECKING, Any

import click

from heta_data.options import json_option

if TYPE_CHECKING:
    from heta_evaluation.metrics.base import Metric


@click.command()
@json_option
def metrics(as_json: bool) -> None:
    """List metrics with range, direction and reference.

    \b
    Example:
      heta metrics
    """
    from heta_evaluation.metrics import METRICS

    found = [METRICS.get(name) for name in METRICS]
    if as_json:
        fields = ("name", "title", "family", "range", "direction", "needs", "reference")
        odd = ("ties", "negative", "empty", "constant", "version")
        rows = [{**{name: getattr(metric, name) for name in (*fields, *odd)}, **_choices(metric)} for metric in found]
        for row in rows:
            # JSON knows no infinity: an end that is open is null.
            row["range"] = [end if math.isfinite(end) else None for end in row["range"]]
        click.echo(json.dumps(rows, indent=2))
        return
    better = {"higher": "higher is better", "lower": "lower is better", "neutral": "says nothing by itself"}
    for metric in found:
        low, high = metric.range
        click.echo(f"{metric.name}  [{low:g}, {high:g}], {better[metric.direction]}")
        click.echo(f"    {metric.title}")
        click.echo(f"    {metric.reference}")
        if names := _choices(metric).get("variants"):
            click.echo(f"    variants: {', '.join(names)}")


def _choices(metric: "Metric") -> dict[str, Any]:
    """Named variants and what may be done to scores, for metrics of attributions."""
    from heta_evaluation.metrics.base import AlignmentMetric

    if not isinstance(metric, AlignmentMetric):
        return {}
    names = [*(one.name for one in metric.variants), *(one.name for one in metric.poolings)]
    return {"variants": names, "invariance": metric.invariance, "compared": metric.compared}
