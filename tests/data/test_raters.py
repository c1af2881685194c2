"""One rule for raters' names, in campaigns and in releases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heta_annotation.campaign.settings import CampaignSettings
from heta_data.raters import name_problems
from heta_data.records import RaterKind


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("a07", "human", None),
        ("s01", "human", "scripted by its name"),
        ("s01", "simulated", None),
        ("sara1", "human", None),
        ("team-b-3", "human", None),
        ("anna", "human", "no pseudonym"),
        ("7a", "human", "no pseudonym"),
        ("a07@campaign.invalid", "human", "no pseudonym"),
        ("simone1", "human", "scripted by its name"),
        ("sim-1", "simulated", None),
        ("anna", "simulated", None),
        ("Anna", "simulated", "no pseudonym"),
        ("org/model:1", "judge", None),
        ("script-1", "judge", "scripted by its name"),
    ],
)
def test_names(name: str, kind: RaterKind, says: str | None) -> None:
    problems = name_problems(name, kind)
    assert [says in problem for problem in problems] == ([] if says is None else [True])


@given(
    name=st.one_of(st.from_regex(r"[a-z][a-z0-9-]{0,45}", fullmatch=True), st.text(min_size=1, max_size=8)),
    kind=st.sampled_from(["human", "simulated"]),
)
def test_a_campaign_takes_exactly_the_names_that_a_release_takes(name: str, kind: RaterKind) -> None:
    def taken() -> bool:
        try:
            CampaignSettings.model_validate({"kind": kind, "arms": ["assisted"], "raters": [name]})
        except ValueError:
            return False
        return True

    assert taken() == (not name_problems(name, kind))
