"""The curated items: a SciQ question, the passage that answers it, and a passage of a novel that does not.

Evidence, question and answer are CC BY-NC 3.0, the novel is in the public domain in the USA; both can
stand in one prompt. (A CC BY-SA text could not: no licence satisfies both.)
"""

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from heta.errors import ConfigError, InputError
from heta_data.compose import compose_item
from heta_data.funnel import Funnel
from heta_data.items import write_items
from heta_data.jsonl import dump_line
from heta_data.records import Item, Rights
from heta_data.sources.gutenberg import Book, read_books
from heta_data.sources.pairing import Pair, pair_rows, rank
from heta_data.sources.sciq import Row, cluster, in_the_middle, occurrences, read_sciq, relaxed_filters
from heta_data.workspace import Workspace

SOURCE = "curated"
FUNNEL_FILE = "funnel.json"
Orders = Literal["declared", "both"]
Split = Literal["train", "dev", "test"]
SPLITS: tuple[tuple[Split, float], ...] = (("train", 0.1), ("dev", 0.2), ("test", 0.7))
"""Shares of the groups, not of the items: a book is never split."""


@dataclass(frozen=True)
class Licence:
    """What every text of one source is under."""

    spdx: str
    source: str
    url: str
    """With `{number}` for a book's number."""


LICENCES = {
    "sciq": Licence("CC-BY-NC-3.0", "SciQ (Welbl, Liu and Gardner 2017)", "https://allenai.org/data/sciq"),
    "books": Licence("public-domain-us", "Project Gutenberg", "https://www.gutenberg.org/ebooks/{number}"),
}
_BINS = 5


@dataclass(frozen=True)
class Curated:
    """Built items with the report on how they came about."""

    items: tuple[Item, ...]
    funnel: Funnel
    report: dict[str, Any]
    """What `funnel.json` holds; equal for equal inputs and options."""


