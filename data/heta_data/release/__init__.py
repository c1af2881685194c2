"""Releases: one immutable, versioned export of a benchmark that anybody can check offline."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heta_data.release.build import Build, build_release
    from heta_data.release.check import Check, check_release
    from heta_data.release.difference import Difference, compare_releases
    from heta_data.release.manifest import Manifest

__all__ = ["Build", "Check", "Difference", "Manifest", "build_release", "check_release", "compare_releases"]

_HOME = {
    "Build": "build",
    "build_release": "build",
    "Check": "check",
    "check_release": "check",
    "Difference": "difference",
    "compare_releases": "difference",
    "Manifest": "manifest",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
