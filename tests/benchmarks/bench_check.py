"""`heta data check` over many items: seconds and memory, of items that differ and of items made from a template."""

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.sample_records import make_labels
from heta_data.checking import check_items, read_candidates
from heta_data.compose import compose_item
from heta_data.jsonl import write_records
from heta_data.records import Item, Rights
from heta_data.workspace import Workspace

RIGHTS = [
    Rights(field=field, licence="CC-BY-4.0", source="made up") for field in ("evidence", "distractor", "question")
]
VOCABULARY = [f"{first}{second}{third}" for first in "bdfklmnprst" for second in "aeiou" for third in "bdfklmnprst"]


def make_item(number: int, words: int, template: float) -> Item:
    """An item of `words` words a text; `template` is the share of the evidence that all items have in common."""
    draw, common = random.Random(number), random.Random(0)
    told = common.choices(VOCABULARY, k=round(words * template))
    told += draw.choices(VOCABULARY, k=words - len(told))
    answer = f"w{number}"
    told.insert(draw.randrange(words), answer)
    return compose_item(
        source="bench",
        source_id=str(number),
        group=f"g{number % 500}",
        split="test",
        language="en",
        evidence=f"{' '.join(told)}.",
        distractor=f"{' '.join(draw.choices(VOCABULARY, k=words))}.",
        question=f"Which {' '.join(draw.choices(VOCABULARY, k=8))}?",
        answer=answer,
        evidence_first=number % 2 == 0,
        rights=RIGHTS,
    )


def peak() -> float:
    """Highest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@click.command()
@click.option("--items", "count", default=20_000, show_default=True)
@click.option("--words", default=80, show_default=True, help="Words of each text.")
@click.option("--raters", default=5, show_default=True)
@click.option("--template", default=0.0, show_default=True, help="Share of the evidence that all items have in common.")
def main(count: int, words: int, raters: int, template: float) -> None:
    """Print seconds of processor time for reading and checking, and the largest resident memory."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        items = [make_item(number, words, template) for number in range(count)]
        write_records(workspace.items, items)
        write_records(workspace.labels, (make_labels(item, f"r{rater}") for item in items for rater in range(raters)))
        del items
        before = peak()
        start = time.process_time()
        candidates, problems = read_candidates(workspace.root)
        read = time.process_time() - start
        findings = [*problems, *check_items(candidates)]
        click.echo(
            f"{count} items, {raters} raters, {words} words a text, {template:.0%} in common: read {read:.1f} s, "
            f"checked {time.process_time() - start - read:.1f} s, "
            f"{peak():.0f} MB at most ({before:.0f} MB before)"
        )
        for finding in findings:
            click.echo(f"  {finding.severity} {finding.check}: {finding.problem[:90]} [{len(finding.where)}]")


if __name__ == "__main__":
    main()
