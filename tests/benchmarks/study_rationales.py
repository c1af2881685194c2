"""Four methods against people's own rationales: python tests/benchmarks/study_rationales.py FAIR COSE QUESTIONS -C OUT

FAIR: 250 CommonsenseQA questions x 6 raters (Fair Rationales, `cose_even.jsonl`). COSE: what one person selected of
each question (CoS-E development set). QUESTIONS: CommonsenseQA's questions, choices and answers. Items and labels are
built below OUT, attributed by `heta data attribute`, evaluated by `heta evaluate run`. What is there is not done again,
and a question that both sets have is attributed once. `--only` does one part, so that two can run beside each other.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from heta_data.attribution_files import read_attributions
from heta_data.compose import label_units
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, Item, Rights, TokenLabels, content_hash, item_id
from heta_data.workspace import Workspace

METHODS = ("heta_fast", "heta", "kl", "gradient_x_input")
OPTIONS = ("heta.curvature=one_pass",)
PARTS = ("fair", "random", "cose", "evaluate")
CHEAP = ("gradient_x_input",)
"""What the copy with random weights is asked."""
RIGHTS = Rights(field="question", licence="MIT", source="CommonsenseQA")
Row = Mapping[str, Any]
Pairs = Sequence[tuple[Item, list[TokenLabels]]]


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def plain(text: str) -> str:
    """What two files' spellings of one question have in common."""
    return "".join(text.split()).casefold()


def make_item(question: str, row: Row) -> Item:
    """The question is the evidence that raters marked; choices and `Answer:` are shown and not scored."""
    choices = dict(zip(row["choices"]["label"], row["choices"]["text"], strict=True))
    answer = choices[row["answerKey"]].strip()
    parts = [
        ("other", "Question: "),
        ("evidence", question),
        ("question", f"\nChoices: {', '.join(choices.values())}\nAnswer:"),
    ]
    segments, position = [], 0
    for role, text in parts:
        segments.append({"start": position, "end": position + len(text), "role": role})
        position += len(text)
    fields = {
        "source": "commonsenseqa",
        "source_id": row["id"],
        "group": row["id"],
        "prompt": "".join(text for _, text in parts),
        "target": f" {answer}",
        "answer": answer,
        "question": " ".join(question.split()),
        "language": "en",
        "segments": segments,
        "rights": [RIGHTS],
    }
    return Item.model_validate({**fields, "id": item_id(fields)})


def make_labels(item: Item, rater: str, campaign: str, marked: Sequence[tuple[int, int]]) -> TokenLabels:
    """A rater's spans, offsets in the question, as marks on the item's words: a word that a span touches is marked."""
    shift = item.spans("evidence")[0].start
    units = label_units(item)
    spans = [(start + shift, end + shift) for start, end in marked]
    return TokenLabels(
        item_id=item.id,
        task_uid=content_hash([campaign, item.id, rater]),
        rater=rater,
        kind="human",
        arm="blind",
        segmentation="word/1",
        starts=tuple(unit.start for unit in units),
        ends=tuple(unit.end for unit in units),
        labels=tuple(int(any(start < unit.end and unit.start < end for start, end in spans)) for unit in units),
        campaign_hash=content_hash(campaign),
        isolation="trust",
    )


def fair_rationales(path: Path, questions: Sequence[Row]) -> Iterator[tuple[Item, list[TokenLabels]]]:
    """Each question with its six raters. They marked what led them to the answer they chose, right or wrong."""
    by_text = {plain(row["question"]): row for row in questions}
    found: dict[str, list[Row]] = defaultdict(list)
    for row in read_rows(path):
        found[row["text_id"]].append(row)
    for rows in found.values():
        sentence = rows[0]["sentence"].strip()
        source = by_text[plain(sentence)]
        same = source["question"].split() == sentence.split()
        text = source["question"].strip() if same else sentence
        item = make_item(text, source)
        yield item, [make_labels(item, f"f{row['annotator_ID']}", "fair", _words(text, row)) for row in rows]


def _words(sentence: str, row: Row) -> list[tuple[int, int]]:
    """Spans of the marked words, split at white space as the data are."""
    spans, position = [], 0
    for word, mark in zip(sentence.split(), row["rationale_binary"], strict=True):
        start = sentence.index(word, position)
        position = start + len(word)
        if mark:
            spans.append((start, position))
    return spans


