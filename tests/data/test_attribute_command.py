"""`heta data attribute`: where settings come from, what is said, and `kill -9` in the middle."""

import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import heta
from helpers.sample_records import make_item
from helpers.saved_model import save_tiny_model
from heta.cli import cli
from heta.errors import ConfigError, HetaError, InputError, UnknownName
from heta_data.attribute import read_attributions, run_attributions
from heta_data.attribute_settings import create_methods, load_settings, parse_option
from heta_data.cli.progress import show_progress
from heta_data.jsonl import write_records
from heta_data.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "folder")
    write_records(workspace.items, [make_item(number) for number in range(1, 5)])
    return workspace


def attribute(workspace: Workspace, *arguments: str, **environment: str) -> Result:
    command = ["data", "attribute", "-C", str(workspace.root), *arguments]
    # `heta.cli.main` sets this prefix too; the test calls the group below it.
    return CliRunner().invoke(cli, command, env=environment, catch_exceptions=False, auto_envvar_prefix="HETA")


def chosen(result: Result) -> list[str]:
    return list(json.loads(result.stdout)["to_do"])


SOURCES = ("flag", "environment", "file")


@given(given_by=st.sets(st.sampled_from(SOURCES)))
@settings(max_examples=8, deadline=None)
def test_flags_go_over_the_environment_over_the_file_over_defaults(
    tmp_path_factory: pytest.TempPathFactory, given_by: set[str]
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("folder"))
    write_records(workspace.items, [make_item(1)])
    arguments, environment = [], {}
    if "file" in given_by:
        workspace.config.write_text("[attribute]\nmodel = 'from-file'\nmethods = ['kl']\n")
    if "environment" in given_by:
        environment = {"HETA_DATA_ATTRIBUTE_MODEL": "from-env", "HETA_DATA_ATTRIBUTE_METHODS": "random first_words"}
    if "flag" in given_by:
        arguments = ["--model", "from-flag", "--method", "heta_fast"]
    report = json.loads(attribute(workspace, "--dry-run", "--json", *arguments, **environment).stdout)
    model, names = next(
        (value for source, value in (
            ("flag", ("from-flag", ["heta_fast"])),
            ("environment", ("from-env", ["random", "first_words"])),
            ("file", ("from-file", ["kl"])),
        ) if source in given_by),
        ("smollm2", ["heta_fast", "kl", "gradient_x_input", "answer_match", "random"]),
    )  # fmt: skip
    assert (report["model"], list(report["to_do"])) == (model, names)


def test_options_of_flags_go_over_those_of_the_file_one_by_one(workspace: Workspace) -> None:
    workspace.config.write_text("[attribute.options]\nheta = {probes = 5, seed = 7}\nkl = {mask = 'zero'}\n")
    found = load_settings(workspace, {"methods": ("heta", "random")}, ["heta.probes=3", "random.seed=1"])
    # Options of methods that do not run are no mistake in a file: it may hold them for another day.
    assert found.options == {"heta": {"probes": 3, "seed": 7}, "kl": {"mask": "zero"}, "random": {"seed": 1}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ("'3'", "3"), ("suffix", "suffix"), ("a=b", "a=b"), ("[1, 2]", [1, 2])],
)
def test_an_option_is_read_as_toml_or_as_text(text: str, value: object) -> None:
    assert parse_option(f"heta.x={text}") == ("heta", "x", value)


