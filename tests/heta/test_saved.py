"""Saving and loading: every number comes back, broken files are told in one line, files are whole or absent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.tiny_models import TARGET, tiny_model
from heta import Attribution, Span, create_method, prepare, saved
from heta.errors import InputError
from heta.records import ChatText

PROMPT = "Ines painted\nthe 😀 stairs"


def result(method: str = "heta_fast") -> Attribution:
    return prepare(tiny_model(), PROMPT, TARGET, unscored=[Span(0, 5)]).attribute(create_method(method))


@pytest.mark.parametrize("name", ["heta_fast", "gradient_x_input", "longest_words"])
def test_what_is_saved_comes_back_exactly(name: str, tmp_path: Path) -> None:
    before = result(name)
    before.save(tmp_path / "one.json")
    after = Attribution.load(tmp_path / "one.json")
    assert saved.as_json(after) == saved.as_json(before)
    # Bit for bit, and not only to the digits printed.
    assert after.scores.tobytes() == before.scores.tobytes()
    assert after.scored.tobytes() == before.scored.tobytes()
    for part in before.components:
        assert after.components[part].tobytes() == before.components[part].tobytes()
    assert (after.spans, after.token_ids, after.target, after.model, after.config) == (
        before.spans, before.token_ids, before.target, before.model, before.config,
    )  # fmt: skip
    assert all(isinstance(span, Span) for span in after.spans)


def test_numbers_that_print_badly_come_back(tmp_path: Path) -> None:
    hard = np.array([0.1 + 0.2, 5e-324, -1.7976931348623157e308, -0.0])
    given = Attribution(
        method="toy", signed=True, model=None, unit="word", prompt="abcd",
        spans=tuple(Span(i, i + 1) for i in range(4)), scored=np.ones(4, dtype=np.bool_), scores=hard, target=None,
        chat=ChatText("<user>", "<model>"), notes=("a note",), peak_memory=2**53 + 1,
    )  # fmt: skip
    given.save(tmp_path / "one.json")
    after = Attribution.load(tmp_path / "one.json")
    assert after.scores.tobytes() == hard.tobytes()
    assert (after.chat, after.notes, after.peak_memory) == (given.chat, given.notes, given.peak_memory)


def test_json_has_null_where_there_is_no_score() -> None:
    given = result()
    read = json.loads(saved.to_text(given))
    assert [unit["score"] for unit in read["units"]] == [
        float(score) if counts else None for score, counts in zip(given.scores, given.scored, strict=True)
    ]
    assert all(PROMPT[unit["start"] : unit["end"]] == unit["text"] for unit in read["units"])
    assert read["target"]["text"] == TARGET
    assert set(read["units"][3]["components"]) == {"transition", "curvature", "information"}


def change(*path: str | int, to: Any) -> Callable[[Any], None]:
    def act(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return act


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("schema_version", to=2), "has schema version 2, this heta-bench reads up to 1; update it"),
        (change("schema_version", to="1"), "schema_version is missing or no number"),
        (change("schema_version", to=0), "schema_version: Input should be 1"),
        (change("units", 3, "score", to="high"), r"units\.3\.score: Input should be a valid number"),
        (change("units", 3, "score", to=None), r"units\.3\.components: null where the score is a number"),
        (change("units", 3, "end", to=999), r"units\.3: \[\d+, 999\) does not lie in the prompt"),
        (change("units", 3, "text", to="x"), r"units\.3\.text: is not what the prompt has"),
        (change("units", 3, "components", to={}), r"units\.3\.components: other names"),
        (change("units", 3, "token_id", to=None), r"units\.3\.token_id: some units have one"),
        (change("target", "ranks", to=None), r"target\.ranks: Input should be a valid list"),
        (change("surprise", to=1), "surprise: Extra inputs are not permitted"),
        (lambda document: document.pop("prompt"), "prompt: Field required"),
    ],
)
def test_a_broken_file_is_named_with_its_field(damage: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    document = saved.as_json(result())
    damage(document)
    path = tmp_path / "one.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        Attribution.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b'{"schema_version": NaN}', "NaN is no number of JSON"),
        (b"\xff", "is not UTF-8 at byte 0"),
        (b"[]", "no saved attribution"),
        (b"", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
    ],
)
def test_a_file_that_is_something_else(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        Attribution.load(tmp_path / "one.json")
    assert "\n" not in str(caught.value)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.json"
    result("kl").save(path)
    before = path.read_bytes()

    def full(self: Path, text: str, encoding: str) -> None:
        with self.open("w", encoding=encoding) as file:
            file.write(text[:10])
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        result("heta_fast").save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["one.json"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="create it first"):
        result("kl").save(tmp_path / "no" / "one.json")
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        result("kl").save(tmp_path)
    with pytest.raises(FileNotFoundError):
        Attribution.load(tmp_path / "none.json")


def test_a_table_has_a_row_a_unit() -> None:
    given = result()
    table = given.to_frame()
    assert list(table.columns) == [
        "text", "start", "end", "token_id", "scored", "score", "transition", "curvature", "information",
    ]  # fmt: skip
    assert table["score"].tolist() == given.scores.tolist()
    assert table["token_id"].tolist() == list(given.token_ids or ())
    assert "".join(table["text"][: len(table)]).startswith("Ines painted\n")
    words = result("longest_words").to_frame()
    assert words["token_id"].isna().all()
    assert words["text"].tolist() == ["Ines", "painted", "the", "😀", "stairs"]


def test_a_component_may_not_take_a_column() -> None:
    from dataclasses import replace

    with pytest.raises(InputError, match="component 'start' has the name of another column"):
        replace(result("kl"), components={"start": result("kl").scores}).to_frame()
