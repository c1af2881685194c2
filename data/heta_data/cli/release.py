"""`heta release build | check`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heta_data.errors import ReleaseBlocked
from heta_data.options import folder_option, json_option

if TYPE_CHECKING:
    from heta_data.release import Manifest
    from heta_data.release.publish import Place


@click.group()
def release() -> None:
    """Build and check releases: immutable, versioned exports of a benchmark."""


@release.command()
@click.argument("version")
@folder_option
@click.option("--name", help="Name of the data set; goes in front of the version in the folder's name.")
@json_option
def build(version: str, folder: Path, name: str | None, as_json: bool) -> None:
    """Build releases/VERSION/ from items, labels, gold labels and attributions of a working folder.

    Refuses while any problem stands and lists them all; nothing half-written is left. The same rows give the same
    bytes. Settings: [release] in heta.toml (name, title, licence, licences).

    \b
    Example:
      heta release build 1.0.0 -C my-benchmark --name violet-lamps
    """
    from heta_data.release import build_release
    from heta_data.workspace import Workspace

    path, manifest, unchanged = build_release(Workspace(folder), version, name=name)
    if as_json:
        report = {
            "path": str(path),
            "unchanged": unchanged,
            "simulated": manifest.simulated,
            "counts": manifest.counts,
            "content_fingerprint": manifest.content_fingerprint,
        }
        click.echo(json.dumps(report))
        return
    click.echo(f"{path}: {'already there, the same bytes' if unchanged else 'built'} ({_counts(manifest)})")
    if manifest.simulated:
        click.echo("SIMULATED: labels in this release come from scripts, not from people.")


@release.command()
@click.argument("path", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, /, path: Path, as_json: bool) -> None:
    """Check the bundle at PATH, offline: checksums, rows, references, offsets, licences, kinds of raters.

    \b
    Example:
      heta release check my-benchmark/releases/1.0.0
    """
    from heta_data.release import check_release

    manifest, problems = check_release(path)
    if as_json:
        click.echo(json.dumps({"path": str(path), "ok": not problems, "problems": problems}))
        if problems:
            ctx.exit(1)
        return
    if problems:
        raise ReleaseBlocked(problems)
    if manifest is not None:
        click.echo(f"{path}: whole ({len(manifest.files) + 2} files; {_counts(manifest)})")


@release.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def diff(ctx: click.Context, /, old: Path, new: Path, as_json: bool) -> None:
    """What changed from the bundle OLD to the bundle NEW, and whether the version number says so.

    MAJOR: labels, gold labels, texts or scores that were there are others now, or gone. MINOR: items or attributions
    came in addition. PATCH: only what is said about them. Exit status 1 where the number promises less than that.

    \b
    Example:
      heta release diff releases/violet-lamps-1.0.0 releases/violet-lamps-1.1.0
    """
    from dataclasses import asdict

    from heta_data.release import compare_releases

    found = compare_releases(old, new)
    if as_json:
        tables = {name: asdict(change) for name, change in found.tables.items()}
        report = {"old": found.old, "new": found.new, "tables": tables, "said": found.said, "needed": found.needed}
        click.echo(json.dumps({**report, "step": found.step, "problem": found.problem}))
        if found.problem:
            ctx.exit(1)
        return
    click.echo(
        f"{found.old} -> {found.new}: {'; '.join(found.lines()) or 'the same rows, and the same is said of them'}"
    )
    if found.problem:
        raise ReleaseBlocked([found.problem])
    click.echo(f"the change asks for: {found.needed}; the numbers take: {found.step}")


@release.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["hub", "zenodo"]), required=True, help="Hugging Face hub, or Zenodo.")
@click.option("--repository", metavar="OWNER/NAME", help="The dataset on the hub.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the archive for Zenodo goes [zenodo beside PATH].")
@click.option("--dry-run", is_flag=True, required=True, help="Say what would be sent; nothing is ever sent from here.")
@json_option
def publish(path: Path, to: "Place", repository: str | None, out: Path | None, dry_run: bool, as_json: bool) -> None:  # noqa: ARG001
    """Prepare the bundle at PATH for the Hugging Face hub or Zenodo, offline, and say what would be sent and how.

    \b
    Example:
      heta release publish my-benchmark/releases/1.0.0 --to hub --repository violet/lamps --dry-run
    """
    from heta_data.release.publish import prepare

    found = prepare(path, to, repository=repository, out=out)
    if as_json:
        files = [{"name": name, "bytes": size, "sha256": digest} for name, size, digest in found.files]
        report = {"to": found.to, "files": files, "prepared": [str(one) for one in found.prepared]}
        click.echo(json.dumps({**report, "command": found.command, "missing": found.missing}))
        return
    for name, size, digest in found.files:
        click.echo(f"{digest[:12]} {size:>12,} bytes  {name}")
    click.echo(f"{len(found.files)} files, {sum(size for _, size, _ in found.files):,} bytes would be sent to {to}.")
    for one in found.missing:
        click.echo(f"  missing: {one}", err=True)
    click.echo(f"Nothing was sent. With a token of your own:\n{found.command}")


def _counts(manifest: "Manifest") -> str:
    from heta_data.release.tables import TABLES

    return ", ".join(f"{manifest.counts[table.name]} {table.name}" for table in TABLES)
