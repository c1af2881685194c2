"""What a push costs beside the server's own time. python tests/benchmarks/bench_push.py [--items N] [--own] [--arm A]

Items are made up (150 words each, from a list of syllables), the servers are fresh and are thrown away. Every push runs
in a process of its own, so that its peak memory is its own. The yardstick is the same payloads in the same batches by
plain `projects.import_tasks` calls of the SDK into another project of the same server, in the same run.
"""

import cProfile
import json
import pstats
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil

from heta.words import segment_words
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.page import render_page
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.queue_push import PushOptions, batches
from heta_annotation.campaign.settings import email_of, load_settings
from heta_annotation.campaign.simulate import simulate
from heta_annotation.campaign.tasks import write_content
from heta_annotation.studio import local
from heta_annotation.studio.accounts import create_accounts
from heta_annotation.studio.server import server_folder
from heta_data.compose import compose_item, label_units
from heta_data.jsonl import write_records
from heta_data.records import Arm, AttributionRecord, Item, Rights, TargetPart
from heta_data.workspace import Workspace

ARMS: tuple[Arm, ...] = ("blind", "assisted")
WORDS = 75
"""Of each of the two segments: 150 units an item."""
SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "wi", "xo", "zu")
PAGE = render_page("preselected")


def make_items(count: int) -> Iterator[Item]:
    """Items of 150 words that mean nothing."""
    rights = [Rights(field=f, licence="CC0-1.0", source="made up") for f in ("evidence", "distractor", "question")]
    for number in range(count):
        draw = random.Random(number)
        words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(2 * WORDS)]
        yield compose_item(
            source="made-up",
            source_id=f"row-{number}",
            group=f"row-{number}",
            split="test",
            language="en",
            evidence=" ".join(words[:WORDS]) + ".",
            distractor=" ".join(words[WORDS:]) + ".",
            question=f"Where is {words[7]} {number}?",
            answer=words[8],
            evidence_first=bool(number % 2),
            rights=[*rights, Rights(field="answer", licence="CC0-1.0", source="made up")],
        )


def make_attribution(item: Item) -> AttributionRecord:
    """Random scores on the words."""
    draw = random.Random(item.id)
    words, units = segment_words(item.prompt), set(label_units(item))
    target = TargetPart(
        policy="answer", text=item.target, token_ids=(7,), log_probs=(-0.5,), ranks=(1,), greedy="", answered=False
    )
    return AttributionRecord(
        item_id=item.id,
        method="heta_fast",
        signed=False,
        model="tiny",
        model_revision="r1",
        tokenizer="T:1",
        unit="word",
        starts=tuple(word.start for word in words),
        ends=tuple(word.end for word in words),
        token_ids=None,
        scores=tuple(draw.random() if word in units else None for word in words),
        components={},
        target=target,
        config={},
        config_hash="0" * 8,
        versions={},
        seconds=0.1,
    )


def write_folder(workspace: Workspace, count: int, toml: str) -> None:
    """Items, attributions and heta.toml."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    items = list(make_items(count))
    write_records(workspace.items, items)
    write_records(workspace.attribution_file("tiny", "heta_fast", "0" * 8), map(make_attribution, items))
    workspace.config.write_text(f'[campaign]\nname = "push {count}"\n{toml}\n', encoding="utf-8")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came back."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def peak_memory() -> float:
    """MiB that this process has held at most."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run_here(what: str, root: Path, studio: Path, profile: bool) -> dict[str, Any]:
    """One push or pull in this process: its seconds, those of a plan, what was moved, and the peak memory."""
    workspace = Workspace(root)
    workspace.studio = studio
    planned, arms = timed(lambda: plan(workspace).settings.arms)
    connections = {arm: local.connect(workspace, arm) for arm in arms}
    spent = psutil.Process().cpu_times()
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    seconds, done = timed(partial({"push": push, "pull": pull}[what], workspace, connections))
    if profile:
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(60)
    after = psutil.Process().cpu_times()
    counts = (
        {"records": done.records}
        if what == "pull"
        else {name: sum(getattr(arm, name) for arm in done) for name in ("sent", "present")}
    )
    return {
        "plan": planned,
        "seconds": seconds,
        "cpu": after.user + after.system - spent.user - spent.system,
        "peak": peak_memory(),
        **counts,
    }


