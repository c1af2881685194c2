"""The bundled sample: short fictional texts written for this project, CC BY 4.0.

The rows lie in `data/samples/` of the source tree and in `heta_data/samples/` of an installed wheel.
"""

from collections.abc import Iterator, Sequence
from importlib.abc import Traversable
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field

from heta.errors import ConfigError, suggest
from heta_data.compose import compose_item
from heta_data.errors import IntegrityError
from heta_data.jsonl import parse_line
from heta_data.records import Item, Record, Rights

Orders = Literal["declared", "both"]
ORDERS: tuple[Orders, ...] = ("declared", "both")

SOURCE = "sample"
LICENCE = "CC-BY-4.0"
REVISION = "1"
"""Goes up whenever a text changes, so that items of two versions can be told apart."""
_FILE = "sample.jsonl"


class SampleRow(Record):
    """One row of the sample, before it is composed to an item."""

    record: Literal["sample_row"] = "sample_row"
    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    language: str
    topic: str
    group: str
    """Rows of one group tell of the same place or people."""
    order: Literal["evidence_first", "distractor_first"]
    evidence: str
    distractor: str
    question: str
    answer: str
    rival: str | None = None
    """The competing answer that a hard distractor holds; none for a narrative one."""

    @property
    def copied(self) -> bool:
        """Whether the evidence holds the answer word for word, capitals aside."""
        return self.answer.casefold() in self.evidence.casefold()


def sample_rows() -> list[SampleRow]:
    """The rows of the sample, in the order of the file.

    Raises:
        IntegrityError: the file is missing from this installation.
        RecordError: a line cannot be read.
    """
    source = _find_file()
    lines = source.read_text(encoding="utf-8").splitlines()
    return [parse_line(line, SampleRow, f"{source}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def sample_items(*, orders: Orders = "declared", languages: Sequence[str] = (), limit: int | None = None) -> list[Item]:
    """The sample as items.

    Args:
        orders: `declared` for the segment order each row declares (about half have the evidence first), `both` for
            two items of each row that differ in segment order, the declared one first.
        languages: keep rows in these languages; none given keeps all.
        limit: keep the first so many rows, counted after `languages`; with `both` that gives twice as many items.

    Raises:
        ConfigError: an unknown order or language, or a limit below 1.
    """
    if orders not in ORDERS:
        raise ConfigError(f"orders is {orders!r}{suggest(orders, ORDERS)}; allowed: {', '.join(ORDERS)}")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}, must be 1 or more")
    rows = sample_rows()
    known = sorted({row.language for row in rows})
    for language in languages:
        if language not in known:
            raise ConfigError(f"the sample has no items in {language!r}; its languages: {', '.join(known)}")
    kept = [row for row in rows if not languages or row.language in languages][:limit]
    return [item for row in kept for item in _compose(row, orders)]


def _compose(row: SampleRow, orders: Orders) -> Iterator[Item]:
    declared = row.order == "evidence_first"
    for evidence_first in (declared, not declared) if orders == "both" else (declared,):
        yield compose_item(
            source=SOURCE,
            source_id=row.id,
            group=row.group,
            split="test",
            language=row.language,
            evidence=row.evidence,
            distractor=row.distractor,
            question=row.question,
            answer=row.answer,
            evidence_first=evidence_first,
            rights=[
                Rights(field=field, licence=LICENCE, source="heta-bench sample", revision=REVISION, locator=row.id)
                for field in ("evidence", "distractor", "question", "answer")
            ],
        )


def _find_file() -> Traversable:
    package = files("heta_data")
    # In a wheel the folder lies inside the package; in the source tree, and so in an editable install, beside it.
    for folder in (package, Path(str(package)).parent):
        place = folder.joinpath("samples").joinpath(_FILE)
        if place.is_file():
            return place
    raise IntegrityError(
        f"the bundled sample is missing: no samples/{_FILE} in or beside {package}; install heta-bench again"
    )
