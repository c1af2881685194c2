"""`heta data import`: one command for each format, found through the registry of importers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from heta.errors import HetaError, suggest
from heta_data.importing import IMPORTERS
from heta_data.options import folder_option, json_option

F = TypeVar("F", bound=Callable[..., Any])


class FormatGroup(click.Group):
    """A group whose subcommands are the registered formats, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all formats: built-in ones, then plug-ins."""
        return IMPORTERS.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of a format, or None where there is no such format."""
        if cmd_name not in IMPORTERS:
            return None
        command = IMPORTERS.get(cmd_name)
        if not isinstance(command, click.Command):
            raise HetaError(f"import format {cmd_name!r} is no click command: repair the package that brings it")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a guess at the format that was meant, and that name for a command of another one."""
        if args and args[0] not in IMPORTERS and not args[0].startswith("-"):
            names = self.list_commands(ctx)
            ctx.fail(f"no such format {args[0]!r}{suggest(args[0], names)}; there are {', '.join(names)}")
        _, command, rest = super().resolve_command(ctx, args)
        return args[0], command, rest


@click.group("import", cls=FormatGroup)
def import_group() -> None:
    """Bring in labels and attributions that were made elsewhere.

    \b
    Examples:
      heta data import rationales marks.csv -C my-benchmark --licence CC-BY-4.0 --credit "the authors"
      heta data import inseq out.json -C my-benchmark --model smollm2
    """


def import_options(command: F) -> F:
    """What every import has: the file, the folder, and how careful it is."""
    for decorate in reversed(
        (
            click.argument("file", type=click.Path(path_type=Path)),
            folder_option,
            click.option("--source", help="Name of the source (default: the file's name without its ending)."),
            click.option(
                "--skip-misaligned",
                is_flag=True,
                help="Import what fits and list what does not, instead of refusing everything.",
            ),
            click.option(
                "--replace", is_flag=True, help="Put this version of the source in the place of an earlier one."
            ),
            click.option("--dry-run", is_flag=True, help="Say what would come of it; write nothing."),
            json_option,
        )
    ):
        command = decorate(command)
    return command


def say_left_out(lines: tuple[str, ...], count: int, what: str) -> None:
    """What `--skip-misaligned` left out, on standard error."""
    if count:
        click.echo(f"left out: {count} {what}, because:", err=True)
        for line in lines:
            click.echo(f"  - {line}", err=True)
