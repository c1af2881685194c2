"""`heta data build | show`, `heta sources`."""

import click


@click.group()
def build() -> None:
    """Build items from a source."""


@click.command()
def show() -> None:
    """Print an item readably."""


@click.command()
def sources() -> None:
    """List item sources."""
