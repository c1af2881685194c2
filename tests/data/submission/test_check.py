"""A submission fits a release or is refused with every reason at once."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sample_records import fill_folder, make_item
from heta.words import segment_words
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import write_records
from heta_data.release import build_release
from heta_data.submission.bundle import Release, open_release
from heta_data.submission.check import MOST, check_submission, visible
from heta_data.submission.loading import SubmissionRefused, load_submission
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
        **{**fields, "benchmark": benchmark, "unit": "word", "seed": 0, "hardware": "cpu", "seconds": 1.0, **changes}
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


def test_another_version_is_told_and_a_model_of_ones_own_is_not(tmp_path: Path, bundle: Path) -> None:
    problems = found(tmp_path, bundle, header(bundle, version="2.0.0", model="own/model"), *map(scores, range(3)))
    assert len(problems) == 1
    assert "benchmark.version: got '2.0.0', this release has '1.0.0'" in problems[0]
    head = header(bundle)
    other = head.model_copy(update={"benchmark": head.benchmark.model_copy(update={"canary": "another"})})
    problems = found(tmp_path, bundle, other, *map(scores, range(3)))
    assert len(problems) == 1 and "benchmark.canary: got 'another'" in problems[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hardware": "write to a.b@example.org"}, [":1: field hardware: holds an e-mail address"]),
        ({"method_version": "x@y.de"}, [":1: field method_version: holds an e-mail address"]),
        ({"model": "org/model@v1.0", "tokenizer": "T@2.10"}, []),
    ],
)
def test_an_address_is_told_and_a_revision_behind_an_at_sign_is_none(
    tmp_path: Path, bundle: Path, changes: dict[str, str], said: list[str]
) -> None:
    problems = found(tmp_path, bundle, header(bundle, **changes), *map(scores, range(3)))
    assert [problem.partition(";")[0] for problem in problems] == said


def changed(number: int, **fields: Any) -> SubmissionScores:
    return SubmissionScores.model_validate({**scores(number).model_dump(), **fields})


def test_bytes_of_one_character_and_special_tokens_are_units(tmp_path: Path, bundle: Path) -> None:
    """What a byte-level tokenizer gives for an emoji, and a special token without text that has no score."""
    own = scores(0)
    place = ITEMS[0].prompt.index("🙂")
    columns = {
        "starts": (0, *own.starts, *[place] * 4),
        "ends": (0, *own.ends, *[place + 1] * 4),
        "units": ("", *own.units, *["🙂"] * 4),
        "scores": (None, *own.scores, 0.1, 0.2, 0.3, 0.4),
    }
    records = [header(bundle, unit="token"), changed(0, **columns), scores(1), scores(2)]
    assert found(tmp_path, bundle, *records) == []


def test_a_word_without_a_score_is_told(tmp_path: Path, bundle: Path) -> None:
    own = scores(0)
    place = own.units.index("violet")
    bare = [None if number == place else score for number, score in enumerate(own.scores)]
    problems = found(tmp_path, bundle, header(bundle), changed(0, scores=bare), scores(1), scores(2))
    assert len(problems) == 1
    assert "field scores: no score stands for 'violet' at [" in problems[0]
    assert problems[0].endswith("give 0 where the method says nothing")
    problems = found(tmp_path, bundle, header(bundle), changed(0, scores=[None] * len(bare)), scores(1), scores(2))
    assert "words that raters can mark)" in problems[0]


def test_another_target_and_more_units_than_bytes_are_told(tmp_path: Path, bundle: Path) -> None:
    count = len(ITEMS[1].prompt.encode("utf-8")) + 17  # one more than a token a byte and 16 special ones
    many = changed(1, starts=[0] * count, ends=[0] * count, units=[""] * count, scores=[0.0] * count)
    problems = found(tmp_path, bundle, header(bundle), changed(0, target="violet"), many, scores(2))
    assert len(problems) == 2
    assert "field target: got 'violet', the item's is ' violet'" in problems[0]
    assert f"field starts: has {count} units; this prompt has at most {count - 1}" in problems[1]


def test_greedy_is_told_for_all_items_or_for_none(tmp_path: Path, bundle: Path) -> None:
    problems = found(tmp_path, bundle, header(bundle), changed(0, greedy=" violet"), scores(1), scores(2))
    assert [problem.partition(":")[0] + problem.partition("field ")[2][:6] for problem in problems] == ["greedy"] * 2
    none = dict.fromkeys(("model", "model_revision", "tokenizer"), "none")
    told = [changed(number, greedy=" violet") for number in range(3)]
    problems = found(tmp_path, bundle, header(bundle, **none), *told)
    assert len(problems) == 3 and problems[0].endswith("field greedy: is told, and the header names no model")


def test_reading_ends_after_a_thousand_problems(tmp_path: Path, bundle: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("\n" * (MOST + 500), encoding="utf-8")
    problems = list(check_submission(path, open_release(bundle)))
    assert len(problems) == MOST + 1
    assert "has more problems than these 1,000" in problems[-1].message


def test_what_a_terminal_would_obey_is_written_out(tmp_path: Path, bundle: Path) -> None:
    assert visible("a\x1b[2Jb\u202e") == "a\\x1b[2Jb\\u202e"
    assert len(visible("x" * 1000)) == 303
    path = tmp_path / "s.jsonl"
    path.write_text('{"\\u001b[2J' + "k" * 5000 + '": 1, "method": "\\u001b[2J"}\n', encoding="utf-8")
    (first, *_) = check_submission(path, open_release(bundle))
    assert first.message.isprintable() and len(first.message) < 350


def test_a_table_that_was_changed_is_refused(tmp_path: Path, bundle: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    path = copy / "data" / "labels" / "labels.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=r"labels.jsonl: is not the file that MANIFEST.json knows"):
        open_release(copy).table("labels")
    path = copy / "data" / "items" / "items.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(IntegrityError, match=r"items.jsonl: is not the file"):
        open_release(copy)


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


@given(st.integers(0, 10**6), st.binary(max_size=6), st.integers(0, 4))
@settings(max_examples=150)
def test_a_damaged_file_is_told_or_still_whole(release: Release, whole: Path, at: int, put: bytes, cut: int) -> None:
    """Some bytes of a submission are cut out and others put in: one outcome, the same for check and for scoring."""
    content = whole.read_bytes()
    place = at % len(content)
    path = whole.with_name("damaged.jsonl")
    path.write_bytes(content[:place] + put + content[place + cut :])
    try:
        problems = list(check_submission(path, release))
    except RecordError:
        problems = None
    if problems:
        assert all(problem.message.isprintable() and str(problem).isprintable() for problem in problems)
    if problems == []:
        assert len(load_submission(path, release).records) == 3
    else:
        with pytest.raises((SubmissionRefused, RecordError)):
            load_submission(path, release)


@pytest.fixture(scope="module")
def release(bundle: Path) -> Release:
    return open_release(bundle)


@pytest.fixture(scope="module")
def whole(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "s.jsonl"
    write_records(path, [header(bundle), *map(scores, range(3))])
    return path


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="name the folder of a release"):
        open_release(tmp_path)
