"""`heta data attribute`: methods over the items of a working folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from heta.commands.execution import execution_options
from heta.errors import ConfigError, InputError
from heta_data.cli.progress import show_progress
from heta_data.options import folder_option, json_option

if TYPE_CHECKING:
    from heta import Method
    from heta_data.attribute import Summary
    from heta_data.attribute_settings import AttributeSettings
    from heta_data.records import Item
    from heta_data.workspace import Workspace


@click.command()
@folder_option
@click.option(
    "--items",
    "items_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Items to attribute (default: items.jsonl of the folder).",
)
@click.option("--model", help="Catalogue name, Hugging Face id or local path (default: smollm2).")
@click.option("--revision", help="Commit or branch of a Hugging Face id.")
@click.option("--device", help="torch device, e.g. cpu or cuda:0.")
@execution_options
@click.option(
    "--random-weights",
    type=click.IntRange(min=0),
    metavar="SEED",
    help="The model with weights that were never trained, as a control.",
)
@click.option(
    "--method", "--methods", "methods", multiple=True, help="Name of a method, see `heta methods`, or all; repeatable."
)
@click.option("--preset", type=click.Choice(["quick", "source"]), help="Options by name; --option goes over them.")
@click.option("--option", "options", multiple=True, metavar="METHOD.KEY=VALUE", help="Option of a method.")
@click.option(
    "--policy",
    type=click.Choice(["answer", "first", "each", "model"]),
    help="What is explained: all tokens of the answer (default), its first token, each token by itself (a row for "
    "each, scores are their sum), or the model's own answer.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N items.")
@click.option("--dry-run", is_flag=True, help="Say what there is to do; load no model, write nothing.")
@json_option
@click.pass_context
def attribute(
    ctx: click.Context,
    /,
    folder: Path,
    items_file: Path | None,
    methods: tuple[str, ...],
    options: tuple[str, ...],
    limit: int | None,
    dry_run: bool,
    as_json: bool,
    **flags: str | int | None,
) -> None:
    """Attribute every item by every method, into attributions/<model>/ of the folder.

    Work that is there already, in exactly this configuration, is not done again: run the same command after a
    crash to go on. An item that cannot be attributed is left out, the others go on, and exit code 1 says so.

    \b
    Example:
      heta data attribute -C my-benchmark --method heta_fast --method kl --option heta_fast.probes=5
      heta data attribute -C my-benchmark --method heta_fast --policy each
      heta data attribute -C my-benchmark --model my-model --device-map auto --memory 2GB
      heta data attribute -C my-benchmark --methods all --preset quick
      heta data attribute -C my-benchmark --method kl --random-weights 0
    """
    from heta_data.attribute_settings import create_methods, load_settings
    from heta_data.workspace import Workspace

    workspace = Workspace(folder)
    settings = load_settings(workspace, {**_strongest(ctx, flags), "methods": methods or None}, options)
    chosen = create_methods(settings)
    if not any(method.needs_model for method in chosen):
        _refuse_unread(ctx)
    items = _read_items(items_file or workspace.items, limit)
    if dry_run:
        _say_missing(workspace, items, chosen, settings, as_json)
        return

    import heta
    from heta_data.attribute import run_attributions
    from heta_data.attribute_plan import told

    model = None
    if any(method.needs_model for method in chosen):
        model = heta.load_model(
            settings.model,
            device=settings.device,
            device_map=settings.device_map,
            revision=settings.revision,
            random_weights=settings.random_weights,
        )
    with show_progress("attribute") as progress:
        summary = run_attributions(
            workspace,
            items,
            model,
            chosen,
            policy=settings.policy,
            budget=settings.budget,
            progress=progress,
            announce=lambda found: click.echo("\n".join(told(found)), err=True),
        )
    _say_done(summary, as_json)
    if summary.failures:
        ctx.exit(1)


def _strongest(ctx: click.Context, flags: dict[str, Any]) -> dict[str, Any]:
    """Flags and what the environment says; of --device and --device-map a flag goes over the other's variable."""
    sources = {name: ctx.get_parameter_source(name) for name in ("device", "device_map")}
    if set(sources.values()) == {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
        return {
            name: None if sources.get(name) is ParameterSource.ENVIRONMENT else value for name, value in flags.items()
        }
    return flags


def _refuse_unread(ctx: click.Context) -> None:
    """Refuse a flag that no method of the run reads; settings in heta.toml are for other runs as well."""
    for name in ("model", "revision", "device", "device_map", "memory", "tokens", "policy", "random_weights"):
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} does nothing: none of the methods of this run uses a model; leave it out")


def _read_items(path: Path, limit: int | None) -> "list[Item]":
    from heta_data.jsonl import read_records
    from heta_data.records import Item

    if not path.exists():
        raise InputError(f"{path}: no such file; build items with `heta data build`, or name a file with --items")
    items = list(read_records(path, Item))
    if not items:
        raise InputError(f"{path}: holds no items; build some with `heta data build`")
    return items[:limit]


def _say_missing(
    workspace: "Workspace",
    items: "list[Item]",
    methods: "list[Method]",
    settings: "AttributeSettings",
    as_json: bool,
) -> None:
    from heta.model import recorded_name
    from heta_data.attribute import count_missing

    name = recorded_name(settings.model, random=settings.random_weights is not None)
    missing = count_missing(workspace, items, name, methods, policy=settings.policy)
    if as_json:
        click.echo(json.dumps({"items": len(items), "model": name, "to_do": missing}))
        return
    click.echo(f"{len(items)} items, model {name} (not loaded: records of any revision count as there)")
    for method, number in missing.items():
        click.echo(f"  {method}: {number} to do, {len(items) - number} already there")


def _say_done(summary: "Summary", as_json: bool) -> None:
    if as_json:
        report: dict[str, Any] = {
            "items": summary.items,
            "done": summary.done,
            "skipped": summary.skipped,
            "failed": summary.failed,
            "failures": [
                {"item": failure.item, "row": failure.row, "methods": failure.methods, "reason": failure.reason}
                for failure in summary.failures
            ],
            "seconds": round(summary.seconds, 3),
            "answered": summary.answered,
            "read": summary.read,
            "files": [str(path) for path in summary.files],
        }
        click.echo(json.dumps(report))
        return
    for failure in summary.failures:
        click.echo(
            f"failed: item {failure.item} ({failure.row}), {', '.join(failure.methods)}: {failure.reason}", err=True
        )
    click.echo(
        f"{summary.done} records done, {summary.skipped} skipped as already there, {summary.failed} failed, "
        f"in {summary.seconds:.1f} s"
    )
    if summary.answered is not None:
        click.echo(
            f"the model answers {summary.answered} of {summary.read} items (its greedy continuation is the target)"
        )
    for path in summary.files:
        click.echo(f"  {path}")
