"""Submissions against each other: the differences of the evaluation, corrected for what was asked."""

from pathlib import Path

import pytest

from helpers.submissions import header, make_release, noise, noisy, release_items, scored, write_lines, write_submission
from heta.errors import InputError
from heta_data.jsonl import read_records, write_records
from heta_data.records import Item, TokenLabels
from heta_data.submission.bundle import Release, open_release
from heta_data.submission.loading import load_submission
from heta_data.workspace import Workspace
from heta_evaluation.comparison.compare import compare
from heta_evaluation.runner import evaluate
from heta_evaluation.submissions.differences import compare_submissions, differences
from heta_evaluation.submissions.scoring import read_reference, score_submissions, subject_names

DRAWS = 1_000
"""Fewer leave no p small enough to settle any of 9 pairs."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("folder"), methods=1)


@pytest.fixture(scope="module")
def release(bundle: Path) -> Release:
    return open_release(bundle)


def test_a_comparison_is_that_of_an_evaluated_folder(bundle: Path, release: Release, tmp_path: Path) -> None:
    """Two versions of one method, and noise: the same answers as `heta evaluate compare` with these contrasts."""
    paths = [
        write_submission(tmp_path / "a.jsonl", bundle, noisy(bundle, 3.0, 1)),
        write_submission(tmp_path / "b.jsonl", bundle, noisy(bundle, 3.0, 3), method_version="2"),
        write_submission(tmp_path / "c.jsonl", bundle, noise(), method="noise"),
    ]
    submissions = [load_submission(path, release) for path in paths]
    reference = read_reference(release, beside="nothing")
    found = compare_submissions(reference, submissions, draws=DRAWS)

    workspace = Workspace(tmp_path / "folder")
    data = bundle / "data"
    write_records(workspace.items, read_records(data / "items" / "items.jsonl", Item))
    write_records(workspace.labels, read_records(data / "labels" / "labels.jsonl", TokenLabels))
    for one in submissions:
        record = one.records[0]
        write_records(workspace.attribution_file(record.model, record.method, record.config_hash), one.records)
    first, *others = subject_names(reference, submissions)
    evaluate(workspace, draws=DRAWS, contrasts=tuple(f"{first} vs {other}" for other in others))
    assert found == compare(workspace, first, others)

    versions, clear = found.answers
    assert versions.difference.config["pairs"] == clear.difference.config["pairs"] == 2
    assert versions.better is None and clear.better == first
    assert clear.p is not None and clear.p_family is not None and clear.p_asked == clear.p_family >= clear.p


def test_a_submission_is_held_against_methods_and_baselines(bundle: Path, release: Release, tmp_path: Path) -> None:
    path = write_submission(tmp_path / "a.jsonl", bundle, noise(), method="noise")
    submission = load_submission(path, release)
    scoring = score_submissions(read_reference(release), [submission], draws=DRAWS)
    found = differences(scoring, submission)
    assert {one.rival for one in found} == {"method_00", "answer_match", "first_words", "longest_words", "random"}
    best = found[0]
    assert best.rival == "method_00" and best.said.text == "second is higher"
    own = scoring.subject(submission).name
    figures = [scoring.index.get("token_f1@k", name) for name in (own, "random")]
    random = next(one.result for one in found if one.rival == "random")
    assert random.value == pytest.approx((figures[0].value or 0) - (figures[1].value or 0))  # type: ignore[union-attr]


def test_what_cannot_be_compared_is_refused(bundle: Path, release: Release, tmp_path: Path) -> None:
    one = load_submission(write_submission(tmp_path / "a.jsonl", bundle, noise()), release)
    lines = [scored(item, noise()(item), greedy=" no") for item in release_items(bundle)]
    silent = load_submission(write_lines(tmp_path / "b.jsonl", header(bundle), *lines), release)
    reference = read_reference(release, beside="nothing")
    with pytest.raises(InputError, match="gives the answer of no item by itself"):
        compare_submissions(reference, [one, silent], draws=DRAWS)
    with pytest.raises(InputError, match="are the same file"):
        compare_submissions(reference, [one, one], draws=DRAWS)
    other = load_submission(write_submission(tmp_path / "c.jsonl", bundle, noise(6)), release)
    with pytest.raises(InputError, match="not compared by 'token_f2'"):
        compare_submissions(reference, [one, other], draws=DRAWS, metric="token_f2")
