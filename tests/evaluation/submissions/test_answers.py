"""What a model answers: the release's word for its own models, one word for a model that several submissions share."""

from pathlib import Path
from typing import Any

import pytest

from helpers.submissions import header, make_release, noise, release_items, scored, write_lines, write_submission
from heta.errors import InputError
from heta_data.submission.bundle import Release, open_release
from heta_data.submission.loading import Submission, load_submission
from heta_evaluation.results import ANSWERED
from heta_evaluation.submissions.scoring import Scoring, read_reference, score_submissions

OURS = {"model": "toy", "model_revision": "sha256:000000000000", "tokenizer": "Toy:000000000000"}
"""The model of the release's methods, which answers four of five items."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return open_release(make_release(tmp_path_factory.mktemp("folder"), methods=1, items=20))


def send(path: Path, release: Release, greedy: str, **changes: Any) -> Submission:
    """Noise by a model whose greedy continuation of every item is this."""
    scorer = noise()
    lines = [scored(item, scorer(item), greedy=greedy) for item in release_items(release.root)]
    return load_submission(write_lines(path, header(release.root, **changes), *lines), release)


def score(release: Release, *submissions: Submission) -> Scoring:
    return score_submissions(read_reference(release), submissions, draws=100)


def answered(scoring: Scoring, model: str) -> float | None:
    found = scoring.index.get(ANSWERED, model)
    return None if found is None else found.value


def test_nobody_takes_a_rival_off_the_table_by_what_its_model_answers(release: Release, tmp_path: Path) -> None:
    """Said to answer nothing, the release's own model would not be ranked, and with it the release's method."""
    scoring = score(release, send(tmp_path / "a.jsonl", release, " no", **OURS))
    table = scoring.evaluation.table
    assert answered(scoring, "toy") == 16
    assert len(table.ranked) == len(table.methods) == 2
    assert scoring.notes == ["ours tells other answers of toy than the release in 16 items: the release's count."]


def test_a_known_model_need_not_tell_its_answers(release: Release, tmp_path: Path) -> None:
    quiet = load_submission(write_submission(tmp_path / "a.jsonl", release.root, noise(), **OURS), release)
    scoring = score(release, quiet)
    name = scoring.subject(quiet).name
    assert scoring.index.get("token_f1@k", name, "answered by toy") is not None
    assert scoring.notes == []


def test_submissions_that_share_a_model_must_agree(release: Release, tmp_path: Path) -> None:
    one = send(tmp_path / "a.jsonl", release, " no")
    other = send(tmp_path / "b.jsonl", release, " never", method="other")
    assert answered(score(release, one, other), "own/model-1b") == 0  # both say: not the answer
    lines = [
        scored(item, noise()(item), greedy=item.target if number == 3 else " no")
        for number, item in enumerate(release_items(release.root))
    ]
    third = load_submission(write_lines(tmp_path / "c.jsonl", header(release.root, method="third"), *lines), release)
    with pytest.raises(InputError, match=r"a.jsonl and .*c.jsonl disagree whether own/model-1b answers item"):
        score(release, one, third)
