"""Options that several evaluation commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def label_options(command: F) -> F:
    """`--kinds`, `--arms`, `--campaign`: whose labels count."""
    options = (
        click.option(
            "--kinds",
            multiple=True,
            type=click.Choice(["human", "simulated", "judge"]),
            help="Kind of raters whose labels count; may be repeated (default: human).",
        ),
        click.option(
            "--arms",
            multiple=True,
            type=click.Choice(["blind", "assisted", "reveal"]),
            help="Arm whose labels count; may be repeated (default: blind).",
        ),
        click.option("--campaign", metavar="HASH", help="Only labels of this campaign: its hash, or how that begins."),
    )
    for option in reversed(options):
        command = option(command)
    return command