def build_curated(
    sciq: Sequence[Path],
    books: Path,
    *,
    limit: int | None = None,
    seed: int = 0,
    orders: Orders = "declared",
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Curated:
    """Items from SciQ files and a folder of books. The same files and options give the same items.

    Args:
        sciq: SciQ's JSON files, e.g. `train.json`.
        books: folder of Project Gutenberg books as `.txt` files.
        limit: make items of so many rows (with `both` orders twice as many items), None for all that can be paired.
        seed: which passage stands beside which question, and which segment stands first.
        orders: `declared` for one item of each row, evidence first in half of them; `both` for two (twins).
        strict: keep only rows whose answer begins neither in the first nor in the last tenth of the evidence.
        progress: called with (rows done, rows to pair).

    Raises:
        InputError: a file or folder cannot be used, or nothing is left to make items of.
        ConfigError: a limit below 1, or an order that is neither of the two.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}, must be 1 or more")
    if orders not in ("declared", "both"):
        raise ConfigError(f"orders is {orders!r}; allowed: declared, both")
    rows = _read_all(sciq)
    library = read_books(books)
    funnel = Funnel(len(rows))
    for name, why, test in relaxed_filters(rows):
        rows = funnel.keep(rows, name, why, test)
    if strict:
        why = "the answer begins in the first or last tenth of the passage"
        rows = funnel.keep(rows, "position", why, in_the_middle)
    candidates = len(rows)
    pairs, missed = pair_rows(cluster(rows), library, seed=seed, limit=limit, progress=progress)
    funnel.record("paired", "no book has a passage left that fits", candidates - missed)
    if limit is not None:
        funnel.record("limit", f"only {limit} rows were asked for", len(pairs))
    if not pairs:
        raise InputError(
            f"{', '.join(map(str, sciq))} with {books}: no item can be made of {funnel.start} rows and {len(library)} "
            f"books ({candidates} rows pass the filters); give more rows or longer books"
        )
    items = tuple(_compose_all(pairs, seed, orders))
    options = {"limit": limit, "seed": seed, "orders": orders, "strict": strict}
    return Curated(items, funnel, _report(items, pairs, funnel, library, options))


def _read_all(paths: Sequence[Path]) -> list[Row]:
    rows: list[Row] = []
    seen: dict[str, Path] = {}
    for path in paths:
        # Rows are told apart by the file's name: folders differ from machine to machine.
        if path.name in seen:
            raise InputError(f"{path}: has the same name as {seen[path.name]}; rename one of them")
        seen[path.name] = path
        rows += read_sciq(path)
    return rows


def choose_orders(pairs: Sequence[Pair], seed: int) -> dict[str, bool]:
    """Row id -> whether the evidence stands first: in half of them, independent of where the answer stands in it.

    Rows are sorted by the place of the answer and taken two by two; a hash decides which of the two has its evidence
    first. With an odd number it decides for the last one alone.
    """
    ordered = sorted((pair.row for pair in pairs), key=lambda row: (row.answer_share, rank(seed, "order", row.id)))
    first: dict[str, bool] = {}
    for one, other in zip_longest(ordered[::2], ordered[1::2]):
        heads = rank(seed, "coin", one.id) % 2 == 0
        first[one.id] = heads
        if other is not None:
            first[other.id] = not heads
    return first


def choose_split(group: str) -> Split:
    """The split of a group, by a hash of its name alone: it stays there whatever else is built."""
    point = rank(0, "split", group) / 2**64
    for split, share in SPLITS[:-1]:
        if point < share:
            return split
        point -= share
    return SPLITS[-1][0]


def _compose_all(pairs: Sequence[Pair], seed: int, orders: Orders) -> Iterator[Item]:
    first = choose_orders(pairs, seed)
    for pair in pairs:
        declared = first[pair.row.id]
        for evidence_first in (declared, not declared) if orders == "both" else (declared,):
            yield _compose(pair, evidence_first)


def _compose(pair: Pair, evidence_first: bool) -> Item:
    row, passage = pair.row, pair.passage
    group = f"book-{passage.book.id}"
    return compose_item(
        source=SOURCE,
        source_id=row.id,
        group=group,
        split=choose_split(group),
        language="en",
        evidence=row.evidence,
        distractor=passage.text,
        question=row.asked,
        answer=row.stated,
        evidence_first=evidence_first,
        rights=[*_row_rights(row), _passage_rights(pair)],
    )


def _row_rights(row: Row) -> Iterator[Rights]:
    licence = LICENCES["sciq"]
    for field, key in (("evidence", "support"), ("question", "question"), ("answer", "correct_answer")):
        yield Rights(
            field=field,
            licence=licence.spdx,
            source=licence.source,
            url=licence.url,
            revision=row.revision,
            locator=f"{row.file}, row {row.index}, {key}",
        )


def _passage_rights(pair: Pair) -> Rights:
    licence, book, span = LICENCES["books"], pair.passage.book, pair.passage.span
    return Rights(
        field="distractor",
        licence=licence.spdx,
        source=licence.source,
        url=licence.url.format(number=book.number) if book.number else "",
        revision=f"sha256:{book.sha256[:12]}",
        locator=f"book {book.id}, characters {span.start}-{span.end}",
    )


def _report(
    items: Sequence[Item], pairs: Sequence[Pair], funnel: Funnel, library: Sequence[Book], options: dict[str, Any]
) -> dict[str, Any]:
    used = Counter(pair.passage.book.id for pair in pairs)
    ratios = sorted(pair.passage.words / len(pair.row.evidence.split()) for pair in pairs)
    return {
        "report": "curated",
        "options": options,
        "funnel": funnel.to_json(),
        "items": len(items),
        "items_sha256": hashlib.sha256(items_text(items).encode("utf-8")).hexdigest(),
        "splits": dict(sorted(Counter(item.split for item in items).items())),
        "groups": len({item.group for item in items}),
        "evidence_first": sum(_evidence_first(item) for item in items),
        "answer_position": _answer_positions(items),
        "length_ratio": {"low": ratios[0], "median": ratios[len(ratios) // 2], "high": ratios[-1]},
        "books": [
            {"id": book.id, "encoding": book.encoding, "sha256": book.sha256, "pairs": used[book.id]}
            for book in library
        ],
    }


def _evidence_first(item: Item) -> bool:
    return item.spans("evidence", "distractor")[0].role == "evidence"


def _answer_positions(items: Sequence[Item]) -> list[int]:
    """Items by the fifth of their two texts in which the answer begins."""
    counts = [0] * _BINS
    for item in items:
        both = item.spans("evidence", "distractor")
        evidence = item.spans("evidence")[0]
        text = item.prompt[evidence.start : evidence.end]
        at = evidence.start + occurrences(item.answer, text)[0]
        share = (at - both[0].start) / (both[-1].end - both[0].start)
        counts[int(share * _BINS)] += 1
    return counts


def items_text(items: Sequence[Item]) -> str:
    """The items as `items.jsonl` holds them."""
    return "".join(dump_line(item) + "\n" for item in items)


def save_curated(workspace: Workspace, built: Curated, *, force: bool = False) -> Literal["written", "unchanged"]:
    """Write `items.jsonl` and, beside it, `funnel.json`; says whether the items were there already.

    Raises:
        InputError: the folder holds other items and `force` is not set; nothing is touched then.
        FolderBusy: another process writes to the folder.
    """
    outcome = write_items(workspace, built.items, force=force)
    with workspace.lock():
        handle, temporary = tempfile.mkstemp(dir=workspace.root, prefix=f".{FUNNEL_FILE}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
                json.dump(built.report, out, ensure_ascii=False, indent=2, allow_nan=False)
                out.write("\n")
            os.chmod(temporary, 0o644)
            os.replace(temporary, workspace.root / FUNNEL_FILE)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    return outcome
