"""The whole job on the bundled sample, in one process: items to a checked release, with a real Label Studio.

Scripted raters stand in for people and are marked `simulated` in every record. Each stage is the function that the
command of the same name calls, so a demo that was interrupted goes on where it stopped.
"""

import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from heta.errors import ConfigError
from heta_annotation.studio.building import Report
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records, write_records
from heta_data.records import Arm, Item
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from heta import Method
    from heta_evaluation.runner import Evaluation

ARMS: tuple[Arm, ...] = ("blind", "assisted")
VERSION = "0.1.0"
MODEL = "smollm2"
QUICK = ("heta_fast", "kl", "gradient_x_input", "random", "answer_match")
EXACT = ("heta", "heta_balanced", *QUICK)

SETTINGS = """\
# Written by `heta demo`. For a campaign with people: kind = "human", in a folder of its own.
[attribute]
model = "smollm2"
methods = [{methods}]

[campaign]
name = "demo"
kind = "simulated"
raters = 3
method = "heta_fast"

[evaluate]
kinds = ["simulated"]

[release]
name = "heta-demo"
"""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Talk:
    """How the demo tells what it does: the command line shows it, the library prints nothing."""

    stage: Callable[[str], None]
    """A stage begins, in one line."""
    note: Callable[[str], None]
    """What a stage came to, in one line."""
    progress: Callable[[str], AbstractContextManager[Progress]]
    """A progress bar for long work."""
    report: Report
    """Steps of a server that is installed or started."""
    summary: Callable[["Evaluation"], None]
    """The figures of the evaluation."""


@dataclass
class Done:
    """What a demo leaves behind."""

    folder: Path
    report: Path
    release: Path
    seconds: float
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds each stage took."""


def run_demo(folder: Path, talk: Talk, *, items: int = 12, exact: bool = False) -> Done:
    """Run every stage; servers that it started are stopped again at the end, and those that ran already stay.

    Args:
        folder: where everything goes; must be new, empty or an earlier demo's.
        talk: told what happens.
        items: how many items of the sample, spread over its languages.
        exact: also run the methods with exact curvature, in minutes.

    Raises:
        ConfigError: the folder holds something else, or an earlier demo of other settings.
        HetaError: a stage failed; what was finished stays, and the same call goes on from there.
    """
    began = time.perf_counter()
    workspace = Workspace(folder)
    done = Done(folder, workspace.report, workspace.releases / f"heta-demo-{VERSION}", 0.0)

    @contextmanager
    def stage(name: str, line: str) -> Iterator[None]:
        talk.stage(line)
        start = time.perf_counter()
        yield
        done.stages[name] = time.perf_counter() - start

    names = EXACT if exact else QUICK
    with stage("items", f"{items} items of the bundled sample"):
        chosen = _prepare(workspace, items, names)
        languages = sorted({item.language for item in chosen})
        talk.note(f"{len(chosen)} items in {', '.join(languages)} -> {workspace.items}")
    with stage("model", f"Language model {MODEL}"):
        _fetch_model(talk)
    up = _running(workspace)
    # Servers take their time to start and need little of a processor: they start while the model works.
    with ThreadPoolExecutor(max_workers=1) as pool:
        given_up = Event()
        servers = pool.submit(_start_servers, workspace, talk.report, given_up)
        try:
            with stage("attribute", f"Attributions by {', '.join(names)}"):
                _attribute(workspace, chosen, names, talk)
            with stage("servers", "Two local Label Studio servers, one an arm"):
                connections = _await_servers(servers, talk)
            with stage("campaign", "Campaign: plan, push, three scripted raters an arm, pull"):
                _campaign(workspace, connections, talk)
        finally:
            given_up.set()
            with _uninterrupted():
                talk.report("stopping the servers that this demo started")
                _stop_servers(workspace, servers, keep=up)
    with stage("evaluate", "Alignment with the (simulated) raters, and the report"):
        _evaluate(workspace, talk)
    with stage("release", f"Release {VERSION}, built and checked"):
        done.release = _release(workspace, talk)
    done.seconds = time.perf_counter() - began
    return done


def forget(folder: Path, *, items: int) -> None:
    """Delete an earlier demo's folder, its servers stopped first, to make room for one of `items` items.

    Raises:
        ConfigError: the folder is no demo's or a link, or the sample has not so many items.
        FolderBusy: another process writes there.
    """
    from heta_data.sources.sample import sample_items

    spread(sample_items(), items)
    workspace = Workspace(folder)
    if not folder.exists():
        return
    if folder.is_symlink():
        raise ConfigError(f"--fresh: {folder} is a link, so it is not deleted; name the folder itself")
    if not _is_demo(workspace):
        raise ConfigError(f"--fresh: {folder} was not made by `heta demo`, so it is not deleted; choose another folder")
    from heta_annotation.studio.local import status, stop

    with workspace.lock():
        for server in status(workspace):
            stop(workspace, server.name)
        shutil.rmtree(folder)


def _is_demo(workspace: Workspace) -> bool:
    try:
        return workspace.config.read_text(encoding="utf-8").startswith(SETTINGS.splitlines()[0])
    except FileNotFoundError:
        return False


def _prepare(workspace: Workspace, count: int, methods: Sequence[str]) -> list[Item]:
    from heta_data.sources.sample import sample_items

    settings = SETTINGS.format(methods=", ".join(f'"{name}"' for name in methods))
    items = spread(sample_items(), count)
    if workspace.root.exists() and any(path.name != ".heta.lock" for path in workspace.root.iterdir()):
        if not _is_demo(workspace):
            raise ConfigError(f"{workspace.root} is not empty and was not made by `heta demo`; name another folder: -C")
        there = list(read_records(workspace.items, Item)) if workspace.items.exists() else items
        if workspace.config.read_text(encoding="utf-8") != settings or there != items:
            raise ConfigError(
                f"{workspace.root} holds a demo of other items or methods; begin afresh with --fresh, or name another"
                " folder: -C"
            )
    with workspace.lock():
        if not workspace.config.exists():
            # Complete under its name or not there at all: half a heta.toml would be taken for somebody else's.
            draft = workspace.config.with_suffix(".toml.new")
            draft.write_text(settings, encoding="utf-8")
            draft.replace(workspace.config)
        if not workspace.items.exists():
            write_records(workspace.items, items)
    return items


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` items in their order: first one of each language, then the rest from the front.

    Raises:
        ConfigError: more are asked for than there are, or none.
    """
    if not 1 <= count <= len(items):
        raise ConfigError(f"--items: got {count}, the bundled sample has 1 to {len(items)}")
    firsts: dict[str, int] = {}
    for index, item in enumerate(items):
        firsts.setdefault(item.language, index)
    wanted = [*firsts.values(), *(index for index in range(len(items)) if index not in firsts.values())]
    return [items[index] for index in sorted(wanted[:count])]


