"""What a release takes to build and check: python tests/benchmarks/bench_release.py --items 2000 --items 20000

Made-up items with labels of some raters and attributions of some methods, written as a working folder first. Each size
runs in a process of its own, so that its peak is its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from bench_evaluate import make_attributions, make_items, make_labels

from heta.words import SEGMENTATION, segment_words
from heta_data.compose import label_units
from heta_data.jsonl import write_records
from heta_data.records import AttributionRecord, GoldLabels, Rights, TokenLabels
from heta_data.release import build_release, check_release
from heta_data.workspace import Workspace
from heta_evaluation.aggregation.majority import gold_labels


def fill(root: Path, count: int, methods: int, units: int, raters: int) -> Workspace:
    """A working folder that can be released."""
    rng = np.random.default_rng(0)
    workspace = Workspace(root)
    fields = ("evidence", "distractor", "question", "answer", "instruction", "example")
    rights = tuple(Rights(field=field, licence="CC0-1.0", source="made up") for field in fields)
    items = [item.model_copy(update={"rights": rights}) for item in make_items(count, units, rng)]
    write_records(workspace.items, items)
    names = [f"r{number:03d}" for number in range(raters)]
    labels: list[TokenLabels] = []
    gold: list[GoldLabels] = []
    by_method: list[list[AttributionRecord]] = [[] for _ in range(methods)]
    for item in items:
        needed = rng.random(len(label_units(item))) < 0.12
        own = list(make_labels(item, needed, names, rng))
        labels += own
        marks = np.asarray([one.labels for one in own], dtype=bool)
        found = gold_labels(
            item_id=item.id,
            segmentation=SEGMENTATION,
            units=label_units(item),
            labels=marks,
            kinds=("human",),
            arms=("blind",),
        )
        gold.append(found)
        (one,) = make_attributions(item, needed, 1, rng)
        words = segment_words(item.prompt)
        spans = {
            "starts": tuple(word.start for word in words),
            "ends": tuple(word.end for word in words),
            "unit": "word",
        }
        for number, records in enumerate(by_method):
            scores = tuple(rng.exponential(1.0, len(words)).tolist())
            records.append(one.model_copy(update={**spans, "scores": scores, "method": f"method{number}"}))
    write_records(workspace.labels, labels)
    write_records(workspace.gold, gold)
    for number, records in enumerate(by_method):
        write_records(workspace.attribution_file("made-up", f"method{number}", "0" * 8), records)
    return workspace


def peak() -> float:
    """Most memory that this process has held, MB; unlike `ru_maxrss` not that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def measure(root: Path) -> None:
    """Build and check the folder in this process; a line of JSON."""
    before = peak()
    began = time.perf_counter()
    bundle = build_release(Workspace(root), "1.0.0").path
    built = time.perf_counter()
    assert check_release(bundle).problems == ()
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    click.echo(json.dumps([built - began, time.perf_counter() - built, before, peak(), size / 1e6]))


@click.command()
@click.option("--items", "sizes", multiple=True, type=int, default=(500, 2000), show_default=True)
@click.option("--methods", default=10, show_default=True)
@click.option("--units", default=100, show_default=True, help="Words that can be marked, an item.")
@click.option("--raters", default=5, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(sizes: tuple[int, ...], methods: int, units: int, raters: int, folder: Path | None) -> None:
    """Time building (which checks once) and checking, and print peaks of memory by size."""
    if folder is not None:
        measure(folder)
        return
    for size in sizes:
        with tempfile.TemporaryDirectory() as root:
            fill(Path(root), size, methods, units, raters)
            ran = subprocess.run(
                [sys.executable, __file__, "--folder", root], check=True, stdout=subprocess.PIPE, text=True
            )
        build, check, before, most, megabytes = json.loads(ran.stdout)
        click.echo(
            f"{size} items x {raters} raters x {methods} methods: built in {build:.1f} s, checked in {check:.1f} s, "
            f"peak {most:.0f} MB ({before:.0f} MB before), bundle {megabytes:.0f} MB"
        )


if __name__ == "__main__":
    main()
