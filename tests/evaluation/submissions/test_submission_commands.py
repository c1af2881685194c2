"""`heta submission score | compare | leaderboard`, as they are called."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helpers.submissions import make_release, noise, perfect, write_submission
from heta_data.submission.loading import SubmissionRefused
from heta_evaluation.cli.submission import submission


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("folder"), methods=1, items=16)


@pytest.fixture
def files(bundle: Path, tmp_path: Path) -> list[str]:
    """A perfect one and noise."""
    folder = tmp_path / "submissions"
    folder.mkdir()
    return [
        str(write_submission(folder / "a.jsonl", bundle, perfect(bundle), method="exact")),
        str(write_submission(folder / "b.jsonl", bundle, noise(), method="noise")),
    ]


def call(name: str, *words: str, bundle: Path) -> Result:
    return CliRunner().invoke(submission, [name, *words, "--release", str(bundle), "--draws", "100"])


def test_score_prints_and_writes_what_it_found(bundle: Path, files: list[str], tmp_path: Path) -> None:
    done = call("score", files[0], "--out", str(tmp_path / "results.jsonl"), bundle=bundle)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "exact 1 on own/model-1b at r7 Benchmark lamps 1.0.0." in said
    assert "submitted.exact 1.00" in said and "submitted.exact minus each other in token_f1@k" in said
    assert (tmp_path / "results.jsonl").exists() and said.endswith("results.jsonl.")

    done = call("score", files[0], "--json", bundle=bundle)
    found = json.loads(done.stdout)
    main = next(
        one
        for one in found["results"]
        if (one["metric"], one["variant"], one["subject"]) == ("token_f1@k", "main", found["subject"])
    )
    assert (main["value"], found["banners"], found["submission"]["method"]) == (1.0, [], "exact")
    assert {one["subject"].partition(" minus ")[0] for one in found["differences"]} == {found["subject"]}
    assert len(found["differences"]) == 5  # the release's method, and four baselines


def test_score_refuses_with_the_reasons(bundle: Path, tmp_path: Path) -> None:
    path = write_submission(tmp_path / "s.jsonl", bundle, noise(), version="3.0.0")
    done = call("score", str(path), bundle=bundle)
    assert isinstance(done.exception, SubmissionRefused)
    assert "got '3.0.0', this release has '1.0.0'" in str(done.exception)


def test_compare_answers(bundle: Path, files: list[str]) -> None:
    done = call("compare", *files, "--json", bundle=bundle)
    assert done.exit_code == 0, done.output
    (answer,) = json.loads(done.stdout)["answers"]
    assert answer["better"] == answer["first"] and answer["first"].startswith("submitted.exact on ")
    assert answer["p_family"] == answer["p"]  # one comparison was asked for
    done = call("compare", *files, bundle=bundle)
    assert "Is submitted.exact better than submitted.noise in token_f1@k?" in done.output


def test_leaderboard_writes_a_page(bundle: Path, files: list[str], tmp_path: Path) -> None:
    folder, out = Path(files[0]).parent, tmp_path / "page.html"
    (folder / "readme.txt").write_text("", encoding="utf-8")
    done = call("leaderboard", str(folder), "--out", str(out), "--json", bundle=bundle)
    assert json.loads(done.stdout) == {"leaderboard": str(out), "submissions": files}
    assert done.stderr == "not read, its name does not end in .jsonl: readme.txt\n"
    assert "Leaderboard: lamps 1.0.0" in out.read_text(encoding="utf-8")
    (folder / "c.jsonl").write_text("{}\n", encoding="utf-8")
    out.unlink()
    done = call("leaderboard", str(folder), "--out", str(out), bundle=bundle)
    assert "1 of 3 submissions do not fit" in str(done.exception) and not out.exists()
