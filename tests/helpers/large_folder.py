"""A working folder of any size: made-up words, raters that mark some of them, methods that score all of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from heta.words import SEGMENTATION
from heta_data.compose import compose_item, label_units
from heta_data.jsonl import write_records
from heta_data.records import AttributionRecord, Item, Rights, TargetPart, TokenLabels, content_hash
from heta_data.workspace import Workspace

SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "wi", "xo", "zu")
SOURCES = ("river", "market", "archive", "station")
VOCABULARY = 4_000


def vocabulary() -> list[str]:
    """Words of one to four syllables, each once."""
    rng = np.random.default_rng(0)
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        words["".join(rng.choice(SYLLABLES, size=rng.integers(1, 5)))] = None
    return list(words)


def large_items(count: int, words: int) -> list[Item]:
    """Items of `words` words, half evidence and half distractor; common words are common, as in real text."""
    rng, known = np.random.default_rng(1), vocabulary()
    rights = [Rights(field=f, licence="CC0-1.0", source="made up") for f in ("evidence", "distractor", "question")]
    rights.append(Rights(field="answer", licence="CC0-1.0", source="made up"))
    share = 1.0 / np.arange(1, VOCABULARY + 1)
    items = []
    for number in range(count):
        drawn = [known[index] for index in rng.choice(VOCABULARY, size=words, p=share / share.sum())]
        items.append(
            compose_item(
                source=SOURCES[number % len(SOURCES)],
                source_id=f"row-{number}",
                group=f"row-{number // 2}",
                split="test",
                language="en",
                evidence=" ".join(drawn[: words // 2]) + ".",
                distractor=" ".join(drawn[words // 2 :]) + ".",
                question=f"Where is {drawn[3]} {number}?",
                answer=drawn[5],
                evidence_first=bool(number % 2),
                rights=rights,
            )
        )
    return items


def large_truth(items: list[Item]) -> list[np.ndarray]:
    """`[unit]` per item: some 8 % of the words of the evidence matter."""
    rng = np.random.default_rng(2)
    found = []
    for item in items:
        span = item.spans("evidence")[0]
        inside = np.asarray([span.start <= unit.start < span.end for unit in label_units(item)])
        found.append(inside & (rng.random(len(inside)) < 0.16))
    return found


def large_labels(items: list[Item], truth: list[np.ndarray], raters: int) -> Iterator[TokenLabels]:
    """Raters with different care, all scripts."""
    rng = np.random.default_rng(3)
    for item, needed in zip(items, truth, strict=True):
        units = label_units(item)
        for rater in range(raters):
            miss, add = 0.12 + 0.06 * rater, 0.01 + 0.008 * rater
            marks = np.where(rng.random(len(needed)) < np.where(needed, miss, add), ~needed, needed)
            yield TokenLabels.model_validate(
                {
                    "item_id": item.id,
                    "task_uid": content_hash([item.id, "blind"]),
                    "rater": f"script-{rater}",
                    "kind": "simulated",
                    "arm": "blind",
                    "segmentation": SEGMENTATION,
                    "starts": [unit.start for unit in units],
                    "ends": [unit.end for unit in units],
                    "labels": [int(mark) for mark in marks],
                    "seconds": float(rng.gamma(6.0, 5.0)),
                    "campaign_hash": "c" * 16,
                    "isolation": "server",
                }
            )


def large_attributions(items: list[Item], truth: list[np.ndarray], method: int) -> Iterator[AttributionRecord]:
    """Method number `method`: the higher, the less its scores know of the words that matter; every third is signed."""
    rng = np.random.default_rng(100 + method)
    lift, signed, name = 3.0 / (1 + 0.5 * method), method % 3 == 2, f"method_{method:02d}"
    for number, (item, needed) in enumerate(zip(items, truth, strict=True)):
        units = label_units(item)
        scores = rng.exponential(1.0, len(units)) + lift * needed - (0.7 if signed else 0.0)
        answered = number % 5 != 4
        yield AttributionRecord(
            item_id=item.id,
            method=name,
            signed=signed,
            model="toy",
            model_revision="sha256:000000000000",
            tokenizer="Toy:000000000000",
            unit="word",
            starts=tuple(unit.start for unit in units),
            ends=tuple(unit.end for unit in units),
            token_ids=None,
            scores=tuple(round(float(score), 6) for score in scores),
            components={},
            target=TargetPart(
                policy="answer",
                text=item.target,
                token_ids=(1,),
                log_probs=(-0.5,),
                ranks=(1 if answered else 3,),
                greedy=item.target,
                answered=answered,
            ),
            config={"method": name},
            config_hash=content_hash(name, 8),
            versions={"heta-bench": "0.1.0"},
            seconds=round(0.05 * (1 + method), 3),
        )


def make_large_folder(root: Path, *, items: int, methods: int, raters: int = 5, words: int = 150) -> Workspace:
    """A working folder with items, simulated labels and attributions, ready for `heta evaluate run`."""
    workspace = Workspace(root)
    made = large_items(items, words)
    truth = large_truth(made)
    write_records(workspace.items, made)
    write_records(workspace.labels, large_labels(made, truth, raters))
    for method in range(methods):
        name = f"method_{method:02d}"
        path = workspace.attribution_file("toy", name, content_hash(name, 8))
        write_records(path, large_attributions(made, truth, method))
    return workspace
