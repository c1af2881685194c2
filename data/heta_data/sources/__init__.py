"""Where items come from: one entry for each source, listed by `heta sources`.

Another package adds a source through the entry-point group `heta.sources`; its target is a `Source`.
"""

from dataclasses import dataclass

from heta.registry import Registry

__all__ = ["SOURCES", "Source"]


@dataclass(frozen=True)
class Source:
    """What a user should know of a source before building items from it."""

    name: str
    summary: str
    """What its items are, in a few words."""
    licences: tuple[str, ...]
    """SPDX identifiers, or `public-domain-us`, of every text in its items."""
    reference: str
    """Who made it, so that it can be cited."""
    command: str
    """The command that builds its items."""


SOURCES: Registry[Source] = Registry(
    "source",
    "heta.sources",
    {
        "sample": "heta_data.sources.catalogue:SAMPLE",
        "curated": "heta_data.sources.catalogue:CURATED",
    },
)
