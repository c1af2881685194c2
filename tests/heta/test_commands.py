"""`heta attribute`, `heta doctor`, `heta methods` and `heta model`, on a tiny model in a folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helpers.tiny_models import PROMPT, TARGET, tiny_model, tiny_tokenizer
from heta import METHODS, Attribution, Budget, create_method, generate, prepare
from heta.cli import cli
from heta.errors import ConfigError, HetaError, IncompatibleModel, InputError, OutOfMemory
from heta.quiet import quiet_transformers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    return save(tmp_path / "tiny")


def save(folder: Path, chat_template: str | None = None) -> Path:
    model, tokenizer = tiny_model(dtype="float32"), tiny_tokenizer()
    tokenizer.chat_template = chat_template
    with quiet_transformers():
        model.module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


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


def test_generate_explains_what_the_model_writes(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    done = run("attribute", PROMPT, "--generate", "4", "--model", str(folder), "--method", "kl", "--save", str(kept))
    written = generate(tiny_model(dtype="float32"), PROMPT, 4)
    assert done.stdout.startswith(PROMPT + written.text)
    assert f"written  {kept}" in done.stdout
    loaded = Attribution.load(kept)
    assert loaded.target is not None
    assert loaded.target.token_ids == written.token_ids
    assert loaded.notes == ()
    # --json prints what --save writes.
    again = run(
        "attribute", PROMPT, "--generate", "4", "--model", str(folder), "--method", "kl", "--save", str(kept), "--json"
    )
    assert json.loads(again.stdout) == json.loads(kept.read_text(encoding="utf-8"))


def test_an_end_before_n_tokens_is_told(folder: Path) -> None:
    free = generate(tiny_model(dtype="float32"), PROMPT, 4).token_ids
    settings = folder / "generation_config.json"
    read = json.loads(settings.read_text(encoding="utf-8"))
    settings.write_text(json.dumps({**read, "eos_token_id": free[2]}), encoding="utf-8")
    done = run("attribute", PROMPT, "--generate", "4", "--model", str(folder), "--method", "kl", "--json")
    assert json.loads(done.stdout)["notes"] == ["the model ended its text after 2 of 4 tokens"]


def test_a_method_without_a_model_explains_what_the_model_writes(folder: Path) -> None:
    done = run("attribute", PROMPT, "--generate", "4", "--model", str(folder), "--method", "answer_match", "--json")
    written = generate(tiny_model(dtype="float32"), PROMPT, 4)
    assert json.loads(done.stdout)["notes"] == [f"the model wrote {written.text!r}"]


def test_the_prompts_first_token_is_scored_where_asked(folder: Path) -> None:
    arguments = ("attribute", PROMPT, "--target", TARGET, "--model", str(folder), "--method", "kl", "--json")
    usual, first = (json.loads(run(*arguments, *more).stdout)["units"] for more in ((), ("--score-first",)))
    # A BOS token in front, or not; an unscored unit has no score.
    assert len(usual) == len(first) + 1
    assert usual[0]["score"] is None
    assert first[0]["score"] > 0


def test_a_chat_wraps_the_prompt(tmp_path: Path, folder: Path) -> None:
    template = "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}\n{% endfor %}{{ '<s>assistant\n' }}"
    chatty = save(tmp_path / "chatty", template)
    arguments = ("attribute", "the stairs?", "--chat", "--model", str(chatty), "--method", "kl", "--json")
    read = json.loads(run(*arguments, "--target", "green").stdout)
    assert read["chat"] == {"before": "<s>user\n", "after": "\n<s>assistant\n"}
    assert read["prompt"] == "the stairs?"
    told = json.loads(run(*arguments, "--system", "be brief", "--target", "green").stdout)
    assert told["chat"]["before"] == "<s>system\nbe brief\n<s>user\n"
    written = json.loads(run(*arguments, "--generate", "3").stdout)
    assert written["target"]["answered"]
    with pytest.raises(IncompatibleModel, match="no chat template"):
        run("attribute", "the stairs?", "--chat", "--model", str(folder), "--target", "green")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "exactly one of --target and --generate"),
        (["--target", " x", "--generate", "2"], "exactly one of --target and --generate"),
        (["--generate", "0"], "0 is not in the range x>=1"),
        (["--target", " x", "--tokens", "0"], "0 is not in the range x>=1"),
        (["--target", " x", "--system", "be brief"], "give --chat as well"),
        (["--target", " x", "--chat", "--score-first"], "a chat begins with its template"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    done = run("attribute", PROMPT, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_doctor_examines_the_users_model(folder: Path) -> None:
    done = run("doctor", "--model", str(folder), "--json")
    read = json.loads(done.stdout)
    assert (done.exit_code, read["failed"]) == (0, 0), read
    names = [line["name"] for line in read["findings"]]
    assert {"torch", "disk space", "model", "cached = uncached", "curvature = double backward"} <= set(names)
    assert set(read["findings"][0]) == {"name", "status", "figure", "bound", "remedy"}


def test_doctor_says_what_fails_and_exits_with_1(folder: Path) -> None:
    done = run("doctor", "--model", str(folder.parent / "nothing"))
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    where = next(index for index, line in enumerate(lines) if line.startswith("FAILED"))
    assert lines[where].split() == ["FAILED", "model", "raised", "ConfigError"]
    assert "-> model" in lines[where + 1]
    assert lines[-1].startswith("1 of")


def test_doctor_without_a_model_loads_none(folder: Path) -> None:
    done = run("doctor", "--model", "none")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "all 9 ok"


def test_a_method_without_a_model_loads_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An empty cache: the default model cannot be loaded from it.
    monkeypatch.setenv("HETA_CACHE", str(tmp_path))
    done = run("attribute", PROMPT, "--target", TARGET, "--method", "answer_match", "--json")
    assert json.loads(done.stdout)["model"] is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--option", "probes"], ConfigError, "is not NAME=VALUE"),
        (["--option", "probes=1", "--option", "probes=2"], ConfigError, "given twice"),
        (["--option", "probes=many"], ConfigError, "valid integer, got 'many'"),
        (["--option", "rollout=up"], ConfigError, "'suffix' or 'prefix'"),
        (["--html", "missing/strip.html"], ConfigError, "--html missing/strip.html: .* create it first"),
        (["--save", "missing/kept.json"], ConfigError, "--save missing/kept.json: .* create it first"),
        (["--chat", "--method", "random"], ConfigError, "--chat does nothing for method 'random'"),
        (["--memory", "1GB", "--method", "random"], ConfigError, "--memory does nothing for method 'random'"),
        (["--device", "cpu", "--method", "random"], ConfigError, "--device does nothing for method 'random'"),
        (["--model", "x/y", "--method", "random"], ConfigError, "--model does nothing for method 'random'"),
        (["--score-first", "--method", "random"], ConfigError, "--score-first does nothing for method 'random'"),
        (["--method", "hta"], HetaError, "did you mean 'heta'"),
        (["--target", "en"], InputError, "no token boundary"),
        (["--memory", "2XB"], ConfigError, "memory '2XB' cannot be read; give bytes, or a number with KB"),
        (["--memory", "0.5B"], ConfigError, "a budget of 0 bytes of memory runs nothing"),
        (["--memory", "1KB"], OutOfMemory, "the budget is 1000 bytes of memory, one row of .* needs about"),
        (["--device", "cpu", "--device-map", "auto"], ConfigError, "device 'cpu' and device_map were both given"),
        (["--device-map", "nowhere"], ConfigError, "cannot load model .*nowhere"),
    ],
)
def test_bad_input_is_one_line(folder: Path, arguments: list[str], error: type[HetaError], message: str) -> None:
    prompt = PROMPT.replace("stairs?", "gre") if "--target" in arguments else PROMPT
    with pytest.raises(error, match=message) as caught:
        run("attribute", prompt, "--target", TARGET, "--model", str(folder), *arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments", [["--device-map", "cpu"], ["--device-map", "auto"], ["--memory", "50MB"], ["--tokens", "40"]]
)
def test_how_it_is_executed_is_no_part_of_the_result(folder: Path, arguments: list[str]) -> None:
    command = ("attribute", PROMPT, "--target", TARGET, "--model", str(folder), "--method", "kl", "--json")
    plain, other = (json.loads(run(*command, *more).stdout) for more in ([], arguments))
    for measured in ("seconds", "peak_memory"):
        del plain[measured], other[measured]
    # Batches of other sizes round differently: float32, so some 1e-6 of the largest.
    scores, others = ([unit.pop("score") or 0.0 for unit in read["units"]] for read in (plain, other))
    assert others == pytest.approx(scores, abs=1e-5 * max(scores))
    for read in (plain, other):
        for unit in read["units"]:
            del unit["components"]
        read["target"]["log_probs"] = [round(value, 4) for value in read["target"]["log_probs"]]
    assert other == plain


def test_the_budget_reaches_the_passes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    real = Budget.tokens_in_flight

    def spy(self: Budget, *arguments: Any, **named: Any) -> int:
        given.append(self)
        return real(self, *arguments, **named)

    monkeypatch.setattr(Budget, "tokens_in_flight", spy)
    command = ("attribute", PROMPT, "--target", TARGET, "--model", str(folder), "--method", "kl", "--json")
    run(*command, "--memory", "0.5GiB", "--tokens", "40")
    # Half of 1024^3.
    assert set(given) == {Budget(tokens=40, memory=2**29)}


def test_methods_lists_every_method() -> None:
    rows = json.loads(run("methods", "--json").stdout)
    assert [row["name"] for row in rows] == METHODS.names()
    assert rows[0]["options"]["probes"] == 10
    text = run("methods").stdout
    assert all(name in text for name in METHODS)


@pytest.mark.parametrize("name", METHODS.names())
def test_every_option_of_a_method_is_explained(name: str) -> None:
    described = json.loads(run("methods", name, "--json").stdout)["options"]
    assert list(described) == list(METHODS.get(name).options_class.model_fields)
    for option in described.values():
        assert option["meaning"]
        assert option["allowed"]
    text = run("methods", name).stdout
    assert all(f"  {key}=" in text for key in described)


def test_what_options_allow_is_said_in_words() -> None:
    described = json.loads(run("methods", "heta", "--json").stdout)["options"]
    assert described["rollout"]["allowed"] == "suffix, prefix"
    assert described["window"] == {
        "default": None,
        "allowed": "integer at least 2 or none",
        "meaning": "Tokens a window; none: the whole context at once.",
    }
    with pytest.raises(HetaError, match="did you mean 'heta'"):
        run("methods", "hta")


def test_one_line_feed_at_the_end_of_standard_input_is_no_token(folder: Path) -> None:
    arguments = ("--target", TARGET, "--model", str(folder), "--method", "kl", "--json")
    typed, piped = run("attribute", PROMPT, *arguments), run("attribute", "-", *arguments, stdin=PROMPT + "\n")
    assert json.loads(piped.stdout)["prompt"] == json.loads(typed.stdout)["prompt"] == PROMPT


def test_models_of_the_catalogue(folder: Path) -> None:
    rows = json.loads(run("model", "list", "--json").stdout)
    assert {row["name"]: row["folder"] for row in rows} == {"smollm2": None, "gemma3-270m": None}
    assert "not fetched" in run("model", "list").stdout
    with pytest.raises(ConfigError, match="--accept-terms"):
        run("model", "get", "gemma3-270m")


@pytest.mark.parametrize(
    "command", [["attribute"], ["doctor"], ["methods"], ["model"], ["model", "get"], ["model", "list"]]
)
def test_help_has_an_example(command: list[str]) -> None:
    assert "Example:" in run(*command, "--help").stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, heta, heta.commands.attribute, heta.commands.doctor, heta.commands.model, heta.commands.methods\n"
        "heavy = {'torch', 'transformers', 'pydantic', 'rich', 'tokenizers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_preset_gives_options_and_an_option_goes_over_it(folder: Path) -> None:
    asked = ("attribute", PROMPT, "--target", TARGET, "--model", str(folder), "--method", "lime", "--json")
    config = json.loads(run(*asked, "--preset", "source", "--option", "samples=8").stdout)["config"]
    assert (config["design"], config["samples"], config["preset"]) == ("sizes", 8, "own")
    assert json.loads(run(*asked, "--preset", "quick").stdout)["config"]["preset"] == "quick"


def test_random_weights_are_a_model_of_their_own(folder: Path) -> None:
    asked = ("attribute", PROMPT, "--target", TARGET, "--model", str(folder), "--method", "kl", "--json")
    model = json.loads(run(*asked, "--random-weights", "7").stdout)["model"]
    assert model["name"] == "tiny-random"
    assert model["revision"].startswith("random:7:")
    with pytest.raises(ConfigError, match="--random-weights does nothing for method 'random'"):
        run("attribute", PROMPT, "--target", TARGET, "--method", "random", "--random-weights", "0")
