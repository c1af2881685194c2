"""MANIFEST.json: what a release holds, counted from its rows, and the checksum of every file."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from heta_data.records import MetricResult, Part, PlainJson, RaterKind, Record, content_hash
from heta_data.release.licences import Licence, used_licences
from heta_data.release.tables import TABLES, Tables

MANIFEST = "MANIFEST.json"
CHECKSUMS = "SHA256SUMS"
CARD = "README.md"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class ReleaseSettings(BaseModel):
    """[release]: how the bundle is called and what its own licence is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")] | None = None
    """Goes in front of the version in the folder's name."""
    title: Annotated[str, Field(min_length=1)] = "HETA bench release"
    licence: str = "CC-BY-4.0"
    """Of labels, gold labels and attributions; each text of an item keeps its own."""
    licences: dict[str, str] = Field(default_factory=dict)
    """Identifier -> address of licences that the toolkit does not know."""
    creators: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Who is to be cited."""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    """Day of publication; it is never taken from the clock, so that a build can be repeated."""


class FileEntry(Part):
    """One file of the bundle; `rows` where it is a table."""

    path: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: NonNegativeInt
    rows: NonNegativeInt | None = None


class VersionEntry(Part):
    """One version in the history of a release."""

    version: Annotated[str, Field(pattern=f"^{VERSION.pattern}$")]
    date: str | None
    changes: tuple[str, ...]
    """What changed since the version before, a phrase each; empty for the first one."""


class Manifest(Record):
    """What a release holds. Every field but the title can be computed again from the rows."""

    record: Literal["release"] = "release"
    name: str | None
    version: Annotated[str, Field(pattern=f"^{VERSION.pattern}$")]
    title: str
    content_fingerprint: str
    """Content hash over all rows without their measured fields (seconds, memory)."""
    simulated: bool
    """Whether any label or gold label comes from scripted raters."""
    counts: dict[str, int]
    """Rows of each table."""
    raters: dict[RaterKind, int]
    """Raters of each kind."""
    licence: str
    licences: tuple[Licence, ...]
    agreement: tuple[MetricResult, ...]
    """What raters agree on, as `heta evaluate run` found it; empty where it was not run."""
    provenance: PlainJson
    files: tuple[FileEntry, ...]
    creators: tuple[str, ...]
    date: str | None
    canary: str
    """By which text of this benchmark is found in training data: the same in all its versions."""
    history: tuple[VersionEntry, ...]
    """This version and those before it, oldest first."""


def summarise(tables: Tables) -> dict[str, Any]:
    """The manifest's fields that follow from the rows alone."""
    facts = tables.facts
    kinds = {kind for kind, _ in facts.raters} | facts.gold_kinds
    return {
        "content_fingerprint": content_hash({table.name: facts.fingerprints[table.name] for table in TABLES}),
        "simulated": "simulated" in kinds,
        "counts": {table.name: len(tables.rows(table)) for table in TABLES},
        "raters": dict(sorted(Counter(kind for kind, _ in facts.raters).items())),
    }


def describe_origin(tables: Tables) -> dict[str, Any]:
    """How the rows came about, as far as they say it themselves: campaigns, models, methods, libraries."""
    facts = tables.facts
    return {
        "campaigns": sorted(facts.campaigns),
        "isolation": sorted(facts.isolation),
        "consent_versions": sorted(facts.consent_versions),
        "segmentations": sorted(facts.segmentations),
        "gold_methods": sorted(facts.gold_methods),
        "models": [
            {"name": name, "revision": revision, "tokenizer": tokenizer}
            for name, revision, tokenizer in sorted(facts.models)
        ],
        "methods": [
            {"method": method, "config_hash": config_hash, "config": facts.methods[(method, config_hash)]}
            for method, config_hash in sorted(facts.methods)
        ],
        "libraries": [dict(pairs) for pairs in sorted(facts.libraries)],
    }


def make_manifest(
    tables: Tables,
    *,
    version: str,
    settings: ReleaseSettings,
    licences: Sequence[Licence],
    agreement: Iterable[MetricResult],
) -> Manifest:
    """The manifest of a bundle, without its files; see `with_files`."""
    built = {name: installed_version(name) for name in ("heta-bench", "pyarrow")}
    return Manifest(
        name=settings.name,
        version=version,
        title=settings.title,
        **summarise(tables),
        licence=settings.licence,
        licences=tuple(licences),
        agreement=tuple(agreement),
        provenance={"built_with": built, **describe_origin(tables)},
        files=(),
        creators=settings.creators,
        date=settings.date,
        canary=canary_of(settings.name),
        history=(VersionEntry(version=version, date=settings.date, changes=()),),
    )


def with_files(manifest: Manifest, tables: Tables, files: Mapping[str, tuple[str, int]]) -> Manifest:
    """The manifest with an entry for each of the bundle's other files: path -> sha256 and bytes."""
    rows = {f"{table.stem}.{ending}": len(tables.rows(table)) for table in TABLES for ending in ("jsonl", "parquet")}
    entries = tuple(
        FileEntry(path=path, sha256=digest, bytes=size, rows=rows.get(path))
        for path, (digest, size) in sorted(files.items())
    )
    return manifest.model_copy(update={"files": entries})


def canary_of(name: str | None) -> str:
    """The identifier of a benchmark that stands in all its versions, from its name."""
    return str(uuid5(NAMESPACE_URL, f"heta-bench/{name or 'release'}"))


def licence_ids(tables: Tables, labels_licence: str) -> list[str]:
    """Identifiers of every licence that the bundle must carry a notice of, sorted."""
    return sorted({*used_licences(tables.items), labels_licence})


def render_manifest(manifest: Manifest) -> bytes:
    """The manifest as indented JSON with sorted keys."""
    data = manifest.model_dump(mode="json")
    return (json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def render_checksums(checksums: Mapping[str, str]) -> bytes:
    """Path -> sha256 in the form that `sha256sum --check` reads."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(checksums.items())).encode("utf-8")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, which is not held in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(content: bytes) -> str:
    """The sha256 of `content` in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
