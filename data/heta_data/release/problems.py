"""What must not be released: every problem in the rows, each with the way to its place."""

import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from heta.records import Span
from heta.words import SEGMENTATION, segment_words
from heta_data.compose import SEGMENTATIONS, label_units
from heta_data.raters import name_problems
from heta_data.records import WHOLE_ANSWER, AttributionRecord, GoldLabels, Item, Record, TokenLabels, is_blind
from heta_data.release.gold import gold_problems
from heta_data.release.licences import incompatible
from heta_data.release.tables import TABLES, Tables

_KEPT = 64
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
"""An e-mail address ends in letters; `model@v1.0` does not."""


def find_problems(tables: Tables, licences: Iterable[str]) -> list[str]:
    """Every problem of the rows, in one pass over each table; `licences` are the identifiers that may occur."""
    look = _Look(tables, frozenset(licences))
    problems: list[str] = []
    for table in TABLES:
        counts: Counter[str] = Counter()
        for number, row in enumerate(tables.rows(table), start=1):
            one = look.at(number - 1, row)
            counts[one.identity] += 1
            problems += [f"{one.where} > {problem}" for problem in one.problems]
            problems += [f"{table.name} > row {number} > {problem}" for problem in _addresses(row)]
        twice = ((identity, count) for identity, count in counts.items() if count > 1)
        problems += [f"{table.name} > {identity}: stands there {count} times" for identity, count in twice]
    return [*problems, *_kinds(look.kinds)]


class _Seen(NamedTuple):
    """What was found about one row."""

    identity: str
    """No other row may have it."""
    where: str
    problems: Iterable[str]


class _Look:
    """Looks at one row after the other, items first and labels before gold."""

    def __init__(self, tables: Tables, known: frozenset[str]) -> None:
        self.tables = tables
        self.known = known
        self.items = {item.id: item for item in tables.items}
        self.words = Words(self.items)
        self.kinds: dict[str, set[str]] = defaultdict(set)
        """Rater -> kinds."""
        self._labels_of: dict[str, list[int]] = defaultdict(list)

    def at(self, number: int, row: Record) -> _Seen:
        """The row of that number in its table, from 0."""
        match row:
            case Item():
                return _Seen(row.id, f"items > {row.id} ({row.source}:{row.source_id})", _rights(row, self.known))
            case TokenLabels():
                self._labels_of[row.item_id].append(number)
                self.kinds[row.rater].add(row.kind)
                identity = f"campaign {row.campaign_hash} > {row.arm} > round {row.round} > rater {row.rater}"
                where = f"labels > item {row.item_id} > {row.arm} > rater {row.rater}"
                problems = (*unit_problems(row, self.items, self.words), *_rater(row))
                return _Seen(f"item {row.item_id} > {identity}", where, problems)
            case GoldLabels():
                own = [self.tables.labels[label] for label in self._labels_of.get(row.item_id, ())]
                problems = (*unit_problems(row, self.items, self.words), *gold_problems(row, own))
                identity = f"item {row.item_id} > {row.method} > {'+'.join(row.arms)}"
                return _Seen(identity, f"gold > item {row.item_id}", problems)
            case AttributionRecord():
                where = f"attributions > item {row.item_id} > {row.method} > {row.model}"
                return _Seen(" > ".join(row.key), where, _spans(row, self.items, self.words))
            case _:
                raise TypeError(f"no table of a release holds {type(row).__name__}")


class Words(Mapping[str, frozenset[Span]]):
    """The words of each item's prompt, by its id; those of the last items that were asked for are kept."""

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._items = items
        self._kept: OrderedDict[str, frozenset[Span]] = OrderedDict()

    def __getitem__(self, item: str) -> frozenset[Span]:
        if item not in self._kept:
            self._kept[item] = frozenset(segment_words(self._items[item].prompt))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[item]

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


