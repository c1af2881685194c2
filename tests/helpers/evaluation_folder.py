"""A small working folder with items, simulated labels and made-up attributions, for tests of the evaluation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from heta.words import SEGMENTATION
from heta_data.compose import compose_item, label_units
from heta_data.jsonl import write_records
from heta_data.records import (
    Arm,
    AttributionRecord,
    Item,
    RaterKind,
    Rights,
    TargetPart,
    TokenLabels,
    content_hash,
)
from heta_data.workspace import Workspace

# source_id, language, evidence, distractor, question, answer, words that matter
TEXTS = (
    (
        "harbour",
        "en",
        "The old harbour of Lindal was closed after the storm of 1921 broke its outer wall.",
        "Fishermen in the north still mend their nets by hand on quiet winter evenings.",
        "What broke the outer wall of the harbour of Lindal?",
        "the storm",
        ("storm", "broke", "wall"),
    ),
    (
        "comet",
        "en",
        "Mira Sol found the comet with a lens that she had ground herself from a broken bottle 🔭 in spring.",
        "Bakers in the valley open their shops at four, long before the first train leaves.",
        "From what had Mira Sol ground the lens?",
        "a broken bottle",
        ("ground", "broken", "bottle"),
    ),
    (
        "bruecke",
        "de",
        "Die Brücke über die Ache wurde im Herbst von Zimmerleuten aus Lärchenholz gebaut.",
        "Auf dem Marktplatz verkauft ein älterer Herr jeden Samstag Honig und Kerzen.",
        "Woraus wurde die Brücke gebaut?",
        "Lärchenholz",
        ("Brücke", "Lärchenholz", "gebaut"),
    ),
    (
        "sefer",
        "he",
        "הספר הישן נמצא במרתף של בית הספר ליד הנהר.",
        "בקיץ הילדים אוכלים אבטיח קר בגינה.",
        "איפה נמצא הספר הישן?",
        "במרתף",
        ("הספר", "נמצא", "במרתף"),
    ),
    (
        "orchard",
        "en",
        "In the orchard behind the mill only the pear trees survived the late frost.",
        "The library lends violins to children who promise to practise every day.",
        "Which trees survived the late frost?",
        "the pear trees",
        ("pear", "trees", "survived", "frost"),
    ),
    (
        "signal",
        "en",
        "The keeper lit the green lamp to tell the ferry that the channel was free of ice.",
        "A retired teacher keeps a diary of every bird that visits her balcony.",
        "What did the green lamp tell the ferry?",
        "the channel was free of ice",
        ("green", "lamp", "channel", "free", "ice"),
    ),
)
RIGHTS = (Rights(field="evidence", licence="CC-BY-4.0", source="tests"),)
SIGNAL = {"careful": 1.6, "hasty": 0.7}
"""Made-up methods: how far they lift the words that matter above noise."""


def make_items(*, twins: bool = False) -> list[Item]:
    """The texts as items, evidence first and last by turns, or both orders of each."""
    items = []
    for number, (source_id, language, evidence, distractor, question, answer, _) in enumerate(TEXTS):
        for first in (True, False) if twins else (number % 2 == 0,):
            items.append(
                compose_item(
                    source="tests",
                    source_id=source_id,
                    group=source_id,
                    split="test",
                    language=language,
                    evidence=evidence,
                    distractor=distractor,
                    question=question,
                    answer=answer,
                    evidence_first=first,
                    rights=RIGHTS,
                )
            )
    return items


def needed(item: Item) -> np.ndarray:
    """`[unit]`, true for the words that matter."""
    words = next(text[6] for text in TEXTS if text[0] == item.source_id)
    return np.asarray([item.prompt[unit.start : unit.end] in words for unit in label_units(item)])


def make_labels(
    items: Sequence[Item],
    *,
    raters: int = 3,
    kind: RaterKind = "simulated",
    arm: Arm = "blind",
    miss: float = 0.2,
    add: float = 0.04,
    seed: int = 7,
) -> list[TokenLabels]:
    """Raters that miss a needed word, and mark another one, with these probabilities."""
    rng = np.random.default_rng(seed)
    return [
        rater_labels(
            item, np.where(rng.random(len(truth)) < np.where(truth, miss, add), ~truth, truth), f"r{number}", kind, arm
        )
        for number in range(raters)
        for item, truth in ((item, needed(item)) for item in items)
    ]


def rater_labels(
    item: Item,
    marks: Sequence[bool] | np.ndarray,
    rater: str,
    kind: RaterKind = "human",
    arm: Arm = "blind",
    **fields: object,
) -> TokenLabels:
    """One rater's marks for one item."""
    units = label_units(item)
    return TokenLabels.model_validate(
        {
            "item_id": item.id,
            "task_uid": content_hash([item.id, arm]),
            "rater": rater,
            "kind": kind,
            "arm": arm,
            "segmentation": SEGMENTATION,
            "starts": [unit.start for unit in units],
            "ends": [unit.end for unit in units],
            "labels": [int(mark) for mark in marks],
            "seconds": 20.0,
            "campaign_hash": "c" * 16,
            "isolation": "server",
            **fields,
        }
    )


