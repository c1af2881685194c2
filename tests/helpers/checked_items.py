"""A set of made-up items in which no check finds anything, and ways to spoil some of them."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from heta_data.checking import CHECKS, Candidate, Finding, Marks
from heta_data.checking.candidates import item_candidate
from heta_data.compose import compose_item
from heta_data.records import Item, Rights

CC_BY = "CC-BY-4.0"
_WORDS = [
    "".join(syllables) for syllables in product(("ba", "ko", "lin", "mar", "no", "pel", "ri", "sto", "tu"), repeat=3)
]


def words_of(number: int) -> list[str]:
    """40 words that no other number has: 16 of the evidence, the answer, 18 of the distractor, and more."""
    ending = f"{number:b}".translate({48: "a", 49: "e"})
    return [word + ending for word in random.Random(number).sample(_WORDS, 40)]


def sound_item(number: int, **changes: Any) -> Item:
    """An item of words that stand in no other; `changes` go to `compose_item`."""
    words = words_of(number)
    told, answer, other, more = words[:16], words[16], words[17:35], words[35]
    told.insert(1 + number * 7 % 15, answer)
    fields = {
        "source": "made up",
        "source_id": f"row-{number}",
        "group": f"group-{number}",
        "split": ("train", "dev", "test")[number % 3],
        "language": "en",
        "evidence": f"{' '.join(told)}.",
        "distractor": f"{' '.join(other)}.",
        "question": f"Which {told[0]} does {told[-1]} {more}?",
        "answer": answer,
        "evidence_first": number % 2 == 0,
        "rights": [rights(field) for field in ("evidence", "question", "answer", "distractor")],
    }
    return compose_item(**{**fields, **changes})


def rights(field: str, licence: str = CC_BY, source: str = "made up") -> Rights:
    """Licence and source of one text."""
    return Rights(field=field, licence=licence, source=source)


def candidate(number: int, **changes: Any) -> Candidate:
    """`sound_item` as checks see it."""
    item = sound_item(number, **changes)
    return item_candidate(item, f"items.jsonl > item {number} ({item.id})")


def sound(count: int = 60) -> list[Candidate]:
    """`count` candidates in which nothing is to be found."""
    return [candidate(number) for number in range(count)]


def find(check: str, candidates: Sequence[Candidate]) -> list[Finding]:
    """What one check finds."""
    return list(CHECKS.get(check).run(candidates))


def mark(
    found: Candidate, pick: Callable[[Sequence[str]], Iterable[str]], by: str = "r01", kind: Any = "human"
) -> Candidate:
    """The candidate with one more rater, who marks what `pick` picks from the words of the evidence."""
    words = found.evidence_words
    wanted = set(pick([found.text(word) for word in words]))
    spans = tuple(word for word in words if found.text(word) in wanted)
    return replace(found, marks=(*found.marks, Marks(by, kind, spans)))
