"""Items in the other order, prompts of a file, groups, turns, and the bundled sets."""

from pathlib import Path

import pytest

from helpers.sample_records import make_item
from heta.errors import InputError
from heta_data.compose import compose_item, label_units, prompt_without
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import write_records
from heta_data.records import Item
from heta_data.workspace import Workspace
from heta_evaluation.programme.materials import (
    PHRASINGS,
    by_turns,
    other_order,
    phrasing_items,
    place_items,
    read_prompts,
    single_items,
    with_twins,
)


def composed(item: Item, *, first: bool) -> Item:
    """The same row composed anew, in the order that is asked for."""
    text = {segment.role: item.prompt[segment.start : segment.end] for segment in item.segments}
    return compose_item(
        source=item.source,
        source_id=item.source_id,
        group=item.group,
        split=item.split,
        language=item.language,
        evidence=text["evidence"],
        distractor=text["distractor"],
        question=item.question,
        answer=item.answer,
        evidence_first=first,
        rights=[one for one in item.rights if one.field != "example"],
    )


def test_the_other_order_is_what_composing_gives() -> None:
    for number in (1, 2):
        item = make_item(number)
        twin = other_order(item)
        assert twin is not None
        first = item.spans("evidence", "distractor")[0].role == "evidence"
        assert twin == composed(item, first=not first)
        assert other_order(twin) == item
        # Without the evidence nothing tells the two apart.
        assert prompt_without(twin, "evidence") == prompt_without(item, "evidence")


def test_twins_stand_behind_the_given_items_and_none_twice() -> None:
    items = [make_item(1), make_item(2)]
    both, without = with_twins(items)
    assert (both[:2], len(both), without) == (items, 4, 0)
    assert with_twins(both) == (both, 0)


def prompts(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_prompts_become_items_by_turns_of_their_groups(tmp_path: Path) -> None:
    file = prompts(
        tmp_path / "longra.jsonl",
        '{"id": "a", "prompt": "I flew to Oslo and then I slept in", "target": "Norway", "seen_in": ["x"]}',
        '{"id": "b", "prompt": "I flew to Rome and then I slept in", "target": " Italy"}',
        '{"id": "c", "prompt": "The cat sat on the", "target": "mat", "group": "g"}',
        '{"id": "d", "prompt": "我在河边种了", "target": "树", "language": "zh"}',
    )
    found = read_prompts(file)
    # a and b share 8 of 9 words in their places, more than 0.8: one group; so b comes when every group had its first.
    assert [(one.source_id, one.group) for one in found] == [("a", "a"), ("c", "g"), ("d", "d"), ("b", "a")]
    assert [one.target for one in found] == [" Norway", " mat", "树", " Italy"]
    assert found[0].source == "longra"
    assert [(one.start, one.end, one.role) for one in found[0].segments] == [(0, len(found[0].prompt), "evidence")]
    assert other_order(found[0]) is None


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        ((), InputError, "holds no prompts"),
        (('{"id": "a", "prompt": "x y", "target": "z"}',) * 2, InputError, "the id 'a' stands twice"),
        (('{"id": "a", "prompt": "x y"}',), RecordError, r"prompts\.jsonl:1:target"),
        (("not json",), RecordError, r"prompts\.jsonl:1: not JSON"),
    ],
)
def test_prompts_that_cannot_be_used(tmp_path: Path, lines: tuple[str, ...], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read_prompts(prompts(tmp_path / "prompts.jsonl", *lines))


def test_turns_keep_what_a_smaller_number_had(tmp_path: Path) -> None:
    items = [make_item(number).model_copy(update={"group": f"g{number % 2}"}) for number in range(1, 6)]
    assert [one.source_id for one in by_turns(items)] == ["row-1", "row-2", "row-3", "row-4", "row-5"]
    lopsided = [one.model_copy(update={"group": "g" if place < 3 else "h"}) for place, one in enumerate(items)]
    assert [one.source_id for one in by_turns(lopsided)] == ["row-1", "row-4", "row-2", "row-5", "row-3"]


def test_bundled_sentences_say_the_same_in_both_voices() -> None:
    items, pairs = phrasing_items(len(PHRASINGS))
    assert (len(items), len(pairs)) == (20, 10)
    assert [(one, two) for one, two in pairs] == [(items[2 * k].id, items[2 * k + 1].id) for k in range(10)]
    for active, passive, asked, answer in PHRASINGS:
        assert active.startswith(answer)
        assert passive.endswith(f" {answer[0].lower() if ' ' in answer else answer[0]}{answer[1:]}.")
        assert asked.split()[0] in active
    assert len(phrasing_items(5)[1]) == 5


def test_chinese_words_are_single_characters() -> None:
    english, chinese = single_items()
    assert (english.language, chinese.language) == ("en", "zh")
    assert [chinese.prompt[unit.start : unit.end] for unit in label_units(chinese)][:4] == ["小", "红", "在", "河"]


def test_a_folder_takes_more_items_and_refuses_others(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "items")
    items = [make_item(number) for number in (1, 2, 3)]
    place_items(workspace, items[:2])
    place_items(workspace, items)
    with pytest.raises(InputError, match=r"begun with other items \(1 of 3 are not among those given\)"):
        place_items(workspace, items[:2])
    with pytest.raises(IntegrityError, match="is given twice"):
        place_items(workspace, [items[0], items[0]])
    write_records(workspace.items, items)
