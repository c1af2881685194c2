"""Build a release: everything is computed and checked first, then one rename makes the bundle appear."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from heta.errors import ConfigError
from heta_data.errors import IntegrityError, ReleaseBlocked
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
    sha256_of,
    with_files,
)
from heta_data.release.parquet import ParquetFile, schema_of
from heta_data.release.problems import EMAIL, find_problems
from heta_data.release.tables import TABLES, Table, Tables, read_workspace
from heta_data.sealing import check_seal
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
        path = workspace.releases / (f"{settings.name}-{version}" if settings.name else version)
        with _unfinished(workspace.releases) as folder:
            manifest = _write(folder, tables, manifest)
            return Build(path, manifest, _publish(folder, path))


def _read_agreement(workspace: Workspace, inputs: str | None, problems: list[str]) -> list[MetricResult]:
    """Agreement of raters in results.jsonl; results of other inputs than the folder holds now are a problem."""
    if not workspace.results.exists():
        return []
    results, bad = collect_records(workspace.results, MetricResult)
    problems += bad
    if not bad:
        try:
            check_seal(workspace.results)
        except IntegrityError as error:
            problems.append(str(error).removeprefix(f"{workspace.root}/"))
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


def _write(folder: Path, tables: Tables, manifest: Manifest) -> Manifest:
    """Write every file of the bundle into a folder; the manifest as written."""
    for table in TABLES:
        _write_table(folder / f"{table.stem}.jsonl", tables, table)
    written = {f"{table.stem}.{ending}" for table in TABLES for ending in ("jsonl", "parquet")}
    digests = {path: sha256_of(folder / path) for path in sorted(written)}
    documents = render_documents(tables, manifest, digests)
    for name, content in documents.items():
        _write_bytes(folder / name, content)
    digests |= {name: sha256(content) for name, content in documents.items()}
    files = {path: (digest, (folder / path).stat().st_size) for path, digest in digests.items()}
    manifest = with_files(manifest, tables, files)
    content = render_manifest(manifest)
    _write_bytes(folder / MANIFEST, content)
    _write_bytes(folder / CHECKSUMS, render_checksums({**digests, MANIFEST: sha256(content)}))
    return manifest


def _write_table(path: Path, tables: Tables, table: Table) -> None:
    """Both files of a table, row by row."""
    path.parent.mkdir(parents=True)
    schema = schema_of(table.record_type, tables.facts.unused[table.name])
    with (
        path.open("w", encoding="utf-8", newline="\n") as lines,
        ParquetFile(path.with_suffix(".parquet"), table.record_type, schema) as columns,
    ):
        for row in tables.rows(table):
            lines.write(canonical_json(row.model_dump(mode="json")) + "\n")
            columns.add(row)


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@contextmanager
def _unfinished(releases: Path) -> Iterator[Path]:
    """A folder for a bundle in the making; gone afterwards, whatever happened."""
    releases.mkdir(parents=True, exist_ok=True)
    for leftover in releases.glob(".building-*"):
        # Of a build that was killed: the folder is locked, so nobody works on it.
        shutil.rmtree(leftover)
    folder = Path(tempfile.mkdtemp(dir=releases, prefix=".building-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, path: Path) -> bool:
    """Let the finished bundle appear as `path` in one step; true where exactly these files are there already."""
    if path.exists():
        if changed := _differences(path, folder):
            raise ReleaseBlocked(
                [f"{path}: this version exists with other content ({', '.join(changed)}): choose the next version"]
            )
        return True
    folder.chmod(0o755)
    if problems := check_release(folder).problems:
        raise ReleaseBlocked([f"the finished bundle fails its own check: {problem}" for problem in problems])
    os.replace(folder, path)
    return False


def _differences(one: Path, other: Path) -> list[str]:
    """Files of two folders that are not the same."""
    here, there = (
        {file.relative_to(root).as_posix(): file for file in root.rglob("*") if not file.is_dir()}
        for root in (one, other)
    )
    both = here.keys() & there.keys()
    return sorted(
        {*(here.keys() ^ there.keys()), *(name for name in both if sha256_of(here[name]) != sha256_of(there[name]))}
    )
