"""Signs that a rater does not do the task: each a number, a limit and a sentence, none a verdict.

Honest raters differ a lot: they mark 15 to 49 % of the words and agree with an alpha of 0.25 to 0.40. So no flag asks
how much somebody marks or how well they agree, only what no honest reading can give: agreement no better than chance,
a pace nobody reads at, marks that are those of the machine or do not depend on the text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import numpy as np
from numpy.typing import NDArray

from heta_annotation.campaign.consensus import marked
from heta_data.records import GoldLabels, LabelTask, TokenLabels

ENOUGH = 5
"""Answers below which nothing is said of a rater."""
ENOUGH_GOLD = 3
CHANCE_Z = 2.0
"""Standard deviations above what marks at random places would share."""
FASTEST = 0.08
"""Seconds a word: 750 words a minute, about twice what fast readers do."""
HURRIED_SHARE = 0.25
EMPTY_SHARE = 0.5
FULL = 0.8
"""Share of a text's units above which everything is marked."""
FULL_SHARE = 0.5
COPY = 0.9
"""Overlap with the pre-selection from which an answer counts as a copy of it."""
COPIED_SHARE = 0.5
SAME_PLACES = 0.5

Marks = frozenset[int]


@dataclass(frozen=True)
class Flag:
    """One sign."""

    name: str
    value: float
    limit: float
    text: str
    """What was seen, in words."""
    serious: bool
    """Whether it alone is a reason to pause the rater until somebody has looked."""


@dataclass(frozen=True)
class Work:
    """What the flags of one rater are computed from."""

    mine: tuple[TokenLabels, ...]
    """Answers that count."""
    others: Mapping[str, tuple[TokenLabels, ...]]
    """Item id -> the answers of the arm's other raters."""
    tasks: Mapping[str, LabelTask]
    gold: Mapping[str, GoldLabels]
    edits: int
    """Answers of other raters that this rater's account has changed."""


def flag_raters(
    labels: Sequence[TokenLabels],
    tasks: Mapping[str, LabelTask],
    gold: Mapping[str, GoldLabels],
    edits: Mapping[str, int],
) -> dict[str, tuple[Flag, ...]]:
    """Flags of every rater of one arm, by pseudonym; an empty tuple where there is nothing to say.

    Args:
        labels: the arm's answers; skipped and `cannot tell` ones are left out here.
        tasks: by uid.
        gold: known labels, by item id; used for tasks that are gold items.
        edits: pseudonym -> other raters' answers that this rater's account has changed.
    """
    answered = [record for record in labels if record.answered]
    flags = {}
    for rater in sorted({record.rater for record in labels} | set(edits)):
        others: dict[str, tuple[TokenLabels, ...]] = {}
        for record in answered:
            if record.rater != rater:
                others[record.item_id] = (*others.get(record.item_id, ()), record)
        mine = tuple(record for record in answered if record.rater == rater)
        work = Work(mine, others, tasks, gold, edits.get(rater, 0))
        flags[rater] = tuple(flag for check in CHECKS if (flag := check(work)) is not None)
    return flags


def proposes_pause(flags: Sequence[Flag]) -> bool:
    """Whether somebody should look before the rater goes on: one serious flag, or two others."""
    return any(flag.serious for flag in flags) or len(flags) > 1


def gold_flag(work: Work) -> Flag | None:
    """Marks on gold items that share no more with the known labels than marks at random places would."""
    pairs = [
        (marked(record), frozenset(np.flatnonzero(work.gold[record.item_id].labels).tolist()), len(record.labels))
        for record in work.mine
        if work.tasks[record.task_uid].gold and record.item_id in work.gold
    ]
    z = chance_z(pairs, enough=ENOUGH_GOLD)
    if z is None or z >= CHANCE_Z:
        return None
    return Flag("gold", round(z, 2), CHANCE_Z, f"no better than chance on {len(pairs)} gold items (z {z:.1f})", True)


def agreement_flag(work: Work) -> Flag | None:
    """Marks that share no more with the other raters' than marks at random places would."""
    pairs = [
        (marked(record), marked(other), len(record.labels))
        for record in work.mine
        for other in work.others.get(record.item_id, ())
    ]
    z = chance_z(pairs)
    if len(work.mine) < ENOUGH or z is None or z >= CHANCE_Z:
        return None
    return Flag("agreement", round(z, 2), CHANCE_Z, f"agrees with nobody more than chance would (z {z:.1f})", True)