@pytest.mark.parametrize(
    ("toml", "arguments", "error", "message"),
    [
        ("", ["--method", "ramdom"], UnknownName, "unknown method 'ramdom'; did you mean 'random'?; available:"),
        (
            "[attribute]\npolicy = 'every'",
            [],
            ConfigError,
            "attribute.policy: Input should be 'answer', 'first', 'each' or 'model' (got 'every')",
        ),
        ("", ["--method", "kl", "--method", "kl"], ConfigError, "method 'kl' is named twice"),
        (
            "",
            ["--method", "kl", "--option", "heta.probes=3"],
            ConfigError,
            "--option heta.probes=3: method 'heta' does not run",
        ),
        ("", ["--option", "m=3"], ConfigError, "--option m=3: expected METHOD.key=value"),
        ("", ["--method", "random", "--option", "random.sed=3"], ConfigError, "no option 'sed'; did you mean 'seed'?"),
        ("", ["--method", "random", "--option", "random.seed=-1"], ConfigError, "seed: Input should be greater than"),
        ("", ["--items", "nowhere.jsonl"], InputError, "nowhere.jsonl: no such file; build items"),
        ("", ["--method", "kl", "--model", "/nowhere/at/all"], HetaError, "/nowhere/at/all"),
        ("[attribute]\nmethods = 'kl'", [], ConfigError, "heta.toml:attribute.methods: Input should be a valid tuple"),
        (
            "[attribute]\nmethods = []",
            [],
            ConfigError,
            "heta.toml:attribute.methods: Tuple should have at least",
        ),
        ("[attribute]\nmodle = 'x'", [], ConfigError, "heta.toml:attribute.modle: unknown key; did you mean 'model'?"),
        (
            "",
            ["--memory", "2XB"],
            ConfigError,
            "--memory: memory '2XB' cannot be read; give bytes, or a number",
        ),
        ("[attribute]\nmemory = '2 XB'", [], ConfigError, "heta.toml:attribute.memory: memory '2 XB' cannot be read"),
        ("", ["--memory", "0"], ConfigError, "--memory: Input should be greater than or equal to 1"),
        ("[attribute]\ntokens = 0", [], ConfigError, "attribute.tokens: Input should be greater than or equal to 1"),
        (
            "",
            ["--device", "cpu", "--device-map", "auto"],
            ConfigError,
            "device 'cpu' and device_map were both given; give one of them",
        ),
        ("[attribute.options.ramdom]\nseed = 1", [], UnknownName, "unknown method 'ramdom'"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(
    workspace: Workspace, toml: str, arguments: list[str], error: type[Exception], message: str
) -> None:
    if toml:
        workspace.config.write_text(toml)
    before = sorted(workspace.root.rglob("*"))
    with pytest.raises(error) as caught:
        attribute(workspace, *arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(workspace.root.rglob("*")) == before


def test_a_folder_without_items_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"items\.jsonl: no such file; build items with `heta data build`"):
        attribute(Workspace(tmp_path))
    (tmp_path / "items.jsonl").touch()
    with pytest.raises(InputError, match="holds no items"):
        attribute(Workspace(tmp_path))


def test_the_command_says_what_it_did(workspace: Workspace) -> None:
    first = attribute(workspace, "--method", "random", "--method", "first_words", "--limit", "3")
    assert first.stdout.startswith("6 records done, 0 skipped as already there, 0 failed, in ")
    assert "attribute: 6 of 6" in first.stderr
    dry = attribute(workspace, "--method", "random", "--dry-run")
    assert "random: 1 to do, 3 already there" in dry.stdout
    second = json.loads(attribute(workspace, "--method", "random", "--json").stdout)
    assert (second["done"], second["skipped"], second["failed"], second["answered"]) == (1, 3, 0, None)
    assert len(read_attributions(workspace)) == 4 + 3


def test_all_methods_under_a_preset(workspace: Workspace) -> None:
    dry = attribute(workspace, "--methods", "all", "--preset", "quick", "--dry-run", "--json")
    assert chosen(dry) == heta.METHODS.names()
    with pytest.raises(ConfigError, match="methods name 'all' and others"):
        attribute(workspace, "--methods", "all", "--method", "kl", "--dry-run")
    settings = load_settings(workspace, {"methods": ("heta", "lime"), "preset": "source"}, ["lime.samples=9"])
    lime = create_methods(settings)[1]
    # An option goes over the preset, which gave the rest.
    assert (lime.options.samples, lime.options.design, lime.config["preset"]) == (9, "sizes", "own")
    assert create_methods(settings)[0].config["preset"] == "source"


def test_random_weights_are_another_model(workspace: Workspace, tmp_path: Path) -> None:
    # Of another seed than the control's: the saved model is no more trained than that is.
    model = save_tiny_model(tmp_path / "tiny", seed=3)
    arguments = ["--method", "kl", "--model", str(model), "--limit", "1"]
    attribute(workspace, *arguments)
    control = attribute(workspace, *arguments, "--random-weights", "0")
    assert "estimate: 1 records in about " in control.stderr
    found = {record.model: record for record in read_attributions(workspace)}
    assert set(found) == {"tiny", "tiny-random"}
    assert found["tiny-random"].model_revision.startswith("random:0:")
    assert found["tiny"].scores != found["tiny-random"].scores
    dry = json.loads(attribute(workspace, *arguments, "--random-weights", "0", "--dry-run", "--json").stdout)
    assert (dry["model"], dry["to_do"]) == ("tiny-random", {"kl": 0})


@pytest.mark.parametrize("given_by", SOURCES)
def test_each_target_token_is_explained_by_itself(workspace: Workspace, tmp_path: Path, given_by: str) -> None:
    model = save_tiny_model(tmp_path / "tiny")
    arguments = ["--method", "gradient_x_input", "--method", "random", "--model", str(model), "--limit", "1"]
    environment = {"HETA_DATA_ATTRIBUTE_POLICY": "each"} if given_by == "environment" else {}
    if given_by == "flag":
        arguments += ["--policy", "each"]
    if given_by == "file":
        workspace.config.write_text("[attribute]\npolicy = 'each'\n")
    report = json.loads(attribute(workspace, *arguments, "--json", **environment).stdout)
    assert (report["done"], report["failed"], report["answered"], report["read"]) == (2, 0, 0, 1)
    # " violet" is seven tokens of one byte; `random` reads no model and knows of no policy.
    rows = {record.method: record.rows and len(record.rows) for record in read_attributions(workspace)}
    assert rows == {"gradient_x_input": 7, "random": None}
    dry = json.loads(attribute(workspace, *arguments, "--dry-run", "--json", **environment).stdout)
    assert dry["to_do"] == {"gradient_x_input": 0, "random": 0}
    assert json.loads(attribute(workspace, *arguments, "--policy", "answer", "--json").stdout)["done"] == 1


def test_how_it_is_executed_decides_nothing_about_what_is_done(workspace: Workspace, tmp_path: Path) -> None:
    model = str(save_tiny_model(tmp_path / "tiny"))
    arguments = ("--method", "kl", "--model", model, "--limit", "2", "--json")
    placed = json.loads(attribute(workspace, *arguments, "--device-map", "auto", "--memory", "50MB").stdout)
    assert (placed["done"], placed["skipped"]) == (2, 0)
    plain = json.loads(attribute(workspace, *arguments, "--tokens", "600").stdout)
    assert (plain["done"], plain["skipped"], plain["files"]) == (0, 2, placed["files"])
    other = Workspace(tmp_path / "other")
    write_records(other.items, [make_item(1), make_item(2)])
    attribute(other, *arguments)
    for one, two in zip(read_attributions(workspace), read_attributions(other), strict=True):
        assert (one.key, one.config) == (two.key, two.config)


def test_an_item_that_the_budget_does_not_fit_is_told_and_the_others_go_on(
    workspace: Workspace, tmp_path: Path
) -> None:
    model = str(save_tiny_model(tmp_path / "tiny"))
    arguments = ("--method", "kl", "--method", "random", "--model", model)
    ran = attribute(workspace, *arguments, HETA_DATA_ATTRIBUTE_MEMORY="1KB")
    assert ran.exit_code == 1
    assert "kl: the budget is 1000 bytes of memory, one row of" in ran.stderr
    # `random` runs no pass; `kl` is made up for with more memory.
    assert "4 records done, 0 skipped as already there, 4 failed" in ran.stdout
    assert "4 records done, 4 skipped as already there, 0 failed" in attribute(workspace, *arguments).stdout


@pytest.mark.parametrize(
    "flag", [("--memory", "1GB"), ("--device-map", "cpu"), ("--policy", "each"), ("--model", "x/y")]
)
def test_a_flag_that_no_method_reads_is_refused(workspace: Workspace, flag: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"{flag[0]} does nothing: none of the methods of this run uses a model"):
        attribute(workspace, "--method", "random", *flag)


def test_a_flag_goes_over_the_other_ones_variable(workspace: Workspace, tmp_path: Path) -> None:
    model = str(save_tiny_model(tmp_path / "tiny"))
    arguments = ("--method", "kl", "--model", model, "--device-map", "cpu", "--json")
    assert json.loads(attribute(workspace, *arguments, HETA_DATA_ATTRIBUTE_DEVICE="cuda:7").stdout)["done"] == 4


@pytest.mark.parametrize(
    ("toml", "flags", "device", "device_map"),
    [
        ("device = 'cpu'", {}, "cpu", None),
        ("device_map = 'auto'", {}, None, "auto"),
        ("device_map = {'model' = 0, 'lm_head' = 'disk'}", {}, None, {"model": 0, "lm_head": "disk"}),
        # A flag for one takes the place of what the file says of the other.
        ("device = 'cpu'", {"device_map": "auto"}, None, "auto"),
        ("device_map = 'auto'", {"device": "cpu"}, "cpu", None),
        ("device = 'cpu'", {"device": "cuda"}, "cuda", None),
        # What contradicts itself is left for `load_model` to refuse.
        ("device = 'cpu'\ndevice_map = 'auto'", {}, "cpu", "auto"),
        ("", {"device": "cpu", "device_map": "auto"}, "cpu", "auto"),
    ],
)
def test_a_device_or_a_device_map(
    workspace: Workspace, toml: str, flags: dict[str, str], device: str | None, device_map: object
) -> None:
    workspace.config.write_text(f"[attribute]\n{toml}\n")
    found = load_settings(workspace, flags)
    assert (found.device, found.device_map) == (device, device_map)


def test_the_budget_comes_from_the_file_or_from_flags(workspace: Workspace) -> None:
    workspace.config.write_text("[attribute]\nmemory = '1.5GB'\ntokens = 300\n")
    assert load_settings(workspace, {}).budget == heta.Budget(tokens=300, memory=1_500_000_000)
    found = load_settings(workspace, {"memory": "512MiB", "tokens": 64})
    assert found.budget == heta.Budget(tokens=64, memory=512 * 2**20)
    workspace.config.write_text("[attribute]\nmemory = 1000000\n")
    assert load_settings(workspace, {}).budget == heta.Budget(memory=1_000_000)


def test_another_file_of_items_may_be_named(workspace: Workspace, tmp_path: Path) -> None:
    write_records(tmp_path / "more.jsonl", [make_item(8)])
    attribute(workspace, "--method", "random", "--items", str(tmp_path / "more.jsonl"))
    assert [record.item_id for record in read_attributions(workspace)] == [make_item(8).id]


def test_failures_are_listed_and_exit_code_1_says_so(workspace: Workspace, tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "tiny")
    config = json.loads((model / "config.json").read_text())
    # A prompt of these items is some 290 bytes long: none fits.
    (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 100}))
    arguments = ("--method", "kl", "--method", "random", "--model", str(model), "--limit", "2")
    result = attribute(workspace, *arguments)
    assert result.exit_code == 1
    assert "2 records done, 0 skipped as already there, 2 failed" in result.stdout
    assert "the model answers 0 of 0 items" in result.stdout
    reasons = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    assert [re.sub(r"item \w+", "item", line)[:48] for line in reasons] == [
        "failed: item (sample:row-1), kl: prompt and targ",
        "failed: item (sample:row-2), kl: prompt and targ",
    ]
    report = json.loads(attribute(workspace, *arguments, "--json").stdout)
    assert [failure["methods"] for failure in report["failures"]] == [["kl"], ["kl"]]
    assert report["files"] == [str(next(workspace.attributions.glob("none/*.jsonl")))]


def test_progress_is_a_line_every_tenth_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("work") as report:
        for done in range(41):
            report(done, 40)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"work: {done} of 40" for done in range(0, 41, 4)]
    assert re.fullmatch(r"work: 20 of 40, [\d.]+ a second, \d+ s left", lines[5])