def _fetch_model(talk: Talk) -> None:
    from heta.fetch import cached_model, get_model

    if cached_model(MODEL) is None:
        talk.note("fetching it once (about 100 MB) and converting it, about a minute")
        get_model(MODEL, progress=talk.note)
    else:
        talk.note("already in the cache")


def _attribute(workspace: Workspace, items: Sequence[Item], names: Sequence[str], talk: Talk) -> None:
    import heta
    from heta_data.attribute import run_attributions

    model = heta.load_model(MODEL)
    methods: list[Method] = [heta.create_method(name) for name in names]
    with talk.progress("attribute") as progress:
        summary = run_attributions(workspace, items, model, methods, progress=progress)
    for failure in summary.failures:
        talk.note(f"not attributed: {failure.row} by {', '.join(failure.methods)}: {failure.reason}")
    talk.note(
        f"{summary.done} records, {summary.skipped} there already; the model answers {summary.answered} of "
        f"{summary.read} items by itself"
    )


def _start_servers(workspace: Workspace, report: Report, given_up: Event) -> dict[Arm, Connection]:
    from heta_annotation.studio.local import start

    return {arm: start(workspace, arm, report=report) for arm in ARMS if not given_up.is_set()}


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until this is over: pressed twice, it would leave servers behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _await_servers(servers: "Future[dict[Arm, Connection]]", talk: Talk) -> dict[Arm, Connection]:
    connections = servers.result()
    for arm, connection in connections.items():
        talk.note(f"{arm}: {connection.url}")
    return connections


def _running(workspace: Workspace) -> set[str]:
    from heta_annotation.studio.local import status

    return {server.name for server in status(workspace) if server.pid is not None}


def _stop_servers(workspace: Workspace, servers: "Future[dict[Arm, Connection]]", *, keep: set[str]) -> None:
    from heta_annotation.studio.local import stop

    # A start that is under way cannot be called off half-way: its server is stopped once it is known.
    if not servers.cancel():
        servers.exception()
    for name in sorted(_running(workspace) & set(ARMS) - keep):
        stop(workspace, name)


def _campaign(workspace: Workspace, connections: dict[Arm, Connection], talk: Talk) -> None:
    from heta_annotation.campaign.pull import pull
    from heta_annotation.campaign.push import push
    from heta_annotation.campaign.simulate import simulate

    with talk.progress("push") as progress:
        for arm in push(workspace, connections, progress=lambda _arm, *count: progress(*count)):
            talk.note(f"{arm.arm}: {arm.sent} tasks sent, {arm.present} there already, {arm.predictions} predictions")
    with talk.progress("label") as progress:
        given = simulate(workspace, connections, progress=lambda _arm, *count: progress(*count))
    talk.note(f"scripted raters gave {sum(arm.given + arm.present for arm in given)} answers through the servers")
    pulled = pull(workspace, connections)
    refused = sum(arm.quarantined for arm in pulled.arms)
    talk.note(f"{pulled.records} label records pulled and proved, {refused} in quarantine -> {workspace.labels}")


def _evaluate(workspace: Workspace, talk: Talk) -> None:
    from heta_evaluation.report import build_report
    from heta_evaluation.runner import evaluate

    with talk.progress("evaluate") as progress:
        evaluation = evaluate(workspace, progress=progress)
    talk.summary(evaluation)
    talk.note(f"report -> {build_report(workspace)}")


def _release(workspace: Workspace, talk: Talk) -> Path:
    from heta_data.errors import ReleaseBlocked
    from heta_data.release import build_release, check_release

    built = build_release(workspace, VERSION)
    check = check_release(built.path)
    if check.problems:
        raise ReleaseBlocked(check.problems)
    talk.note(f"every file verified -> {built.path}")
    return built.path
