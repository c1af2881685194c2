"""Attributions that the system does not let us read are an error everywhere, and never "no attributions"."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path

import pytest

from helpers.sample_records import fill_folder
from heta.errors import HetaError
from heta_annotation.campaign.plan import plan
from heta_data.attribution_files import attribution_files
from heta_data.release import build_release
from heta_data.workspace import Workspace
from heta_evaluation import evaluate
from heta_evaluation.alignment.order_study import study_orders
from heta_evaluation.report import build_report

# Now, and not when it is first used: without privileges Python's own modules may be out of reach.
for part in ("build", "figures", "tables"):
    import_module(f"heta_evaluation.report.{part}")


@contextmanager
def without_privileges() -> Iterator[None]:
    """As a user to whom permissions apply; root becomes `nobody` for a while."""
    me = os.geteuid()
    os.seteuid(me or 65534)
    try:
        yield
    finally:
        os.seteuid(me)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An evaluated folder that anybody may write to, as the current one: what lies above it is not asked."""
    workspace = fill_folder(tmp_path)
    workspace.config.write_text('[campaign]\nmethod = "kl"\n', encoding="utf-8")
    evaluate(workspace, draws=100)
    tmp_path.chmod(0o777)
    monkeypatch.chdir(tmp_path)
    # The lock asks for the whole path, and what lies above is root's own.
    monkeypatch.setattr(Workspace, "lock", lambda self: nullcontext())
    return Workspace()


COMMANDS: dict[str, Callable[[Workspace], object]] = {
    "evaluate run": lambda w: evaluate(w, draws=100),
    "evaluate report": build_report,
    "evaluate orders": lambda w: study_orders(w, draws=100),
    "release build": lambda w: build_release(w, "1.0.0"),
    "campaign plan": lambda w: plan(w).check(),
}


@pytest.mark.parametrize("place", ["attributions", "attributions/tiny", "attributions/tiny/kl-00000000.jsonl"])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_read_is_no_absence(workspace: Workspace, command: str, place: str) -> None:
    Path(place).chmod(0)
    try:
        with without_privileges(), pytest.raises(HetaError, match=f"{place}: cannot be read: Permission denied"):
            COMMANDS[command](workspace)
    finally:
        Path(place).chmod(0o755)


def test_files_are_found_by_model_and_name_and_nothing_else_is(workspace: Workspace) -> None:
    (workspace.attributions / "notes.jsonl").write_text("not below a model")
    (workspace.attributions / "tiny" / "kl.txt").write_text("no records")
    assert [path.as_posix() for path in attribution_files(workspace)] == [
        "attributions/none/first_words-00000000.jsonl",
        "attributions/tiny/kl-00000000.jsonl",
    ]
    assert attribution_files(Workspace("nowhere")) == []


def test_a_file_beside_the_folders_of_models_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = Workspace(tmp_path)
    for path in (
        folder.attributions / "m/kl.jsonl",
        folder.attributions / "kl.jsonl",
        folder.attributions / "m/old/kl.jsonl",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert attribution_files(folder) == [folder.attributions / "m/kl.jsonl"]
    (said,) = caplog.messages
    assert said.startswith(f"{folder.attributions / 'kl.jsonl'}: not read, 2 in all")
