"""Build a release: everything is computed and checked first, then one rename makes the bundle appear."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from heta.errors import ConfigError
from heta_data.errors import ReleaseBlocked
from heta_data.jsonl import collect_records
from heta_data.records import MetricResult, canonical_json
from heta_data.release.check import check_release
from heta_data.release.difference import difference, latest_below, read_release
from heta_data.release.documents import render_documents
from heta_data.release.licences import KNOWN, Licence
from heta_data.release.manifest import (
    CHECKSUMS,
    MANIFEST,
    VERSION,
    Manifest,
    ReleaseSettings,
    licence_ids,
    make_manifest,
    render_checksums,
    render_manifest,
    sha256,
    with_files,
)
from heta_data.release.parquet import to_parquet
from heta_data.release.problems import EMAIL, find_problems
from heta_data.release.tables import TABLES, Tables, read_workspace
from heta_data.workspace import Workspace


class Build(NamedTuple):
    """A bundle and what it holds."""

    path: Path
    manifest: Manifest
    unchanged: bool
    """Whether the same bundle was there already."""


def build_release(workspace: Workspace, version: str, *, name: str | None = None) -> Build:
    """Write `releases/<version>/` (or `<name>-<version>`) from the rows of the folder.

    The same rows and settings give the same bytes. Nothing is left behind when it fails.

    Args:
        workspace: the folder; locked while this runs.
        version: `MAJOR.MINOR.PATCH`.
        name: of the data set, over `[release] name`.

    Raises:
        ConfigError: a version or setting that cannot be used, or no such folder.
        ReleaseBlocked: every problem at once; also when this version is there with other content.
        RecordError: a folder of attributions cannot be read.
        FolderBusy: another process writes here.
    """
    if not VERSION.fullmatch(version):
        raise ConfigError(f"version {version!r} is not of the form MAJOR.MINOR.PATCH, e.g. 1.0.0")
    settings = workspace.settings("release", ReleaseSettings, {"name": name})
    # Before the lock, which would make the folder.
    if not workspace.root.is_dir():
        raise ConfigError(f"{workspace.root}: no such folder; name the working folder with -C")
    if not workspace.items.exists():
        raise ReleaseBlocked(read_workspace(workspace)[1])
    with workspace.lock():
        tables, problems, inputs = read_workspace(workspace)
        agreement = _read_agreement(workspace, inputs, problems)
        licences = _licences(tables, settings, problems)
        problems += find_problems(tables, [*KNOWN, *settings.licences])
        problems += [
            f"heta.toml > release > {field}: holds an e-mail address"
            for field, value in (("title", settings.title), *(("creators", name) for name in settings.creators))
            if EMAIL.search(value)
        ]
        if problems:
            raise ReleaseBlocked(problems)
        manifest = make_manifest(tables, version=version, settings=settings, licences=licences, agreement=agreement)
        manifest = _after_the_last(workspace.releases, manifest, tables)
        files = _render(tables)
        files |= render_documents(tables, manifest, {path: sha256(content) for path, content in files.items()})
        manifest = with_files(manifest, tables, files)
        files[MANIFEST] = render_manifest(manifest)
        files[CHECKSUMS] = render_checksums({path: sha256(content) for path, content in files.items()})
        path = workspace.releases / (f"{settings.name}-{version}" if settings.name else version)
        return Build(path, manifest, _publish(path, files))


def _read_agreement(workspace: Workspace, inputs: str | None, problems: list[str]) -> list[MetricResult]:
    """Agreement of raters in results.jsonl; results of other inputs than the folder holds now are a problem."""
    if not workspace.results.exists():
        return []
    results, bad = collect_records(workspace.results, MetricResult)
    problems += bad
    made_from = {result.config["inputs"] for result in results if "inputs" in result.config}
    if inputs is not None and not bad and made_from != {inputs}:
        said = (
            "was made from other items, labels or attributions" if made_from else "does not say what it was made from"
        )
        problems.append(f"{workspace.results.name}: {said}: run `heta evaluate run` again")
    # `labels` counts what went in; the rest about raters is agreement.
    found = [r for r in results if r.subject == "raters" and r.item_id is None and r.metric != "labels"]
    return sorted(found, key=lambda result: canonical_json(result.model_dump(mode="json")))


def _licences(tables: Tables, settings: ReleaseSettings, problems: list[str]) -> list[Licence]:
    known = {**KNOWN, **{key: Licence(id=key, title=key, url=url) for key, url in settings.licences.items()}}
    if settings.licence not in known:
        problems.append(
            f"heta.toml > release > licence: {settings.licence!r} is not known; use its SPDX identifier, "
            "or give its address under [release.licences]"
        )
    return [known[key] for key in licence_ids(tables, settings.licence) if key in known]


def _after_the_last(releases: Path, manifest: Manifest, tables: Tables) -> Manifest:
    """The manifest with the history of the version before, whose number must fit what has changed since.

    Raises:
        ReleaseBlocked: it does not fit.
    """
    before = latest_below(releases, manifest.name, manifest.version)
    if before is None:
        return manifest
    last, rows = read_release(before)
    changes = difference(last, rows, manifest, tables)
    if changes.problem is not None:
        raise ReleaseBlocked([changes.problem])
    entry = manifest.history[-1].model_copy(update={"changes": tuple(changes.lines())})
    return manifest.model_copy(update={"history": (*last.history, entry)})


def _render(tables: Tables) -> dict[str, bytes]:
    """Both files of every table."""
    files = {}
    for table in TABLES:
        rows = tables.rows(table)
        lines = "".join(canonical_json(row.model_dump(mode="json")) + "\n" for row in rows)
        files[f"{table.stem}.jsonl"] = lines.encode("utf-8")
        files[f"{table.stem}.parquet"] = to_parquet(rows, table.record_type)
    return files


def _publish(path: Path, files: Mapping[str, bytes]) -> bool:
    """Put the files under `path` in one step; true where exactly these files are there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(".building-*"):
        # Of a build that was killed: the folder is locked, so nobody works on it.
        shutil.rmtree(leftover)
    if path.exists():
        if changed := _differences(path, files):
            raise ReleaseBlocked(
                [f"{path}: this version exists with other content ({', '.join(changed)}): choose the next version"]
            )
        return True
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".building-"))
    try:
        for name, content in files.items():
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        temporary.chmod(0o755)
        if problems := check_release(temporary).problems:
            raise ReleaseBlocked([f"the finished bundle fails its own check: {problem}" for problem in problems])
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return False


def _differences(path: Path, files: Mapping[str, bytes]) -> list[str]:
    there = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if not file.is_dir()}
    changed = [name for name in files if name not in there or there[name].read_bytes() != files[name]]
    return sorted({*changed, *(there.keys() - files.keys())})
