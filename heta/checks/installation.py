"""Checks that need no model: versions, requirements, the import name, devices, the cache."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.metadata import requires as declared
from pathlib import Path

from heta.doctor import Finding, InstallationCheck, finding


def _versions() -> Iterator[Finding]:
    python = platform.python_version()
    yield finding("python", sys.version_info >= (3, 11), python, ">= 3.11", remedy="install Python 3.11 or newer")
    for name in ("heta-bench", "torch", "transformers"):
        yield Finding(name, "ok", version(name))


def _requirements() -> Finding:
    """Whether every declared requirement, extras aside, is installed in the declared range."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in declared("heta-bench") or ()]
    wanted = [need for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
    wrong = []
    for need in wanted:
        try:
            found = version(need.name)
        except PackageNotFoundError:
            wrong.append(f"{need} is missing")
            continue
        if not need.specifier.contains(found, prereleases=True):
            wrong.append(f"{need} is {found}")
    figure = f"{len(wanted) - len(wrong)} of {len(wanted)} as declared" + (f"; {'; '.join(wrong)}" if wrong else "")
    return finding("requirements", not wrong, figure, "all", remedy="pip install --upgrade heta-bench")


def _namesake() -> Finding:
    """An unrelated package of the index is called heta: installed beside this one, it overwrites its modules."""
    import heta

    where = Path(heta.__file__ or "").parent
    try:
        other = distribution("heta").version
    except PackageNotFoundError:
        return Finding("import name", "ok", f"heta is {where}", "no other package of that name")
    return finding(
        "import name",
        False,
        f"the unrelated package heta {other} is installed too; heta is {where}",
        "no other package of that name",
        remedy="pip uninstall heta && pip install --force-reinstall --no-deps heta-bench",
    )


def _devices() -> Finding:
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Finding("devices", "ok", ", ".join([f"cpu ({torch.get_num_threads()} threads)", *names]))


def _cache() -> Finding:
    from heta.fetch import CATALOGUE, cache_dir, cached_model

    folder = cache_dir()
    there = folder
    while not there.exists():
        there = there.parent
    models = [name for name in CATALOGUE if cached_model(name) is not None]
    figure = f"{folder}, models: {', '.join(models) or 'none'}"
    remedy = f"make {there} writable, or name another folder in HETA_CACHE"
    return finding("cache", os.access(there, os.W_OK | os.X_OK), figure, "writable", remedy=remedy)


versions = InstallationCheck(_versions)
requirements = InstallationCheck(_requirements)
namesake = InstallationCheck(_namesake)
devices = InstallationCheck(_devices)
cache = InstallationCheck(_cache)
