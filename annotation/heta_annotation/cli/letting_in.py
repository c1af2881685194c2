"""Raters agree and practise one after the other: pushing again and again lets each in within moments."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from heta_annotation.campaign.push import ArmPushed


def let_in(once: "Callable[[], Sequence[ArmPushed]]", pushed: "Sequence[ArmPushed]", seconds: float) -> None:
    """Push every `seconds` until nobody waits but those who declined; say who is let in and what the others wait for.

    Args:
        once: pushes once.
        pushed: what the push before has told.
        seconds: between two pushes.
    """
    from heta_annotation.campaign.consent import DECLINED

    waiting = {arm.arm: dict(arm.waiting) for arm in pushed}
    while any(reason != DECLINED for reasons in waiting.values() for reason in reasons.values()):
        time.sleep(seconds)
        for arm in once():
            before = waiting.get(arm.arm, {})
            for rater in sorted(before.keys() - arm.waiting.keys()):
                click.echo(f"{time.strftime('%H:%M:%S')} {arm.arm}: {rater} is let in")
            for rater, reason in arm.waiting.items():
                if before.get(rater) != reason:
                    click.echo(f"{time.strftime('%H:%M:%S')} {arm.arm}: {rater} waits: {reason}")
            waiting[arm.arm] = dict(arm.waiting)
