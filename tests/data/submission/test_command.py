"""`heta submission check` says every problem and leaves with 1."""

import json
from pathlib import Path

from click.testing import CliRunner

from helpers.sample_records import fill_folder
from heta_data.cli.submission import submission
from heta_data.release import build_release


def test_every_problem_is_a_line(tmp_path: Path) -> None:
    bundle = build_release(fill_folder(tmp_path / "folder"), "1.0.0").path
    path = tmp_path / "s.jsonl"
    path.write_text("{\n", encoding="utf-8")
    done = CliRunner().invoke(submission, ["check", str(path), "--release", str(bundle), "--json"])
    assert done.exit_code == 1
    problems = [json.loads(line) for line in done.stdout.splitlines()]
    assert [problem["line"] for problem in problems] == [1, None, None, None]
    assert set(problems[0]) == {"file", "line", "item", "field", "message"}
