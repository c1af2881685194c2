"""`heta data attribute`."""

import click


@click.command()
def attribute() -> None:
    """Run methods over items."""
