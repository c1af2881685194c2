"""A submission fits a release or is refused with every reason at once."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from helpers.sample_records import fill_folder, make_item
from heta.words import segment_words
from heta_data.errors import RecordError
from heta_data.jsonl import write_records
from heta_data.release import build_release
from heta_data.submission.check import check_submission, open_release
from heta_data.submission.records import Benchmark, SubmissionHeader, SubmissionScores

ITEMS = [make_item(number) for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_release(fill_folder(tmp_path_factory.mktemp("folder")), "1.0.0", name="lamps").path


def header(bundle: Path, **changes: Any) -> SubmissionHeader:
    digest = hashlib.sha256((bundle / "MANIFEST.json").read_bytes()).hexdigest()
    benchmark = Benchmark(name="lamps", version=changes.pop("version", "1.0.0"), manifest_sha256=digest)
    fields = {"method": "m", "method_version": "1", "model": "tiny", "model_revision": "r1", "tokenizer": "T:1"}
    return SubmissionHeader(
        **{**fields, "benchmark": benchmark, "seed": 0, "hardware": "cpu", "seconds": 1.0, **changes}
    )


def scores(number: int, shift: int = 0) -> SubmissionScores:
    item = ITEMS[number]
    words = segment_words(item.prompt)[:-1]
    return SubmissionScores(
        item_id=item.id,
        target=item.target,
        starts=tuple(word.start + shift for word in words),
        ends=tuple(word.end + shift for word in words),
        units=tuple(item.prompt[word.start : word.end] for word in words),
        scores=tuple(float(item.prompt[word.start : word.end] == item.answer) for word in words),
    )


def found(tmp_path: Path, bundle: Path, *records: Any) -> list[str]:
    path = tmp_path / "s.jsonl"
    write_records(path, records)
    return [str(problem).removeprefix(str(path)) for problem in check_submission(path, open_release(bundle))]


def test_a_whole_submission_has_no_problem(tmp_path: Path, bundle: Path) -> None:
    assert found(tmp_path, bundle, header(bundle), *map(scores, range(3))) == []


def test_offsets_shifted_by_one_are_told_once_an_item(tmp_path: Path, bundle: Path) -> None:
    problems = found(tmp_path, bundle, header(bundle), scores(0, 1), scores(1), scores(2))
    assert len(problems) == 1
    assert problems[0].startswith(f":2: item {ITEMS[0].id}, field units.0: got ")


def test_missing_doubled_and_unknown_items_are_all_told(tmp_path: Path, bundle: Path) -> None:
    stranger = scores(0).model_copy(update={"item_id": "nobody"})
    problems = found(tmp_path, bundle, header(bundle), scores(0), scores(0), stranger, scores(1))
    assert [problem.partition(": ")[0] for problem in problems] == [":3", ":4", ""]
    assert "stands on line 2 already" in problems[0]
    assert "no item of this release" in problems[1]
    assert f"item {ITEMS[2].id}: has no scores" in problems[2]


def test_another_version_and_an_unknown_model_are_told(tmp_path: Path, bundle: Path) -> None:
    problems = found(tmp_path, bundle, header(bundle, version="2.0.0", model="other"), *map(scores, range(3)))
    assert len(problems) == 2
    assert "benchmark.version: got '2.0.0', this release has '1.0.0'" in problems[0]
    assert "got other at r1, this release has targets of tiny at r1" in problems[1]


def test_a_nan_and_an_empty_file_are_told(tmp_path: Path, bundle: Path) -> None:
    path = tmp_path / "s.jsonl"
    write_records(path, [header(bundle), scores(0), scores(1), scores(2)])
    lines = path.read_text(encoding="utf-8").splitlines()
    bad = json.dumps({**json.loads(lines[1]), "scores": [float("nan")]})
    path.write_text("\n".join([lines[0], bad, *lines[2:]]) + "\n", encoding="utf-8")
    problems = list(check_submission(path, open_release(bundle)))
    assert [problem.line for problem in problems] == [2, None]
    assert "NaN" in problems[0].message and "1 line(s) could not be read" in problems[1].message
    path.write_text("", encoding="utf-8")
    assert [problem.line for problem in check_submission(path, open_release(bundle))] == [1, None, None, None]


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="name the folder of a release"):
        open_release(tmp_path)