def speed_flag(work: Work) -> Flag | None:
    """Too many answers at a pace at which nobody reads."""
    paces = [record.seconds / len(record.labels) for record in work.mine if record.seconds is not None]
    hurried = float(np.mean([pace < FASTEST for pace in paces])) if paces else 0.0
    if len(paces) < ENOUGH or hurried <= HURRIED_SHARE:
        return None
    text = f"{hurried:.0%} of the answers faster than {FASTEST} s a word (median {median(paces):.2f} s)"
    return Flag("speed", round(hurried, 3), HURRIED_SHARE, text, True)


def nothing_flag(work: Work) -> Flag | None:
    """Nothing marked where others mark something."""
    shared = [record for record in work.mine if work.others.get(record.item_id)]
    counted = [record for record in shared if any(map(marked, work.others[record.item_id]))] if shared else work.mine
    share = float(np.mean([not marked(record) for record in counted])) if counted else 0.0
    if len(counted) < ENOUGH or share <= EMPTY_SHARE:
        return None
    return Flag("nothing", round(share, 3), EMPTY_SHARE, f"marks nothing in {share:.0%} of {len(counted)} items", True)


def everything_flag(work: Work) -> Flag | None:
    """Nearly everything marked."""
    full = [sum(record.labels) > FULL * len(record.labels) for record in work.mine]
    share = float(np.mean(full)) if full else 0.0
    if len(full) < ENOUGH or share <= FULL_SHARE:
        return None
    return Flag("everything", round(share, 3), FULL_SHARE, f"marks over {FULL:.0%} of the text in {share:.0%}", True)


def copy_flag(work: Work) -> Flag | None:
    """Answers that are what was pre-selected, or very nearly."""
    copied = [
        overlap(marked(record), frozenset(suggestion.selected)) >= COPY
        for record in work.mine
        if (suggestion := work.tasks[record.task_uid].suggestion) is not None and suggestion.selected
    ]
    share = float(np.mean(copied)) if copied else 0.0
    if len(copied) < ENOUGH or share <= COPIED_SHARE:
        return None
    text = f"submits the pre-selection as it was in {share:.0%} of {len(copied)} items"
    return Flag("copies", round(share, 3), COPIED_SHARE, text, True)


def position_flag(work: Work) -> Flag | None:
    """Marks at the same places whatever the text says."""
    sets = [marked(record) for record in work.mine if marked(record)]
    if len(sets) < ENOUGH:
        return None
    same = float(np.mean([overlap(one, other) for one, other in combinations(sets, 2)]))
    if same <= SAME_PLACES:
        return None
    return Flag("positions", round(same, 3), SAME_PLACES, f"marks the same places in every text ({same:.0%})", True)


def tamper_flag(work: Work) -> Flag | None:
    """Other raters' answers changed."""
    if not work.edits:
        return None
    return Flag("tampering", float(work.edits), 0.0, f"changed {work.edits} answers of other raters", True)


CHECKS: tuple[Callable[[Work], Flag | None], ...] = (
    gold_flag,
    agreement_flag,
    speed_flag,
    nothing_flag,
    everything_flag,
    copy_flag,
    position_flag,
    tamper_flag,
)


def overlap(one: Marks, other: Marks) -> float:
    """Intersection over union, in [0, 1]; 1 for two empty sets."""
    return len(one & other) / len(one | other) if one or other else 1.0


def chance_z(pairs: Sequence[tuple[Marks, Marks, int]], *, enough: int = ENOUGH) -> float | None:
    """How far two markings of several texts share more than chance, in standard deviations.

    By chance k marks among n units share with m marks a hypergeometric number: mean k m / n, variance
    k m (n - k) (n - m) / (n^2 (n - 1)). Means and variances of independent texts add up. None where nothing can vary,
    or fewer than `enough` pairs can.
    """
    table: NDArray[np.float64] = np.array(
        [(len(one & other), len(one), len(other), n) for one, other, n in pairs if n > 1], dtype=np.float64
    ).reshape(-1, 4)
    shared, k, m, n = table.T
    variance = k * m * (n - k) * (n - m) / (n**2 * (n - 1))
    if np.count_nonzero(variance) < enough:
        return None
    return float((shared - k * m / n).sum() / np.sqrt(variance.sum()))
