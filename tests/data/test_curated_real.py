"""Curated items of the real SciQ and the real novels."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.curated_items import check_items, passage_span, text_of
from heta_data.jsonl import read_records
from heta_data.records import Item
from heta_data.sources.curated import (
    Curated,
    build_curated,
    items_text,
)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[Path, Path, Curated]:
    sciq, books = shared_data / "sciq" / "train.json", shared_data / "narrativeqa" / "books"
    return sciq, books, build_curated([sciq], books)


@pytest.mark.shared
def test_real_items_keep_every_rule(real: tuple[Path, Path, Curated]) -> None:
    sciq, books, built = real
    assert len(built.items) >= 1500
    check_items(built, sciq, books)


@pytest.mark.shared
def test_real_items_hold_nothing_of_the_publisher(real: tuple[Path, Path, Curated]) -> None:
    notes = re.compile(
        r"gutenberg|transcrib|proofread|e-?text|copyright|licen[cs]e|http|www|chapter [ivx\d]", re.IGNORECASE
    )
    found = [text_of(item, "distractor") for item in real[2].items]
    hits = [text for text in found if notes.search(text)]
    # "transcribed" and "license" are also words of novels, in the sense of their time.
    assert [text for text in hits if not re.search(r"\btranscrib|\blicen[cs]e", text, re.IGNORECASE)] == []
    assert len(hits) <= 5
    for text in found:
        assert not re.search(r"[\[\]{}<>|\\^~=#@*_\n]|  |[A-Z]{2}", text)


@pytest.mark.shared
def test_every_real_book_gives_prose(real: tuple[Path, Path, Curated]) -> None:
    assert all(entry["pairs"] > 0 for entry in real[2].report["books"])
    assert len(real[2].report["books"]) == 39
    assert {entry["encoding"] for entry in real[2].report["books"]} == {"utf-8", "iso-8859-1"}


@pytest.mark.shared
def test_the_answers_of_real_items_are_spread(real: tuple[Path, Path, Curated]) -> None:
    counts = real[2].report["answer_position"]
    # SciQ states answers early; the two orders still leave no fifth without a good share.
    assert min(counts) >= 0.1 * sum(counts)
    assert max(counts) <= 0.35 * sum(counts)


@pytest.mark.shared
def test_the_real_funnel_is_near_the_known_figures(real: tuple[Path, Path, Curated]) -> None:
    left = {step.name: step.left for step in real[2].funnel.steps}
    assert real[2].funnel.start == 11_679
    assert left["support"] == 10_481  # the data set's own readme says so
    assert 1_700 <= left["unique support"] <= 2_100
    assert left["paired"] >= 1_600


@pytest.mark.shared
def test_another_process_with_another_hash_seed_builds_the_same(
    real: tuple[Path, Path, Curated], tmp_path: Path
) -> None:
    sciq, books, built = real
    code = "import sys; from heta_data.cli.curated import curated; curated(sys.argv[1:])"
    arguments = ["--sciq", str(sciq), "--books", str(books), "-C", str(tmp_path), "--limit", "60"]
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    items = list(read_records(tmp_path / "items.jsonl", Item))
    pairs = [(item.source_id, passage_span(item)) for item in items]
    assert pairs == [(item.source_id, passage_span(item)) for item in built.items[:60]]
    assert (tmp_path / "items.jsonl").read_text(encoding="utf-8") == items_text(
        build_curated([sciq], books, limit=60).items
    )
