"""An opinion is one kind of answer, whole, and comes back from a file as it was."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from helpers.asks import answer, preference, shown
from heta_data.errors import RecordError
from heta_data.jsonl import read_records, write_records
from heta_data.opinions import Opinion

PREFER = preference("i1", "a95", "kl", "random", "left")
ANSWER = answer("i1", "a97", "kl", "bees", correct=True, f1=1.0)
GAVE_UP = answer("i1", "a97", "kl", None, correct=False, f1=0.0)


def test_opinions_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "opinions.jsonl"
    assert write_records(path, [PREFER, ANSWER, GAVE_UP]) == 3
    assert list(read_records(path, Opinion)) == [PREFER, ANSWER, GAVE_UP]
    path.write_text(path.read_text()[:-30])
    with pytest.raises(RecordError, match="heta campaign opinions"):
        list(read_records(path, Opinion))


def test_the_winner_is_the_method_on_the_chosen_side() -> None:
    assert PREFER.winner == shown("kl")
    assert preference("i1", "a95", "kl", "random", "right").winner == shown("random")
    assert preference("i1", "a95", "kl", "random", "same").winner is None
    assert ANSWER.winner is None
    assert shown("kl").name == "kl-abcdef01@m"


@pytest.mark.parametrize(
    ("record", "change", "says"),
    [
        (PREFER, {"shown": (shown("kl"),)}, "two different methods"),
        (PREFER, {"shown": (shown("kl"), shown("kl"))}, "two different methods"),
        (PREFER, {"choice": None}, "a choice and nothing else"),
        (PREFER, {"answer": "bees"}, "a choice and nothing else"),
        (PREFER, {"gave_up": False}, "a choice and nothing else"),
        (PREFER, {"k": 0}, "greater than or equal to 1"),
        (ANSWER, {"shown": (shown("kl"), shown("random"))}, "one method"),
        (ANSWER, {"choice": "left"}, "no choice"),
        (ANSWER, {"token_f1": None}, "is scored"),
        (ANSWER, {"token_f1": float("nan")}, "finite"),
        (ANSWER, {"answer": "  "}, "holds a word"),
        (ANSWER, {"answer": None}, "holds a word"),
        (ANSWER, {"kind": "judge"}, "human"),
        (GAVE_UP, {"token_f1": 0.5}, "scores 0"),
        (GAVE_UP, {"answer": "bees"}, "gave no answer"),
    ],
)
def test_half_an_opinion_is_refused(record: Opinion, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Opinion.model_validate({**record.model_dump(), **change})
