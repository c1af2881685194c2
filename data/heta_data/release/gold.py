"""Gold labels must follow from the released labels: the majority of an item's raters is counted again."""

from collections.abc import Iterator, Sequence
from typing import get_args

from heta_data.records import Arm, GoldLabels, TokenLabels

MAJORITY = "majority/1"
"""Marked is what MORE than half of an item's raters marked; the probability is their share.

Skipped and `cannot tell` are no answers. Of several rounds of a rater the last one counts; of both arms, the blind one.
Where labels of several campaigns are released, gold may be that of one campaign: `heta evaluate run --campaign`.
"""
_BOTH: tuple[Arm, ...] = get_args(Arm)


def gold_problems(gold: GoldLabels, labels: Sequence[TokenLabels]) -> Iterator[str]:
    """What the gold labels of an item say and `labels`, all released ones of that item, do not."""
    problems = list(_support(gold, labels))
    if gold.method != MAJORITY:
        yield from problems
        return
    for problem in problems or majority_problems(gold, labels):
        yield f"{problem}; run `heta evaluate run` again"


def majority_problems(gold: GoldLabels, labels: Sequence[TokenLabels]) -> Iterator[str]:
    """The first thing in which gold by `MAJORITY` differs from the majority of `labels`, all of that item."""
    first = None
    campaigns = sorted({entry.campaign_hash for entry in labels})
    of_one = [[entry for entry in labels if entry.campaign_hash == name] for name in campaigns]
    # Gold names the arms that were left. One who skipped an item blind does not count there with an assisted answer,
    # where both arms were asked for; so the majority of either choice will do, and that of one campaign alone.
    for entries in (labels, *of_one):
        for arms in (gold.arms, _BOTH):
            found = _difference(gold, _counted(gold, entries, arms))
            if found is None:
                return
            first = first or found
    if first is not None:
        yield first


def _support(gold: GoldLabels, labels: Sequence[TokenLabels]) -> Iterator[str]:
    """Gold must rest on released labels of the kinds and arms that it names."""
    answered = [entry for entry in labels if entry.answered and entry.arm in gold.arms]
    behind: set[str] = set()
    for kind in gold.kinds:
        raters = {entry.rater for entry in answered if entry.kind == kind}
        if not raters:
            yield f"says kind {kind!r}, but no such rater answered the item in arm {' or '.join(gold.arms)}"
        behind |= raters
    if gold.n_raters > len(behind):
        others = sorted({entry.kind for entry in answered} - set(gold.kinds))
        hint = f"; unmarked labels of kind {', '.join(others)}?" if others else ""
        yield f"says {gold.n_raters} raters of kind {', '.join(gold.kinds)}, the labels have {len(behind)}{hint}"


def _counted(gold: GoldLabels, labels: Sequence[TokenLabels], arms: Sequence[Arm]) -> list[TokenLabels]:
    """The answers that count, one a rater, where `arms` were asked for."""
    latest: dict[str, TokenLabels] = {}
    for entry in sorted(labels, key=lambda entry: (entry.arm == "blind", entry.round)):
        if entry.kind in gold.kinds and entry.arm in arms:
            latest[entry.rater] = entry
    return [entry for entry in latest.values() if entry.answered]


def _difference(gold: GoldLabels, counted: Sequence[TokenLabels]) -> str | None:
    if any((entry.starts, entry.ends) != (gold.starts, gold.ends) for entry in counted):
        return "its units are not those of the labels"
    if len(counted) != gold.n_raters:
        return f"says {gold.n_raters} raters of kind {', '.join(gold.kinds)}, the labels have {len(counted)}"
    if (arms := sorted({entry.arm for entry in counted})) != list(gold.arms):
        return f"says arm {' and '.join(gold.arms)}, the labels that count are of {' and '.join(arms)}"
    for unit, (share, label) in enumerate(zip(gold.probability, gold.labels, strict=True)):
        votes = sum(entry.labels[unit] for entry in counted)
        if (share, label) != (votes / len(counted), int(2 * votes > len(counted))):
            return (
                f"unit [{gold.starts[unit]}, {gold.ends[unit]}): says share {share:.3g} and label {label}, "
                f"but {votes} of {len(counted)} raters marked it"
            )
    return None