def make_attribution(
    item: Item, method: str, scores: np.ndarray, *, model: str = "toy", answered: bool = True
) -> AttributionRecord:
    """Scores `[unit]` of the item's words as a record in tokens: each word is a token with the blank before it."""
    units = label_units(item)
    question = item.spans("question")[0]
    starts = [max(0, unit.start - (item.prompt[unit.start - 1 : unit.start] == " ")) for unit in units]
    answer = item.target
    return AttributionRecord(
        item_id=item.id,
        method=method,
        signed=bool((scores < 0).any()),
        model=model,
        model_revision="none" if model == "none" else "sha256:000000000000",
        tokenizer="none" if model == "none" else "Toy:000000000000",
        unit="token",
        starts=(*starts, question.start),
        ends=(*(unit.end for unit in units), question.end),
        token_ids=tuple(range(len(units) + 1)),
        # the question takes as much as all words together
        scores=(*scores.tolist(), float(np.maximum(scores, 0).sum())),
        components={},
        target=TargetPart(
            policy="answer",
            text=answer,
            token_ids=(1,),
            log_probs=(-0.5,),
            ranks=(1 if answered else 3,),
            greedy=answer,
            answered=answered,
        ),
        config={"method": method},
        config_hash=content_hash(method, 8),
        versions={"heta-bench": "0.1.0"},
        seconds=0.25,
    )


def make_attributions(items: Sequence[Item], *, seed: int = 11) -> list[AttributionRecord]:
    """Every made-up method on every item; `hasty` is signed; every third item is not answered."""
    rng = np.random.default_rng(seed)
    records = []
    for method, lift in SIGNAL.items():
        for number, item in enumerate(items):
            truth = needed(item)
            scores = rng.exponential(1.0, len(truth)) + lift * truth - (0.8 if method == "hasty" else 0.0)
            records.append(make_attribution(item, method, scores, answered=number % 3 != 2))
    return records


def make_folder(
    root: Path,
    *,
    items: Sequence[Item] | None = None,
    labels: Sequence[TokenLabels] | None = None,
    attributions: Sequence[AttributionRecord] | None = None,
) -> Workspace:
    """A working folder of these records, or of the made-up ones."""
    workspace = Workspace(root)
    chosen = make_items() if items is None else list(items)
    write_records(workspace.items, chosen)
    write_records(workspace.labels, make_labels(chosen) if labels is None else labels)
    records = make_attributions(chosen) if attributions is None else attributions
    for key in sorted({(record.model, record.method, record.config_hash) for record in records}):
        own = [record for record in records if (record.model, record.method, record.config_hash) == key]
        write_records(workspace.attribution_file(*key), own)
    return workspace