def run_apart(what: str, workspace: Workspace, *, profile: bool = False) -> dict[str, Any]:
    """One push or pull in a process of its own."""
    command = [sys.executable, __file__, "--inside", what, str(workspace.root), str(workspace.studio)]
    done = subprocess.run([*command, *(["--profile"] if profile else [])], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def server_seconds(workspace: Workspace, arms: Iterable[Arm]) -> float:
    """Processor time that the arms' servers have used so far, which other load on the machine does not lengthen."""
    states = [server_folder(workspace.studio, arm).read() for arm in arms]
    times = [psutil.Process(state.pid).cpu_times() for state in states if state is not None]
    return sum(time.user + time.system for time in times)


def plain_import(workspace: Workspace) -> dict[str, tuple[float, float]]:
    """Plain imports of every queue's payloads, in the batches of the push: seconds, and the servers' processor time.

    By the SDK, and of JSON as it is: the SDK checks and copies every value before it sends it, which is no work of the
    server's.
    """
    planned = plan(workspace)
    arms = [arm.arm for arm in planned.arms]
    found = {}
    for how in ("by the SDK", "of JSON"):
        total, began = 0.0, server_seconds(workspace, arms)
        for arm in planned.arms:
            connection = local.connect(workspace, arm.arm)
            sdk, client = connection.client(timeout=600), CampaignClient(connection)
            texts = {uid: write_content(arm.write(uid).payload).text for uid in arm.items}
            for queue in arm.queues:
                project = int(sdk.projects.create(title="plain", label_config=PAGE).id)
                for batch, _ in batches(iter([texts[uid] for uid in queue.uids]), queue.uids, PushOptions().batch):
                    if how == "of JSON":
                        total += timed(partial(client.import_tasks, project, batch))[0]
                    else:
                        payloads = list(map(json.loads, batch))
                        total += timed(partial(sdk.projects.import_tasks, project, request=payloads))[0]
        found[how] = total, server_seconds(workspace, arms) - began
    return found


@click.command()
@click.option("--items", "counts", type=int, multiple=True, default=(2000,), show_default=True, help="Can be repeated.")
@click.option("--arm", "arms", type=click.Choice(ARMS), multiple=True, default=("blind",), show_default=True)
@click.option("--raters", default=0, help="Raters per arm with queues of their own; 0: one shared project per arm.")
@click.option("--rounds", default=1, show_default=True, help="Pairs; the order within a pair alternates.")
@click.option("--plain/--no-plain", default=True, help="Time the plain imports too.")
@click.option("--profile", is_flag=True, help="Print where the client's time goes; slows it down.")
@click.option("--answers", is_flag=True, help="Let scripted raters answer everything, and pull.")
@click.option("--inside", nargs=3, hidden=True)
def main(
    counts: tuple[int, ...],
    arms: tuple[Arm, ...],
    raters: int,
    rounds: int,
    plain: bool,
    profile: bool,
    answers: bool,
    inside: tuple[str, str, str] | None,
) -> None:
    """Print a line for each push."""
    if inside:
        click.echo(json.dumps(run_here(inside[0], Path(inside[1]), Path(inside[2]), profile)))
        return
    assignment = "own" if raters else "shared"
    setting = f'kind = "simulated"\narms = {json.dumps(arms)}\nassignment = "{assignment}"\nraters = {raters or 1}'
    with tempfile.TemporaryDirectory() as folder:
        servers = Workspace(Path(folder) / "servers")
        try:
            for arm in arms:
                local.start(servers, arm)
            for count in counts:
                for number in range(rounds):
                    workspace = Workspace(Path(folder) / f"{count}-{number}")
                    workspace.studio = servers.studio
                    write_folder(workspace, count, f"{setting}\nseed = {number}")
                    click.echo(measure(workspace, plain=plain, plain_first=bool(number % 2), profile=profile))
                    if answers:
                        click.echo(measure_pull(workspace, profile=profile))
        finally:
            for arm in arms:
                local.stop(servers, arm)


def measure(workspace: Workspace, *, plain: bool, plain_first: bool, profile: bool) -> str:
    """Push, push again, and the plain imports before or after that."""
    settings = plan(workspace).settings
    arms = settings.arms
    accounts = sum(
        timed(partial(create_accounts, workspace, arm, list(map(email_of, settings.raters_of(arm))), own=own))[0]
        for arm in arms
        for own in (settings.assignment == "own",)
    )
    before = plain_import(workspace) if plain and plain_first else {}
    began = server_seconds(workspace, arms)
    first = run_apart("push", workspace, profile=profile)
    served = server_seconds(workspace, arms) - began
    yardstick = before or (plain_import(workspace) if plain else {})
    again = run_apart("push", workspace)
    return "\n".join(
        [
            f"{first['sent']} tasks: {first['seconds']:.1f} s, the plan {first['plan']:.1f} s of it; processor: client "
            f"{first['cpu']:.1f} s, server {served:.1f} s; peak memory {first['peak']:.0f} MiB",
            *(
                f"  {first['seconds'] / seconds:.2f} x plain imports {how}: {seconds:.1f} s; processor: server "
                f"{cpu:.1f} s"
                for how, (seconds, cpu) in yardstick.items()
            ),
            f"  raters' accounts before that: {accounts:.1f} s",
            f"  again: {again['seconds']:.1f} s, sent {again['sent']}, present {again['present']}",
        ]
    )


def measure_pull(workspace: Workspace, *, profile: bool) -> str:
    """Everything answered by scripts, then pulled."""
    arms = load_settings(workspace).arms
    simulate(workspace, {arm: local.connect(workspace, arm) for arm in arms})
    began = server_seconds(workspace, arms)
    found = run_apart("pull", workspace, profile=profile)
    served = server_seconds(workspace, arms) - began
    return (
        f"  pulled {found['records']} answers in {found['seconds']:.1f} s; processor: client {found['cpu']:.1f} s, "
        f"server {served:.1f} s; peak memory {found['peak']:.0f} MiB"
    )


if __name__ == "__main__":
    main()
