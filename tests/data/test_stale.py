"""Gold labels and agreement that no longer follow from the labels are not released; both rules are the evaluation's."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sample_records import fill_folder, make_item, make_labels
from heta.errors import InputError
from heta.records import Span
from heta_data.errors import IntegrityError, ReleaseBlocked
from heta_data.inputs import inputs_fingerprint
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, GoldLabels, Item, MetricResult, TokenLabels
from heta_data.release import build_release, check_release
from heta_data.release.gold import MAJORITY, majority_problems
from heta_data.sealing import seal
from heta_data.workspace import Workspace
from heta_evaluation.aggregation import majority as aggregate
from heta_evaluation.labels import select_labels
from heta_evaluation.runner import evaluate, read_inputs
from heta_evaluation.settings import EvaluateSettings

ITEM = make_item()
UNITS = len(make_labels(ITEM).labels)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Evaluated and fit for a release."""
    workspace = fill_folder(tmp_path)
    evaluate(workspace, draws=100)
    return workspace


def issues_of(workspace: Workspace) -> tuple[str, ...]:
    with pytest.raises(ReleaseBlocked) as caught:
        build_release(workspace, "1.0.0")
    return tuple(caught.value.issues)


def test_what_the_evaluation_wrote_is_released(workspace: Workspace) -> None:
    built = build_release(workspace, "1.0.0")
    assert check_release(built.path).problems == ()
    assert {gold.method for gold in read_records(workspace.gold, GoldLabels)} == {MAJORITY}
    assert built.manifest.agreement


def turned_over(labels: list[TokenLabels]) -> list[TokenLabels]:
    marks = (1 - labels[0].labels[0], *labels[0].labels[1:])
    return [labels[0].model_copy(update={"labels": marks}), *labels[1:]]


def skipped(labels: list[TokenLabels]) -> list[TokenLabels]:
    none = (0,) * len(labels[0].labels)
    return [labels[0].model_copy(update={"labels": none, "skipped": True}), *labels[1:]]


PULLS: dict[str, tuple[Callable[[list[TokenLabels]], list[TokenLabels]], str]] = {
    # One of two raters now marks the first unit as well: 1 of 2 raters where nobody did.
    "a changed answer": (turned_over, "says share 0 and label 0, but 1 of 2 raters marked it; "),
    "one answer more": (
        lambda labels: [*labels, labels[0].model_copy(update={"rater": "a03"})],
        "says 2 raters of kind human, the labels have 3",
    ),
    "one answer less": (skipped, "says 2 raters of kind human, the labels have 1"),
}


@pytest.mark.parametrize("case", PULLS)
def test_gold_and_agreement_from_before_a_pull_are_refused(workspace: Workspace, case: str) -> None:
    change, says = PULLS[case]
    write_records(workspace.labels, change(list(read_records(workspace.labels, TokenLabels))))
    issues = issues_of(workspace)
    gold = [issue for issue in issues if issue.startswith(f"gold > item {ITEM.id}")]
    assert len(gold) == 1
    assert says in gold[0]
    assert gold[0].endswith("run `heta evaluate run` again")
    (agreement,) = [issue for issue in issues if issue.startswith("results.jsonl")]
    assert "run `heta evaluate run` again" in agreement
    evaluate(workspace, draws=100)
    assert check_release(build_release(workspace, "1.0.0").path).problems == ()


def test_agreement_without_its_inputs_is_refused(workspace: Workspace) -> None:
    results = list(read_records(workspace.results, MetricResult))
    write_records(workspace.results, seal([result for result in results if "inputs" not in result.config]))
    (issue,) = issues_of(workspace)
    assert issue == "results.jsonl: does not say what it was made from: run `heta evaluate run` again"


def test_agreement_that_was_changed_by_hand_is_refused(workspace: Workspace) -> None:
    results = list(read_records(workspace.results, MetricResult))
    better = [one.model_copy(update={"value": 0.99}) if one.metric == "krippendorff_alpha" else one for one in results]
    assert better != results
    write_records(workspace.results, better)
    assert issues_of(workspace) == ("results.jsonl: is not as `heta evaluate run` wrote it; run it again",)


