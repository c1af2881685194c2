"""From a table of other people's marks and a table of somebody's scores to a figure worked out by hand."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heta.cli import cli
from heta_data.importing import IMPORTERS
from heta_data.workspace import Workspace
from heta_evaluation.results import ResultIndex
from heta_evaluation.runner import evaluate

# Words of q1 that can be marked: Zoë [0, 3), saw [4, 7), 🙂 [8, 9), a [10, 11), red [12, 15), kite [16, 20).
# Words of q2: A [0, 1), dog [2, 5), ran [6, 9).
MARKS = """\
item_id,prompt,target,evidence_start,evidence_end,rater,start,end,text
q1,"Zoë saw 🙂 a red kite.
She saw a", kite,0,21,a1,12,20,red kite
q1,,,,,a2,16,20,kite
q1,,,,,a3,12,15,red
q1,,,,,a3,16,20,kite
q1,,,,,a3,4,7,saw
q2,A dog ran. It was a, dog,0,10,a1,2,5,dog
q2,,,,,a2,2,5,dog
q2,,,,,a3,6,9,ran
"""
SCORES = """\
item_id,start,end,score
q1,0,3,0.1
q1,4,7,0.9
q1,8,9,0
q1,10,11,0.2
q1,12,15,0.5
q1,16,20,0.8
q1,22,25,7
q2,0,1,0.3
q2,2,5,0.3
q2,6,9,0.3
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["data", "import", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "marks.csv").write_text(MARKS, encoding="utf-8")
    (tmp_path / "scores.csv").write_text(SCORES, encoding="utf-8")
    return tmp_path / "folder"


def marks(folder: Path) -> tuple[str | Path, ...]:
    return ("rationales", folder.parent / "marks.csv", "-C", folder, "--licence", "CC0-1.0", "--credit", "tests")


def scores(folder: Path) -> tuple[str | Path, ...]:
    return ("attributions", folder.parent / "scores.csv", "-C", folder, "--method", "mine", "--model", "tiny")


def test_two_tables_give_the_f1_that_a_hand_works_out(folder: Path) -> None:
    assert run(*marks(folder)).exit_code == 0
    result = run(*scores(folder), "--sparse")
    assert result.exit_code == 0, result.output
    index = ResultIndex(evaluate(Workspace(folder), draws=100).results)
    (subject,) = [one.subject for one in index.of("token_f1@k", "main") if one.subject.startswith("table.mine on tiny")]
    found = index.get("token_f1@k", subject)
    assert found is not None
    # q1: gold is what more than half of three raters marked: red (2 of 3) and kite (3 of 3), so k = 2. The two highest
    # words that can be marked are saw (0.9) and kite (0.8): 1 hit, F1 = 2 * 1 / (2 + 2) = 1/2. "She" (7) is outside.
    # q2: gold is dog (2 of 3), k = 1. All three words tie for one place: 1/3 hits, F1 = 2 * (1/3) / (1 + 1) = 1/3.
    assert found.value == pytest.approx((1 / 2 + 1 / 3) / 2, abs=1e-12)
    assert (found.n, found.kinds, found.arms) == (2, ("human",), ("blind",))
    # Of q1's positive mass 2.5 lies on its words and 7 on "She"; q2's 0.9 lies on its words.
    outside = index.get("mass_outside", subject)
    assert outside is not None
    assert outside.value == pytest.approx((7 / 9.5 + 0) / 2, abs=1e-12)
    # What the model answers, nobody has said.
    answered = index.get("items_answered", "tiny")
    assert answered is not None
    assert (answered.value, answered.reason) == (None, "no_target_record")


def test_words_without_a_score_are_refused_unless_they_count_as_zero(folder: Path) -> None:
    run(*marks(folder))
    result = run(*scores(folder))
    assert result.exit_code == 1
    assert "word 'saw' [26, 29): expected a score, there is none of it and of 1 more words" in str(result.exception)
    assert not (folder / "attributions").exists()


def test_json_tells_the_same(folder: Path) -> None:
    dry = json.loads(run(*marks(folder), "--dry-run", "--json").stdout)
    assert (dry["dry_run"], dry["items"], dry["labels"], dry["raters"]) == (True, 2, 6, ["a1", "a2", "a3"])
    assert not folder.exists()
    done = json.loads(run(*marks(folder), "--json").stdout)
    assert {**done, "dry_run": True} == dry
    assert json.loads(run(*marks(folder), "--json").stdout)["new_labels"] == 0
    found = json.loads(run(*scores(folder), "--sparse", "--json").stdout)
    (file,) = found["files"]
    assert (file["method"], file["records"], file["outcome"], found["left_out"]) == ("table.mine", 2, "written", [])


def test_what_is_left_out_is_said(folder: Path) -> None:
    run(*marks(folder))
    path = folder.parent / "scores.csv"
    path.write_text(SCORES.replace("q2,6,9,0.3", "q2,6,99,0.3"), encoding="utf-8")
    result = run(*scores(folder), "--sparse", "--skip-misaligned")
    assert result.exit_code == 0
    assert "table.mine on tiny: 1 records written" in result.stdout
    assert "left out: 1 records, because:" in result.stderr
    assert "span [6, 99): expected a span inside the prompt of 19 code points, it reaches outside" in result.stderr


def test_every_format_is_a_command_with_an_example() -> None:
    listed = run("--help").output
    for name in IMPORTERS:
        assert name in listed
        assert "Example:" in run(name, "--help").output
    result = run("inseqq")
    assert result.exit_code == 2
    assert "no such format 'inseqq'; did you mean 'inseq'?" in result.output


def test_label_studio_exports_are_imported_here_too() -> None:
    import tomllib
    from importlib import import_module

    from heta_annotation.cli.importing import import_command

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["entry-points"]["heta.importers"]["label-studio"].partition(":")
    assert getattr(import_module(module), name) is import_command
