"""Commands of the attribution library."""

import click


@click.command()
def attribute() -> None:
    """Score one prompt."""


@click.command()
def methods() -> None:
    """List attribution methods."""


@click.group()
def model() -> None:
    """Fetch models that need no hub."""
