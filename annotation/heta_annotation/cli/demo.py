"""`heta demo`."""

import click


@click.command()
def demo() -> None:
    """The whole job on the bundled sample."""
