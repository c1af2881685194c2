"""`heta campaign import`: labels that were made elsewhere, from a Label Studio export."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from heta_data.options import folder_flag, folder_option, json_option

if TYPE_CHECKING:
    from heta_annotation.importing.export import Task
    from heta_annotation.importing.outcome import Imported
    from heta_data.records import Arm

_SHOWN = 10


@click.command("import")
@click.argument("export", required=False, type=click.Path(path_type=Path))
@folder_option
@click.option(
    "--kind",
    type=click.Choice(["human", "simulated"]),
    required=True,
    help="Who labelled: people, or scripts. Nobody but you can know; it stands in every label and every result.",
)
@click.option(
    "--arm",
    type=click.Choice(["blind", "assisted"]),
    required=True,
    help="blind: raters saw the text and nothing that comes from an attribution, no suggested marks, no heat, no other "
    "rater's marks. assisted: they saw some of it. If you do not know, it is assisted.",
)
@click.option("--label", "labels", multiple=True, help="A label that means marked; needed where there are several.")
@click.option("--ignore-label", "ignored", multiple=True, help="A label that is known and means something else.")
@click.option(
    "--project", type=click.IntRange(min=1), help="Read this project from LABEL_STUDIO_URL instead of a file."
)
@click.option(
    "--raters",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file with the columns account (number or e-mail) and pseudonym; without it they become r01, r02, ...",
)
@click.option("--source", help="Name of the source; default: project-N. Labels of the same source are replaced.")
@click.option("--text-key", help="The field of a task's data that holds the text, where several could.")
@click.option("--on", "target", help="The text (name of its tag) that the spans lie on, where there are several.")
@click.option("--dry-run", is_flag=True, help="Say what would come of it; write nothing.")
@json_option
def import_command(
    export: Path | None,
    folder: Path,
    kind: "Literal['human', 'simulated']",
    arm: "Arm",
    labels: tuple[str, ...],
    ignored: tuple[str, ...],
    project: int | None,
    raters: Path | None,
    source: str | None,
    text_key: str | None,
    target: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import labels from a JSON export of any Label Studio, or from its server.

    Tasks are matched with items by data.item_id, or by a text that is an item's prompt or passage; spans become marked
    words by their offsets. What cannot be labels goes to quarantine.jsonl, with reasons. E-mail addresses and names
    are written nowhere.

    \b
    Example: heta campaign import export.json -C my-benchmark --kind human --arm blind --label important
             heta data import label-studio export.json -C my-benchmark --kind human --arm blind
    """
    from heta_annotation.importing.importer import ImportSettings, import_labels
    from heta_data.workspace import Workspace

    settings = ImportSettings(
        arm=arm,
        kind=kind,
        labels=labels,
        ignored=ignored,
        source=source,
        text_key=text_key,
        target=target,
        raters=raters,
    )
    workspace = Workspace(folder)
    done = import_labels(workspace, _tasks(export, project), settings, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps({**asdict(done), "dry_run": dry_run}, indent=2, ensure_ascii=False))
        return
    _say(done)
    if dry_run:
        click.echo(f"{workspace.labels}: would hold {done.records} records; nothing was written")
        return
    click.echo(f"{workspace.labels}: {done.records} records")
    if done.quarantined or done.gone:
        click.echo(f"{workspace.quarantine}: see there what was set aside and why", err=True)
    click.echo(f"Next: heta evaluate run{folder_flag(folder)}")


def _tasks(export: Path | None, project: int | None) -> "tuple[Task, ...]":
    from heta.errors import ConfigError
    from heta_annotation.importing.export import read_file, read_project
    from heta_annotation.studio.connection import external

    if export is not None and project is None:
        return read_file(export)
    if project is not None and export is None:
        return read_project(external(), project)
    got = "both" if export is not None else "neither"
    raise ConfigError(f"got {got}, expected either the file of an export or --project with a project's number")


def _say(done: "Imported") -> None:
    marked = f"; marked means {', '.join(done.marked)}" if done.marked else ""
    click.echo(f"source      {done.source}, {done.kind}, {done.arm} (campaign {done.campaign_hash}){marked}")
    click.echo(f"tasks       {done.tasks}, {done.matched} show an item of this folder")
    click.echo(
        f"annotations {done.annotations}: {done.labels} labels ({done.empty} of them empty), "
        f"{done.cannot_tell} cannot tell, {done.skipped} skipped, {done.quarantined} quarantined"
    )
    click.echo(f"raters      {len(done.raters)}: {', '.join(done.raters) or 'none'}")
    if done.replaced:
        click.echo(f"replaced    {done.replaced} labels of an earlier import of this source")
    for what, number in (("drafts, nobody's answers", done.drafts), ("repeated, the same again", done.repeated)):
        if number:
            click.echo(f"ignored     {number} {what}")
    if done.beside:
        click.echo(f"ignored     regions that are no marks: {_counts(done.beside)}")
    if done.unproved:
        click.echo(f"unproved    {done.unproved} spans do not repeat their text: only their range speaks for them")
    if done.quarantined:
        click.echo(f"quarantined {_counts(done.reasons)}", err=True)
    for title, numbers in (("changed", done.changed), ("gone", done.gone)):
        if numbers:
            click.echo(f"{title} since an earlier import: annotation {_list([str(n) for n in numbers])}", err=True)
    for task in done.unmatched[:_SHOWN]:
        click.echo(f"no item     task {task.task} ({task.annotations} annotations): {task.reason}", err=True)
    if len(done.unmatched) > _SHOWN:
        click.echo(f"no item     {len(done.unmatched) - _SHOWN} more tasks; --json lists them", err=True)
    if done.stray:
        places = [f"[{s.start}, {s.end}) in annotation {s.annotation}" for s in done.stray]
        click.echo(f"no word     {len(places)} spans cover none: {_list(places)}", err=True)


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in found.items())


def _list(texts: list[str]) -> str:
    return ", ".join(texts[:_SHOWN]) + (" ..." if len(texts) > _SHOWN else "")
