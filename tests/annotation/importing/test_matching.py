"""A task's item is proved by the text that the task shows, or there is none."""

from typing import Any

import pytest

from helpers.campaigns import difficult_items, text_item
from helpers.exports import PERSON, annotation, passage_of, task
from heta.errors import ConfigError
from heta.records import Span
from heta_annotation.campaign.page import passage
from heta_annotation.importing.matching import Match, Matcher, Unmatched, check_text_key, html_text
from heta_annotation.importing.own_campaign import OwnTask

ITEMS = difficult_items()
ITEM = ITEMS[0]
# The same two texts with another question: their passage is one, their prompts are two.
TWINS = [
    text_item(number, "Ada keeps bees.", "Bo sells tea.", question, answer)
    for number, question, answer in ((8, "What does Ada keep?", "bees"), (9, "Who keeps bees?", "Ada"))
]


def match(data: dict[str, Any], *, text_key: str | None = None, own: dict[str, OwnTask] | None = None) -> Any:
    return Matcher([*ITEMS, *TWINS], own or {}, text_key).match(task(4, data, [annotation(1, [])]))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.language)
def test_by_its_text(item: Any) -> None:
    whole, shown = match({"anything": item.prompt, "n": 3}), match({"text": passage_of(item)})
    assert isinstance(whole, Match)
    assert isinstance(shown, Match)
    assert whole.item == shown.item == item
    assert whole.plain == Span(0, len(item.prompt))
    assert shown.plain == passage(item)
    # The examples in front are part of the prompt and not of the passage: the shift is not 0.
    assert passage(item).start > 0


def test_nothing_is_guessed() -> None:
    for text in (passage_of(ITEM) + " ", passage_of(ITEM)[:-1], passage_of(ITEM).replace("e\u0301", "é"), ""):
        found = match({"text": text})
        assert isinstance(found, Unmatched)
        assert (found.task, found.annotations) == (4, 1)
        assert found.reason == "no field holds the prompt or the passage of an item"
    assert isinstance(match({"nested": {"text": ITEM.prompt}}), Unmatched)


def test_a_text_of_two_items_needs_a_name() -> None:
    assert "that of 2 items" in match({"text": passage_of(TWINS[0])}).reason
    assert match({"text": TWINS[1].prompt}).item == TWINS[1]
    # The prompt holds the question, so it decides where both are shown.
    assert "choose with --text-key" in match({"text": TWINS[1].prompt, "short": passage_of(TWINS[1])}).reason
    named = match({"text": passage_of(TWINS[0]), "item_id": TWINS[1].id})
    assert (named.item, named.plain) == (TWINS[1], passage(TWINS[1]))


def test_a_named_item_must_be_there_and_be_shown() -> None:
    gone = match({"item_id": "0" * 16, "text": passage_of(ITEM)})
    assert gone.reason == f"item {'0' * 16} is not in items.jsonl"
    other = match({"item_id": ITEMS[1].id, "text": passage_of(ITEM)})
    assert other.reason == f"no field holds the prompt or the passage of item {ITEMS[1].id} as it is today"
    # An id that cannot be one of ours is somebody else's business, and the text speaks.
    assert match({"item_id": "sku-7", "text": passage_of(ITEM)}).item == ITEM


def test_a_task_of_our_own_campaign_is_known_by_its_uid() -> None:
    own = {"u1": OwnTask(TWINS[1].id, "blind", "label"), "u2": OwnTask("f" * 16, "blind", "label")}
    found = match({"uid": "u1", "text": passage_of(TWINS[1])}, own=own)
    assert (found.item, found.own) == (TWINS[1], own["u1"])
    assert match({"uid": "u2", "text": passage_of(ITEM)}, own=own).reason == f"item {'f' * 16} is not in items.jsonl"
    # Without the ledger a uid says nothing.
    assert "that of 2 items" in match({"uid": "u1", "text": passage_of(TWINS[1])}).reason


def test_several_fields() -> None:
    both = {"prompt": ITEM.prompt, "text": passage_of(ITEM)}
    found = match(both)
    assert "several fields hold text" in found.reason
    assert "('prompt', 'text')" in found.reason
    assert match(both, text_key="text").plain == passage(ITEM)
    assert match(both, text_key="prompt").plain == Span(0, len(ITEM.prompt))
    # The same text twice is no question.
    assert match({"a": ITEM.prompt, "b": ITEM.prompt}).plain == Span(0, len(ITEM.prompt))


def test_a_text_key_that_no_task_has_is_refused() -> None:
    tasks = [task(1, {"text": "a", "n": 1, PERSON: "b"}, [])]
    check_text_key(tasks, None)
    check_text_key(tasks, "text")
    with pytest.raises(ConfigError, match=r"no task has a text field 'n'; text fields there: '\[e-mail\]', 'text'"):
        check_text_key(tasks, "n")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain 😀", "plain 😀"),
        ("<p>A &amp; <b>B</b>\n\nC</p><!-- no -->", "A & B\n\nC"),
        ("<span>1</span><span> 2</span><br>3", "1 23"),
        ("&lt;s&gt;", "<s>"),
        ("a < b", "a < b"),
        ("<style>p {}</style>x", None),
        ("<script>x</script>", None),
    ],
)
def test_the_text_of_html(html: str, text: str | None) -> None:
    assert html_text(html) == text


def test_html_and_plain_text_have_places_of_their_own() -> None:
    # The passage holds "A&B's <s>blend</s>": as data of <Text> it is itself, in <HyperText> the tags would be gone.
    assert "<s>" in passage_of(ITEM)
    raw = match({"text": passage_of(ITEM)})
    assert (raw.plain, raw.html) == (passage(ITEM), None)
    escaped = passage_of(ITEM).replace("&", "&amp;").replace("<", "&lt;")
    found = match({"text": f"<div>{escaped}</div>"})
    assert (found.plain, found.html) == (None, passage(ITEM))
    # Where there is no markup both are the same.
    assert (match({"text": passage_of(ITEMS[2])}).plain, match({"text": passage_of(ITEMS[2])}).html) == (
        passage(ITEMS[2]),
        passage(ITEMS[2]),
    )
