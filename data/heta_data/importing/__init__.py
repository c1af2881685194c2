"""Outside work into a working folder: people's rationales, and attributions that other tools made.

Each format is a command of `heta data import`. Another package adds one through the entry-point group
`heta.importers`; its target is a click command, and its name the format's.
"""

from typing import TYPE_CHECKING

from heta.registry import Registry

if TYPE_CHECKING:
    import click

    from heta_data.importing.rows import attribution_rows

__all__ = ["IMPORTERS", "attribution_rows"]

IMPORTERS: "Registry[click.Command]" = Registry(
    "import format",
    "heta.importers",
    {
        "rationales": "heta_data.cli.import_rationales:rationales",
        "eraser": "heta_data.cli.import_rationales:eraser",
        "cose": "heta_data.cli.import_rationales:cose",
        "fair-rationales": "heta_data.cli.import_rationales:fair_rationales",
        "attributions": "heta_data.cli.import_attributions:attributions",
        "inseq": "heta_data.cli.import_attributions:inseq",
        "captum": "heta_data.cli.import_attributions:captum",
    },
)


def __getattr__(name: str) -> object:
    # Listing the formats must not import numpy.
    if name == "attribution_rows":
        from heta_data.importing.rows import attribution_rows

        return attribution_rows
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
