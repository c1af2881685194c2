"""`heta release build | check`."""

import click


@click.group()
def release() -> None:
    """Build and check releases."""
