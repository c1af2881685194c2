"""Consensus of an item's raters, and gold labels with and without somebody who decides."""

import pytest

from helpers.sample_records import make_item, make_labels
from heta_annotation.campaign.consensus import find_consensus, mean_f1
from heta_annotation.campaign.gold import ADJUDICATED, Decision, settle
from heta_data.records import TokenLabels

ITEM = make_item(1)


def by(rater: str, *marked: int, cannot_tell: bool = False, skipped: bool = False) -> TokenLabels:
    record = make_labels(ITEM)
    labels = tuple(1 if index in marked else 0 for index in range(len(record.labels)))
    return record.model_copy(
        update={"rater": rater, "labels": labels, "cannot_tell": cannot_tell, "skipped": skipped, "kind": "human"}
    )


def one(*records: TokenLabels, below: float = 0.5) -> object:
    (found,) = find_consensus(records, below=below).values()
    return found


@pytest.mark.parametrize(
    ("records", "outcome", "reason"),
    [
        ([by("a1", 0, 1), by("a2", 0, 1)], "unanimous", ""),
        ([by("a1"), by("a2")], "unanimous", ""),
        # F1 of {0, 1} with {0, 1, 2} is 0.8, twice, and 1: mean 0.87; two of three marked 0 and 1, one marked 2.
        ([by("a1", 0, 1), by("a2", 0, 1), by("a3", 0, 1, 2)], "majority", ""),
        ([by("a1", 0)], "majority", ""),
        ([by("a1", 0), by("a2", 1), by("a3", 2)], "contested", "agree by 0.00"),
        # 0.8 is enough, but half of the raters marked 2.
        ([by("a1", 0, 1), by("a2", 0, 1, 2)], "contested", "the vote on 1 words is tied"),
        ([by("a1", 0), by("a2", cannot_tell=True)], "contested", "1 of 2 raters say"),
        ([by("a1", 0), by("a3", 0), by("a2", cannot_tell=True)], "unanimous", ""),
        ([by("a1", cannot_tell=True)], "no answer", "all 1 raters"),
        # Who skips an item has said nothing.
        ([by("a1", 0), by("a2", 0), by("a3", 1, skipped=True)], "unanimous", ""),
    ],
)
def test_outcomes(records: list[TokenLabels], outcome: str, reason: str) -> None:
    found = one(*records)
    assert found.outcome == outcome
    assert reason in found.reason
    assert bool(found.reason) == (outcome in ("contested", "no answer"))


def test_the_threshold_is_the_users() -> None:
    records = [by("a1", 0, 1), by("a2", 0, 1), by("a3", 0, 1, 2)]
    assert one(*records, below=0.9).outcome == "contested"


def test_mean_f1() -> None:
    # 2 x 1 / (2 + 1), 2 x 0 / (2 + 1), 2 x 0 / (1 + 1).
    assert mean_f1([frozenset({1, 2}), frozenset({1}), frozenset({3})]) == pytest.approx((2 / 3) / 3)
    assert mean_f1([frozenset()]) is None
    assert mean_f1([frozenset(), frozenset()]) == 1.0


def decision(rater: str, *marked: int, cannot_tell: bool = False, reason: str = "") -> Decision:
    return Decision(by(rater, *marked, cannot_tell=cannot_tell), reason)


CONTESTED = [by("a1", 0), by("a2", 1), by("a3", 2)]


def test_who_was_asked_decides() -> None:
    gold = settle(one(*CONTESTED), [decision("a9", 1, 3)])
    assert (gold.source, gold.method, gold.n_raters) == ("adjudicated", ADJUDICATED, 4)
    assert [index for index, label in enumerate(gold.labels) if label] == [1, 3]
    # The share of the raters stays what it was, the adjudicator does not vote.
    assert gold.probability[:4] == pytest.approx((1 / 3, 1 / 3, 1 / 3, 0))
    assert gold.reason is None


def test_what_nobody_decided_or_can_decide_is_unresolved_and_says_why() -> None:
    waiting = settle(one(*CONTESTED), [])
    assert waiting.source == "unresolved"
    assert "agree by 0.00" in waiting.reason
    assert "nobody has decided it" in waiting.reason
    given_up = settle(one(*CONTESTED), [decision("a9", cannot_tell=True, reason="two readings")])
    assert (given_up.source, given_up.n_raters) == ("unresolved", 4)
    assert given_up.reason.endswith("the adjudicator cannot decide it: two readings")
    tied = settle(one(*CONTESTED), [decision("a8", 1), decision("a9", 2)])
    assert tied.source == "unresolved"
    assert "tie on 2 words" in tied.reason


def test_agreement_needs_nobody() -> None:
    assert settle(one(by("a1", 0), by("a2", 0)), []).source == "unanimous"
    assert settle(one(by("a1", cannot_tell=True)), []) is None
    majority = settle(one(by("a1", 0, 1), by("a2", 0, 1), by("a3", 0, 1, 2)), [])
    assert (majority.source, majority.reason) == ("aggregated", None)
