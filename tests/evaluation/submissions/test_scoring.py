"""A submission has the figures that an evaluation gives for the same scores; what does not fit is refused."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.submissions import (
    header,
    make_release,
    noise,
    perfect,
    release_items,
    rolled,
    scored,
    write_lines,
    write_submission,
)
from heta.errors import ConfigError, InputError, NumericalError
from heta_data.attribution_files import read_attributions
from heta_data.compose import label_units
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, Item, MetricResult, TokenLabels
from heta_data.submission.bundle import Release, open_release
from heta_data.submission.loading import SubmissionRefused, load_submission
from heta_data.workspace import Workspace
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.results import ANSWERED, EVALUATION
from heta_evaluation.runner import evaluate
from heta_evaluation.submissions.scoring import Scoring, read_reference, score_submissions
from heta_evaluation.summary import COLUMNS, MAIN

DRAWS = 100
ALONE = ("difference", "detectable", "rank", "anchoring")
"""Variants that depend on what else is compared."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("folder"))


@pytest.fixture(scope="module")
def release(bundle: Path) -> Release:
    return open_release(bundle)


def score(path: Path, release: Release, labels: Path | None = None, **settings: Any) -> Scoring:
    submission = load_submission(path, release)
    return score_submissions(read_reference(release, labels), [submission], **{"draws": DRAWS, **settings})


def main(scoring: Scoring, metric: str = MAIN) -> MetricResult:
    found = scoring.index.get(metric, scoring.subject(scoring.submissions[0]).name)
    assert found is not None
    return found


