"""A passage for every row: what it must avoid, how long it is, and chance without a generator."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.curated_inputs import bare_book, prose, sciq_rows, write_sciq
from heta_data.sources.gutenberg import read_book, read_books
from heta_data.sources.pairing import content_stems, find_passage, pair_rows, rank, wanted_share
from heta_data.sources.sciq import cluster, read_sciq


def test_content_stems_leave_function_words_out() -> None:
    assert content_stems("Which of the running runners isn't in the system?") == {"run", "runner", "system"}


def paragraphs_of(tmp_path: Path, *texts: str) -> Any:
    from heta_data.sources.gutenberg import prose_paragraphs

    path = tmp_path / "5.txt"
    path.write_text(bare_book("\n\n".join(texts)), encoding="utf-8")
    return prose_paragraphs(read_book(path))


def test_a_passage_avoids_answers_and_the_question(tmp_path: Path, sciq: Path) -> None:
    row = read_sciq(sciq)[0]  # the heart of a frog, which pumps blood; wrong answers granite, photon, enzyme
    # One sentence of 30 words each, so that a passage is all of it or nothing.
    neutral, *bad = paragraphs_of(
        tmp_path,
        *(
            f"The old ferryman tied his boat to the willow and counted his coins by the light\n"
            f"of a lantern, while the {word} stood on the shelf behind him all night."
            for word in ("clock", "frogs", "hearts", "granite", "photons", "pump", "bodies", "Enzyme")
        ),
    )
    assert len(bad) == 7
    assert all(find_passage(row, iter([paragraph])) is None for paragraph in bad)
    found = find_passage(row, iter([*bad, neutral]))
    assert found is not None
    assert found.span == neutral.span


@pytest.mark.parametrize("share", [0.6, 1.0, 1.7])
def test_a_passage_comes_near_the_wanted_length(tmp_path: Path, sciq: Path, share: float) -> None:
    row = read_sciq(sciq)[0]
    wanted = share * len(row.evidence.split())
    paragraphs = paragraphs_of(tmp_path, *(prose(k, 5) for k in range(6)))
    found = find_passage(row, iter(paragraphs), share=share)
    assert found is not None
    words = len(row.evidence.split())
    every = [count for part in paragraphs for _, count in part.cuts if words / 2 <= count <= words * 2]
    best = min(abs(math.log(count / wanted)) for count in every)
    assert math.isclose(abs(math.log(found.words / wanted)), best)


@pytest.mark.parametrize(("words", "taken"), [(29, False), (30, True), (120, True), (121, False)])
def test_a_passage_has_half_to_twice_the_words(tmp_path: Path, words: int, taken: bool) -> None:
    support = "The heart pumps blood" + " day and night" * 18 + " for it."
    (row,) = read_sciq(write_sciq(tmp_path / "train.json", [{**sciq_rows(1)[0], "support": support}]))
    assert len(support.split()) == 60
    # One sentence, in lines of eight words.
    filler = ["Wellington", *["lemonades"] * (words - 2), "sandwiches."]
    text = "\n".join(" ".join(filler[at : at + 8]) for at in range(0, words, 8))
    (paragraph,) = paragraphs_of(tmp_path, text)
    found = find_passage(row, iter([paragraph]))
    assert (found.words if found else None) == (words if taken else None)


@given(st.integers(0, 2**32), st.lists(st.text(max_size=5), min_size=1, max_size=3))
def test_rank_is_a_share_of_the_whole_range(seed: int, names: list[str]) -> None:
    assert 0 <= rank(seed, *names) < 2**64
    assert rank(seed, *names) == rank(seed, *names)


def test_wanted_shares_are_as_often_above_one_as_below(tmp_path: Path) -> None:
    rows = read_sciq(write_sciq(tmp_path / "train.json", sciq_rows(400)))
    shares = [wanted_share(row, 0) for row in rows]
    assert all(1 / 1.7 <= share <= 1.7 for share in shares)
    # 400 fair coins: 200 +- 50 is five standard deviations.
    assert 150 < sum(share > 1 for share in shares) < 250


def test_pairing_reports_progress(sciq: Path, books: Path) -> None:
    seen: list[tuple[int, int]] = []
    pairs, missed = pair_rows(
        cluster(read_sciq(sciq)), read_books(books), seed=0, limit=5, progress=lambda *at: seen.append(at)
    )
    assert (len(pairs), missed) == (5, 0)
    assert seen == [(n, 5) for n in range(6)]
