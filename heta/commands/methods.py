"""`heta methods`: what can be computed, and with which options."""

import json
from typing import TYPE_CHECKING, Any, get_args

import click

if TYPE_CHECKING:
    from heta.methods import Method


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def methods(name: str | None, as_json: bool) -> None:
    """List the attribution methods; with NAME, what each of its options means and allows.

    \b
    Example:
      heta methods
      heta methods heta
      heta methods --json
    """
    from heta.methods import METHODS

    if name is not None:
        _print_one(METHODS.get(name), name, as_json)
        return
    rows = [_row(METHODS.get(each), each) for each in METHODS]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:{width}}  {row['summary']}")
        for line in _facts(row):
            click.echo(f"{'':{width}}  {line}")
        if row["options"]:
            click.echo(f"{'':{width}}  options: {', '.join(row['options'])}")
    click.echo("\nWhat the options mean and allow: heta methods NAME")


def _row(method: "type[Method]", name: str) -> dict[str, Any]:
    from heta.records import Unit

    return {
        "name": name,
        "family": method.family,
        "unit": method.unit,
        "units": list(get_args(Unit)) if "unit" in method.options_class.model_fields else [method.unit],
        "signed": method.signed,
        "contrastive": method.contrastive and method.needs_model,
        "needs_model": method.needs_model,
        "cost": method.cost,
        "needs": method.needs or ("predictions" if method.needs_model else "the texts alone"),
        "summary": method.summary,
        "reference": method.reference,
        "options": {key: info.default for key, info in method.options_class.model_fields.items()},
    }


def _facts(row: dict[str, Any]) -> list[str]:
    """Family and sign, what it takes, where it comes from: a line each."""
    *others, last = [f"{unit}s" for unit in row["units"]]
    scored = f"{', '.join(others)} or {last}" if others else last
    foil = "" if row["contrastive"] or not row["needs_model"] else ", not against a foil"
    return [
        f"{row['family']}, {'signed' if row['signed'] else 'not signed'}; scores {scored}{foil}",
        f"cost: {row['cost']}; needs {row['needs']}",
        row["reference"],
    ]


def _print_one(method: "type[Method]", name: str, as_json: bool) -> None:
    row = _row(method, name)
    schema = method.options_class.model_json_schema()["properties"] if row["options"] else {}
    described = {
        key: {"default": default, "allowed": allowed(schema[key]), "meaning": schema[key].get("description", "")}
        for key, default in row["options"].items()
    }
    if as_json:
        click.echo(json.dumps({**row, "options": described}, ensure_ascii=False, indent=2))
        return
    click.echo(f"{name}: {row['summary']}")
    for line in _facts(row):
        click.echo(line)
    for key, option in described.items():
        click.echo(f"\n  {key}={option['default']}   allowed: {option['allowed']}")
        if option["meaning"]:
            click.echo(click.wrap_text(" ".join(option["meaning"].split()), 100, "      ", "      "))
    if described:
        click.echo(f"\nGive them as --option NAME=VALUE, or to heta.create_method({name!r}, NAME=VALUE).")


def allowed(schema: dict[str, Any]) -> str:
    """What a JSON schema lets through, in words."""
    if "anyOf" in schema:
        return " or ".join(allowed(part) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "null":
        return "none"
    low = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "at least"), ("exclusiveMinimum", "above"))
        if key in schema
    ]
    high = [
        f"{word} {schema[key]}"
        for key, word in (("maximum", "at most"), ("exclusiveMaximum", "below"))
        if key in schema
    ]
    return " ".join([str(schema.get("type", "any")), *low, *high])