def test_progress_is_a_bar_with_rate_and_time_left_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress("work") as report:
        for done in range(3):
            report(done, 2)
    shown = terminal.getvalue()
    assert "work" in shown
    assert "2/2" in shown
    assert re.search(r"[\d.]+/s", shown)
    assert "0:00:00" in shown


# kill -9


def command(workspace: Workspace, model: Path) -> list[str]:
    return [
        sys.executable, "-m", "heta", "data", "attribute", "-C", str(workspace.root), "--model", str(model),
        "--method", "kl", "--method", "gradient_x_input", "--method", "random",
    ]  # fmt: skip


def wait_for_lines(path: Path, number: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 300
    while not (path.exists() and path.read_bytes().count(b"\n") >= number):
        assert time.monotonic() < deadline, "no record within five minutes"
        try:
            process.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the command ended by itself, code {process.returncode}")


def content(workspace: Workspace) -> Iterator[tuple[str, list[tuple[Any, str]]]]:
    by_file: dict[str, list[tuple[Any, str]]] = {}
    for record in read_attributions(workspace):
        by_file.setdefault(record.method, []).append((record.key, record.fingerprint()))
    return iter(sorted(by_file.items()))


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "tiny")
    items = [make_item(number) for number in range(1, 25)]
    killed, whole = Workspace(tmp_path / "killed"), Workspace(tmp_path / "whole")
    for workspace in (killed, whole):
        write_records(workspace.items, items)

    with subprocess.Popen(command(killed, model), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        random = heta_file(killed, "random")
        wait_for_lines(random, 3, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    half_done = sum(path.read_bytes().count(b"\n") for path in killed.attributions.rglob("*.jsonl"))
    assert 3 <= half_done < 3 * len(items), "the kill came after the work was done: take more items"

    again = subprocess.run([*command(killed, model), "--json"], capture_output=True, check=True)
    report = json.loads(again.stdout)
    # A line that the kill cut in two is not among the lines counted above, and is done again.
    assert (report["skipped"], report["done"] + report["skipped"]) == (half_done, 3 * len(items))
    methods = [heta.create_method(name) for name in ("kl", "gradient_x_input", "random")]
    run_attributions(whole, items, heta.load_model(str(model)), methods)
    assert list(content(killed)) == list(content(whole))
    assert sum(len(records) for _, records in content(killed)) == 3 * len(items)


def heta_file(workspace: Workspace, method: str) -> Path:
    return workspace.attribution_file("none", method, heta.create_method(method).config_hash)
