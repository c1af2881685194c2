"""Reading curated items, and everything that must hold of each of them."""

import json
import re
from pathlib import Path
from typing import Any

from heta.records import Span
from heta_data.records import Item, Rights
from heta_data.sources.curated import (
    Curated,
)
from heta_data.sources.gutenberg import clean, read_books
from heta_data.sources.pairing import content_stems, stem


def text_of(item: Item, role: Any) -> str:
    """The one segment of that role."""
    (segment,) = item.spans(role)
    return item.prompt[segment.start : segment.end]


def rights_of(item: Item, field: str) -> Rights:
    """The one entry of rights for that field."""
    (found,) = [rights for rights in item.rights if rights.field == field]
    return found


def passage_span(item: Item) -> tuple[str, Span]:
    """Book and code points of the distractor, from its locator."""
    match = re.fullmatch(r"book (.+), characters (\d+)-(\d+)", rights_of(item, "distractor").locator)
    assert match
    return match[1], Span(int(match[2]), int(match[3]))


def evidence_first(item: Item) -> bool:
    """Whether the evidence stands in front of the distractor."""
    return item.spans("evidence", "distractor")[0].role == "evidence"


def check_items(built: Curated, sciq: Path, books: Path) -> None:
    """Everything that must hold of every curated item, checked from the records and the raw files alone."""
    rows = json.loads(sciq.read_text(encoding="utf-8"))
    raw = {found.id: found.text for found in read_books(books)}
    passages: set[tuple[str, int]] = set()
    for item in built.items:
        evidence, distractor = text_of(item, "evidence"), text_of(item, "distractor")
        source = rows[int(item.source_id.rpartition(":")[2])]
        # The evidence is the row's support but for white space, the answer stands in it once, with its own case.
        assert evidence.replace(" ", "") == "".join(source["support"].split())
        assert item.answer.casefold() == " ".join(source["correct_answer"].split()).casefold()
        assert len(re.findall(rf"(?<!\w){re.escape(item.answer)}(?!\w)", evidence, re.IGNORECASE)) == 1
        assert item.target == f" {item.answer}"
        # The locator rebuilds the passage from the raw file, and the book is the group.
        name, span = passage_span(item)
        assert clean(raw[name][slice(*span)]) == distractor
        assert item.group == f"book-{name}"
        passages.add((name, span.start))
        # Length, sentences, quotations, stems.
        ratio = len(distractor.split()) / len(evidence.split())
        assert 0.5 <= ratio <= 2
        assert distractor.rstrip("\"”)'’")[-1] in ".!?"
        assert distractor.count('"') % 2 == 0
        assert distractor.count("“") == distractor.count("”")
        asked = " ".join((item.question, item.answer, *(source[f"distractor{n}"] for n in (1, 2, 3))))
        assert not content_stems(asked) & {stem(word) for word in re.findall(r"[^\W\d_]+", distractor)}
        assert {(rights.field, rights.licence) for rights in item.rights} == {
            ("evidence", "CC-BY-NC-3.0"),
            ("question", "CC-BY-NC-3.0"),
            ("answer", "CC-BY-NC-3.0"),
            ("distractor", "public-domain-us"),
            ("example", "CC-BY-4.0"),
        }
    sources = {item.source_id for item in built.items}
    assert len(passages) == len(sources), "a passage stands beside two questions"
    first = sum(map(evidence_first, built.items))
    assert abs(2 * first - len(built.items)) <= 1
    assert len({item.id for item in built.items}) == len(built.items)
