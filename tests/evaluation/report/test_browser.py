"""The items of a report: what is packed is what was labelled and scored, and it fits."""

import base64
import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.evaluation_folder import make_attributions, make_folder, make_items, make_labels
from heta_evaluation.report.browser import STEPS, pack_items, passages, quantise
from heta_evaluation.runner import Inputs, evaluate_records
from heta_evaluation.settings import EvaluateSettings


@pytest.fixture(scope="module")
def table():
    items = make_items(twins=True)
    inputs = Inputs(tuple(items), tuple(make_labels(items)), tuple(make_attributions(items)))
    return evaluate_records(inputs, EvaluateSettings(kinds=("simulated",), draws=100)).table


def unpack(text):
    return zlib.decompress(base64.b64decode(text))


def test_text_is_the_items_own(table):
    for row in table.rows:
        segments = row.item.spans("evidence", "distractor")
        words = []
        for (role, text, lengths), segment in zip(passages(row), segments, strict=True):
            assert role == segment.role
            assert text == row.item.prompt[segment.start : segment.end]
            wide, at = text.encode("utf-16-le"), 0
            for place, length in enumerate(lengths):
                piece = wide[2 * at : 2 * (at + length)].decode("utf-16-le")
                at += length
                words += [piece] if place % 2 else []
        assert words == [row.item.prompt[unit.start : unit.end] for unit in row.units]


def test_heat_comes_back_in_its_order(table):
    packed = pack_items(table, {})
    index, heat = json.loads(unpack(packed.index)), np.frombuffer(unpack(packed.heat), dtype=np.int8)
    assert not packed.sampled
    place = 0
    for one, row in zip(index["items"], table.rows, strict=True):
        scores = heat[place : place + row.scores.size].reshape(row.scores.shape)
        place += row.scores.size
        labels = heat[place : place + row.labels.size].reshape(row.labels.shape)
        place += row.labels.size
        assert (labels == row.labels).all()
        largest = np.abs(row.scores).max(axis=1, keepdims=True)
        assert np.abs(scores * largest / STEPS - row.scores).max() <= largest.max() / STEPS
        assert one["n"] == len(row.units)
        assert one["gold"] == [unit for unit in range(one["n"]) if 2 * row.labels[:, unit].sum() > len(row.labels)]
    assert place == len(heat)


def test_steps_of_heat():
    # largest size 4 is 127 steps: 2 is 63.5, to the even 64; 0.001 is 0.03 and counts as one; -4 is -127
    assert quantise(np.asarray([[4.0, 2.0, 0.001, 0.0, -4.0]])).tolist() == [[127, 64, 1, 0, -127]]
    assert quantise(np.zeros((2, 3))).tolist() == [[0, 0, 0], [0, 0, 0]]


@given(arrays(float, (2, 6), elements=st.floats(-1e6, 1e6)))
def test_heat_keeps_sign_and_order(scores):
    found = quantise(scores).astype(int)
    assert (np.sign(found) == np.sign(scores)).all()
    for row, steps in zip(scores, found, strict=True):
        assert (np.diff(steps[np.argsort(row)]) >= 0).all()


def test_more_items_than_fit_are_a_sample_that_is_stated(table, tmp_path):
    packed = pack_items(table, {}, most_items=5, seed=3)
    assert (packed.shown, packed.total, packed.sampled) == (5, 12, True)
    found = [one["id"] for one in json.loads(unpack(packed.index))["items"]]
    order = [row.item.id for row in table.rows]
    assert found == [one for one in order if one in set(found)]
    assert len(set(found)) == 5
    assert pack_items(table, {}, most_items=5, seed=3) == packed
    assert pack_items(table, {}, most_items=5, seed=4) != packed


def test_long_items_shrink_the_sample(table):
    whole = pack_items(table, {})
    most = (len(whole.index) + len(whole.heat)) // 2
    packed = pack_items(table, {}, most_bytes=most)
    assert 1 <= packed.shown < 12
    assert len(packed.index) + len(packed.heat) <= most
    assert pack_items(table, {}, most_bytes=1).shown == 1


def test_values_of_items_are_there(table):
    item = table.rows[0].item.id
    name = table.subjects[0].name
    found = json.loads(unpack(pack_items(table, {item: {name: 0.123456}}).index))["items"]
    assert found[0]["f1"] == [0.123, None, None, None, None]
    assert found[1]["f1"] == [None] * 5


def test_a_page_of_a_sample_says_so(tmp_path, monkeypatch):
    from heta_evaluation.report import browser, build_report
    from heta_evaluation.runner import evaluate

    workspace = make_folder(tmp_path)
    evaluate(workspace, kinds=("simulated",), draws=100)
    whole = build_report(workspace).read_text(encoding="utf-8")
    monkeypatch.setitem(browser.pack_items.__kwdefaults__, "most_items", 4)
    page = build_report(workspace).read_text(encoding="utf-8")
    assert 'id="sample"' not in whole
    assert "4 of 6 items, drawn at random (seed 0)" in page
