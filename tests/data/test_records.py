"""Records refuse what contradicts itself, and the same content always has the same hash."""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.sample_records import (
    SCALE,
    make_attribution,
    make_each_attribution,
    make_gold,
    make_graded_labels,
    make_item,
    make_labels,
)
from heta_data.jsonl import dump_line, parse_line
from heta_data.records import (
    AttributionRecord,
    GoldLabels,
    Item,
    LabelTask,
    MetricResult,
    Part,
    ScalePart,
    SpanPart,
    SuggestionPart,
    TokenLabels,
    canonical_json,
    content_hash,
)


def rebuild(record: Part, **changes: Any) -> Part:
    return type(record).model_validate({**record.model_dump(), **changes})


def test_canonical_json_is_one_text_for_one_value() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "é\u2028"}) == '{"a":"é\u2028","b":[1,2.5,null]}'
    # sha256 of the two bytes {} begins so, by sha256sum.
    assert content_hash({}, digits=8) == "44136fa3"
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(math.nan)


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=2, max_size=5))
def test_the_order_of_keys_does_not_change_a_hash(value: dict[str, int]) -> None:
    assert content_hash(value) == content_hash(dict(reversed(list(value.items()))))


def test_an_item_id_covers_content_and_nothing_else() -> None:
    item = make_item()
    assert rebuild(item, split="train", group="other", rights=()).id == item.id  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="the content gives"):
        rebuild(item, prompt=item.prompt.replace("violet", "purple"))


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([{"start": 0, "end": 5, "role": "evidence"}, {"start": 4, "end": 9, "role": "question"}], "starts before"),
        ([{"start": 0, "end": 10_000, "role": "evidence"}], "segment ends at 10000"),
        ([{"start": 3, "end": 3, "role": "evidence"}], "is empty"),
        ([{"start": -1, "end": 3, "role": "evidence"}], "greater than or equal to 0"),
        ([{"start": 0, "end": 3, "role": "distractor"}], "no segment has the role 'evidence'"),
        ([{"start": 0, "end": 3, "role": "hint"}], "Input should be 'example'"),
    ],
)
def test_segments_that_cannot_be(segments: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rebuild(make_item(), segments=segments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ends": (3,)}, "ends has 1 values"),
        ({"scores": (1.0,)}, "scores has 1 values"),
        ({"token_ids": (1,)}, "token_ids has 1 values"),
        ({"components": {"information": (1.0,)}}, "information has 1 values"),
        ({"seconds": -1.0}, "greater than or equal to 0"),
        ({"seconds": math.nan}, "finite number"),
        ({"config": {"x": math.inf}}, "cannot be written as JSON"),
        ({"config": {"x": object()}}, "cannot be written as JSON"),
        ({"model": "none"}, "without a model revision and tokenizer are 'none' too"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_an_attribution_that_contradicts_itself(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rebuild(make_attribution(make_item()), **changes)


def test_scores_and_components_are_finite_and_only_where_scored() -> None:
    record = make_attribution(make_item())
    with pytest.raises(ValidationError, match="finite number"):
        rebuild(record, scores=(math.nan, *record.scores[1:]))
    empty = record.scores.index(None)
    values = [*record.scores]
    values[empty] = 1.0
    with pytest.raises(ValidationError, match="information has a value where the position is not scored"):
        rebuild(record, components={"information": values})
    with pytest.raises(ValidationError, match="ends before it starts"):
        rebuild(record, ends=(record.starts[0] - 1, *record.ends[1:]))


def test_a_record_without_rows_is_written_as_before_there_were_any() -> None:
    record = make_attribution(make_item())
    # Taken from the release of schema 1 that knew no rows.
    assert record.fingerprint() == "d9fc1b3bf20ae7be"
    line = dump_line(record)
    assert hashlib.sha256(line.encode()).hexdigest().startswith("cf064fa67f39b79a")
    assert parse_line(line, AttributionRecord, "old:1") == record


def test_rows_of_single_target_tokens_come_back() -> None:
    record = make_each_attribution(make_item())
    assert parse_line(dump_line(record), AttributionRecord, "new:1") == record
    assert record.rows is not None
    # A quarter and three quarters of a score make it up; both are None where it is.
    assert {row[record.scores.index(1.0)] for row in record.rows} == {0.25, 0.75}
    assert {row[record.scores.index(None)] for row in record.rows} == {None}
    assert record.fingerprint() != rebuild(record, component_rows={}).fingerprint()  # type: ignore[attr-defined]


def spoiled(change: Callable[[list[list[float | None]]], object]) -> list[list[float | None]]:
    """The rows of a good record, changed."""
    record = make_each_attribution(make_item())
    rows = [list(row) for row in record.rows or ()]
    change(rows)
    return rows


SCORED = make_attribution(make_item()).scores.index(1.0)
UNSCORED = make_attribution(make_item()).scores.index(None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": None}, "rows is missing under policy 'each'; .*: delete the line and run"),
        ({"component_rows": None}, "component_rows is missing under policy 'each'"),
        ({"rows": spoiled(lambda rows: rows.pop())}, "rows has 1 rows for 2 target tokens"),
        ({"rows": spoiled(lambda rows: rows[1].pop())}, r"rows\.1 has values elsewhere than their sum has them"),
        ({"rows": spoiled(lambda rows: rows[0].__setitem__(UNSCORED, 0.0))}, r"rows\.0 has values elsewhere"),
        ({"rows": spoiled(lambda rows: rows[0].__setitem__(SCORED, None))}, r"rows\.0 has values elsewhere"),
        ({"rows": spoiled(lambda rows: rows[0].__setitem__(SCORED, math.nan))}, "finite number"),
        # 0.5 of the first token and 0.75 of the second.
        ({"rows": spoiled(lambda rows: rows[0].__setitem__(SCORED, 0.5))}, r"adds up to 1\.25 at .* says 1\.0"),
        (
            {"rows": spoiled(lambda rows: rows[0].__setitem__(SCORED, -1e9))},
            r"has -1000000000\.0 at .* nothing is below 0",
        ),
        ({"rows": spoiled(lambda rows: [row.__setitem__(SCORED, 1.7e308) for row in rows])}, "too large to add up"),
        ({"component_rows": {"transition": ()}}, "component_rows has 'transition', components has information"),
        ({"component_rows": {"information": ()}}, r"component_rows\.information has 0 rows for 2 target tokens"),
    ],
)
def test_rows_that_contradict_their_record(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rebuild(make_each_attribution(make_item()), **changes)


@pytest.mark.parametrize(("model", "policy"), [("tiny", "answer"), ("none", "none")])
def test_rows_belong_to_policy_each_alone(model: str, policy: str) -> None:
    record = make_attribution(make_item(), model=model)
    with pytest.raises(ValidationError, match=f"rows is there under policy '{policy}'"):
        rebuild(record, rows=(record.scores,), component_rows={})


def test_a_config_in_memory_equals_the_one_read_back() -> None:
    record = rebuild(make_attribution(make_item()), config={"layers": (1, 2), "deep": {"x": (3,)}})
    assert isinstance(record, AttributionRecord)
    assert record.config == {"layers": [1, 2], "deep": {"x": [3]}}


def test_measured_fields_do_not_change_a_fingerprint() -> None:
    record = make_attribution(make_item())
    assert record.model_copy(update={"seconds": 9.0, "peak_memory": 5}).fingerprint() == record.fingerprint()
    assert record.model_copy(update={"notes": ("x",)}).fingerprint() != record.fingerprint()


@pytest.mark.parametrize("field", ["item_id", "method", "model", "model_revision", "tokenizer", "config_hash"])
def test_the_key_is_the_whole_configuration(field: str) -> None:
    record = make_attribution(make_item())
    assert record.model_copy(update={field: "other"}).key != record.key


def test_the_policy_is_in_the_key() -> None:
    record = make_attribution(make_item())
    assert record.target is not None
    other = record.model_copy(update={"target": record.target.model_copy(update={"policy": "first"})})
    assert other.key != record.key


@pytest.mark.parametrize("record", [make_labels(make_item()), make_gold(make_item())])
def test_units_are_sorted_not_empty_and_complete(record: TokenLabels | GoldLabels) -> None:
    with pytest.raises(ValidationError, match="labels has"):
        rebuild(record, labels=record.labels[1:])
    with pytest.raises(ValidationError, match="is empty, or starts before"):
        rebuild(record, ends=(record.starts[0], *record.ends[1:]))
    with pytest.raises(ValidationError, match="is empty, or starts before"):
        rebuild(record, starts=record.starts[::-1], ends=record.ends[::-1])


def test_labels_say_whether_they_count() -> None:
    labels = make_labels(make_item())
    assert labels.answered
    assert not labels.model_copy(update={"cannot_tell": True}).answered
    with pytest.raises(ValidationError, match="a skipped item has no labels"):
        rebuild(labels, skipped=True)
    with pytest.raises(ValidationError, match="Input should be less than or equal to 1"):
        rebuild(labels, labels=(2,) * len(labels.labels))


def test_labels_and_tasks_without_levels_are_written_as_before_there_were_any() -> None:
    labels = make_labels(make_item())
    task = LabelTask(
        uid="u", item_id="i", arm="blind", units=(SpanPart(start=0, end=1),), segmentation="word/1", overlap=1,
        isolation="server", guideline_hash="g", campaign_hash="c",
    )  # fmt: skip
    # Taken from the toolkit that knew no levels.
    assert labels.fingerprint() == "451422ad30798217"
    assert len(dump_line(labels)) == 510
    assert task.fingerprint() == "32a1b220db695041"


def test_levels_come_back_and_say_which_labels_there_were() -> None:
    labels = make_graded_labels(make_item())
    assert parse_line(dump_line(labels), TokenLabels, "new:1") == labels
    assert labels.levels is not None
    # "The café sold 1 warm loaves" and "Lamp number 1 on the pier is violet 🙂": the first, `violet`, and the emoji.
    assert sorted(labels.levels) == [-1, *[0] * (len(labels.levels) - 3), 1, 2]
    assert [SCALE.name(level) for level in labels.levels if level] == ["helpful", "essential", "misleading"]
    assert [SCALE.level(name) for name in SCALE.names] == [1, 2, -1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda levels, scale: {"scale": None}, "levels and scale: both or neither"),
        (lambda levels, scale: {"levels": None}, "levels and scale: both or neither"),
        (lambda levels, scale: {"levels": levels[1:]}, "levels has"),
        (lambda levels, scale: {"levels": (3, *levels[1:])}, "level 3 at unit 0: the scale has -1 to 2"),
        (lambda levels, scale: {"levels": (0, *levels[1:])}, "label 1 at unit 0 with level 0"),
        (lambda levels, scale: {"levels": (-1, *levels[1:])}, "label 1 at unit 0 with level -1"),
        (lambda levels, scale: {"scale": ScalePart(grades=scale.grades)}, "level -1 at unit .*: the scale has 0 to 2"),
        (lambda levels, scale: {"skipped": True}, "a skipped item has no labels"),
    ],
)
def test_levels_that_contradict_their_record(change: Callable[..., dict[str, Any]], message: str) -> None:
    labels = make_graded_labels(make_item())
    with pytest.raises(ValidationError, match=message):
        rebuild(labels, **change(labels.levels, labels.scale))


@pytest.mark.parametrize(
    ("grades", "message"),
    [
        ((), "at least 1"),
        (tuple("abcde"), "at most 4"),
        (("a", "a"), "each grade once"),
        (("misleading",), "is no grade"),
        (("a:b",), "pattern"),
        ((" a",), "pattern"),
        (("$question",), "pattern"),
        (("x" * 21,), "at most 20"),
    ],
)
def test_grades_that_cannot_be(grades: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ScalePart(grades=grades)


def test_a_grade_can_have_a_name_in_any_script() -> None:
    assert ScalePart(grades=("hilfreich", "sehr wichtig", "必要", "ضروري")).level("必要") == 3


@pytest.mark.parametrize("kinds", [(), ("simulated", "human"), ("human", "human")])
def test_gold_names_each_kind_of_rater_once(kinds: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="kinds must be sorted, each once, at least one"):
        rebuild(make_gold(make_item()), kinds=kinds)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        rebuild(make_gold(make_item()), probability=(1.5,) * len(make_gold(make_item()).starts))


def test_a_blind_task_carries_no_suggestion() -> None:
    suggestion = SuggestionPart(method="kl", model="tiny", config_hash="0", selected=(0,))
    fields: dict[str, Any] = {
        "uid": "u", "item_id": "i", "units": (SpanPart(start=0, end=1),), "segmentation": "word/1", "overlap": 1,
        "isolation": "server", "guideline_hash": "g", "campaign_hash": "c", "suggestion": suggestion,
    }  # fmt: skip
    assert LabelTask(arm="assisted", **fields).suggestion == suggestion
    with pytest.raises(ValidationError, match="a blind task must not carry a suggestion"):
        LabelTask(arm="blind", **fields)


@pytest.mark.parametrize("parts", [{}, {"selected": (1,), "heat": (0.5,)}])
def test_a_suggestion_is_selection_or_heat(parts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either selected units or heat"):
        SuggestionPart(method="kl", model="tiny", config_hash="0", **parts)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": None}, "a reason if and only if"),
        ({"value": 1.0, "reason": "why"}, "a reason if and only if"),
        ({"value": 1.0, "low": 0.5}, "both ends or none"),
        ({"value": math.nan}, "finite number"),
    ],
)
def test_a_result_has_a_value_or_a_reason(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MetricResult(metric="m", subject="s", n=1, **fields)


def test_records_cannot_be_changed() -> None:
    item = make_item()
    with pytest.raises(ValidationError, match="frozen"):
        item.prompt = "x"  # type: ignore[misc]
    assert isinstance(item, Item)
