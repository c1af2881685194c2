"""`heta doctor`: whether everything works here, on the user's own model."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from heta.commands.status import Status

if TYPE_CHECKING:
    from heta.doctor import Finding


@click.command()
@click.option(
    "--model",
    "model_name",
    default="smollm2",
    show_default=True,
    help="smollm2, a folder or a hub id; none checks the installation alone.",
)
@click.option("--revision", help="Branch, tag or commit of a hub id.")
@click.option("--device", help="A torch device [default: cuda where there is one, else cpu].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@click.pass_context
def doctor(context: click.Context, model_name: str, revision: str | None, device: str | None, as_json: bool) -> None:
    """Check the installation and, on your own model, the engine's short cuts against plain computations.

    Exit code 1 where a check fails.

    \b
    Example:
      heta doctor
      heta doctor --model Qwen/Qwen2.5-0.5B --json
      heta doctor --model none
    """
    from heta.doctor import diagnose
    from heta.model import load_model

    load = None if model_name == "none" else lambda: load_model(model_name, revision=revision, device=device)
    findings: list[Finding] = []
    with Status() as say:
        for found in diagnose(load, say):
            findings.append(found)
            if not as_json:
                say.print(_lines(found))
    failed = sum(found.status == "FAILED" for found in findings)
    if as_json:
        click.echo(json.dumps({"failed": failed, "findings": [asdict(found) for found in findings]}, indent=2))
    else:
        click.echo(f"{failed} of {len(findings)} FAILED" if failed else f"all {len(findings)} ok")
    context.exit(1 if failed else 0)


def _lines(found: "Finding") -> str:
    mark = click.style(f"{found.status:7}", fg={"ok": "green", "FAILED": "red"}.get(found.status, "yellow"))
    bound = f"  ({found.bound})" if found.bound else ""
    line = f"{mark}  {found.name:27}  {found.figure}{bound}"
    return f"{line}\n{'':38}-> {found.remedy}" if found.remedy else line
