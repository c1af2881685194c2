"""Small records of every type, valid and consistent with each other, for tests of files and releases."""

from pathlib import Path

from heta_data.compose import compose_item, label_units
from heta_data.jsonl import write_records
from heta_data.records import (
    AttributionRecord,
    GoldLabels,
    Item,
    LabelOrigin,
    RaterKind,
    Rights,
    ScalePart,
    TargetPart,
    TokenLabels,
)
from heta_data.workspace import Workspace

CC_BY = "CC-BY-4.0"


def make_item(number: int = 1, *, licence: str = CC_BY, distractor_licence: str = CC_BY) -> Item:
    """A short item; `number` makes it differ from the others."""
    return compose_item(
        source="sample",
        source_id=f"row-{number}",
        group=f"group-{number}",
        split="test",
        language="en",
        evidence=f"Lamp number {number} on the pier is violet 🙂.",
        distractor=f"The café sold {number} warm loaves.",
        question=f"What colour is lamp number {number}?",
        answer="violet",
        evidence_first=number % 2 == 0,
        rights=[
            Rights(field="evidence", licence=licence, source="test", locator=f"row {number}"),
            Rights(field="question", licence=licence, source="test"),
            Rights(field="answer", licence=licence, source="test"),
            Rights(field="distractor", licence=distractor_licence, source="test"),
        ],
    )


def make_attribution(
    item: Item, *, method: str = "kl", model: str = "tiny", config_hash: str = "0" * 8
) -> AttributionRecord:
    """Scores on words, highest on the answer; examples hold None."""
    from heta.words import segment_words

    words = segment_words(item.prompt)
    units = set(label_units(item))
    scores = tuple(
        (1.0 if item.prompt[w.start : w.end] == item.answer else 0.25) if w in units else None for w in words
    )
    reads = model != "none"
    return AttributionRecord(
        item_id=item.id,
        method=method,
        signed=False,
        model=model,
        model_revision="r1" if reads else "none",
        tokenizer="T:1" if reads else "none",
        unit="word",
        starts=tuple(word.start for word in words),
        ends=tuple(word.end for word in words),
        token_ids=None,
        scores=scores,
        components={"information": scores} if reads else {},
        target=TargetPart(
            policy="answer",
            text=item.target,
            token_ids=(7,),
            log_probs=(-0.5,),
            ranks=(1,),
            greedy=item.target,
            answered=True,
        )
        if reads
        else None,
        config={"seed": 0},
        config_hash=config_hash,
        versions={"heta-bench": "0.1.0"},
        seconds=0.25,
    )


def make_each_attribution(item: Item) -> AttributionRecord:
    """`make_attribution` with a target of two tokens, each by itself: the first has a quarter of every score."""
    whole = make_attribution(item)
    assert whole.target is not None
    target = whole.target.model_copy(
        update={"policy": "each", "token_ids": (7, 8), "log_probs": (-0.5, -0.25), "ranks": (1, 1)}
    )
    first, second = (
        tuple(None if score is None else share * score for score in whole.scores) for share in (0.25, 0.75)
    )
    rows = (first, second)
    return AttributionRecord.model_validate(
        {**whole.model_dump(), "target": target, "rows": rows, "component_rows": {"information": rows}}
    )


def make_labels(item: Item, rater: str = "a01", *, kind: RaterKind = "human", origin: bool = False) -> TokenLabels:
    """The answer's words marked, in the blind arm."""
    units = label_units(item)
    return TokenLabels(
        item_id=item.id,
        task_uid=f"task-{item.id}",
        rater=rater,
        kind=kind,
        arm="blind",
        segmentation="word/1",
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        labels=tuple(int(item.prompt[unit.start : unit.end] == item.answer) for unit in units),  # type: ignore[misc]
        seconds=12.5,
        campaign_hash="c" * 16,
        isolation="server",
        origin=LabelOrigin(
            url="http://127.0.0.1:8080",
            project=1,
            task=2,
            annotation=3,
            parent_prediction=None,
            content_hash="d" * 16,
            created_at="2026-01-02T03:04:05Z",
            updated_at="2026-01-02T03:05:05Z",
        )
        if origin
        else None,
    )


SCALE = ScalePart(grades=("helpful", "essential"), misleading=True)


def make_graded_labels(item: Item, rater: str = "a01") -> TokenLabels:
    """The answer's words essential, the first word helpful, the last one misleading."""
    plain = make_labels(item, rater)
    levels = [2 * label for label in plain.labels]
    levels[0], levels[-1] = 1, -1
    labels = tuple(int(level > 0) for level in levels)
    fields = {**plain.model_dump(), "labels": labels, "levels": levels, "scale": SCALE}
    return TokenLabels.model_validate(fields)


def make_gold(item: Item, *, kinds: tuple[RaterKind, ...] = ("human",), n_raters: int = 2) -> GoldLabels:
    """Gold labels that say what `make_labels` says."""
    labels = make_labels(item)
    return GoldLabels(
        item_id=item.id,
        segmentation="word/1",
        starts=labels.starts,
        ends=labels.ends,
        probability=tuple(float(label) for label in labels.labels),
        labels=labels.labels,
        method="majority/1",
        n_raters=n_raters,
        kinds=kinds,
        arms=("blind",),
        source="unanimous",
    )


RATERS = ("a01", "a02")


def fill_folder(root: Path, *, kind: RaterKind = "human", items: list[Item] | None = None) -> Workspace:
    """A working folder with three items, two raters, gold and two methods."""
    workspace = Workspace(root)
    items = items or [make_item(number) for number in (1, 2, 3)]
    write_records(workspace.items, items)
    raters = RATERS if kind == "human" else ("sim-1", "sim-2")
    write_records(workspace.labels, [make_labels(i, r, kind=kind, origin=True) for i in items for r in raters])
    write_records(workspace.gold, [make_gold(item, kinds=(kind,)) for item in items])
    for method, model in (("kl", "tiny"), ("first_words", "none")):
        path = workspace.attribution_file(model, method, "0" * 8)
        write_records(path, [make_attribution(item, method=method, model=model) for item in items])
    return workspace


def file_contents(root: Path) -> dict[str, bytes]:
    """Path below `root` -> content, for every file."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
