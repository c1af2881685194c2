"""A release with made-up items and labels by five raters, and submissions to it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers.large_folder import large_attributions, large_items, large_labels, large_truth
from heta_data.compose import label_units
from heta_data.jsonl import read_records, write_records
from heta_data.records import GoldLabels, Item, RaterKind, content_hash
from heta_data.release import build_release
from heta_data.workspace import Workspace
from heta_evaluation.runner import evaluate

Scorer = Callable[[Item], np.ndarray]
"""Scores `[unit]` for the words that raters can mark."""


def make_release(
    root: Path, *, kind: RaterKind = "human", items: int = 40, words: int = 24, methods: int = 2, raters: int = 5
) -> Path:
    """A bundle, and beside it the working folder `root` that it was built from."""
    workspace = Workspace(root)
    made = large_items(items, words)
    truth = large_truth(made)
    write_records(workspace.items, made)
    names = {"human": "a0", "simulated": "sim-"}
    labels = (
        record.model_copy(update={"kind": kind, "rater": f"{names[kind]}{record.rater[-1]}"})
        for record in large_labels(made, truth, raters)
    )
    write_records(workspace.labels, labels)
    for method in range(methods):
        name = f"method_{method:02d}"
        path = workspace.attribution_file("toy", name, content_hash(name, 8))
        write_records(path, large_attributions(made, truth, method))
    evaluate(workspace, draws=100, kinds=(kind,))
    return build_release(workspace, "1.0.0", name="lamps").path


def release_items(bundle: Path) -> list[Item]:
    """The items in the order of the bundle."""
    return list(read_records(bundle / "data" / "items" / "items.jsonl", Item))


def header(bundle: Path, **changes: Any) -> dict[str, Any]:
    """The first line of a submission to a bundle."""
    digest = hashlib.sha256((bundle / "MANIFEST.json").read_bytes()).hexdigest()
    benchmark = {"name": "lamps", "version": changes.pop("version", "1.0.0"), "manifest_sha256": digest}
    fields = {
        "record": "submission",
        "method": "ours",
        "method_version": "1",
        "model": "own/model-1b",
        "model_revision": "r7",
        "tokenizer": "Own:1",
        "benchmark": benchmark,
        "unit": "word",
        "seed": 0,
        "hardware": "cpu",
        "seconds": 12.0,
    }
    return {**fields, **changes}


def scored(item: Item, scores: np.ndarray, **changes: Any) -> dict[str, Any]:
    """One line with scores of the words that raters can mark."""
    units = label_units(item)
    fields = {
        "record": "submission_scores",
        "item_id": item.id,
        "target": item.target,
        "starts": [unit.start for unit in units],
        "ends": [unit.end for unit in units],
        "units": [item.prompt[unit.start : unit.end] for unit in units],
        "scores": [float(score) for score in scores],
    }
    return {**fields, **changes}


def write_lines(path: Path, *records: dict[str, Any]) -> Path:
    """A submission of these lines."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def write_submission(path: Path, bundle: Path, scorer: Scorer, **changes: Any) -> Path:
    """A submission with a scorer's scores for every item; `changes` are of the header."""
    lines = (scored(item, scorer(item)) for item in release_items(bundle))
    return write_lines(path, header(bundle, **changes), *lines)


def perfect(bundle: Path) -> Scorer:
    """What most raters marked."""
    gold = {one.item_id: one for one in read_records(bundle / "data" / "gold" / "gold.jsonl", GoldLabels)}
    return lambda item: np.asarray(gold[item.id].labels, dtype=float)


def rolled(bundle: Path) -> Scorer:
    """The same, each score one word late: offsets that are right, scores that are not."""
    right = perfect(bundle)
    return lambda item: np.roll(right(item), 1)


def noise(seed: int = 5) -> Scorer:
    """Scores that know nothing."""
    rng = np.random.default_rng(seed)
    return lambda item: rng.exponential(1.0, len(label_units(item)))


def noisy(bundle: Path, strength: float, seed: int = 5) -> Scorer:
    """What most raters marked, in noise."""
    right, noise_of = perfect(bundle), noise(seed)
    return lambda item: strength * right(item) + noise_of(item)
