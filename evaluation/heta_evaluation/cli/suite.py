"""`heta evaluate suite`."""

import json

import click
from click.core import ParameterSource

from heta_data.cli.progress import show_progress
from heta_data.options import json_option
from heta_evaluation.cli.paper import paper


@click.group(invoke_without_command=True)
@click.option("--prompts", type=click.IntRange(min=10), default=12, show_default=True, help="Planted prompts.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all that is drawn.")
@json_option
@click.pass_context
def suite(ctx: click.Context, /, prompts: int, seed: int, as_json: bool) -> None:
    """Try the faithfulness metrics on a model whose evidence was planted, so that the truth is known.

    For each metric: does the truth beat random and permuted scores, and what does a change of scale do? Exit code 1
    where a check fails. Needs no folder and no download; metrics of other packages are tried too.
    `heta evaluate suite paper` runs the paper's whole programme.

    \b
    Example:
      heta evaluate suite
    """
    if ctx.invoked_subcommand is not None:
        given = [name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if given:
            option = given[0].removeprefix("as_").replace("_", "-")
            raise click.UsageError(f"--{option} stands before {ctx.invoked_subcommand!r}; put options behind it")
        return
    from dataclasses import asdict

    from heta_evaluation.faithfulness.suite import run_suite

    with show_progress("suite") as progress:
        progress(0, prompts)
        checks = run_suite(prompts, seed, progress)
    failed = [check for check in checks if not check.passed]
    if as_json:
        document = {"passed": not failed, "prompts": prompts, "seed": seed, "checks": [asdict(one) for one in checks]}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        for check in checks:
            click.echo(f"{'pass' if check.passed else 'FAIL'}  {check.metric}: {check.check}: {check.detail}")
        click.echo(f"{len(checks) - len(failed)} of {len(checks)} checks passed on {prompts} planted prompts")
    if failed:
        ctx.exit(1)


suite.add_command(paper)
