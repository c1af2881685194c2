"""`heta attribute`, `heta methods` and `heta model`, on a tiny model in a folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import METHODS, create_method, prepare
from heta.cli import cli
from heta.errors import ConfigError, HetaError, InputError
from heta.quiet import quiet_transformers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    model = tiny_model(dtype="float32")
    with quiet_transformers():
        model.module.save_pretrained(tmp_path / "tiny")
    model.tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=stdin, catch_exceptions=False)


def test_json_is_the_attribution(folder: Path) -> None:
    done = run("attribute", PROMPT, "--target", TARGET, "--model", str(folder), "--option", "probes=2", "--json")
    read = json.loads(done.stdout)
    expected = prepare(tiny_model(dtype="float32"), PROMPT, TARGET).attribute(create_method("heta_fast", probes=2))
    assert [unit["score"] for unit in read["units"][1:]] == pytest.approx(expected.scores[1:].tolist(), rel=1e-3)
    assert read["config_hash"] == expected.config_hash
    # What goes on is told on standard error, so that standard output stays one JSON document.
    assert "scoring with heta_fast" in done.stderr


def test_text_and_html(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "strip.html"
    done = run(
        "attribute", "-", "--target", TARGET, "--model", str(folder), "--method", "kl", "--policy", "first",
        "--html", str(page), stdin=PROMPT,
    )  # fmt: skip
    assert done.stdout.startswith(PROMPT)
    assert "log p" in done.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_method_without_a_model_loads_none() -> None:
    done = run("attribute", PROMPT, "--target", TARGET, "--method", "answer_match", "--model", "/nowhere", "--json")
    assert json.loads(done.stdout)["model"] is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--option", "probes"], ConfigError, "is not NAME=VALUE"),
        (["--option", "probes=1", "--option", "probes=2"], ConfigError, "given twice"),
        (["--option", "probes=many"], ConfigError, "valid integer, got 'many'"),
        (["--option", "rollout=up"], ConfigError, "'suffix' or 'prefix'"),
        (["--html", "missing/strip.html"], ConfigError, "create it first"),
        (["--method", "hta"], HetaError, "did you mean 'heta'"),
        (["--target", "en"], InputError, "no token boundary"),
    ],
)
def test_bad_input_is_one_line(folder: Path, arguments: list[str], error: type[HetaError], message: str) -> None:
    prompt = PROMPT.replace("stairs?", "gre") if "--target" in arguments else PROMPT
    with pytest.raises(error, match=message) as caught:
        run("attribute", prompt, "--target", TARGET, "--model", str(folder), *arguments)
    assert "\n" not in str(caught.value)


def test_methods_lists_every_method() -> None:
    rows = json.loads(run("methods", "--json").stdout)
    assert [row["name"] for row in rows] == METHODS.names()
    assert rows[0]["options"]["probes"] == 10
    text = run("methods").stdout
    assert all(name in text for name in METHODS)


def test_models_of_the_catalogue(folder: Path) -> None:
    rows = json.loads(run("model", "list", "--json").stdout)
    assert {row["name"]: row["folder"] for row in rows} == {"smollm2": None, "gemma3-270m": None}
    assert "not fetched" in run("model", "list").stdout
    with pytest.raises(ConfigError, match="--accept-terms"):
        run("model", "get", "gemma3-270m")


@pytest.mark.parametrize("command", [["attribute"], ["methods"], ["model"], ["model", "get"], ["model", "list"]])
def test_help_has_an_example(command: list[str]) -> None:
    assert "Example:" in run(*command, "--help").stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, heta, heta.commands, heta.render\n"
        "heavy = {'torch', 'transformers', 'pydantic', 'rich', 'tokenizers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
