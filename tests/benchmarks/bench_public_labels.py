"""Agreement and aggregation on public labels: python tests/benchmarks/bench_public_labels.py --data DIR

XSum hallucinations: three workers mark spans of a summary (offsets from 1, exclusive end); CrowdTruth: twenty workers
highlight events in a sentence. Words are split at white space; a word is marked where a span overlaps it.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np

from heta.records import Span
from heta.words import SEGMENTATION
from heta_annotation.quality.flags import flag_raters
from heta_data.compose import compose_item, label_units
from heta_data.records import Item, LabelTask, Rights, SpanPart, TokenLabels, content_hash
from heta_evaluation.aggregation import AGGREGATORS
from heta_evaluation.aggregation.gold import aggregate
from heta_evaluation.agreement.study import LEAVE_OUT, OTHERS, study_records
from heta_evaluation.labels import select_labels
from heta_evaluation.ratings import collect_ratings
from heta_evaluation.results import ResultIndex
from heta_evaluation.settings import EvaluateSettings
from heta_evaluation.summary import figure

RIGHTS = (Rights(field="evidence", licence="CC-BY-4.0", source="public labels"),)
ALL = EvaluateSettings(draws=2000)
Marks = Mapping[tuple[str, str], dict[str, list[Span]]]
"""(document, text) -> worker -> spans in the text."""


def as_item(document: str, text: str, source: str) -> Item:
    """The text as the evidence of an item; the rest is filled in, nobody marks it."""
    return compose_item(
        source=source,
        source_id=content_hash([document, text]),
        group=document,
        split="test",
        language="en",
        evidence=text,
        distractor="Nothing.",
        question="Which words?",
        answer="these",
        evidence_first=True,
        rights=RIGHTS,
    )


def as_labels(item: Item, text: str, worker: str, spans: list[Span]) -> TokenLabels:
    """A worker's spans on the item's words."""
    units, start = label_units(item), item.prompt.index(text)
    marks = [any(unit.start < start + end and start + begin < unit.end for begin, end in spans) for unit in units]
    return TokenLabels(
        item_id=item.id,
        task_uid=content_hash([item.id]),
        rater=worker,
        kind="human",
        arm="blind",
        segmentation=SEGMENTATION,
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        labels=tuple(int(mark) for mark in marks),
        campaign_hash="public",
        isolation="trust",
    )


def records(marks: Marks, source: str) -> tuple[list[Item], list[TokenLabels]]:
    """Items and labels."""
    items, labels = [], []
    for (document, text), by_worker in marks.items():
        item = as_item(document, text, source)
        items.append(item)
        labels += [as_labels(item, text, worker, spans) for worker, spans in sorted(by_worker.items())]
    return items, labels


def read_xsum(path: Path) -> Marks:
    """Every worker of a summary counts, one without a span as having marked nothing."""
    marks: dict[tuple[str, str], dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = row["summary"].replace("\\'", "'").strip()
            own = marks[row["bbcid"], text][f"w{row['worker_id'].removeprefix('wid_')}"]
            try:
                begin, end = int(row["hallucinated_span_start"]), int(row["hallucinated_span_end"])
            except ValueError:
                continue  # NULL: nothing marked
            if begin > 0 and end > begin:
                own.append(Span(begin - 1, end - 1))
    return {key: dict(found) for key, found in marks.items()}


def read_crowdtruth(path: Path) -> tuple[Marks, int]:
    """Marks, and how many highlighted strings do not stand in their sentence."""
    marks: dict[tuple[str, str], dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    lost = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = re.sub(r"\s+", " ", row["processed_sentence"]).strip()
            own = marks[row["_unit_id"], text][row["_worker_id"]]
            said_none = row["tagged_events"] in ("", "[NONE]")
            for said in [] if said_none else json.loads(row["tagged_events"]):
                wanted = re.sub(r"\s+", " ", said).strip()
                place = text.find(wanted)
                lost += place < 0
                if wanted and place >= 0:
                    own.append(Span(place, place + len(wanted)))
    return {key: dict(found) for key, found in marks.items()}, lost


def show_agreement(name: str, items: list[Item], labels: list[TokenLabels]) -> None:
    """Print every coefficient, and how items spread."""
    study = study_records(items, labels, ALL)
    index = ResultIndex(study.results)
    click.echo(f"\n{name}: {len(items)} items, {len(study.ratings.raters)} workers, {len(labels)} answers")
    for one in study.results:
        if one.item_id is None and one.subject == "raters" and one.metric != "evaluation":
            click.echo(f"  {one.metric} {one.variant}: {figure(one)} over {one.n}")
    for metric in ("krippendorff_alpha", "pairwise_f1", "alpha_u"):
        own = [one for one in study.results if one.item_id and one.metric == metric]
        values = [one.value for one in own if one.value is not None]
        ends = np.quantile(values, [0.25, 0.5, 0.75]).round(2).tolist()
        click.echo(f"  per item, {metric}: quartiles {ends}, no value in {len(own) - len(values)} of {len(own)}")
    for rater in study.ratings.raters:
        others, without = (index.get("pairwise_f1", rater, OTHERS), index.get("krippendorff_alpha", rater, LEAVE_OUT))
        click.echo(f"  {rater}: F1 with others {figure(others)}, alpha without {figure(without)}")


def show_aggregation(items: list[Item], labels: list[TokenLabels]) -> None:
    """Print each method's share of gold, raters' skills, and agreement of the methods with each other."""
    ratings = collect_ratings(items, select_labels(items, labels, ALL))
    gold = {}
    for name in AGGREGATORS:
        found = aggregate(ratings, name)
        gold[name] = found.fit.posterior[found.votes.pattern, 1] > 0.5
        skills = {rater: round(float(skill), 2) for rater, skill in zip(ratings.raters, found.fit.skill, strict=True)}
        ranked = sorted(skills.items(), key=lambda pair: -pair[1])
        same = (gold[name] == gold["majority"]).mean()
        click.echo(f"  {name}: {gold[name].mean():.1%} gold, as majority on {same:.1%} of the words, skills {ranked}")


def show_flags(items: list[Item], labels: list[TokenLabels]) -> None:
    """Print what the flags of the quality control say; there are no times and no gold items."""
    tasks = {
        content_hash([item.id]): LabelTask(
            uid=content_hash([item.id]),
            item_id=item.id,
            arm="blind",
            units=tuple(SpanPart(start=unit.start, end=unit.end) for unit in label_units(item)),
            segmentation=SEGMENTATION,
            overlap=1,
            isolation="trust",
            guideline_hash="none",
            campaign_hash="public",
        )
        for item in items
    }
    for rater, flags in flag_raters(labels, tasks, {}, {}).items():
        click.echo(f"  {rater}: {'; '.join(flag.text for flag in flags) or 'no flag'}")


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
def main(data: Path) -> None:
    """Print agreement of both sets, then aggregation and flags."""
    xsum = records(read_xsum(data / "xsum_hallucination" / "hallucination_annotations_xsum_summaries.csv"), "xsum")
    show_agreement("XSum hallucinations", *xsum)
    show_aggregation(*xsum)
    marks, lost = read_crowdtruth(data / "crowdtruth" / "event-text-highlight.csv")
    crowd = records(marks, "crowdtruth")
    show_agreement(f"CrowdTruth ({json.dumps(lost)} highlights not in their sentence)", *crowd)
    show_aggregation(*crowd)
    show_flags(*crowd)


if __name__ == "__main__":
    main()
