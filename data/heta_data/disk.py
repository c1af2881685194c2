"""A check for `heta doctor`: room on the disk where models are kept."""

import shutil

from heta.doctor import Finding, InstallationCheck, finding
from heta.fetch import cache_dir

NEEDED = 2 * 10**9
"""Bytes: a small model, its conversion, and a Label Studio environment."""


def _disk() -> Finding:
    folder = cache_dir()
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    return finding(
        "disk space",
        free >= NEEDED,
        f"{free / 1e9:.1f} GB free at {there}",
        f">= {NEEDED / 1e9:.0f} GB",
        remedy="free some, or name a folder on another disk in HETA_CACHE",
    )


disk = InstallationCheck(_disk)
