"""`heta judge` from a folder to a report, against an endpoint on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import ValidationError

from helpers.asks import ask_folder
from helpers.campaigns import text_item
from helpers.judge_endpoint import JudgeEndpoint, judge_endpoint
from heta.errors import ConfigError, HetaError
from heta_data.jsonl import read_records
from heta_data.records import TokenLabels
from heta_data.workspace import Workspace
from heta_evaluation.cli.judge import judge as judge_command
from heta_evaluation.judge.settings import JudgeSettings

KEY = "sk-planted-secret-of-a-judge"
TOML = """
[judge]
model = "judge-1"
passes = ["labels", "prefer"]
methods = ["plumbago", "quillwort"]
share = 0.3
canaries = 0.5
retry_wait = 0.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    items = [
        text_item(n, f"Anna keeps bees {n}, and Piet sells honey.", "It rained.", "Who?", "Anna") for n in range(6)
    ]
    workspace = ask_folder(Workspace(tmp_path), items, toml="")
    workspace.config.write_text(TOML)
    return workspace


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeEndpoint]:
    def answer(body: dict[str, object]) -> str:
        prefers = "Second copy" in json.dumps(body["messages"])
        return '{"better": "first"}' if prefers else '{"units": [0, 1, 2], "cannot_tell": false}'

    judge = JudgeEndpoint(answer)
    with judge_endpoint(judge) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield judge


def heta(folder: Workspace | None, *arguments: str) -> Result:
    where = () if folder is None else ("-C", str(folder.root))
    done = CliRunner().invoke(judge_command, [*arguments, *where])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def test_from_a_folder_to_a_report(folder: Workspace, endpoint: JudgeEndpoint) -> None:
    dry = heta(folder, "run", "--dry-run").output
    assert "calls to judge-1 at http://127.0.0.1" in dry
    assert "--- system" in dry
    assert "Anna keeps bees" in dry
    assert endpoint.requests == []
    planned = json.loads(heta(folder, "run", "--dry-run", "--json").stdout)
    ran = json.loads(heta(folder, "run", "--json").stdout)
    assert ran["calls"] == planned["calls"] == ran["asked"] == ran["statuses"]["ok"]
    assert ran["labels"] == 6
    (rater,) = {(one.rater, one.kind, sum(one.labels)) for one in read_records(folder.labels, TokenLabels)}
    assert rater == ("judge/judge-1", "judge", 3)
    again = heta(folder, "run").output
    assert "asked now 0" in again
    assert "6 items in labels.jsonl, of kind judge" in again
    assert len(list(read_records(folder.labels, TokenLabels))) == 6
    told = heta(folder, "report").output
    for part in (
        "labels: 0 of 6",
        "FLAG first_position: 1.00",
        "FLAG flips: 1.00",
        "pairs of orders contradict each other (ties), 0 lack a verdict",
        "not measured: no labels by human raters",
    ):
        assert part in told, told
    document = json.loads(heta(folder, "report", "--json").stdout)
    assert document["preferences"][0]["rate"] == 0.5
    for path in (path for path in folder.root.rglob("*") if path.is_file()):
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in dry + again + told


@pytest.mark.usefixtures("endpoint")
def test_a_report_with_other_highlights_than_the_judge_saw_is_refused(folder: Workspace) -> None:
    heta(folder, "run")
    folder.config.write_text(TOML.replace("share = 0.3", "share = 0.5"))
    with pytest.raises(ConfigError, match=r"judge.share: 0.5 gives 5 words .* saw 3 words .* put it back") as raised:
        heta(folder, "report")
    assert "\n" not in str(raised.value)


def test_flags_go_before_the_file(folder: Workspace, endpoint: JudgeEndpoint) -> None:
    ran = json.loads(heta(folder, "run", "--passes", "labels", "--limit", "2", "--model", "other", "--json").stdout)
    assert ran["labels"] == 2
    assert {request["model"] for request in endpoint.requests} == {"other"}
    # The endpoint says that it was another model, and so does the summary.
    assert (
        "CAUTION   asked for other"
        in heta(folder, "run", "--passes", "labels", "--limit", "2", "--model", "other").output
    )


def test_what_is_missing_is_said_in_one_line(folder: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for arguments, message in (
        (("run",), "OPENAI_BASE_URL is not set"),
        (("report",), "ask a judge first"),
        (("run", "--max-cost", "1"), "max_cost needs the price of 'judge-1'"),
        (("run", "--passes", "prefer", "--methods", "plumbago"), "name at least two under methods"),
    ):
        with pytest.raises(HetaError, match=message) as raised:
            heta(folder, *arguments)
        assert "\n" not in str(raised.value)
    monkeypatch.setenv("OPENAI_BASE_URL", f"ftp://{KEY}@host")
    with pytest.raises(ConfigError, match="begins with http") as raised_:
        heta(folder, "run")
    assert KEY not in str(raised_.value)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ConfigError, match="'nothing' names no attribution; there are: plumbago on modelwort"):
        heta(folder, "run", "--methods", "plumbago,nothing", "--dry-run")


def test_nobody_answers(folder: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(
        HetaError, match="the endpoint answers nothing that can be used: json_schema: the connection"
    ) as raised:
        heta(folder, "run")
    assert KEY not in str(raised.value)
    assert not folder.judgments.exists()


def test_rubrics_are_shown_and_compared(tmp_path: Path) -> None:
    shown = heta(None, "rubric", "--task", "prefer").output
    assert shown.startswith("prefer/1, hash ")
    first, second = tmp_path / "a.md", tmp_path / "b.md"
    text = shown.partition("\n\n")[2]
    first.write_text(text)
    second.write_text(text.replace("nothing else", "no more"))
    assert heta(None, "rubric", str(first), str(first)).output.strip() == "No difference."
    assert "+Reply with one JSON object and no more" in heta(None, "rubric", str(first), str(second)).output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no parts", "expected a name in the first line"),
        ("x/1\n--- system\na\n--- user\n{{ question }}", "does not show answer, fence, first, second"),
        ("x/1\n--- system\n{{ wrong }}\n--- user\na", "names wrong; prefer has answer"),
        ("x/1\n--- system\n{% if %}\n--- user\na", "no Jinja template"),
    ],
)
def test_a_rubric_that_cannot_be_used(
    folder: Workspace, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.root / "mine.md").write_text(text)
    folder.config.write_text(TOML + 'prefer_rubric = "mine.md"\n')
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ConfigError, match=message) as raised:
        heta(folder, "run", "--dry-run")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["max_cost", "temperature", "timeout", "requests_per_minute", "patience"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_setting_that_is_no_finite_number_is_refused(name, number):
    with pytest.raises(ValidationError, match=name):
        JudgeSettings.model_validate({"model": "m", "prices": {"m": {"input": 1, "output": 1}}, name: number})
