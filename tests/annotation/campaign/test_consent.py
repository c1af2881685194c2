"""What counts as an answer to the consent page, and what nobody can have made there."""

from typing import Any

import pytest

from heta_annotation.campaign.consent import _agreement

AGREES = {
    "from_name": "consent",
    "to_name": "passage",
    "type": "choices",
    "value": {"choices": ["I agree to take part"]},
}
DECLINES = {**AGREES, "value": {"choices": ["I do not agree"]}}


def answered(*results: object, **more: Any) -> list[dict[str, Any]]:
    """The page with one annotation by account 7 for each result."""
    return [
        {
            "id": 1,
            "annotations": [
                {"id": number, "completed_by": 7, "result": result, **more} for number, result in enumerate(results)
            ],
        }
    ]


@pytest.mark.parametrize(
    ("tasks", "agreed"),
    [
        (answered([AGREES]), True),
        (answered([DECLINES]), False),
        (answered([AGREES], [DECLINES]), False),
        (answered(), None),
        (answered([AGREES], was_cancelled=True), None),
        (answered([AGREES], updated_by=8), None),
        # Both at once is no agreement.
        (answered([{**AGREES, "value": {"choices": ["I agree to take part", "I do not agree"]}}]), False),
    ],
)
def test_the_last_answer_of_ones_own_counts(tasks: list[dict[str, Any]], agreed: bool | None) -> None:
    assert _agreement(tasks, 7) is agreed


@pytest.mark.parametrize(
    "result",
    [None, "consent", {"from_name": "consent"}, ["consent"], [{**AGREES, "value": None}], [{**AGREES, "value": {}}]],
)
def test_what_the_page_cannot_have_made_is_no_answer(result: object) -> None:
    assert _agreement(answered(result), 7) is None
