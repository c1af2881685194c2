"""Licences and sources: missing, unknown, and such as cannot stand in one prompt."""

import pytest

from helpers.checked_items import candidate, find, rights, sound
from heta_data.records import Rights


def licensed(evidence: str, distractor: str) -> list[Rights]:
    """SciQ's texts under one licence, what stands beside them under another."""
    return [
        *(rights(field, evidence, "SciQ") for field in ("evidence", "question", "answer")),
        rights("distractor", distractor, "Wikipedia"),
    ]


def test_a_sound_set_has_its_rights() -> None:
    assert find("rights", sound()) == []


@pytest.mark.parametrize("share_alike", ["CC-BY-SA-3.0", "CC-BY-SA-4.0"])
@pytest.mark.parametrize("non_commercial", ["CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"])
def test_sciq_beside_a_wikipedia_summary_is_refused(non_commercial: str, share_alike: str) -> None:
    prompt = candidate(7, rights=licensed(non_commercial, share_alike))
    (finding,) = find("rights", [*sound(5), prompt])
    assert finding.severity == "error"
    assert finding.problem.startswith(f"{non_commercial} and {share_alike} in one prompt: no licence of the whole")
    assert finding.where == (prompt.where,)


@pytest.mark.parametrize("distractor", ["public-domain-us", "CC-BY-4.0", "CC-BY-NC-SA-3.0", "Apache-2.0"])
def test_sciq_beside_what_it_goes_together_with(distractor: str) -> None:
    assert find("rights", [candidate(7, rights=licensed("CC-BY-NC-3.0", distractor))]) == []


def test_a_wikipedia_summary_beside_another_share_alike_text() -> None:
    assert find("rights", [candidate(7, rights=licensed("CC-BY-SA-3.0", "CC-BY-SA-4.0"))]) == []


def test_texts_without_rights_lack_a_licence_and_a_source() -> None:
    bare = candidate(7, rights=[rights("question")])
    found = find("rights", [bare])
    assert [(finding.severity, finding.problem.partition(":")[0]) for finding in found] == [
        ("error", "no licence for distractor, evidence"),
        ("error", "no source for distractor, evidence"),
    ]


def test_an_empty_licence_or_source_is_none() -> None:
    empty = [rights("evidence", " "), rights("distractor", source=""), rights("question")]
    found = find("rights", [candidate(7, rights=empty)])
    assert [finding.problem.partition(":")[0] for finding in found] == [
        "no licence for evidence",
        "no source for distractor",
    ]


def test_a_licence_that_nobody_knows_wants_a_look() -> None:
    (finding,) = find("rights", [candidate(7, rights=licensed("CC-BY-4.0", "Lamp-1.0"))])
    assert finding.severity == "warning"
    assert finding.where[0].endswith("> distractor: 'Lamp-1.0'")


def test_one_finding_names_every_item() -> None:
    refused = [candidate(number, rights=licensed("CC-BY-NC-3.0", "CC-BY-SA-3.0")) for number in range(4)]
    (finding,) = find("rights", refused)
    assert finding.where == tuple(one.where for one in refused)
