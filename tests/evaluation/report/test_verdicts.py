"""Sheets of what people and a judge say of methods."""

from helpers.asks import answer, preference
from heta_evaluation.judge.bias import Rate
from heta_evaluation.judge.report import JudgeReport
from heta_evaluation.judge.substitute import SubstituteTest
from heta_evaluation.judge.summary import Failures, Preference
from heta_evaluation.judge.validity import Validity
from heta_evaluation.metrics.base import Value
from heta_evaluation.report.sheets import Number
from heta_evaluation.report.verdicts import judge_sheets, opinion_sheets


def cells(row) -> list[object]:
    return [cell.value if isinstance(cell, Number) else cell for cell in row.cells]


def test_opinions_are_means_over_items() -> None:
    found = opinion_sheets(
        [
            # heta over kl: item 1 twice 0, item 2 1, item 3 a half: (0 + 1 + 1/2) / 3.
            preference("i1", "a01", "heta", "kl", "right"),
            preference("i1", "a02", "kl", "heta", "left"),
            preference("i2", "a01", "heta", "kl", "left"),
            preference("i3", "a01", "heta", "kl", "same"),
            answer("i1", "s01", "kl", "bees", correct=True, f1=1.0),
            answer("i2", "s01", "kl", None, correct=False, f1=0.0),
        ]
    )
    rates, answers = found
    name, value, low, high, items = cells(rates.rows[0])
    assert str(name).startswith("heta-")
    assert (value, items) == (0.5, 3)
    assert low <= value <= high  # type: ignore[operator]
    assert cells(answers.rows[0])[1:2] + cells(answers.rows[0])[4:] == [0.5, 2, 0.5, 0.5]
    # Scripts answered, so the whole of it carries the alarm.
    assert rates.origin.alarm == "SIMULATED LABELS"  # type: ignore[union-attr]
    assert opinion_sheets([]) == []


def test_a_judge_has_its_sheets_and_its_alarm() -> None:
    nothing = SubstituteTest(Value(None, "too_few_raters"), Value(None, "too_few_raters"), None, (), 0.2)
    none = Value(None, "one_rater")
    validity = Validity("judge/m", 3, 5, 1, Value(0.5), none, Value(0.25), none, Value(0.1), nothing, none, (), ())
    report = JudgeReport(
        judge="m",
        judgments=(),
        failures=[Failures("labels", {"ok": 3, "timeout": 2})],
        biases=[Rate("first_position", "the first", 0.9, 0.8, 1.0, 0.5, 9, flagged=True)],
        preferences=[Preference("a", "b", 0.5, 0.4, 0.6, 0.3, 0.7, 9, 1, 2)],
        validity=validity,
        why_not="",
    )
    sheets = judge_sheets(report)
    assert [one.id for one in sheets] == ["judge-validity", "judge-biases", "judge-preferences", "judge-calls"]
    assert {one.origin.alarm for one in sheets} == {"JUDGED LABELS"}  # type: ignore[union-attr]
    by_id = {one.id: [cells(row) for row in one.rows] for one in sheets}
    assert by_id["judge-calls"] == [["labels", 5, 2, "2 timeout"]]
    assert by_id["judge-biases"] == [["the first", 0.9, 0.8, 1.0, 9, 0.5, "flagged"]]
    assert by_id["judge-preferences"] == [["a over b", 0.5, 0.4, 0.6, 9, 1, 2]]
    assert by_id["judge-validity"][:2] == [["F1 with a person", 0.5], ["F1 of people with each other", "one_rater"]]
