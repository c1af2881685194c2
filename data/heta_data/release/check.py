"""Check a release offline, from nothing but its folder; every problem is listed, not the first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from heta_data.errors import RecordError
from heta_data.jsonl import parse_line
from heta_data.release.card import BANNER
from heta_data.release.croissant import CROISSANT, croissant_problems
from heta_data.release.difference import numbers
from heta_data.release.documents import CANARY, CITATION, render_documents, same_toolkit
from heta_data.release.manifest import (
    CARD,
    CHECKSUMS,
    MANIFEST,
    Manifest,
    canary_of,
    describe_origin,
    licence_ids,
    render_checksums,
    render_manifest,
    sha256,
    sha256_of,
    summarise,
)
from heta_data.release.problems import find_problems
from heta_data.release.tables import TABLES, Table, Tables, read_bundle


class Check(NamedTuple):
    """What a check found; no problems, then the release is whole."""

    manifest: Manifest | None
    """None where it cannot be read."""
    problems: tuple[str, ...]


def check_release(path: Path) -> Check:
    """Verify checksums, rows, references, offsets, licences, kinds of raters, card and manifest of a bundle."""
    if not path.is_dir():
        return Check(None, (f"{path}: no such folder",))
    digests = {
        file.relative_to(path).as_posix(): sha256_of(file)
        for file in sorted(path.rglob("*"))
        if file.is_file() and not file.is_symlink()
    }
    problems = [
        f"{file.relative_to(path).as_posix()}: is no plain file; a bundle holds files and folders only"
        for file in sorted(path.rglob("*"))
        if file.is_symlink() or not (file.is_file() or file.is_dir())
    ]
    if any(not (file.is_symlink() or file.is_file() or file.is_dir()) for file in path.rglob("*")):
        # Reading a pipe would wait for ever.
        return Check(None, tuple(problems))
    problems += [
        f"{folder.relative_to(path).as_posix()}: is an empty folder; the manifest knows none"
        for folder in sorted(path.rglob("*"))
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    ]
    manifest = _read_manifest(path, problems)
    if manifest is not None:
        problems += _check_files(path, manifest, digests)
    problems += _check_checksums(path, digests)
    tables, unreadable = read_bundle(path)
    problems += unreadable
    for table in TABLES:
        problems += _check_parquet(path, table, tables)
    known = {licence.id for licence in manifest.licences} if manifest else {right for right in licence_ids(tables, "")}
    problems += find_problems(tables, known)
    if manifest is not None and not unreadable and all(f"{table.stem}.parquet" in digests for table in TABLES):
        counted = summarise(tables)
        problems += _check_summary(manifest, tables, counted)
        problems += _check_notices(manifest, tables, digests)
        # What follows from the rows is taken from them: a manifest that is not true is told elsewhere.
        provenance = {**manifest.provenance, **describe_origin(tables)}
        true = manifest.model_copy(update={**counted, "provenance": provenance})
        problems += _check_documents(path, true, tables, digests)
    return Check(manifest, tuple(problems))


def _read_manifest(path: Path, problems: list[str]) -> Manifest | None:
    file = path / MANIFEST
    try:
        content = file.read_bytes()
        manifest = parse_line(content.decode("utf-8"), Manifest, MANIFEST)
    except OSError as error:
        problems.append(f"{MANIFEST}: cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{MANIFEST}: not UTF-8 text")
    except RecordError as error:
        problems.append(str(error))
    else:
        if content != render_manifest(manifest):
            problems.append(f"{MANIFEST}: is not in its canonical form")
        return manifest
    return None


def _check_files(path: Path, manifest: Manifest, digests: Mapping[str, str]) -> list[str]:
    problems = []
    expected = {entry.path: entry for entry in manifest.files}
    for name in sorted(expected.keys() - digests.keys()):
        problems.append(f"{MANIFEST} > {name}: the file is missing")
    for name in sorted(digests.keys() - expected.keys() - {MANIFEST, CHECKSUMS}):
        problems.append(f"{name}: an extra file that the manifest does not name")
    for name in sorted(expected.keys() & digests.keys()):
        size = (path / name).stat().st_size
        if size != expected[name].bytes:
            problems.append(f"{name}: {size} bytes, the manifest says {expected[name].bytes}")
        elif digests[name] != expected[name].sha256:
            problems.append(f"{name}: sha256 is {digests[name][:12]}…, the manifest says {expected[name].sha256[:12]}…")
    return problems


def _check_checksums(path: Path, digests: Mapping[str, str]) -> list[str]:
    if CHECKSUMS not in digests:
        return [f"{CHECKSUMS}: the file is missing"]
    others = {name: digest for name, digest in digests.items() if name != CHECKSUMS}
    said = (path / CHECKSUMS).read_bytes().splitlines()
    true = render_checksums(others).splitlines()
    names = {line[66:].decode("utf-8", "replace") for line in set(said) ^ set(true)}
    if not names and said != true:
        return [f"{CHECKSUMS}: its lines are not in order, or stand there twice"]
    return [f"{CHECKSUMS} > {name}: does not say what the file is" for name in sorted(names)]


def _check_parquet(path: Path, table: Table, tables: Tables) -> list[str]:
    from heta_data.release.parquet import parquet_problem, schema_of

    name = f"{table.stem}.parquet"
    schema = schema_of(table.record_type, tables.facts.unused[table.name])
    problem = parquet_problem(path / name, tables.rows(table), table.record_type, schema, f"{table.stem}.jsonl")
    return [f"{name}: {problem}"] if problem else []


def _check_summary(manifest: Manifest, tables: Tables, counted: Mapping[str, Any]) -> list[str]:
    problems = []
    for name, value in counted.items():
        said = getattr(manifest, name)
        if said != value:
            problems.append(f"{MANIFEST} > {name}: says {said!r}, the rows give {value!r}")
    for name, value in describe_origin(tables).items():
        if manifest.provenance.get(name) != value:
            problems.append(f"{MANIFEST} > provenance > {name}: does not say what the rows say")
    counts = {f"{table.stem}.{end}": len(tables.rows(table)) for table in TABLES for end in ("jsonl", "parquet")}
    for entry in manifest.files:
        if entry.rows != counts.get(entry.path):
            problems.append(
                f"{MANIFEST} > files > {entry.path}: says {entry.rows} rows, there are {counts.get(entry.path)}"
            )
    for table in TABLES:
        rows = tables.rows(table)
        if not rows:
            problems.append(f"{table.name}: the table is empty")
        if table.name in tables.facts.unordered:
            problems.append(f"{table.name}: the rows are not in order")
    return problems


def _check_notices(manifest: Manifest, tables: Tables, digests: Mapping[str, str]) -> list[str]:
    wanted = licence_ids(tables, manifest.licence)
    said = [licence.id for licence in manifest.licences]
    problems = [] if said == wanted else [f"{MANIFEST} > licences: says {said}, the rows need {wanted}"]
    for licence in wanted:
        if f"LICENSES/{licence}.txt" not in digests:
            problems.append(f"LICENSES/{licence}.txt: the notice is missing")
    return problems


def _check_documents(path: Path, manifest: Manifest, tables: Tables, digests: Mapping[str, str]) -> list[str]:
    """Card, description and the like must say what the rows say: where this toolkit wrote them, byte by byte."""
    texts = {name: _read_text(path / name) for name in (CARD, CANARY, CITATION, CROISSANT)}
    problems = [f"{name}: is missing or no UTF-8 text" for name, text in texts.items() if text is None]
    said = {name: text or "" for name, text in texts.items()}
    if manifest.simulated != (BANNER in said[CARD]) and texts[CARD] is not None:
        problems.append(
            f"{CARD}: labels are simulated and the card does not say so"
            if manifest.simulated
            else f"{CARD}: the card says that labels are simulated, and none is"
        )
    versions = [entry.version for entry in manifest.history]
    if versions[-1:] != [manifest.version] or sorted(set(versions), key=numbers) != versions:
        problems.append(f"{MANIFEST} > history: is not the versions up to {manifest.version}, each once, in order")
    if manifest.canary != canary_of(manifest.name):
        problems.append(f"{MANIFEST} > canary: is not the one of {manifest.name or 'a release without a name'}")
    problems += [
        f"{name}: does not hold {what} {value}"
        for name, what, value in (
            (CANARY, "the canary", manifest.canary),
            (CARD, "the canary", manifest.canary),
            (CROISSANT, "the canary", manifest.canary),
            (CITATION, "the version", f'version: "{manifest.version}"'),
        )
        if texts[name] is not None and value not in said[name]
    ]
    problems += croissant_problems(said[CROISSANT], manifest, digests) if texts[CROISSANT] is not None else []
    if not same_toolkit(manifest):
        return problems
    for name, content in render_documents(tables, manifest, digests).items():
        if name in digests and sha256(content) != digests[name]:
            problems.append(f"{name}: is not what this toolkit writes for these rows and this manifest")
        elif name not in digests:
            problems.append(f"{name}: the file is missing")
    return problems


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
