"""Commands of the evaluation package."""

import click


@click.group()
def evaluate() -> None:
    """Agreement, alignment and the report."""


@click.command()
def metrics() -> None:
    """List metrics."""
