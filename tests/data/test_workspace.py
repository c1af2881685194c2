"""The working folder: settings with their precedence and messages, file names, one writer at a time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, model_validator

from heta.errors import ConfigError
from heta_data.errors import FolderBusy
from heta_data.workspace import TABLES, Workspace


class Knobs(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1
    name: str = "default"
    nested: dict[str, dict[str, int]] = {}

    @model_validator(mode="after")
    def _together(self) -> "Knobs":
        if self.size == 99 and self.name == "no":
            raise ValueError("size 99 does not go with name no")
        return self


@given(flag=st.none() | st.integers(), written=st.none() | st.integers())
@settings(max_examples=25, deadline=None)
def test_flags_go_over_the_file_and_the_file_over_defaults(
    tmp_path_factory: pytest.TempPathFactory, flag: int | None, written: int | None
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("folder"))
    if written is not None:
        workspace.config.write_text(f"[evaluate]\nsize = {written}\n")
    expected = flag if flag is not None else written if written is not None else 1
    assert workspace.settings("evaluate", Knobs, {"size": flag}).size == expected


@pytest.mark.parametrize(
    ("toml", "flags", "message"),
    [
        ("[evaluate]\nsiez = 1", {}, "heta.toml:evaluate.siez: unknown key; did you mean 'size'?; allowed: size, name"),
        ("[evaluate]\nsize = 'x'", {}, "heta.toml:evaluate.size: Input should be a valid integer, unable to parse"),
        ("[evaluate]\nnested.a.b = 'x'", {}, "heta.toml:evaluate.nested.a.b: Input should be a valid integer, unable"),
        ("[evaluate]\nsize = 99\nname = 'no'", {}, "heta.toml:evaluate: size 99 does not go with name no"),
        ("[evaluate]\nsize = 2", {"size": "many"}, "--size: Input should be a valid integer"),
        ("evaluate = 3", {}, "heta.toml:evaluate: got a value, expected a table [evaluate]"),
        ("[evaluation]", {}, "heta.toml:evaluation: unknown table; did you mean 'evaluate'?; allowed: attr"),
        ("[evaluate", {}, "heta.toml: "),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, toml: str, flags: dict[str, object], message: str
) -> None:
    workspace = Workspace(tmp_path)
    workspace.config.write_text(toml)
    with pytest.raises(ConfigError) as caught:
        workspace.settings("evaluate", Knobs, flags)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_config_that_is_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "heta.toml").mkdir()
    with pytest.raises(ConfigError, match=r"heta.toml: cannot be read: Is a directory"):
        Workspace(tmp_path).table("evaluate")


def test_every_table_may_be_missing(tmp_path: Path) -> None:
    assert [Workspace(tmp_path / "none").table(name) for name in TABLES] == [{}] * len(TABLES)
    assert not (tmp_path / "none").exists()


def test_attribution_files_stay_below_their_folder(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    path = workspace.attribution_file("org/model", "kl", "0123abcd")
    assert path.relative_to(tmp_path).as_posix() == "attributions/org--model/kl-0123abcd.jsonl"
    assert workspace.attribution_file("../../x", "kl", "0").parent.parent == workspace.attributions
    for name in ("", ".", ".."):
        with pytest.raises(ConfigError, match="no name for a folder"):
            workspace.attribution_file(name, "kl", "0")


@contextmanager
def held_by_another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    program = (
        "import sys; from heta_data.workspace import Workspace\n"
        "with Workspace(sys.argv[1]).lock():\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            yield other
        finally:
            other.kill()


def test_one_writer_at_a_time_and_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with held_by_another_process(tmp_path) as other:
        with (
            pytest.raises(FolderBusy, match=f"{os.path.abspath(tmp_path)}: another heta command is writing here"),
            workspace.lock(),
        ):
            pass
        other.kill()  # SIGKILL: the other process cleans nothing up
        other.wait()
        with workspace.lock():
            pass


def test_a_second_lock_of_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with (
        Workspace(tmp_path).lock(),
        pytest.raises(FolderBusy),
        Workspace(tmp_path).lock(),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match="cannot be written: Not a directory; choose another folder"),
        Workspace(tmp_path / "file" / "x").lock(),
    ):
        pass


def test_log_ins_can_lie_outside_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "campaign"
    assert Workspace(folder).studio == folder / "studio"
    monkeypatch.setenv("HETA_PRIVATE", str(tmp_path / "private"))
    studio = Workspace(folder).studio
    assert studio.parent.parent == tmp_path / "private"
    assert studio.parent.name.startswith("campaign-")
    # Another folder of the same name has another place; the same folder the same, however it is named.
    assert Workspace(tmp_path / "other" / "campaign").studio != studio
    assert Workspace(tmp_path / "x" / ".." / "campaign").studio == studio
