"""The `heta` command itself: help, exit codes, one-line errors, and that help stays light."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_folder, make_items
from heta import cli as root
from heta.errors import ConfigError


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below `group` with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


LEAVES = [(path, command) for path, command in commands(root.cli) if not isinstance(command, click.Group)]


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_has_help_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help, f"heta {' '.join(path)} has no help"
    assert f"heta {' '.join(path)}" in command.help, f"heta {' '.join(path)} --help shows no example"
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"heta {' '.join(path)} {parameter.opts[0]} has no help"


def test_help_of_the_whole_tree_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv=['heta','--help']\n"
        "from heta.cli import main\n"
        "try: main()\n"
        "except SystemExit as e: assert e.code == 0, e.code\n"
        "heavy = {'torch', 'transformers', 'pandas', 'label_studio_sdk', 'openai', 'sklearn', 'scipy', 'pydantic',"
        " 'numpy', 'rich', 'jinja2', 'httpx'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("heavy: []")


def test_an_unknown_command_is_wrong_usage_with_a_guess() -> None:
    result = CliRunner().invoke(root.cli, ["campain"])
    assert result.exit_code == 2
    assert "did you mean 'campaign'?" in result.output


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("--m: got 0, must be 1 or more"), 1, "heta: --m: got 0, must be 1 or more"),
        (KeyboardInterrupt(), 130, "heta: interrupted"),
        (PermissionError(13, "Permission denied", "items.jsonl"), 1, "heta: items.jsonl: Permission denied; check"),
        (OSError(28, "No space left on device"), 1, "heta: No space left on device; make room"),
        (click.UsageError("no such option"), 2, "no such option"),
    ],
)
def test_exit_codes(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(root.cli, "main", fail)
    with pytest.raises(SystemExit) as stopped:
        root.main()
    assert stopped.value.code == code
    captured = capsys.readouterr().err
    assert line in captured
    assert "Traceback" not in captured


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items in both orders with labels and attributions: something to print for every command."""
    return make_folder(tmp_path_factory.mktemp("pipe"), items=make_items(twins=True)).root


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "data --help",
        "methods",
        "data show -C {folder}",
        "data show 1 -C {folder}",
        "attribute x --target y --method answer_match",
        "evaluate run -C {folder} --kinds simulated --draws 100",
        "evaluate orders -C {folder} --draws 100",
    ],
)
def test_a_reader_that_went_away_is_no_failure(words: str, folder: Path) -> None:
    """`heta ... | head -1`: with the reading end closed beforehand, the first byte written already finds nobody."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "heta", *words.format(folder=folder).split()], stdout=writing, stderr=subprocess.PIPE
        )
    finally:
        os.close(writing)
    said = [line for line in done.stderr.decode().splitlines() if not line.startswith("scoring")]
    assert (done.returncode, said) == (0, [])


WITHOUT_ITEMS = [
    "data attribute --method kl",
    "data show",
    "evaluate run",
    "evaluate report",
    "evaluate orders",
    "release build 1.0.0",
    "campaign plan",
    "campaign push",
    "campaign status",
    "campaign pull",
    "campaign simulate",
    "campaign adjudicate --raters a91",
    "campaign gold",
    "campaign review --methods kl",
    "campaign close",
    "campaign extend",
    "campaign admit a01",
    "campaign withdraw a01 --yes",
    "campaign import export.json --kind human --arm blind",
]


@pytest.mark.parametrize("words", WITHOUT_ITEMS)
@pytest.mark.parametrize("there", [False, True], ids=["no folder", "empty folder"])
def test_a_mistyped_folder_stays_as_it_is(words: str, there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "my-benchmrak"
    if there:
        folder.mkdir()
    result = CliRunner().invoke(root.cli, [*words.split(), "-C", str(folder)])
    assert result.exit_code == 1
    assert list(tmp_path.rglob("*")) == ([folder] if there else [])
