"""What the model answers by itself, with everything to read and without the evidence: what gates the tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import heta
from heta.errors import HetaError
from heta_data.compose import prompt_without, unscored_spans
from heta_data.jsonl import Appender, drop_unfinished_line, read_records
from heta_data.records import Item, MetricResult

ANSWERED = "answered"
WHOLE, WITHOUT = "whole", "without_evidence"


@dataclass
class Answers:
    """Whether one model's greedy continuation is the target, by item id."""

    whole: dict[str, bool] = field(default_factory=dict)
    without: dict[str, bool] = field(default_factory=dict)
    """The same with the evidence and its separator left out of the prompt."""

    def gated(self, item: Item) -> bool:
        """Whether the model answers the item and fails without the evidence."""
        return self.whole.get(item.id, False) and not self.without.get(item.id, True)


def ask_answers(
    path: Path,
    items: Sequence[Item],
    model: heta.LoadedModel,
    *,
    without: bool,
    progress: Callable[[int, int], None],
) -> tuple[Answers, list[str]]:
    """Ask the model for each item, and where `without` once more with the evidence left out.

    Answers lie in `path`, one line each, durable before the next is asked for; what is there is not asked again.

    Returns:
        The answers, and a line for each item that could not be asked.
    """
    drop_unfinished_line(path)
    there = list(read_records(path, MetricResult)) if path.exists() else []
    revision = f"{model.identity.revision} {model.identity.tokenizer}"
    known = {(one.item_id, one.variant): bool(one.value) for one in there if one.config["revision"] == revision}
    wanted = [(item, variant) for item in items for variant in ((WHOLE, WITHOUT) if without else (WHOLE,))]
    missing = [(item, variant) for item, variant in wanted if (item.id, variant) not in known]
    failures = []
    progress(0, len(missing))
    with Appender(path) as file:
        for number, (item, variant) in enumerate(missing, start=1):
            try:
                value = _answers(item, variant, model)
            except HetaError as error:
                failures.append(f"item {item.id} ({item.source}:{item.source_id}), {variant}: {error}")
            else:
                file.append(_record(item, variant, value, model.identity.name, revision))
                known[item.id, variant] = value
            progress(number, len(missing))
    found = Answers()
    for item, variant in wanted:
        if (item.id, variant) in known:
            (found.whole if variant == WHOLE else found.without)[item.id] = known[item.id, variant]
    return found, failures


def _answers(item: Item, variant: str, model: heta.LoadedModel) -> bool:
    if variant == WHOLE:
        return heta.prepare(model, item.prompt, item.target, unscored=unscored_spans(item)).target.answered
    return heta.prepare(model, prompt_without(item, "evidence"), item.target).target.answered


def _record(item: Item, variant: str, value: bool, model: str, revision: str) -> MetricResult:
    return MetricResult(
        metric=ANSWERED,
        variant=variant,
        subject=model,
        item_id=item.id,
        value=float(value),
        n=1,
        config={"revision": revision},
    )


def count_answers(items: Sequence[Item], answers: Answers, model: str) -> list[MetricResult]:
    """How many items the model answers, answers without the evidence, and answers only with it."""
    asked = [item for item in items if item.id in answers.whole and item.id in answers.without]
    counts = {
        WHOLE: sum(answers.whole[item.id] for item in asked),
        WITHOUT: sum(answers.without[item.id] for item in asked),
        "gated": sum(answers.gated(item) for item in asked),
    }
    if not asked:
        return []
    return [
        MetricResult(metric=ANSWERED, variant=name, subject=model, value=float(count), n=len(asked))
        for name, count in counts.items()
    ]
