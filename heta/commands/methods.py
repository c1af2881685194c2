"""`heta methods`: what can be computed."""

import json
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def methods(as_json: bool) -> None:
    """List the attribution methods, what each is, and its options.

    \b
    Example:
      heta methods
      heta methods --json
    """
    from heta.methods import METHODS

    rows: list[dict[str, Any]] = []
    for name in METHODS:
        method = METHODS.get(name)
        rows.append(
            {
                "name": name,
                "unit": method.unit,
                "signed": method.signed,
                "needs_model": method.needs_model,
                "summary": method.summary,
                "reference": method.reference,
                "options": {key: info.default for key, info in method.options_class.model_fields.items()},
            }
        )
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        options = row["options"]
        click.echo(f"{row['name']:{width}}  {row['summary']}")
        click.echo(f"{'':{width}}  {row['reference']}; scores {row['unit']}s{', signed' if row['signed'] else ''}")
        if options:
            click.echo(f"{'':{width}}  options: {', '.join(f'{key}={value}' for key, value in options.items())}")
