"""Commands of the data package."""

import click


@click.group()
def data() -> None:
    """Build, check, show and attribute items."""


@click.group()
def release() -> None:
    """Build and check releases."""


@click.command()
def sources() -> None:
    """List item sources."""
