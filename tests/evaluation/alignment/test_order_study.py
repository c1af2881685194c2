"""The order effect without any labels, against values worked out by hand."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from helpers.evaluation_folder import make_attribution, make_folder, make_items
from heta.errors import InputError
from heta_data.compose import label_units
from heta_data.records import AttributionRecord, Item
from heta_data.workspace import Workspace
from heta_evaluation.alignment.order_study import Answers, study_orders
from heta_evaluation.cli.evaluate import evaluate


def masses(item: Item, on_evidence: float) -> np.ndarray:
    """All mass on two words: `on_evidence` on the first word of the evidence, the rest on the distractor's."""
    units = label_units(item)
    scores = np.zeros(len(units))
    for role, mass in (("evidence", on_evidence), ("distractor", 1 - on_evidence)):
        segment = item.spans(role)[0]
        scores[next(i for i, unit in enumerate(units) if unit.start >= segment.start)] = mass
    return scores


def evidence_first(item: Item) -> bool:
    return item.spans("evidence")[0].start < item.spans("distractor")[0].start


def leaning(items: Sequence[Item]) -> list[AttributionRecord]:
    """`near`: 0.5 of the mass on evidence that comes first, 0.9 on evidence that comes last; `fair`: 0.8 on either.

    Rows are answered with the evidence last; every other row also with the evidence first.
    """
    records = []
    for number, item in enumerate(items):
        first = evidence_first(item)
        answered = not first or number % 4 == 0
        records.append(make_attribution(item, "near", masses(item, 0.5 if first else 0.9), answered=answered))
        records.append(make_attribution(item, "fair", masses(item, 0.8), answered=answered))
    return records


def folder(root: Path) -> Workspace:
    items = make_items(twins=True)
    workspace = make_folder(root, items=items, attributions=leaning(items))
    workspace.labels.unlink()
    return workspace


def test_order_effects_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    study = study_orders(folder(tmp_path), draws=200)
    rows = len(make_items())
    assert study.pairs == rows
    found = {line.subject.method: line for line in study.lines}
    # DSA = 2 share - 1: near 0.0 first and 0.8 last, effect +0.8 in every pair, so the interval is a point.
    near = found["near"]
    assert (near.first, near.last, near.effect.value) == pytest.approx((0.0, 0.8, 0.8))
    assert (near.effect.low, near.effect.high) == pytest.approx((0.8, 0.8))
    fair = found["fair"]
    assert (fair.first, fair.last, fair.effect.value) == pytest.approx((0.6, 0.6, 0.0), abs=1e-12)
    # A rule that prefers the front must lose by moving the evidence to the back.
    assert found["first_words"].effect.value < 0
    # The items come first, last, first, last ...: of the firsts, numbers 0, 2, 4 ..., every other one is answered.
    both = (rows + 1) // 2
    assert study.answers == {"toy": Answers(first=both, last=rows, both=both, pairs=rows)}


def test_nothing_is_written_and_the_command_prints_it(tmp_path: Path) -> None:
    workspace = folder(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    shown = CliRunner().invoke(evaluate, ["orders", "-C", str(tmp_path), "--draws", "200"])
    assert shown.exit_code == 0, shown.output
    assert "near" in shown.output
    assert "evidence first, 6 with the evidence last" in " ".join(shown.output.split())
    plain = CliRunner().invoke(evaluate, ["orders", "-C", str(tmp_path), "--draws", "200", "--json"])
    document = json.loads(plain.stdout)
    assert document["pairs"] == 6
    assert {method["subject"].split()[0] for method in document["methods"]} >= {"near", "fair", "random"}
    assert sorted(tmp_path.rglob("*")) == before
    assert not workspace.results.exists()


def test_two_revisions_answer_for_themselves(tmp_path: Path) -> None:
    items = make_items(twins=True)
    records = [
        make_attribution(item, "fair", masses(item, 0.8), answered=revision == "new").model_copy(
            update={"model_revision": revision}
        )
        for item in items
        for revision in ("new", "old")
    ]
    study = study_orders(make_folder(tmp_path, items=items, attributions=records), draws=200)
    assert study.answers == {
        "toy@new Toy:000000000000": Answers(first=6, last=6, both=6, pairs=6),
        "toy@old Toy:000000000000": Answers(first=0, last=0, both=0, pairs=6),
    }


def test_items_in_one_order_only_are_told_what_to_do(tmp_path: Path) -> None:
    make_folder(tmp_path)
    with pytest.raises(InputError, match="--orders both"):
        study_orders(Workspace(tmp_path))


def test_a_folder_without_items_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="heta data build"):
        study_orders(Workspace(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
