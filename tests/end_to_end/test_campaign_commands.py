"""The campaign's commands one after the other on real servers, as a user types them, and their errors in one line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helpers.campaigns import difficult_items, start_arms, write_folder
from heta.cli import cli
from heta_data.workspace import Workspace


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["campaign", *arguments], catch_exceptions=False)


def fails(*arguments: str) -> str:
    """The one line that a failing command prints, in a process of its own."""
    command = [sys.executable, "-m", "heta", "campaign", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("heta: ")
    return line


@pytest.fixture
def own_folder(studio_workspace: Workspace) -> Iterator[Workspace]:
    """The servers' own folder as campaign folder; emptied afterwards."""
    yield studio_workspace
    for name in ("items.jsonl", "heta.toml", "campaign.sqlite", "labels.jsonl", "quarantine.jsonl"):
        (studio_workspace.root / name).unlink(missing_ok=True)


@pytest.mark.server
@pytest.mark.xdist_group("server")
def test_plan_push_simulate_status_pull(own_folder: Workspace) -> None:
    start_arms(own_folder)
    folder = ("-C", str(own_folder.root))
    write_folder(own_folder, difficult_items(), 'name = "commands"\nkind = "simulated"\nraters = 1')
    assert run("plan", *folder).exit_code == 0
    dry = run("push", *folder, "--dry-run", "--json")
    assert json.loads(dry.stdout)["to_send"] == {"blind": 3, "assisted": 3}
    assert not own_folder.ledger.exists()
    pushed = run("push", *folder)
    assert "3 tasks sent, 0 there before, 3 predictions" in pushed.stdout
    assert "raters.csv" in pushed.stdout
    assert [arm["sent"] for arm in json.loads(run("push", *folder, "--json").stdout)] == [0, 0]
    assert "3 simulated labels to give" in run("simulate", *folder, "--dry-run").stdout
    assert [arm["given"] for arm in json.loads(run("simulate", *folder, "--json").stdout)] == [3, 3]
    status = run("status", *folder)
    assert "3 of 3 tasks complete, 3 of 3 labels" in status.stdout
    assert "s01 (simulated)" in status.stdout
    assert "3/3" in status.stdout
    assert json.loads(run("status", *folder, "--json").stdout)[0]["server"] == "up"
    pulled = run("pull", *folder)
    assert "blind: 3 annotations: 3 labels, 0 cannot tell, 0 skipped, 0 quarantined" in pulled.stdout
    assert json.loads(run("pull", *folder, "--json").stdout)["records"] == 6


def test_errors_are_one_line(tmp_path: Path) -> None:
    folder = ("-C", str(tmp_path))
    assert "heta data build" in fails("push", *folder)
    assert "heta campaign push" in fails("pull", *folder)
    assert "heta campaign push" in fails("status", *folder)
    assert "heta campaign push" in fails("simulate", *folder)
    write_folder(Workspace(tmp_path), difficult_items())
    assert f"heta studio start blind assisted -C {tmp_path}" in fails("push", *folder)
    assert "heta studio start blind assisted" in fails("push", *folder, "--dry-run")
    (tmp_path / "heta.toml").write_text("[campaign]\nrater = 3\n")
    assert "campaign.rater: unknown key; did you mean 'raters'" in fails("plan", *folder)
    # Nothing half-written by any of them.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attributions", "heta.toml", "items.jsonl"]
