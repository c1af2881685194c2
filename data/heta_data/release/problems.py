"""What must not be released: every problem in the rows, each with the way to its place."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from heta.records import Span
from heta.words import SEGMENTATION, segment_words
from heta_data.compose import SEGMENTATIONS, label_units
from heta_data.raters import name_problems
from heta_data.records import WHOLE_ANSWER, AttributionRecord, GoldLabels, Item, Record, TokenLabels, is_blind
from heta_data.release.gold import gold_problems
from heta_data.release.licences import incompatible
from heta_data.release.tables import TABLES, Tables

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")


def find_problems(tables: Tables, licences: Iterable[str]) -> list[str]:
    """Every problem of the rows themselves; `licences` are the identifiers that may occur."""
    known = set(licences)
    items = {item.id: item for item in tables.items}
    words = {item.id: frozenset(segment_words(item.prompt)) for item in tables.items}
    problems = list(_repeated(tables))
    for item in tables.items:
        problems += _rights(item, known)
    for labels in tables.labels:
        where = f"labels > item {labels.item_id} > {labels.arm} > rater {labels.rater}"
        problems += [f"{where} > {problem}" for problem in unit_problems(labels, items, words)]
        problems += [f"{where} > {problem}" for problem in _rater(labels)]
    problems += _kinds(tables.labels)
    by_item: dict[str, list[TokenLabels]] = defaultdict(list)
    for labels in tables.labels:
        by_item[labels.item_id].append(labels)
    for gold in tables.gold:
        where = f"gold > item {gold.item_id}"
        found = (*unit_problems(gold, items, words), *gold_problems(gold, by_item[gold.item_id]))
        problems += [f"{where} > {problem}" for problem in found]
    for record in tables.attributions:
        where = f"attributions > item {record.item_id} > {record.method} > {record.model}"
        problems += [f"{where} > {problem}" for problem in _spans(record, items, words)]
    for table in TABLES:
        for row, entry in enumerate(tables.rows(table), start=1):
            problems += [f"{table.name} > row {row} > {problem}" for problem in _addresses(entry)]
    return problems


def _repeated(tables: Tables) -> Iterator[str]:
    identities = {
        "items": lambda row: row.id,
        "labels": lambda row: (
            f"item {row.item_id} > campaign {row.campaign_hash} > {row.arm} > round {row.round} > rater {row.rater}"
        ),
        "gold": lambda row: f"item {row.item_id} > {row.method} > {'+'.join(row.arms)}",
        "attributions": lambda row: " > ".join(row.key),
    }
    for table in TABLES:
        for identity, count in Counter(map(identities[table.name], tables.rows(table))).items():
            if count > 1:
                yield f"{table.name} > {identity}: stands there {count} times"


def _rights(item: Item, known: set[str]) -> Iterator[str]:
    where = f"items > {item.id} ({item.source}:{item.source_id}) > rights"
    fields = {right.field for right in item.rights if right.licence.strip()}
    for role in sorted({segment.role for segment in item.segments} - {"separator"}):
        if role not in fields:
            yield f"{where}: no licence for the {role}"
    for right in item.rights:
        if not right.licence.strip():
            yield f"{where} > {right.field}: the licence is empty"
        elif right.licence not in known:
            yield (
                f"{where} > {right.field}: licence {right.licence!r} is not known; "
                "use its SPDX identifier, or give its address under [release.licences] in heta.toml"
            )
    if pair := incompatible(right.licence for right in item.rights):
        yield f"{where}: {pair[0]} and {pair[1]} in one prompt: no licence of the whole satisfies both"


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


def _kinds(labels: Sequence[TokenLabels]) -> Iterator[str]:
    kinds: dict[str, set[str]] = defaultdict(set)
    for entry in labels:
        kinds[entry.rater].add(entry.kind)
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