def test_the_check_of_a_bundle_finds_gold_that_does_not_follow_from_its_labels(workspace: Workspace) -> None:
    path = build_release(workspace, "1.0.0").path / "data/gold/gold.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["labels"][0] = 1 - rows[0]["labels"][0]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert any(
        f"gold > item {rows[0]['item_id']} > unit [" in problem and "raters marked it" in problem
        for problem in check_release(path.parents[2]).problems
    )


def test_both_sides_hash_the_same_inputs(workspace: Workspace) -> None:
    # Attributions are read by file name here and by the other order there: the order is not part of the hash.
    attributions = [
        record
        for path in sorted(workspace.attributions.glob("*/*.jsonl"), reverse=True)
        for record in read_records(path, AttributionRecord)
    ]
    found = inputs_fingerprint(
        read_records(workspace.items, Item), read_records(workspace.labels, TokenLabels), attributions
    )
    assert found == read_inputs(workspace).fingerprint()
    recorded = {result.config.get("inputs") for result in read_records(workspace.results, MetricResult)}
    assert recorded == {None, found}


def test_both_sides_name_the_rule_alike() -> None:
    assert MAJORITY == aggregate.MAJORITY


def test_gold_of_one_campaign_is_released_beside_the_labels_of_another(workspace: Workspace) -> None:
    labels = list(read_records(workspace.labels, TokenLabels))
    other = [one.model_copy(update={"campaign_hash": "d" * 16}) for one in turned_over(labels)]
    write_records(workspace.labels, [*labels, *other])
    with pytest.raises(IntegrityError, match="are of two campaigns"):
        evaluate(workspace, draws=100)
    evaluate(workspace, draws=100, campaign="dd")
    built = build_release(workspace, "1.0.0")
    assert check_release(built.path).problems == ()
    assert built.manifest.counts["labels"] == 2 * len(labels)


answers = st.lists(
    st.tuples(
        st.sampled_from(["a01", "a02", "a03"]),
        st.sampled_from(["blind", "assisted"]),
        st.integers(0, 2),
        st.sampled_from(["c", "d"]),
        st.sampled_from(["answer", "skipped", "cannot_tell"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda entry: entry[:4],
)


@given(
    entries=answers,
    arms=st.sampled_from([("blind",), ("assisted",), ("assisted", "blind")]),
    campaign=st.sampled_from([None, "c", "d"]),
)
@settings(max_examples=200, deadline=None)
def test_gold_made_by_the_evaluation_from_the_labels_is_never_refused(
    entries: list[tuple[str, str, int, str, str, int]], arms: tuple[str, ...], campaign: str | None
) -> None:
    labels = []
    for rater, arm, round_, name, answer, marks in entries:
        marked = tuple((marks >> min(unit, 1)) & 1 if answer == "answer" else 0 for unit in range(UNITS))
        fields = {"arm": arm, "round": round_, "labels": marked, "campaign_hash": name}
        labels.append(
            make_labels(ITEM, rater).model_copy(update=fields | ({} if answer == "answer" else {answer: True}))
        )
    try:
        chosen = select_labels([ITEM], labels, EvaluateSettings(arms=arms, campaign=campaign)).by_item[ITEM.id]
    except (InputError, IntegrityError):
        return
    first = labels[0]
    gold = aggregate.gold_labels(
        item_id=ITEM.id,
        segmentation=first.segmentation,
        units=[Span(start, end) for start, end in zip(first.starts, first.ends, strict=True)],
        labels=np.asarray([record.labels for record in chosen], dtype=bool),
        kinds=[record.kind for record in chosen],
        arms=[record.arm for record in chosen],
    )
    assert list(majority_problems(gold, labels)) == []
    # And the rule is able to refuse.
    other = gold.model_copy(update={"labels": tuple(1 - label for label in gold.labels)})
    assert len(list(majority_problems(other, labels))) == 1
