"""Curated items: what is made of rows and books, in which order, and in which split."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from helpers.curated_inputs import bare_book, prose, sciq_rows, write_books, write_sciq
from helpers.curated_items import check_items, evidence_first, passage_span, rights_of, text_of
from heta.errors import ConfigError, InputError
from heta.records import Span
from heta_data.sources.curated import LICENCES, SPLITS, build_curated, choose_orders, choose_split, items_text
from heta_data.sources.gutenberg import read_book
from heta_data.sources.pairing import Pair, Passage
from heta_data.sources.sciq import read_sciq


def test_every_row_that_passes_becomes_an_item(sciq: Path, books: Path) -> None:
    built = build_curated([sciq], books)
    assert len(built.items) == 8
    check_items(built, sciq, books)
    # SciQ writes "saturn"; the evidence has "small telescopes Saturn shows".
    assert {item.answer for item in built.items if item.source_id == "train.json:2"} == {"Saturn"}
    # The books take turns.
    assert Counter(item.group for item in built.items) == {"book-100": 4, "book-101": 4}
    assert all(one.group != other.group for one, other in pairwise(built.items))


def test_the_funnel_counts_every_row(sciq: Path, books: Path) -> None:
    write_sciq(sciq, [{**sciq_rows(1)[0], "support": ""}, *sciq_rows(8)])
    built = build_curated([sciq], books, limit=3)
    steps = {step.name: step.dropped for step in built.funnel.steps if step.dropped}
    # Nine rows: one without support, eight good ones, five of them over the limit.
    assert steps == {"support": 1, "limit": 5}
    assert built.funnel.start == 9
    assert built.funnel.left == 3 == len(built.items)
    assert built.report["funnel"] == built.funnel.to_json()
    assert built.report["items"] == sum(built.report["splits"].values()) == sum(built.report["answer_position"]) == 3


def test_the_same_inputs_give_the_same_bytes_wherever_they_lie(sciq: Path, books: Path, tmp_path: Path) -> None:
    one = build_curated([sciq], books)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    again = build_curated([write_sciq(elsewhere / "train.json")], write_books(elsewhere / "novels"))
    assert items_text(one.items) == items_text(again.items)
    assert one.report == again.report
    assert items_text(build_curated([sciq], books, seed=1).items) != items_text(one.items)


def test_a_limit_takes_the_first_of_all_pairs(sciq: Path, books: Path) -> None:
    every = [(item.source_id, passage_span(item)) for item in build_curated([sciq], books).items]
    some = [(item.source_id, passage_span(item)) for item in build_curated([sciq], books, limit=5).items]
    assert some == every[:5]
    # More than there are is no error: the funnel tells.
    built = build_curated([sciq], books, limit=50)
    assert len(built.items) == 8
    assert built.funnel.steps[-1].dropped == 0


def test_both_orders_give_twins(sciq: Path, books: Path) -> None:
    declared = build_curated([sciq], books)
    both = build_curated([sciq], books, orders="both")
    assert both.items[::2] == declared.items
    for one, other in zip(both.items[::2], both.items[1::2], strict=True):
        assert (one.source_id, one.group, one.split) == (other.source_id, other.group, other.split)
        assert evidence_first(one) is not evidence_first(other)
        assert text_of(one, "distractor") == text_of(other, "distractor")
    check_items(both, sciq, books)


def test_strict_leaves_out_answers_at_the_ends(tmp_path: Path, books: Path) -> None:
    rows = sciq_rows(8)
    rows[0]["support"] = "Mercury is odd. " + rows[0]["support"].replace("the heart pumps", "the organ pumps")
    rows[0]["correct_answer"] = "mercury"
    built = build_curated([write_sciq(tmp_path / "train.json", rows)], books, strict=True)
    assert "train.json:0" not in {item.source_id for item in built.items}
    step = next(step for step in built.funnel.steps if step.name == "position")
    assert step.dropped == 8 - len(built.items)
    assert all(
        0.1 <= text_of(i, "evidence").lower().find(i.answer.lower()) / len(text_of(i, "evidence")) <= 0.9
        for i in built.items
    )


def test_rows_of_one_page_share_a_book(tmp_path: Path) -> None:
    rows = sciq_rows(8)
    shared = "People have told each other about this in every village for a very long time."
    for one in rows[::2]:
        one["support"] += f" {shared}"
    sciq = write_sciq(tmp_path / "train.json", rows)
    built = build_curated([sciq], write_books(tmp_path / "books", count=4))
    groups = {item.group for item in built.items if item.source_id in {f"train.json:{n}" for n in (0, 2, 4, 6)}}
    assert len(groups) == 1
    check_items(built, sciq, tmp_path / "books")


def test_rows_without_a_passage_are_counted(tmp_path: Path) -> None:
    books = write_books(tmp_path / "books", count=1, paragraphs=3)
    built = build_curated([write_sciq(tmp_path / "train.json")], books)
    # The first paragraph has two sentences, 32 words: with the heading before it it passes for a chapter's title.
    assert built.funnel.steps[-1].name == "paired"
    assert built.funnel.steps[-1].dropped == 6
    assert len(built.items) == 2


def test_two_sciq_files(tmp_path: Path, books: Path) -> None:
    one = write_sciq(tmp_path / "train.json", sciq_rows(4))
    other = write_sciq(tmp_path / "test.json", sciq_rows(8)[4:])
    built = build_curated([one, other], books)
    assert {item.source_id for item in built.items} == {
        *(f"train.json:{n}" for n in range(4)),
        *(f"test.json:{n}" for n in range(4)),
    }
    (tmp_path / "again").mkdir()
    with pytest.raises(InputError, match="has the same name as"):
        build_curated([one, write_sciq(tmp_path / "again" / "train.json")], books)


def test_nothing_to_build_is_an_error(tmp_path: Path, books: Path) -> None:
    rows = [{**one, "support": ""} for one in sciq_rows(3)]
    with pytest.raises(InputError, match=r"no item can be made of 3 rows and 2 books \(0 rows pass the filters\)"):
        build_curated([write_sciq(tmp_path / "train.json", rows)], books)


def test_options_are_checked(sciq: Path, books: Path) -> None:
    with pytest.raises(ConfigError, match="limit is 0, must be 1 or more"):
        build_curated([sciq], books, limit=0)
    with pytest.raises(ConfigError, match="orders is 'reverse'; allowed: declared, both"):
        build_curated([sciq], books, orders="reverse")  # type: ignore[arg-type]


def test_rights_name_row_book_and_revision(sciq: Path, books: Path) -> None:
    item = next(i for i in build_curated([sciq], books).items if i.source_id == "train.json:3")
    evidence = rights_of(item, "evidence")
    assert (evidence.licence, evidence.locator) == (LICENCES["sciq"].spdx, "train.json, row 3, support")
    assert rights_of(item, "answer").locator == "train.json, row 3, correct_answer"
    passage = rights_of(item, "distractor")
    name, _ = passage_span(item)
    assert passage.url == f"https://www.gutenberg.org/ebooks/{name}"
    assert passage.revision == f"sha256:{read_book(books / f'{name}.txt').sha256[:12]}"


def pairs_at(tmp_path: Path, places: Sequence[int]) -> list[Pair]:
    values = [{**sciq_rows(1)[0], "support": f"{'x' * place} heart {'y' * (1000 - place)}"} for place in places]
    rows = read_sciq(write_sciq(tmp_path / "train.json", values))
    path = tmp_path / "5.txt"
    path.write_text(bare_book(prose(0)), encoding="utf-8")
    return [Pair(row, Passage(read_book(path), Span(0, 1), 1)) for row in rows]


@pytest.mark.parametrize("count", [1, 2, 7, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_half_of_the_evidence_comes_first_wherever_the_answer_stands(tmp_path: Path, count: int, seed: int) -> None:
    pairs = pairs_at(tmp_path, [(37 * k) % 1000 + 1 for k in range(count)])
    first = choose_orders(pairs, seed)
    assert abs(2 * sum(first.values()) - count) <= 1
    # Neighbours in the answer's place get different orders, so halves of any range differ by one at most.
    ordered = sorted((pair.row for pair in pairs), key=lambda row: row.answer_share)
    for one, other in zip(ordered[::2], ordered[1::2], strict=False):
        assert first[one.id] is not first[other.id]


def test_orders_do_not_depend_on_the_order_of_the_pairs(tmp_path: Path) -> None:
    pairs = pairs_at(tmp_path, [10, 500, 30, 900, 30])
    assert choose_orders(pairs, 0) == choose_orders(pairs[::-1], 0)
    assert any(choose_orders(pairs, 0) != choose_orders(pairs, seed) for seed in range(1, 9))


def test_splits_are_fixed_by_the_groups_name() -> None:
    # Frozen: a change here moves items between the splits of every benchmark that was built.
    assert [choose_split(f"book-{number}") for number in (45, 62, 113, 145, 158)] == FROZEN
    counts = Counter(choose_split(f"book-{number}") for number in range(10_000))
    for split, share in SPLITS:
        assert abs(counts[split] / 10_000 - share) < 0.02


FROZEN = ["test", "dev", "test", "test", "test"]
