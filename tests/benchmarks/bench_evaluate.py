"""How long an evaluation takes: python tests/benchmarks/bench_evaluate.py --items 2000 --methods 10 --raters 5

Made-up items of words, raters who mark evidence with noise, methods with more or less signal on tokens: words are cut
into one or two tokens each. `--profile` says where the time goes.
"""

import cProfile
import pstats
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click
import numpy as np

from heta.words import SEGMENTATION
from heta_data.compose import compose_item, label_units
from heta_data.jsonl import write_records
from heta_data.records import AttributionRecord, Item, Rights, TargetPart, TokenLabels, content_hash
from heta_evaluation.runner import Inputs, evaluate_records
from heta_evaluation.settings import EvaluateSettings

RIGHTS = (Rights(field="evidence", licence="CC0-1.0", source="made up"),)
LETTERS = "abcdefghijklmnoprstuvw"


def make_text(rng: np.random.Generator, words: int) -> str:
    """Words of two to nine letters."""
    return " ".join("".join(rng.choice(list(LETTERS), rng.integers(2, 10))) for _ in range(words))


def make_items(count: int, units: int, rng: np.random.Generator) -> list[Item]:
    """Items of three sources, a document for every two, evidence first and last by turns."""
    items = []
    for number in range(count):
        own = units // 2 + int(rng.integers(-units // 4, units // 4 + 1))
        evidence, distractor = make_text(rng, own), make_text(rng, units - own)
        items.append(
            compose_item(
                source=f"source{number % 3}",
                source_id=str(number),
                group=str(number // 2),
                split="test",
                language="en",
                evidence=evidence,
                distractor=distractor,
                question=make_text(rng, 8),
                answer=evidence.split()[int(rng.integers(own))],
                evidence_first=number % 2 == 0,
                rights=RIGHTS,
            )
        )
    return items


def make_labels(item: Item, needed: np.ndarray, raters: list[str], rng: np.random.Generator) -> Iterator[TokenLabels]:
    """Raters that miss a needed word with 0.3 and mark another one with 0.05."""
    units = label_units(item)
    for rater in raters:
        marks = np.where(rng.random(len(units)) < np.where(needed, 0.3, 0.05), ~needed, needed)
        yield TokenLabels(
            item_id=item.id,
            task_uid=content_hash([item.id]),
            rater=rater,
            kind="human",
            arm="blind",
            segmentation=SEGMENTATION,
            starts=tuple(unit.start for unit in units),
            ends=tuple(unit.end for unit in units),
            labels=tuple(marks.astype(int).tolist()),
            campaign_hash="c" * 16,
            isolation="server",
        )


def make_attributions(
    item: Item, needed: np.ndarray, methods: int, rng: np.random.Generator
) -> Iterator[AttributionRecord]:
    """Scores on tokens, half of the words cut in two; the question's as well. Every third method is signed."""
    marked, rest = label_units(item), label_units(item, roles=("question",))
    starts, ends, truth = [], [], []
    for unit, need in zip((*marked, *rest), (*needed.tolist(), *(False for _ in rest)), strict=True):
        cut = unit.start + 1 if (unit.start + unit.end) % 2 else unit.end
        for start, end in ((unit.start, cut), (cut, unit.end)):
            if end > start:
                starts.append(start)
                ends.append(end)
                truth.append(need)
    order = np.argsort(starts)
    for number in range(methods):
        scores = rng.exponential(1.0, len(starts)) + 0.3 * number * np.asarray(truth) - 0.8 * (number % 3 == 2)
        yield AttributionRecord(
            item_id=item.id,
            method=f"method{number}",
            signed=number % 3 == 2,
            model="made-up",
            model_revision="none",
            tokenizer="none",
            unit="token",
            starts=tuple(np.asarray(starts)[order].tolist()),
            ends=tuple(np.asarray(ends)[order].tolist()),
            token_ids=None,
            scores=tuple(scores[order].tolist()),
            components={},
            target=TargetPart(
                policy="answer",
                text=item.target,
                token_ids=(1,),
                log_probs=(-1.0,),
                ranks=(1,),
                greedy=item.target,
                answered=bool(needed.sum() % 2),
            ),
            config={},
            config_hash="0" * 8,
            versions={},
            seconds=1.0,
        )


def make_inputs(items: int, methods: int, units: int, raters: int, pool: int) -> Inputs:
    """Everything that an evaluation reads; each item is labelled by `raters` of `pool` people."""
    rng = np.random.default_rng(0)
    made = make_items(items, units, rng)
    labels: list[TokenLabels] = []
    attributions: list[AttributionRecord] = []
    names = [f"r{number:03d}" for number in range(pool)]
    for item in made:
        needed = rng.random(len(label_units(item))) < 0.12
        chosen = sorted(rng.choice(pool, raters, replace=False).tolist())
        labels += make_labels(item, needed, [names[number] for number in chosen], rng)
        attributions += make_attributions(item, needed, methods, rng)
    return Inputs(tuple(made), tuple(labels), tuple(attributions))


@contextmanager
def profiled(lines: int) -> Iterator[None]:
    """Prints where the time went."""
    profile = cProfile.Profile()
    profile.enable()
    yield
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(lines)


def peak() -> float:
    """Most memory that this process has held, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


@click.command()
@click.option("--items", default=2000, show_default=True)
@click.option("--methods", default=10, show_default=True)
@click.option("--units", default=100, show_default=True, help="Words that can be marked, an item.")
@click.option("--raters", default=5, show_default=True, help="Raters an item.")
@click.option("--pool", type=int, help="People the raters are of (default: as many as an item has).")
@click.option("--draws", default=10_000, show_default=True)
@click.option("--profile", type=int, help="Print so many lines of a profile.")
def main(items: int, methods: int, units: int, raters: int, pool: int | None, draws: int, profile: int | None) -> None:
    """Time one evaluation of records in memory, and say how large its results are."""
    inputs = make_inputs(items, methods, units, raters, pool or raters)
    before = peak()
    began, cpu = time.perf_counter(), time.process_time()
    with profiled(profile) if profile else nullcontext():
        found = evaluate_records(inputs, EvaluateSettings(draws=draws))
    seconds, worked = time.perf_counter() - began, time.process_time() - cpu
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        began = time.perf_counter()
        write_records(path, found.results)
        written, size = time.perf_counter() - began, path.stat().st_size / 1e6
    click.echo(
        f"{methods} methods x {items} items x {units} words x {raters} of {pool or raters} raters, {draws} draws: "
        f"{seconds:.1f} s ({worked:.1f} s of CPU), peak {peak():.2f} GB ({before:.2f} GB of it the inputs)\n"
        f"{len(found.results)} results, {size:.1f} MB, written in {written:.1f} s"
    )


if __name__ == "__main__":
    main()
