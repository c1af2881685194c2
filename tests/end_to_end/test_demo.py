"""`heta demo` as typed, on real parts; and the README's Python example."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heta_annotation.studio.local import start, status, stop
from heta_data.jsonl import read_records
from heta_data.records import AttributionRecord, GoldLabels, Item, MetricResult, TokenLabels
from heta_data.release import check_release
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from heta.model import LoadedModel

ROOT = Path(__file__).parents[2]


def run_demo(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "heta", "demo", "-C", folder, *arguments], capture_output=True, text=True, timeout=800
    )


@pytest.mark.server
@pytest.mark.model
@pytest.mark.xdist_group("server")
@pytest.mark.usefixtures("studio_environment", "smollm2")
def test_the_demo_does_the_whole_job_and_says_that_its_raters_are_scripts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "demo")
    first = run_demo(workspace.root, "--items", "2")
    assert first.returncode == 0, first.stderr

    items = list(read_records(workspace.items, Item))
    labels = list(read_records(workspace.labels, TokenLabels))
    # 2 items x 3 raters x 2 arms, every one marked as what it is.
    assert len(items) == 2
    assert len(labels) == 12
    assert {label.kind for label in labels} == {"simulated"}
    assert {label.arm for label in labels} == {"blind", "assisted"}
    # 5 methods, each with both items, `kl` computed from the same passes as HETA.
    records = [r for path in workspace.attributions.rglob("*.jsonl") for r in read_records(path, AttributionRecord)]
    assert len(records) == 10
    by_key = {(record.method, record.item_id): record for record in records}
    for item in items:
        assert by_key["kl", item.id].scores == by_key["heta_fast", item.id].components["information"]
    assert all(gold.kinds == ("simulated",) for gold in read_records(workspace.gold, GoldLabels))
    means = [r for r in read_records(workspace.results, MetricResult) if r.item_id is None and r.kinds]
    assert means
    assert all(result.kinds == ("simulated",) for result in means)
    assert "SIMULATED" in workspace.report.read_text(encoding="utf-8")
    bundle = workspace.releases / "heta-demo-0.1.0"
    assert check_release(bundle).problems == ()
    assert "SIMULATED" in (bundle / "README.md").read_text(encoding="utf-8")
    # Nothing of it goes on running, and it says where things lie and how to label for real.
    assert {server.state for server in status(workspace)} == {"down"}
    for said in ("simulated", str(workspace.report), str(bundle), "heta campaign plan"):
        assert said in first.stdout

    # Again: everything is there already, nothing is done twice, not a byte of the labels changes.
    before = workspace.labels.read_bytes()
    second = run_demo(workspace.root, "--items", "2")
    assert second.returncode == 0, second.stderr
    assert "0 records, 10 there already" in second.stdout
    assert workspace.labels.read_bytes() == before

    refused = run_demo(workspace.root, "--items", "3")
    assert refused.returncode == 1
    assert "--fresh" in refused.stderr
    # Nothing is deleted for a demo that cannot be, nor under another process's hands.
    assert run_demo(workspace.root, "--fresh", "--items", "0").returncode == 1
    with workspace.lock():
        busy = run_demo(workspace.root, "--fresh", "--items", "2")
    assert busy.returncode == 1
    assert "another heta command" in busy.stderr
    assert workspace.labels.read_bytes() == before

    # A server that its user started is left running.
    start(workspace, "blind")
    try:
        assert run_demo(workspace.root, "--items", "2").returncode == 0
        assert {server.name: server.state for server in status(workspace)} == {"blind": "up", "assisted": "down"}
    finally:
        stop(workspace, "blind")


@pytest.mark.server
@pytest.mark.model
@pytest.mark.xdist_group("server")
@pytest.mark.usefixtures("studio_environment", "smollm2")
def test_ctrl_c_pressed_twice_leaves_no_server_behind(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "demo")
    # Whoever runs the tests in the background has told their children to ignore Ctrl-C; a terminal has not.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import heta.cli; heta.cli.main()"
    with subprocess.Popen(
        [sys.executable, "-c", heed, "demo", "-C", workspace.root, "--items", "12"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as demo:  # fmt: skip
        assert demo.stdout is not None
        said = []
        # The first server is on its way once the demo says so; both presses come while it starts.
        for line in demo.stdout:
            said.append(line)
            if "starting Label Studio" in line:
                demo.send_signal(signal.SIGINT)
                break
        for line in demo.stdout:
            said.append(line)
            if "stopping the servers" in line:
                demo.send_signal(signal.SIGINT)
                break
        said += demo.stdout.readlines()
    assert demo.wait(timeout=300) == 130, "".join(said)
    assert "Traceback" not in "".join(said)
    assert {server.state for server in status(workspace)} <= {"down"}


def test_the_demo_deletes_and_overwrites_only_what_a_demo_made(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for arguments in ([], ["--fresh"]):
        done = run_demo(tmp_path, *arguments)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "choose another folder" in done.stderr or "name another folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("count", ["0", "1000"])
def test_the_demo_refuses_a_number_of_items_that_the_sample_lacks(tmp_path: Path, count: str) -> None:
    done = run_demo(tmp_path / "demo", "--items", count)
    assert done.returncode == 1
    assert f"--items: got {count}, the bundled sample has 1 to" in done.stderr
    assert not (tmp_path / "demo").exists()


@pytest.mark.model
def test_the_python_example_of_the_readme_runs(
    smollm2: "LoadedModel", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 1
    assert sum(bool(line.strip()) for line in blocks[0].splitlines()) <= 10
    # The session's model instead of a second load of the same one.
    monkeypatch.setattr("heta.load_model", lambda name: smollm2, raising=False)
    exec(compile(blocks[0], "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert "mill" in said
    assert " nats; answered" in said, json.dumps(said)
