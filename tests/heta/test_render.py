"""What people and machines are shown of an attribution."""

import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from helpers.tiny_models import TARGET, tiny_model
from heta import Attribution, Span, create_method, prepare
from heta.render import as_json, heat_html, heat_runs, heat_strip, top_table, top_units

PROMPT = "Ines <b>painted</b>\nthe 😀 stairs & green"


def attribution(scores: list[float], spans: list[tuple[int, int]], scored: list[bool], **changes: Any) -> Attribution:
    fields: dict[str, Any] = {
        "method": "toy",
        "signed": False,
        "model": None,
        "unit": "token",
        "spans": tuple(Span(*s) for s in spans),
        "scored": np.array(scored),
        "scores": np.array(scores),
        "target": None,
    }
    return Attribution(**{**fields, **changes})


def test_runs_cover_the_prompt_once() -> None:
    given = attribution([0, 0, 4.0, 1.0], [(0, 0), (0, 2), (2, 4), (4, 6)], [False, False, True, True])
    runs = heat_runs(given, "abcdefgh")
    assert [(run.start, run.end, run.scored) for run in runs] == [
        (0, 2, False),
        (2, 4, True),
        (4, 6, True),
        (6, 8, False),
    ]
    # sqrt(4 / 4) and sqrt(1 / 4).
    assert [run.heat for run in runs] == [0.0, 1.0, 0.5, 0.0]


def test_pieces_of_one_character_show_the_strongest() -> None:
    given = attribution([1.0, -4.0, 2.0], [(0, 1), (0, 1), (0, 1)], [True] * 3, signed=True)
    assert [run.heat for run in heat_runs(given, "é")] == [-1.0]


def test_nothing_but_zeros_is_shown_without_colour() -> None:
    given = attribution([0.0, 0.0], [(0, 1), (1, 2)], [True, True])
    assert {run.heat for run in heat_runs(given, "ab")} == {0.0}


def test_top_units_by_size_then_position_and_never_unscored() -> None:
    given = attribution([9.0, 1.0, -3.0, 1.0], [(i, i + 1) for i in range(4)], [False, True, True, True])
    assert top_units(given, 3) == [2, 1, 3]


@pytest.mark.parametrize("name", ["heta_fast", "gradient_x_input", "longest_words"])
def test_html_holds_the_text_and_stands_alone(name: str) -> None:
    method = create_method(name)
    result = prepare(tiny_model(), PROMPT, TARGET, unscored=[Span(0, 5)]).attribute(method)
    page = heat_html(result, PROMPT)

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[str] = []
            self.inside = 0
            self.text = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)
            if self.inside and tag != "meta":
                self.inside += 1
            if ("class", "text") in attrs:
                self.inside = 1

        def handle_endtag(self, tag: str) -> None:
            self.inside -= bool(self.inside)

        def handle_data(self, data: str) -> None:
            self.text += data if self.inside else ""

    reader = Reader()
    reader.feed(page)
    assert reader.text == PROMPT + (TARGET if method.needs_model else "")
    assert not {"b", "script", "link", "img", "iframe"} & set(reader.tags)
    assert "http" not in page


def test_terminal_strip_is_the_prompt() -> None:
    result = prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("heta_fast"))
    assert heat_strip(result, PROMPT).plain == PROMPT
    assert top_table(result, PROMPT, 4).row_count == 4


def test_json_round_trip() -> None:
    result = prepare(tiny_model(), PROMPT, TARGET, unscored=[Span(0, 5)]).attribute(create_method("heta_fast"))
    read = json.loads(json.dumps(as_json(result, PROMPT), allow_nan=False))
    assert [unit["score"] for unit in read["units"]] == [
        float(score) if counts else None for score, counts in zip(result.scores, result.scored, strict=True)
    ]
    assert all(PROMPT[unit["start"] : unit["end"]] == unit["text"] for unit in read["units"])
    assert read["config"] == result.config
    assert read["target"]["text"] == TARGET
    assert set(read["units"][3]) >= {"transition", "curvature", "information"}
