"""`heta campaign push --watch`: each rater is let in and told of once, and it ends by itself."""

from dataclasses import replace
from typing import Any

import pytest

from heta_annotation.campaign.consent import DECLINED
from heta_annotation.campaign.push import ArmPushed
from heta_annotation.cli.letting_in import let_in

AGREES, PRACTISES = "has not answered the consent page yet", "practises: 1 of 2 items done"
ARM = ArmPushed("blind", "", (), 0, 0, 0, 3, {}, "", "")


def test_everybody_is_told_of_once_and_it_ends_with_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    states: list[dict[str, str]] = [
        {"a01": AGREES, "a02": AGREES, "a03": AGREES},
        {"a01": PRACTISES, "a02": AGREES, "a03": DECLINED},
        {"a01": PRACTISES, "a02": PRACTISES, "a03": DECLINED},
        {"a02": PRACTISES, "a03": DECLINED},
        {"a03": DECLINED},
    ]
    pushed = [[replace(ARM, waiting=state)] for state in states]
    later = iter(pushed[1:])
    let_in(lambda: next(later), pushed[0], 0)
    said = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == [
        f"blind: a01 waits: {PRACTISES}",
        f"blind: a03 waits: {DECLINED}",
        f"blind: a02 waits: {PRACTISES}",
        "blind: a01 is let in",
        "blind: a02 is let in",
    ]
    assert next(later, None) is None


def test_where_nobody_waits_nothing_is_pushed_again(capsys: pytest.CaptureFixture[str]) -> None:
    def never() -> Any:
        raise AssertionError("pushed although nobody waits")

    let_in(never, [ARM, replace(ARM, waiting={"a03": DECLINED})], 0)
    assert capsys.readouterr().out == ""