def cose(path: Path, questions: Sequence[Row]) -> Iterator[tuple[Item, list[TokenLabels]]]:
    """Rows whose selection stands once in the question and covers at most half of its words."""
    by_id = {row["id"]: row for row in questions}
    for row in read_rows(path):
        source, selected = by_id[row["id"]], row["explanation"]["selected"]
        question = source["question"]
        if not selected or question.count(selected) != 1 or 2 * len(selected.split()) > len(question.split()):
            continue
        start = question.index(selected) - (len(question) - len(question.lstrip()))
        item = make_item(question.strip(), source)
        yield item, [make_labels(item, "c1", "cose", [(start, start + len(selected))])]


def write_folder(folder: Path, pairs: Pairs) -> Workspace:
    """Items and labels of a working folder."""
    folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(folder)
    write_records(workspace.items, [item for item, _ in pairs])
    write_records(workspace.labels, [label for _, labels in pairs for label in labels])
    click.echo(f"{folder}: {len(pairs)} items, {sum(len(labels) for _, labels in pairs)} labels")
    return workspace


def random_copy(folder: Path) -> None:
    """SmolLM2's architecture and tokenizer with weights drawn at random."""
    if (folder / "model.safetensors").exists():
        return
    import torch
    import transformers

    import heta

    known = heta.load_model("smollm2")
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(known.module.config).save_pretrained(folder)
    known.tokenizer.save_pretrained(folder)


def attribute(workspace: Workspace, model: str, methods: Sequence[str]) -> None:
    """What is there already is not done again."""
    chosen = [part for method in methods for part in ("--method", method)]
    options = [part for option in OPTIONS if option.split(".")[0] in methods for part in ("--option", option)]
    heta_command("data", "attribute", "-C", str(workspace.root), "--model", model, *chosen, *options)


def share_attributions(folders: Sequence[Workspace], into: Workspace) -> None:
    """The records of all folders on the items of one."""
    items = {item.id for item in read_records(into.items, Item)}
    found: dict[tuple[str, str, str], list[AttributionRecord]] = defaultdict(list)
    for folder in folders:
        for record in read_attributions(folder):
            if record.item_id in items:
                found[record.model, record.method, record.config_hash].append(record)
    for key, records in found.items():
        write_records(into.attribution_file(*key), records)


def heta_command(*arguments: str) -> None:
    """One command of the toolkit, which says what it does itself."""
    click.echo(f"heta {' '.join(arguments)}")
    subprocess.run([sys.executable, "-m", "heta", *arguments], check=True)


@click.command()
@click.argument("fair", type=click.Path(exists=True, path_type=Path))
@click.argument("selected", type=click.Path(exists=True, path_type=Path))
@click.argument("questions", type=click.Path(exists=True, path_type=Path))
@click.option("-C", "--folder", "out", type=click.Path(path_type=Path), required=True, help="Where everything goes.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Parts to do (default: all, in this order).")
@click.option("--draws", default=10_000, show_default=True)
def main(fair: Path, selected: Path, questions: Path, out: Path, only: tuple[str, ...], draws: int) -> None:
    """Build, attribute and evaluate both sets, and the first one on random weights too."""
    rows = read_rows(questions)
    first, second = list(fair_rationales(fair, rows)), list(cose(selected, rows))
    known = {item.id for item, _ in first}
    parts = only or PARTS
    if "fair" in parts:
        attribute(write_folder(out / "fair", first), "smollm2", METHODS)
    if "random" in parts:
        random_copy(out / "smollm2-random")
        attribute(write_folder(out / "random", first), str(out / "smollm2-random"), CHEAP)
    if "cose" in parts:
        attribute(write_folder(out / "rest", [pair for pair in second if pair[0].id not in known]), "smollm2", METHODS)
    if "evaluate" in parts:
        share_attributions([Workspace(out / "fair"), Workspace(out / "rest")], write_folder(out / "cose", second))
        for name in ("fair", "random", "cose"):
            heta_command("evaluate", "run", "-C", str(out / name), "--draws", str(draws))


if __name__ == "__main__":
    main()
