"""The `heta` command. Subcommands come by entry point (`heta.commands`), so this module imports no other package."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import click

from heta.errors import HetaError, suggest


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """A reader that went away (`heta ... | head`) ends the command well: nothing to tell it, nothing more to flush."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as stopped:
        # rich turns the broken pipe into exit code 1, and so would click one level further out.
        if not isinstance(stopped, BrokenPipeError) and not isinstance(stopped.__context__, BrokenPipeError):
            raise
        sys.stdout = None
        raise click.exceptions.Exit(0) from None


class EntryPointGroup(click.Group):
    """A group whose subcommands are the entry points of `heta.commands`, each imported when it is called."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click does it; here `--help` prints."""
        with _reader_may_leave():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it; here commands print."""
        with _reader_may_leave():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all installed subcommands, sorted."""
        return sorted({*super().list_commands(ctx), *(point.name for point in entry_points(group="heta.commands"))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand `cmd_name`, or None where nothing is installed under that name."""
        for point in entry_points(group="heta.commands", name=cmd_name):
            command = point.load()
            if not isinstance(command, click.Command):
                raise HetaError(
                    f"plug-in command {cmd_name!r} ({point.value}) is no click command: repair that package"
                )
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a guess at the name that was meant."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"no such command {args[0]!r}{suggest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=EntryPointGroup,
    context_settings={"auto_envvar_prefix": "HETA", "help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(version("heta-bench"), prog_name="heta")
@click.option("-v", "--verbose", count=True, help="Log what happens; twice for details.")
@click.option("--log-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the log here too.")
def cli(verbose: int, log_file: Path | None) -> None:
    """Build a benchmark for generative token attribution, and find out whether methods agree with people.

    \b
    Start here:
      heta demo                     the whole job on the bundled sample
      heta attribute "The capital of France is" --target " Paris"
    """
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=handlers)
    # Libraries log request headers and URLs with tokens at DEBUG: never below INFO.
    for noisy in ("httpx", "httpcore", "urllib3", "label_studio_sdk", "openai", "filelock"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def main() -> None:
    """Run the command; exit 0 done, 1 a foreseen error in one line, 2 wrong usage, 130 interrupted."""
    # torch's threads wait for each other without burning the processor: on shared cores a pass is up to 4 times faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = cli.main(standalone_mode=False)
    except HetaError as error:
        click.echo(f"heta: {error}", err=True)
        code = 1
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("heta: interrupted; what was finished is kept, run the same command again to go on", err=True)
        code = 130
    except OSError as error:
        # The system's word on a file: unreadable, read-only, a folder where a file should be, a full disk.
        place = f"{error.filename}: " if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            remedy = "make room, then run the same command again; what was there before is whole"
        else:
            remedy = "check that it exists and that you may use it"
        click.echo(f"heta: {place}{error.strerror or error}; {remedy}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
