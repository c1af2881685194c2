"""`heta data build sample`, `heta data show`, `heta sources`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from heta_data.cli.curated import curated
from heta_data.options import folder_flag, folder_option, json_option

if TYPE_CHECKING:
    from heta_data.records import Item
    from heta_data.sources.sample import Orders

# Copies of `heta_data.sources.sample.ORDERS`, which lies behind pydantic; a test holds them equal.
ORDERS = ("declared", "both")
_COLOURS = {"evidence": "green", "distractor": "yellow", "question": "cyan", "example": "dim", "target": "bold magenta"}


@click.group()
def build() -> None:
    """Build the items of a working folder from a source."""


@build.command()
@folder_option
@click.option(
    "--orders",
    type=click.Choice(ORDERS),
    default="declared",
    show_default=True,
    help="Segment order: as each row declares it, or both as two items.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N rows.")
@click.option("--language", "languages", multiple=True, help="Only rows in this language, e.g. fr; may be repeated.")
@click.option("--force", is_flag=True, help="Replace other items that are there already.")
@json_option
def sample(
    folder: Path, orders: str, limit: int | None, languages: tuple[str, ...], force: bool, as_json: bool
) -> None:
    """Write the bundled sample into items.jsonl: short fictional texts, CC BY 4.0.

    \b
    Example:
      heta data build sample -C my-benchmark --orders both
    """
    from heta_data.items import write_items
    from heta_data.sources.sample import sample_items
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    items = sample_items(orders=cast("Orders", orders), languages=languages, limit=limit)
    outcome = write_items(workspace, items, force=force)
    if as_json:
        click.echo(json.dumps({"items": len(items), "outcome": outcome, "file": str(workspace.items)}))
    elif outcome == "unchanged":
        click.echo(f"{workspace.items} holds these {len(items)} items already")
    else:
        spoken = ", ".join(sorted({item.language for item in items}))
        click.echo(
            f"{len(items)} items written to {workspace.items} ({spoken}); next: heta data show{folder_flag(folder)}"
        )


build.add_command(curated)


@click.command()
@click.argument("which", required=False)
@folder_option
@json_option
def show(which: str | None, folder: Path, as_json: bool) -> None:
    """Print items readably: one, all, or a line for each where nothing is named.

    WHICH is a number from 1, an id or its beginning, the id of a source's row, or `all`.

    \b
    Example:
      heta data show 3 -C my-benchmark
    """
    from heta_data.items import find_items, read_items
    from heta_data.workspace import Workspace

    items = read_items(Workspace(folder).items)
    chosen = items if which is None else find_items(items, which)
    if as_json:
        documents = [item.model_dump(mode="json") for item in chosen]
        one = which not in (None, "all") and len(documents) == 1
        click.echo(json.dumps(documents[0] if one else documents, ensure_ascii=False, indent=2))
        return
    if which is None:
        _list(items)
        return
    for item in chosen:
        _print(item, items.index(item) + 1, len(items))


@click.command()
@json_option
def sources(as_json: bool) -> None:
    """List where items can come from, with licence and reference.

    \b
    Example:
      heta sources
    """
    from heta_data.sources import SOURCES

    found = [SOURCES.get(name) for name in SOURCES]
    if as_json:
        keys = ("name", "summary", "licences", "reference", "command")
        click.echo(json.dumps([{key: getattr(source, key) for key in keys} for source in found], indent=2))
        return
    rows = [(source.name, ", ".join(source.licences), source.summary, source.reference) for source in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
        click.echo("  ".join([*cells, f"[{row[3]}]"]))


def _list(items: "list[Item]") -> None:
    """One line an item, cut to the width of the terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    width = len(str(len(items)))
    for number, item in enumerate(items, start=1):
        line = Text(f"{number:>{width}}  {item.id}  {item.language:<5}")
        line.append(f"{item.source}:{item.source_id}  ", style="dim")
        line.append(item.question)
        line.append(item.target, style=_COLOURS["target"])
        console.print(line, no_wrap=True, overflow="ellipsis" if console.is_terminal else "ignore", crop=False)


def _print(item: "Item", number: int, total: int) -> None:
    """The whole item: a heading, every segment beside its role, the target, counts, rights."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from heta_data.compose import label_units

    console = Console(highlight=False)
    heading = Text(f"item {number} of {total}  {item.id}", style="bold")
    heading.append(f"  {item.source}:{item.source_id}, {item.language}, {item.split}, group {item.group}", style="dim")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for segment in item.segments:
        if segment.role != "separator":
            style = _COLOURS.get(segment.role, "")
            text = item.prompt[segment.start : segment.end]
            grid.add_row(Text(segment.role, style=style), Text(text, style=style))
    grid.add_row(Text("target", style=_COLOURS["target"]), Text(repr(item.target), style=_COLOURS["target"]))
    units = label_units(item)
    inside = sum(
        segment.start <= unit.start and unit.end <= segment.end for segment in item.spans("evidence") for unit in units
    )
    grid.add_row(
        Text("counts", style="dim"),
        f"{len(item.prompt)} characters; words that can be marked: {inside} of evidence, "
        f"{len(units) - inside} of distractor",
    )
    for line in _rights(item):
        grid.add_row(Text("rights", style="dim"), Text(line))
    console.print(heading)
    console.print(grid)
    console.print()


def _rights(item: "Item") -> list[str]:
    """`licence: fields, from source`, fields of the same origin in one line."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for right in item.rights:
        grouped.setdefault((right.licence, right.source, right.locator), []).append(right.field)
    return [
        f"{licence}: {', '.join(fields)}, from {source}{f' ({locator})' if locator else ''}"
        for (licence, source, locator), fields in grouped.items()
    ]
