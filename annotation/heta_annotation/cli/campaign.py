"""`heta campaign`."""

import click


@click.group()
def campaign() -> None:
    """campaign."""