def _rights(item: Item, known: Collection[str]) -> Iterator[str]:
    fields = {right.field for right in item.rights if right.licence.strip()}
    for role in sorted({segment.role for segment in item.segments} - {"separator"}):
        if role not in fields:
            yield f"rights: no licence for the {role}"
    for right in item.rights:
        if not right.licence.strip():
            yield f"rights > {right.field}: the licence is empty"
        elif right.licence not in known:
            yield (
                f"rights > {right.field}: licence {right.licence!r} is not known; "
                "use its SPDX identifier, or give its address under [release.licences] in heta.toml"
            )
    if pair := incompatible(right.licence for right in item.rights):
        yield f"rights: {pair[0]} and {pair[1]} in one prompt: no licence of the whole satisfies both"


def unit_problems(
    record: TokenLabels | GoldLabels, items: Mapping[str, Item], words: Mapping[str, frozenset[Span]]
) -> Iterator[str]:
    """What is wrong with the units of one row; `items` and the `words` of their prompts are by id."""
    if record.item_id not in words:
        yield "the item is not in this release"
        return
    if record.segmentation not in SEGMENTATIONS:
        known = " and ".join(SEGMENTATIONS)
        yield f"segmentation {record.segmentation!r} cannot be rebuilt; this toolkit makes {known}"
        return
    units, what = words[record.item_id], "word"
    if record.segmentation != SEGMENTATION:
        units, what = frozenset(label_units(items[record.item_id], record.segmentation)), "sentence"
    for start, end in zip(record.starts, record.ends, strict=True):
        if Span(start, end) not in units:
            yield f"unit [{start}, {end}) is no {what} of the prompt"


def _rater(labels: TokenLabels) -> Iterator[str]:
    for problem in name_problems(labels.rater, labels.kind):
        yield f"the rater {problem}"
    if labels.origin is not None and (
        labels.origin.url or len(labels.origin.updated_at + labels.origin.created_at) > 20
    ):
        yield "the origin holds a server's address or a time of day"
    if labels.arm == "blind" and not is_blind(labels):
        yield "began from a prediction, which nobody sees who labels blind: pull the campaign again, or delete the line"


def _kinds(kinds: Mapping[str, set[str]]) -> Iterator[str]:
    for rater, found in sorted(kinds.items()):
        if len(found) > 1:
            yield f"labels > rater {rater}: of several kinds at once ({', '.join(sorted(found))})"


def _spans(record: AttributionRecord, items: Mapping[str, Item], words: Mapping[str, frozenset[Span]]) -> Iterator[str]:
    if record.item_id not in items:
        yield "the item is not in this release"
        return
    item = items[record.item_id]
    spans = [Span(start, end) for start, end in zip(record.starts, record.ends, strict=True)]
    if record.target is not None and record.target.policy in WHOLE_ANSWER and record.target.text != item.target:
        yield f"the target is {record.target.text!r}, the item's {item.target!r}"
    if any(span.end > len(item.prompt) for span in spans):
        yield f"a {record.unit} ends behind the prompt, which has {len(item.prompt)} code points"
    elif record.unit == "word":
        for span in spans:
            if span not in words[record.item_id]:
                yield f"word [{span.start}, {span.end}) is no word of the prompt"
    else:
        covered = {position for span in spans for position in range(span.start, span.end)}
        for word in sorted(words[record.item_id]):
            if covered.isdisjoint(range(word.start, word.end)):
                yield f"no token stands for the word [{word.start}, {word.end})"


def _addresses(record: Record) -> Iterator[str]:
    def walk(value: object, path: str) -> Iterator[str]:
        if isinstance(value, str):
            if EMAIL.search(value):
                yield f"{path}: holds an e-mail address"
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(key, f"{path}.{key}" if path else str(key))
                yield from walk(inner, f"{path}.{key}" if path else str(key))
        elif isinstance(value, list):
            yield from (problem for number, inner in enumerate(value) for problem in walk(inner, f"{path}.{number}"))

    # Most records hold no such sign at all, and looking for it in the line is a tenth of the work.
    return walk(record.model_dump(mode="json"), "") if "@" in record.model_dump_json() else iter(())
