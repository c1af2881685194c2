"""Commands of the data package: `heta data`, `heta release`, `heta sources`."""

import click

from heta_data.cli.attribute import attribute
from heta_data.cli.check import check
from heta_data.cli.importing import import_group
from heta_data.cli.items import build, show, sources
from heta_data.cli.release import release

__all__ = ["data", "release", "sources"]


@click.group()
def data() -> None:
    """Build, check, show and attribute items, and import work from elsewhere."""


data.add_command(attribute)
data.add_command(build)
data.add_command(check)
data.add_command(import_group)
data.add_command(show)
