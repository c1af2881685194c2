"""Texts that stand there more than once: whole items, questions, and what two groups or splits have in common.

A finding names the later item and, behind it, the earlier one that it repeats.
"""

from collections.abc import Hashable, Iterator, Sequence

from heta_data.checking.candidates import Candidate
from heta_data.checking.copies import Key, find_copies, places, plain
from heta_data.checking.findings import Finding, Severity


def check_duplicates(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """The same prompt again; the same question about the same evidence; a text in items of several groups."""
    total = len(candidates)
    prompts = find_copies(candidates, lambda candidate: plain(candidate.prompt))
    if prompts:
        problem = f"{len(prompts)} of {total} items have the prompt of an earlier item: drop them"
        yield Finding("duplicates", "error", problem, places(prompts))
    seen = {id(copy.later) for copy in prompts}
    # Items of one row are its two segment orders.
    again = find_copies(candidates, _asked_of_evidence, lambda later, earlier: later.row != earlier.row)
    again = [copy for copy in again if id(copy.later) not in seen]
    if again:
        problem = (
            f"{len(again)} of {total} items ask of the same evidence what an earlier item asks: intervals would count "
            "one answer several times; drop them, and keep the earlier item named behind each"
        )
        yield Finding("duplicates", "error", problem, places(again))
    texts: tuple[tuple[str, Severity, Key], ...] = (
        ("evidence", "error", lambda candidate: plain(candidate.evidence_text)),
        ("distractor", "warning", lambda candidate: plain(candidate.distractor_text) or None),
    )
    for role, severity, key in texts:
        if shared := find_copies(candidates, key, lambda later, earlier: later.group != earlier.group):
            problem = (
                f"{len(shared)} of {total} items have the {role} of an earlier item of another group: intervals take "
                f"groups for independent; give items with one {role} the same group"
            )
            yield Finding("duplicates", severity, problem, places(shared))


def check_leakage(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Groups, texts, and questions with their answers, that stand in two splits."""
    keys: tuple[tuple[str, Severity, Key], ...] = (
        ("group", "error", lambda candidate: candidate.group),
        ("evidence", "error", lambda candidate: plain(candidate.evidence_text)),
        ("distractor", "error", lambda candidate: plain(candidate.distractor_text) or None),
        # A question such as `Where did they go?` may be asked of many texts, and be answered alike by chance.
        ("question and answer", "warning", lambda candidate: (plain(candidate.asked), plain(candidate.answer))),
    )
    for what, severity, key in keys:
        if copies := find_copies(candidates, key, lambda later, earlier: later.split != earlier.split):
            problem = (
                f"{len(copies)} items have the {what} of an earlier item in another split: what is tuned on one split "
                "is known in the other; move them into one"
            )
            where = tuple(f"{copy.place} ({copy.later.split}, {copy.earlier.split})" for copy in copies)
            yield Finding("leakage", severity, problem, where)


def _asked_of_evidence(candidate: Candidate) -> Hashable:
    return tuple(map(plain, (candidate.evidence_text, candidate.asked, candidate.question_text)))
