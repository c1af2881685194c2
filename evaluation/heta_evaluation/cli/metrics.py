"""`heta metrics`."""

import json
import math

import click

from heta_data.options import json_option


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
        rows = [{name: getattr(metric, name) for name in (*fields, *odd)} for metric in found]
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
