"""`heta studio`."""

import click


@click.group()
def studio() -> None:
    """studio."""
