"""What people are shown of an attribution in a terminal or notebook."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.tiny_models import TARGET, tiny_model
from heta import Attribution, Span, create_method, prepare
from heta.records import ChatText
from heta.render import describe, heat_runs, heat_strip, top_table, top_units

PROMPT = "Ines <b>painted</b>\nthe 😀 stairs & green"


def attribution(
    prompt: str, scores: list[float], spans: list[tuple[int, int]], scored: list[bool], **changes: Any
) -> Attribution:
    fields: dict[str, Any] = {
        "method": "toy",
        "signed": False,
        "model": None,
        "unit": "token",
        "prompt": prompt,
        "spans": tuple(Span(*s) for s in spans),
        "scored": np.array(scored),
        "scores": np.array(scores),
        "target": None,
    }
    return Attribution(**{**fields, **changes})


def test_runs_cover_the_prompt_once() -> None:
    given = attribution("abcdefgh", [0, 0, 4.0, 1.0], [(0, 0), (0, 2), (2, 4), (4, 6)], [False, False, True, True])
    runs = heat_runs(given)
    assert [(run.start, run.end, run.scored) for run in runs] == [
        (0, 2, False),
        (2, 4, True),
        (4, 6, True),
        (6, 8, False),
    ]
    # sqrt(4 / 4) and sqrt(1 / 4).
    assert [run.heat for run in runs] == [0.0, 1.0, 0.5, 0.0]


def test_pieces_of_one_character_show_the_strongest() -> None:
    given = attribution("é", [1.0, -4.0, 2.0], [(0, 1), (0, 1), (0, 1)], [True] * 3, signed=True)
    assert [run.heat for run in heat_runs(given)] == [-1.0]


def test_nothing_but_zeros_is_shown_without_colour() -> None:
    given = attribution("ab", [0.0, 0.0], [(0, 1), (1, 2)], [True, True])
    assert {run.heat for run in heat_runs(given)} == {0.0}


def test_top_units_by_size_then_position_and_never_unscored() -> None:
    given = attribution("abcd", [9.0, 1.0, -3.0, 1.0], [(i, i + 1) for i in range(4)], [False, True, True, True])
    assert top_units(given, 3) == [2, 1, 3]


def test_terminal_strip_is_prompt_and_target() -> None:
    result = prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("heta_fast"))
    assert heat_strip(result).plain == PROMPT + TARGET
    assert top_table(result, 4).row_count == 4


def test_what_is_not_scored_is_dim_and_the_chat_template_stands_around_it() -> None:
    given = attribution("ab", [0.0, 2.0], [(0, 1), (1, 2)], [False, True], chat=ChatText("<user>", "<model>"))
    strip = heat_strip(given)
    assert strip.plain == "<user>ab<model>"
    # The template and "a" are dim; "b" has the strongest colour on it.
    assert [strip.plain[span.start : span.end] for span in strip.spans if span.style == "dim"] == [
        "<user>",
        "a",
        "<model>",
    ]
    assert strip.style == ""
    assert [strip.plain[span.start : span.end] for span in strip.spans if "#e05a28" in str(span.style)] == ["b"]


def test_line_breaks_in_the_table_are_written_out() -> None:
    given = attribution("a\n\tb", [1.0, 2.0], [(0, 2), (2, 4)], [True, True])
    assert [str(cell) for cell in top_table(given).columns[0].cells] == ["\\tb", "a\\n"]


def test_the_greedy_text_is_told_only_where_it_is_another() -> None:
    result = prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("kl"))
    assert result.target is not None
    assert not result.target.answered
    assert dict(describe(result))["greedy"] == repr(result.target.greedy)
    own = prepare(tiny_model(), PROMPT, TARGET, policy="model").attribute(create_method("kl"))
    assert "greedy" not in dict(describe(own))
    assert dict(describe(own))["target"].endswith("the model's own first choice")


def test_show_prints_the_strip(capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tiny_model(), "the stairs", TARGET).attribute(create_method("kl")).show()
    printed = capsys.readouterr().out
    assert printed.startswith(f"the stairs{TARGET}\n")
    assert "log p" in printed


@pytest.mark.parametrize(("shell", "as_html"), [(SimpleNamespace(kernel=object()), True), (SimpleNamespace(), False)])
def test_show_draws_html_where_a_kernel_shows_it(
    shell: SimpleNamespace, as_html: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    display.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    given = attribution("ab", [1.0], [(0, 2)], [True])
    given.show()
    assert shown == ([given] if as_html else [])
    assert bool(capsys.readouterr().out) is not as_html
