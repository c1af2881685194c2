"""Which labels of an export mean that a word is marked, and on which of its texts they lie."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heta.errors import ConfigError, suggest
from heta_annotation.importing.export import Task
from heta_annotation.importing.own_page import is_page
from heta_annotation.importing.privacy import SPANS, quoted, scrub_text


@dataclass(frozen=True)
class Vocabulary:
    """How spans are understood."""

    marked: frozenset[str]
    """Labels that mean: this matters."""
    ignored: frozenset[str]
    """Labels that are known and mean something else. Any other label is unknown."""
    target: str | None
    """`to_name` of the spans that count; None where no span counts."""


def choose_vocabulary(
    tasks: Sequence[Task], wanted: Sequence[str], ignored: Sequence[str], target: str | None
) -> Vocabulary:
    """The labels that mean marked: those asked for, or the only one there is.

    Args:
        tasks: those that show an item.
        wanted: from `--label`.
        ignored: from `--ignore-label`.
        target: from `--on`.

    Raises:
        ConfigError: nothing says which of several labels, or of several texts, counts; or what was said is not there.
    """
    if both := set(wanted) & set(ignored):
        raise ConfigError(f"--label and --ignore-label both name {quoted(min(both))}: choose one")
    found = Counter(name for region in _spans(tasks) for name in label_names(region))
    marked = frozenset(wanted) or _only_label(found, ignored, tasks)
    if found and marked and not marked & found.keys():
        (first, *_) = sorted(marked)
        raise ConfigError(
            f"--label: no span is labelled {quoted(first)}{suggest(first, map(scrub_text, found))}; "
            f"labels there: {_counts(found)}"
        )
    targets = Counter(
        str(region.get("to_name")) for region in _spans(tasks) if not marked.isdisjoint(label_names(region))
    )
    if target is not None and targets and target not in targets:
        raise ConfigError(f"--on: no span is on {quoted(target)}; spans there are on: {_counts(targets)}")
    if target is None and len(targets) > 1:
        raise ConfigError(f"spans lie on several texts ({_counts(targets)}): choose the item's with --on")
    return Vocabulary(marked, frozenset(ignored), target or next(iter(targets), None))


def label_names(region: Mapping[str, Any]) -> list[str]:
    """The labels of a span; none where it has none that can be read."""
    value = region.get("value")
    names = value.get(region["type"]) if isinstance(value, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []
    return names


def _only_label(found: Counter[str], ignored: Sequence[str], tasks: Sequence[Task]) -> frozenset[str]:
    left = {name: count for name, count in found.items() if name not in ignored}
    if len(left) > 1:
        raise ConfigError(
            f"the export has several labels: {_counts(found)}; say with --label which mean that a word is marked, "
            "and with --ignore-label which mean something else"
        )
    if not left and not any(is_page(task) for task in tasks):
        raise ConfigError("no span has a label that could mean marked: name it with --label, as it is called there")
    return frozenset(left)


def _spans(tasks: Iterable[Task]) -> Iterator[Mapping[str, Any]]:
    for task in tasks:
        for annotation in task["annotations"]:
            result = annotation.get("result")
            for region in result if isinstance(result, list) else ():
                if isinstance(region, Mapping) and region.get("type") in SPANS:
                    yield region


def _counts(found: Mapping[str, int]) -> str:
    listed = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    more = ", ..." if len(listed) > 20 else ""
    return ", ".join(f"{quoted(name)} {count}" for name, count in listed[:20]) + more
