"""`heta submission check` says every problem and leaves with 1; `template` writes what is to be filled in."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.sample_records import fill_folder
from heta.errors import InputError
from heta_data.cli.submission import check, template
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord
from heta_data.release import build_release
from heta_data.submission.bundle import open_release
from heta_data.submission.check import check_submission
from heta_data.submission.loading import load_submission


def test_every_problem_is_a_line(tmp_path: Path) -> None:
    bundle = build_release(fill_folder(tmp_path / "folder"), "1.0.0").path
    path = tmp_path / "s.jsonl"
    path.write_text("{\n", encoding="utf-8")
    done = CliRunner().invoke(check, [str(path), "--release", str(bundle), "--json"])
    assert done.exit_code == 1
    problems = [json.loads(line) for line in done.stdout.splitlines()]
    assert [problem["line"] for problem in problems] == [1, None, None, None]
    assert set(problems[0]) == {"file", "line", "item", "field", "message"}


def test_a_large_file_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heta_data.cli.submission.LARGE", 0)
    workspace = fill_folder(tmp_path / "folder")
    bundle = build_release(workspace, "1.0.0").path
    path, own = tmp_path / "s.jsonl", workspace.attribution_file("tiny", "kl", "0" * 8)
    CliRunner().invoke(template, ["--release", str(bundle), "--out", str(path), "--attributions", str(own)])
    done = CliRunner().invoke(check, [str(path), "--release", str(bundle), "--json"])
    assert [line.partition(",")[0] for line in done.stderr.splitlines()] == [f"check: {n} of 3" for n in (1, 2, 3)]
    assert [json.loads(line)["line"] for line in done.stdout.splitlines()] == [1]


@pytest.mark.parametrize("unit", ["word", "sentence", "token"])
def test_a_template_is_refused_until_it_is_filled_in(tmp_path: Path, unit: str) -> None:
    bundle = build_release(fill_folder(tmp_path / "folder"), "1.0.0", name="lamps").path
    path = tmp_path / "s.jsonl"
    options = ["--release", str(bundle)]
    done = CliRunner().invoke(template, [*options, "--out", str(path), "--unit", unit])
    assert (done.exit_code, done.output[:5]) == (0, "Wrote")
    release = open_release(bundle)
    empty = list(check_submission(path, release))
    assert [problem.line for problem in empty] == [1, 2, 3, 4]  # the header and every item

    first, *rest = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert first["benchmark"]["canary"] == release.manifest.canary
    filled = {"method": "ours", "method_version": "1", "seed": 0, "hardware": "cpu"}
    first |= filled | dict.fromkeys(("model", "model_revision", "tokenizer"), "none")
    for line, item in zip(rest, release.items.values(), strict=True):
        if unit == "token":  # each character its own token
            spans = [(number, number + 1) for number in range(len(item.prompt))]
            line |= {"starts": [one for one, _ in spans], "ends": [one for _, one in spans], "units": [*item.prompt]}
        line["scores"] = [0.5] * len(line["starts"])
    path.write_text("".join(json.dumps(line) + "\n" for line in (first, *rest)), encoding="utf-8")
    done = CliRunner().invoke(check, [str(path), *options])
    assert (done.exit_code, done.output) == (0, f"{path}: fits lamps 1.0.0 (3 items)\n")


def test_a_template_overwrites_nothing(tmp_path: Path) -> None:
    bundle = build_release(fill_folder(tmp_path / "folder"), "1.0.0").path
    path = tmp_path / "s.jsonl"
    path.write_text("scores of weeks", encoding="utf-8")
    done = CliRunner().invoke(template, ["--release", str(bundle), "--out", str(path)])
    assert isinstance(done.exception, InputError) and "is there already" in str(done.exception)
    assert path.read_text(encoding="utf-8") == "scores of weeks"


def test_attributions_become_a_submission(tmp_path: Path) -> None:
    workspace = fill_folder(tmp_path / "folder")
    bundle = build_release(workspace, "1.0.0", name="lamps").path
    path, own = tmp_path / "s.jsonl", workspace.attribution_file("tiny", "kl", "0" * 8)
    options = ["--release", str(bundle), "--out", str(path), "--attributions", str(own)]
    done = CliRunner().invoke(template, options)
    assert done.output == (
        f"Wrote {path}: 3 items of lamps 1.0.0; fill in the header (version, hardware, seed), then check it.\n"
    )
    first, *rest = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert (first["method"], first["model"], first["unit"], first["seconds"]) == ("kl", "tiny", "word", 0.75)
    first |= {"method_version": "1", "seed": 0, "hardware": "cpu"}
    path.write_text("".join(json.dumps(line) + "\n" for line in (first, *rest)), encoding="utf-8")
    submission = load_submission(path, open_release(bundle))
    expected = {record.item_id: record for record in read_records(own, AttributionRecord)}
    for record in submission.records:
        same = expected[record.item_id]
        assert (record.starts, record.ends, record.scores) == (same.starts, same.ends, same.scores)
        assert record.target is not None and same.target is not None
        assert (record.target.answered, record.seconds) == (same.target.answered, same.seconds)


def test_attributions_that_are_no_submission_are_refused(tmp_path: Path) -> None:
    workspace = fill_folder(tmp_path / "folder")
    bundle = build_release(workspace, "1.0.0").path
    own = workspace.attribution_file("tiny", "kl", "0" * 8)
    records = list(read_records(own, AttributionRecord))
    assert records[0].target is not None
    other = records[0].model_copy(update={"method": "other"})
    own_answer = [
        record.model_copy(update={"target": records[0].target.model_copy(update={"policy": "model"})})
        for record in records
    ]
    path = tmp_path / "a.jsonl"
    for found, said in (
        (records[1:], "lacks 1 of 3 items of the release"),
        ([*records[1:], other], "holds several methods"),
        ([], "holds no attributions"),
        (own_answer, "explains target 'model'"),
    ):
        write_records(path, found)
        options = ["--release", str(bundle), "--out", str(tmp_path / "s.jsonl"), "--attributions", str(path)]
        done = CliRunner().invoke(template, options)
        assert isinstance(done.exception, InputError) and said in str(done.exception)
    done = CliRunner().invoke(template, [*options, "--unit", "word"])
    assert done.exit_code == 2 and "leave --unit out" in done.output
    assert not (tmp_path / "s.jsonl").exists()