def figures(results: list[MetricResult], subject: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """What is said of one subject, over all items and of each: values, intervals, reasons, counts."""
    return {
        (one.metric, one.variant, one.item_id or ""): (one.value, one.low, one.high, one.reason, one.n)
        for one in results
        if one.subject == subject and one.variant not in ALONE
    }


def as_submission(bundle: Path, records: list[AttributionRecord], path: Path) -> Path:
    """A release's own attributions, sent in."""
    by_item = {record.item_id: record for record in records}
    lines = []
    for item in release_items(bundle):
        record = by_item[item.id]
        assert record.target is not None
        columns = {"starts": record.starts, "ends": record.ends, "scores": record.scores}
        texts = [item.prompt[start:end] for start, end in zip(record.starts, record.ends, strict=True)]
        greedy = record.target.greedy if record.target.answered else f"{item.target}!"
        others = {"units": texts, "greedy": greedy, "seconds": record.seconds}
        lines.append({**scored(item, np.zeros(0)), **columns, **others})
    first = records[0]
    identity = {"model": first.model, "model_revision": first.model_revision, "tokenizer": first.tokenizer}
    return write_lines(path, header(bundle, unit=first.unit, **identity), *lines)


def folder_of(bundle: Path, root: Path) -> Workspace:
    """A working folder with a bundle's items, labels and attributions, in their order."""
    workspace = Workspace(root)
    data = bundle / "data"
    write_records(workspace.items, read_records(data / "items" / "items.jsonl", Item))
    write_records(workspace.labels, read_records(data / "labels" / "labels.jsonl", TokenLabels))
    records = list(read_records(data / "attributions" / "attributions.jsonl", AttributionRecord))
    for key in sorted({(record.model, record.method, record.config_hash) for record in records}):
        own = [record for record in records if (record.model, record.method, record.config_hash) == key]
        write_records(workspace.attribution_file(*key), own)
    return workspace


def test_figures_are_those_of_an_evaluation_of_the_same_scores(bundle: Path, release: Release, tmp_path: Path) -> None:
    """A method of the release is sent in as a submission: every figure and interval is the method's own."""
    workspace = folder_of(bundle, tmp_path / "folder")
    evaluation = evaluate(workspace, draws=DRAWS)
    method = next(one for one in evaluation.table.subjects if one.method == "method_01")
    records = [record for record in read_attributions(workspace) if record.method == "method_01"]
    scoring = score(as_submission(bundle, records, tmp_path / "s.jsonl"), release)
    expected = figures(list(evaluation.results), method.name)
    got = figures(list(scoring.evaluation.results), scoring.subject(scoring.submissions[0]).name)
    assert len(expected) > 150 and got == expected
    assert main(scoring).low is not None


def test_results_are_the_bytes_of_an_evaluation_with_the_submission_in_it(
    bundle: Path, release: Release, tmp_path: Path
) -> None:
    """Differences, corrections and ranks too."""
    scoring = score(write_submission(tmp_path / "s.jsonl", bundle, noise()), release)
    (submission,) = scoring.submissions
    workspace = folder_of(bundle, tmp_path / "folder")
    first = submission.records[0]
    write_records(workspace.attribution_file(first.model, first.method, first.config_hash), submission.records)
    evaluate(workspace, draws=DRAWS)
    write_records(tmp_path / "results.jsonl", scoring.evaluation.results)
    assert (tmp_path / "results.jsonl").read_bytes() == workspace.results.read_bytes()


def test_perfect_random_and_late_scores_are_worth_what_they_are(bundle: Path, release: Release, tmp_path: Path) -> None:
    """Right offsets with scores that stand one word late cannot be refused: they score what they are worth. A method
    that is called as a baseline is one of its own."""
    scorers = {"perfect": perfect(bundle), "random": noise(), "late": rolled(bundle), "lengths": lengths}
    submissions = [
        load_submission(write_submission(tmp_path / f"{name}.jsonl", bundle, scorer, method=name), release)
        for name, scorer in scorers.items()
    ]
    scoring = score_submissions(read_reference(release), submissions, draws=DRAWS)
    exact, drawn, late, longest = (scoring.subject(one).name for one in submissions)

    def value(metric: str, subject: str) -> float | None:
        found = scoring.index.get(metric, subject)
        return None if found is None else found.value

    assert value(MAIN, exact) == value("average_precision", exact) == 1.0
    found = scoring.index.get(MAIN, f"{drawn} minus {RANDOM}", "difference")
    assert found is not None and found.low is not None and found.high is not None
    assert found.low < 0 < found.high and found.config["verdict"] == "open"
    low = value(MAIN, late)
    assert low is not None and low < 0.25
    for metric in COLUMNS:  # who sends in the lengths of words has the baseline's figures
        ours, theirs = scoring.index.get(metric, longest), scoring.index.get(metric, "longest_words")
        assert ours is not None and theirs is not None
        assert (ours.value, ours.low, ours.high, ours.n) == (theirs.value, theirs.low, theirs.high, theirs.n)


def lengths(item: Item) -> np.ndarray:
    return np.asarray([unit.end - unit.start for unit in label_units(item)], dtype=float)


def test_what_does_not_fit_is_refused_with_its_reasons(bundle: Path, release: Release, tmp_path: Path) -> None:
    lines = [scored(item, perfect(bundle)(item)) for item in release_items(bundle)]
    shifted = [
        {**line, "starts": [one + 1 for one in line["starts"]], "ends": [one + 1 for one in line["ends"]]}
        for line in lines
    ]
    nan = [{**lines[0], "scores": [float("nan"), *lines[0]["scores"][1:]]}, *lines[1:]]
    for number, (first, rest, said) in enumerate(
        (
            (header(bundle), shifted, "line 2: item .*, field units.0: got '.*', the prompt has"),
            (header(bundle), lines[:-1], "1 problem.*\n  - item .*: has no scores"),
            (header(bundle), nan, "line 2: not JSON that a record can hold: NaN is no JSON number"),
            (header(bundle, version="1.1.0"), lines, "benchmark.version: got '1.1.0', this release has '1.0.0'"),
        )
    ):
        path = write_lines(tmp_path / f"{number}.jsonl", first, *rest)
        with pytest.raises(SubmissionRefused, match=said):
            load_submission(path, release)
    with pytest.raises(SubmissionRefused) as caught:  # ten problems are enough to refuse it
        load_submission(tmp_path / "0.jsonl", release)
    assert len(caught.value.problems) == 10


def test_ten_gigabytes_are_refused_unread(bundle: Path, release: Release, tmp_path: Path) -> None:
    """40 items of 24 words take 2 MB at most, whatever the tokens: the limit follows from the release."""
    path = write_submission(tmp_path / "s.jsonl", bundle, perfect(bundle))
    assert path.stat().st_size < release.limits.file < 2_000_000
    os.truncate(path, 10_000_000_000)  # a hole: it takes no disk
    with pytest.raises(RecordError, match=r"10,000,000,000 bytes, a submission has at most .* nothing was read"):
        load_submission(path, release)


def test_a_models_own_answers_count(bundle: Path, release: Release, tmp_path: Path) -> None:
    items = release_items(bundle)
    lines = [
        scored(item, perfect(bundle)(item), greedy=item.target if number % 2 else " no")
        for number, item in enumerate(items)
    ]
    scoring = score(write_lines(tmp_path / "s.jsonl", header(bundle), *lines), release)
    found = scoring.index.get(ANSWERED, "own/model-1b")
    assert found is not None and (found.value, found.n) == (len(items) // 2, len(items))
    lines = [{**line, "greedy": " no"} for line in lines]
    scoring = score(write_lines(tmp_path / "t.jsonl", header(bundle), *lines), release)
    assert scoring.subject(scoring.submissions[0]) not in [
        scoring.evaluation.table.subjects[number] for number in scoring.evaluation.table.ranked
    ]


def test_the_organisers_labels_take_the_place_of_the_releases(bundle: Path, release: Release, tmp_path: Path) -> None:
    """Only the items that they are about count: those of a hidden split."""
    labels = list(read_records(bundle / "data" / "labels" / "labels.jsonl", TokenLabels))
    hidden = {item.id for item in release_items(bundle)[:10]}
    write_records(tmp_path / "hidden.jsonl", [record for record in labels if record.item_id in hidden])
    path = write_submission(tmp_path / "s.jsonl", bundle, perfect(bundle))
    scoring = score(path, release, tmp_path / "hidden.jsonl")
    count = scoring.index.get(EVALUATION, "items")
    assert count is not None and count.value == 10
    assert main(scoring).value == 1.0
    assert "the 10 of 40 items" in scoring.reference.whose
    with pytest.raises(ConfigError, match="not of the labels given by --labels"):
        score(path, release, tmp_path / "hidden.jsonl", gold="campaign")
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="holds no labels"):
        read_reference(release, tmp_path / "empty.jsonl")
    strange = labels[0].model_copy(update={"item_id": "0" * 16})
    write_records(tmp_path / "strange.jsonl", [*labels, strange])
    with pytest.raises(IntegrityError, match="no such item"):
        score(path, release, tmp_path / "strange.jsonl")


def test_the_releases_own_gold_labels_can_count(bundle: Path, release: Release, tmp_path: Path) -> None:
    path = write_submission(tmp_path / "s.jsonl", bundle, perfect(bundle))
    assert main(score(path, release, gold="campaign")).value == 1.0
    reference = read_reference(release)
    first, *rest = reference.gold
    changed = replace(reference, gold=(first.model_copy(update={"source": "adjudicated"}), *rest))
    scoring = score_submissions(changed, [load_submission(path, release)], draws=DRAWS)
    assert "An adjudicator decided 1 items" in scoring.notes[0]
    by_gold = replace(scoring.evaluation, settings=scoring.evaluation.settings.model_copy(update={"gold": "campaign"}))
    assert replace(scoring, evaluation=by_gold).notes == []


def test_the_same_file_twice_and_odd_settings_are_refused(bundle: Path, release: Release, tmp_path: Path) -> None:
    path = write_submission(tmp_path / "s.jsonl", bundle, perfect(bundle))
    one = load_submission(path, release)
    with pytest.raises(InputError, match="are the same file"):
        score_submissions(read_reference(release), [one, one], draws=DRAWS)
    with pytest.raises(ConfigError, match="--draws"):
        score(path, release, draws=1)
    with pytest.raises(InputError, match=r"add --kinds human|no labels"):
        score(path, release, kinds=("simulated",))


@pytest.mark.parametrize("size", [1e308, 5e-324])
def test_scores_at_the_ends_of_what_a_number_holds_give_figures(
    bundle: Path, release: Release, tmp_path: Path, size: float
) -> None:
    right = perfect(bundle)
    path = write_submission(tmp_path / "s.jsonl", bundle, lambda item: (2 * right(item) - 1) * size)
    scoring = score(path, release)
    assert main(scoring).value == 1.0
    text = json.dumps([one.model_dump(mode="json") for one in scoring.evaluation.results])
    assert "NaN" not in text and "Infinity" not in text
    if size > 1:
        characters = load_submission(_characters(bundle, tmp_path / "c.jsonl", size), release)
        with pytest.raises(NumericalError, match="overflow under the rule 'sum'"):
            score_submissions(read_reference(release), [characters], draws=DRAWS, rule="sum")


def _characters(bundle: Path, path: Path, score: float) -> Path:
    """Each character a token."""
    lines = [
        {
            **scored(item, np.zeros(0)),
            "starts": list(range(len(item.prompt))),
            "ends": list(range(1, len(item.prompt) + 1)),
            "units": [*item.prompt],
            "scores": [score] * len(item.prompt),
        }
        for item in release_items(bundle)
    ]
    return write_lines(path, header(bundle, unit="token"), *lines)
