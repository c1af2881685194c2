"""Scores made elsewhere become records that say so, each token proved; what does not fit is listed and refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from heta.errors import ConfigError, HetaError, InputError
from heta.records import Span
from heta.words import segment_words
from heta_data.attribution_files import read_attributions
from heta_data.compose import compose_item
from heta_data.errors import IntegrityError, Misaligned, RecordError
from heta_data.importing.attribution_import import ImportedAttributions, import_attributions
from heta_data.importing.rows import attribution_rows
from heta_data.importing.scored import Origin, Scored
from heta_data.importing.table import read_table
from heta_data.items import write_items
from heta_data.records import AttributionRecord, Item, Rights
from heta_data.workspace import Workspace

RIGHTS = (Rights(field="evidence", licence="CC0-1.0", source="tests"),)


def item(number: int, *, examples: str = "") -> Item:
    return compose_item(
        source="tests", source_id=f"row-{number}", group="g", split="test", language="en",
        evidence=f"Lamp {number} of the café is violet 🙂.", distractor="Bread was warm.",
        question="Which colour?", answer="violet", evidence_first=True, rights=RIGHTS, examples=examples,
    )  # fmt: skip


ONE, TWO = item(1), item(2)


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "folder")
    write_items(workspace, [ONE, TWO])
    return workspace


def origin(**changes: Any) -> Origin:
    return Origin(**{"format": "attributions", "source": "mine", "sha256": "0" * 64, "tool": "table",
                     "tool_version": None, "model": "tiny", **changes})  # fmt: skip


def word_rows(which: Item, method: str = "saliency") -> list[dict[str, Any]]:
    """One row a word, the n-th word with the score n."""
    return [
        {"item_id": which.id, "start": word.start, "end": word.end, "score": float(n), "method": method}
        for n, word in enumerate(segment_words(which.prompt))
    ]


def table(tmp_path: Path, rows: Sequence[dict[str, Any]], name: str = "mine.jsonl") -> list[Scored]:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_table(path, method=None, model=None)


def run(folder: Workspace, found: Sequence[Scored], **options: Any) -> ImportedAttributions:
    made = origin(**{key: options.pop(key) for key in list(options) if key in Origin.__dataclass_fields__})
    return import_attributions(folder, found, made, **options)


def problems(folder: Workspace, found: Sequence[Scored], **options: Any) -> list[str]:
    with pytest.raises(Misaligned) as caught:
        run(folder, found, **options)
    assert not folder.attributions.exists()
    return list(caught.value.issues)


def test_rows_become_records_that_say_where_they_come_from(folder: Workspace, tmp_path: Path) -> None:
    done = run(folder, table(tmp_path, [*word_rows(TWO), *word_rows(ONE)]), tool_version="2.0")
    first, second = read_attributions(folder)
    assert (first.item_id, second.item_id) == (ONE.id, TWO.id)  # in the order of the items
    assert first.scores == tuple(float(number) for number in range(len(segment_words(ONE.prompt))))
    assert [Span(*pair) for pair in zip(first.starts, first.ends, strict=True)] == list(segment_words(ONE.prompt))
    assert (first.method, first.unit, first.signed) == ("table.saliency", "word", False)
    assert (first.model, first.model_revision, first.tokenizer) == ("tiny", "unknown", "unknown")
    # Nobody measured the time and nobody knows what the model answers: neither is made up.
    assert (first.seconds, first.target) == (None, None)
    assert first.config["imported"] == {
        "format": "attributions", "source": "mine", "sha256": "0" * 64, "tool": "table", "tool_version": "2.0",
    }  # fmt: skip
    assert first.versions["table"] == "2.0"
    assert [(one.method, one.records, one.outcome) for one in done.files] == [("table.saliency", 2, "written")]


def test_no_method_of_the_toolkit_has_a_name_that_an_import_can_have() -> None:
    from heta import METHODS

    assert not any("." in name for name in METHODS)


def test_the_same_file_again_changes_nothing_and_another_version_is_refused(folder: Workspace, tmp_path: Path) -> None:
    found = table(tmp_path, word_rows(ONE))
    (file,) = run(folder, found).files
    before = (file.path.read_bytes(), file.path.stat().st_mtime_ns)
    assert [one.outcome for one in run(folder, found).files] == ["unchanged"]
    assert (file.path.read_bytes(), file.path.stat().st_mtime_ns) == before
    with pytest.raises(IntegrityError, match="holds another version of the source 'mine'; --replace puts this one"):
        run(folder, found, sha256="1" * 64)
    assert file.path.read_bytes() == before[0]
    done = run(folder, found, sha256="1" * 64, replace=True)
    assert done.removed == (file.path,)
    assert [record.config["imported"]["sha256"] for record in read_attributions(folder)] == ["1" * 64]
    # Under a name of its own it stands beside the first.
    run(folder, found, source="other")
    assert len(read_attributions(folder)) == 2
    # A file that somebody cut is another version too, and can be put back.
    broken = done.files[0].path
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match="--replace"):
        run(folder, found, sha256="1" * 64)
    run(folder, found, sha256="1" * 64, replace=True)
    assert len(read_attributions(folder)) == 2


def test_a_dry_run_writes_nothing(folder: Workspace, tmp_path: Path) -> None:
    before = sorted(folder.root.rglob("*"))
    done = run(folder, table(tmp_path, word_rows(ONE)), dry_run=True)
    assert [(one.records, one.outcome) for one in done.files] == [(1, "to write")]
    assert sorted(folder.root.rglob("*")) == before


def test_tokens_in_order_are_placed_and_special_ones_not_scored(folder: Workspace, tmp_path: Path) -> None:
    tokens = ["<s>", *(ONE.prompt[a:b] for a, b in ((0, 4), (4, 6)))]
    rest = ONE.prompt[6:]
    rows = [{"item_id": "row-1", "token": token, "score": 1.0, "method": "m"} for token in [*tokens, rest]]
    run(folder, table(tmp_path, rows))
    (record,) = read_attributions(folder)
    assert (record.starts, record.ends) == ((0, 0, 4, 6), (0, 4, 6, len(ONE.prompt)))
    assert record.scores == (None, 1.0, 1.0, 1.0)
    assert record.notes == ("1 special tokens are not scored",)


def test_scores_of_worked_examples_are_left_out(tmp_path: Path) -> None:
    folder = Workspace(tmp_path / "examples")
    shown = item(3, examples="Question: Who?\nAnswer: Ada")
    write_items(folder, [shown])
    run(folder, table(tmp_path, word_rows(shown)))
    (record,) = read_attributions(folder)
    (example,) = shown.spans("example")
    for start, score in zip(record.starts, record.scores, strict=True):
        assert (score is None) == (start < example.end)


def test_signed_is_what_any_item_of_the_method_says(folder: Workspace, tmp_path: Path) -> None:
    rows = [*word_rows(ONE), *word_rows(TWO), *word_rows(ONE, "other")]
    rows[0] = {**rows[0], "score": -1.0}
    run(folder, table(tmp_path, rows))
    signed = {(record.method, record.item_id): record.signed for record in read_attributions(folder)}
    assert signed == {
        ("table.saliency", ONE.id): True,
        ("table.saliency", TWO.id): True,
        ("table.other", ONE.id): False,
    }


def change(rows: Sequence[dict[str, Any]], number: int, **fields: Any) -> list[dict[str, Any]]:
    return [{**row, **fields} if index == number else row for index, row in enumerate(rows)]


WORDS = word_rows(ONE)
CAFE = next(n for n, row in enumerate(WORDS) if ONE.prompt[row["start"] : row["end"]] == "café")
WHOLE = f"item {ONE.id} (tests:row-1), table.saliency"


def told(line: int, what: str) -> str:
    return f"mine.jsonl:{line}: {WHOLE}: {what}"


def in_order(*tokens: str) -> list[dict[str, Any]]:
    return [{"item_id": ONE.id, "token": token, "score": 1.0, "method": "saliency"} for token in tokens]


OUTSIDE = f"span [5, 900): expected a span inside the prompt of {len(ONE.prompt)} code points, it reaches outside"
NOBODY = "expected the id of an item, or of its source's row, no item has it"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            change(WORDS, 0, item_id="nobody"),
            [
                f"mine.jsonl:1: item 'nobody', table.saliency: item: {NOBODY}",
                told(2, "word 'Lamp' [0, 4): expected a score, there is none of it"),
            ],
        ),
        (change(WORDS, 1, token="of"), [told(2, "span [5, 6): expected 'of', the prompt has '1' there")]),
        (change(WORDS, 1, end=900), [told(2, OUTSIDE)]),
        (
            change(WORDS, 1, start=0, end=4),
            [told(2, "span [0, 4): expected each span once, it stands in mine.jsonl:1 too")],
        ),
        (
            change(WORDS, 0, target=" red"),
            [told(1, "target: expected ' violet', the file explains ' red'")],
        ),
        (
            WORDS[:-2],
            [told(1, "word 'colour' [66, 72): expected a score, there is none of it and of 1 more words")],
        ),
        # Both at once, and both are told.
        (
            change(change(WORDS, 1, end=900), 2, token="x"),
            [told(2, OUTSIDE), told(3, "span [7, 9): expected 'x', the prompt has 'of' there")],
        ),
        (
            in_order("Lamp", " 1", " off"),
            [told(3, "token 3 ' off': expected ' off', the prompt has ' of ' at 6")],
        ),
        (
            in_order("Lamp", " 1"),
            [told(2, "last token: expected the prompt's end after it, the prompt has ' of the café is viol' at 6")],
        ),
    ],
)
def test_every_misalignment_is_listed_and_nothing_imported(
    folder: Workspace, tmp_path: Path, rows: list[dict[str, Any]], expected: list[str]
) -> None:
    found = [problem.replace(f"{tmp_path}/", "") for problem in problems(folder, table(tmp_path, rows))]
    assert found == expected


def test_offsets_of_bytes_are_named_as_such(folder: Workspace, tmp_path: Path) -> None:
    # "café is": in bytes everything behind é stands one later. The word "is" is [18, 20) and in bytes [19, 21).
    start = ONE.prompt.index("is ")
    rows = change(WORDS, CAFE + 1, start=start + 1, end=start + 3, token="is")
    (problem,) = problems(folder, table(tmp_path, rows))
    assert problem.endswith("expected 'is', the prompt has 's ' there (as UTF-8 bytes it would fit)")


def test_misaligned_records_can_be_left_out_and_are_listed(folder: Workspace, tmp_path: Path) -> None:
    rows = [*change(WORDS, 1, end=900), *word_rows(TWO)]
    done = run(folder, table(tmp_path, rows), skip_misaligned=True)
    assert [record.item_id for record in read_attributions(folder)] == [TWO.id]
    assert (len(done.left_out), done.left_out_records) == (1, 1)
    with pytest.raises(InputError, match="no record is left to import; nothing was written"):
        run(folder, table(tmp_path, change(WORDS, 1, end=900)), skip_misaligned=True, source="none")


def test_sparse_rows_give_the_other_words_the_score_zero(folder: Workspace, tmp_path: Path) -> None:
    found = table(tmp_path, [{**WORDS[CAFE], "score": -2.0}])
    run(folder, found, sparse=True)
    (record,) = read_attributions(folder)
    # 0 and not the lowest score there is, which is what an unscored word counts as.
    assert record.scores == tuple(-2.0 if n == CAFE else 0.0 for n in range(len(WORDS)))
    assert record.config["unlisted"] == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (change(WORDS, 1, start=None), "mine.jsonl:2: start and end: both or neither"),
        (change(WORDS, 1, start=None, end=None), "mine.jsonl:2: neither start and end nor a token"),
        (
            change(WORDS, 1, start=None, end=None, token="1"),
            "mine.jsonl:2: some rows of this item and method have start",
        ),
        (change(WORDS, 1, start=6, end=5), r"mine.jsonl:2:start: got \[6, 5\), expected 0 <= start <= end"),
        (change(WORDS, 1, start=-1), r"mine.jsonl:2:start: got \[-1, 6\)"),
        (change(WORDS, 1, score=None), "mine.jsonl:2:score: Input should be a valid number"),
        (change(WORDS, 1, note="x"), "mine.jsonl:2:note: Extra inputs are not permitted"),
        (change(change(WORDS, 0, target="a"), 1, target="b"), "mine.jsonl:2:target: got 'b', rows before have 'a'"),
        ([{**row, "method": None} for row in WORDS], "mine.jsonl:1: names no method; say which one with --method"),
        ([{**row, "method": "../up"} for row in WORDS], "mine.jsonl:1: got the method 'table.../up', expected letters"),
        ([{**row, "model": "a b"} for row in WORDS], "mine.jsonl:1: got the model 'a b', expected letters"),
        ([*WORDS, *({**row, "item_id": "row-1"} for row in WORDS)], "stands in .*mine.jsonl:1 already"),
    ],
)
def test_rows_that_cannot_be_read_are_one_line(
    folder: Workspace, tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(HetaError, match=message) as caught:
        run(folder, table(tmp_path, rows))
    assert "\n" not in str(caught.value)
    assert not folder.attributions.exists()


def test_flags_that_the_file_makes_useless_are_refused(folder: Workspace, tmp_path: Path) -> None:
    table(tmp_path, WORDS)
    with pytest.raises(ConfigError, match="--method: the file names one itself"):
        read_table(tmp_path / "mine.jsonl", method="m", model=None)
    with pytest.raises(ConfigError, match="names no model; say which one with --model, or --model none"):
        run(folder, table(tmp_path, WORDS), model=None)
    run(folder, table(tmp_path, WORDS), model="none")
    (record,) = read_attributions(folder)
    assert (record.model, record.model_revision, record.tokenizer) == ("none", "none", "none")


def test_a_score_that_is_no_number_is_refused(folder: Workspace) -> None:
    words = segment_words(ONE.prompt)
    scores = (float("nan"), *(1.0 for _ in words[1:]))
    with pytest.raises(RecordError, match=r"x:token 1: item .*: the score is nan, expected a finite number"):
        run(folder, [Scored(where="x", method="m", scores=scores, item_id=ONE.id, spans=words)])


def test_a_folder_without_items_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"items.jsonl: no such file"):
        run(Workspace(tmp_path), [])


class TestRowsOfCaptum:
    """`attribution_rows` makes what the import reads."""

    def test_offsets_with_special_tokens_and_pieces_of_a_character(self, folder: Workspace, tmp_path: Path) -> None:
        face = ONE.prompt.index("🙂")
        # As a fast tokenizer gives them: a special token at (0, 0), and 🙂 in two pieces with the same offsets.
        offsets = [(0, 0), (0, face), (face, face + 1), (face, face + 1), (face + 1, len(ONE.prompt))]
        rows = attribution_rows(ONE, [9.0, 1, 2, 3, 4], method="lig", offsets=offsets)
        run(folder, table(tmp_path, rows), tool="captum")
        (record,) = read_attributions(folder)
        assert (record.method, record.scores) == ("captum.lig", (None, 1.0, 2.0, 3.0, 4.0))

    def test_rows_of_several_target_tokens_are_added_up(self, folder: Workspace, tmp_path: Path) -> None:
        import numpy as np

        tokens = ["Lamp", ONE.prompt[4:]]
        rows = attribution_rows(ONE, np.array([[1.0, 2.0], [0.5, -4.0]]), method="fa", tokens=tokens)
        run(folder, table(tmp_path, rows))
        (record,) = read_attributions(folder)
        assert (record.scores, record.signed) == ((1.5, -2.0), True)

    def test_what_was_explained_is_checked(self, folder: Workspace, tmp_path: Path) -> None:
        rows = attribution_rows(ONE, [1.0], method="fa", tokens=[ONE.prompt], target=" brown")
        (problem,) = problems(folder, table(tmp_path, rows))
        assert "expected ' violet', the file explains ' brown'" in problem

    @pytest.mark.parametrize(
        ("scores", "places", "message"),
        [
            ([1.0], {}, "give either offsets or tokens"),
            ([1.0], {"tokens": ["a"], "offsets": [(0, 1)]}, "give either offsets or tokens"),
            ([1.0, 2.0], {"tokens": ["a"]}, "2 scores, 1 tokens: give those of the prompt alone"),
            ([[1.0], [1.0, 2.0]], {"tokens": ["a"]}, "scores must be"),
            ([[[1.0]]], {"tokens": ["a"]}, "sum over dimensions first"),
        ],
    )
    def test_what_makes_no_rows(self, scores: Any, places: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            attribution_rows(ONE, scores, method="m", **places)


def test_a_crash_while_writing_leaves_the_folder_as_it_was(
    folder: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heta_data import jsonl

    found = table(tmp_path, [*word_rows(ONE), *word_rows(ONE, "other")])
    written: list[AttributionRecord] = []

    def full(record: AttributionRecord) -> str:
        written.append(record)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return record.model_dump_json()

    monkeypatch.setattr(jsonl, "dump_line", full)
    with pytest.raises(OSError, match="No space left"):
        run(folder, found)
    assert [path for path in folder.attributions.rglob("*") if path.is_file()] == []
