"""Whether every text has a licence and a source, and whether the licences of one prompt go together."""

from collections.abc import Iterator, Sequence

from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding
from heta_data.checking.grouping import Problem, gather
from heta_data.release.licences import KNOWN, incompatible


def check_rights(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Texts without licence or source, licences that nobody knows, and pairs that cannot stand in one prompt."""
    yield from gather("rights", candidates, _problems)


def _problems(candidate: Candidate) -> Iterator[Problem]:
    for what, remedy in (
        ("licence", "they cannot be published; name the SPDX identifier"),
        ("source", "nobody can look them up; name where the text is from"),
    ):
        named = {right.field for right in candidate.rights if getattr(right, what).strip()}
        if missing := [role for role in sorted(candidate.roles) if role not in named]:
            yield Problem("error", f"no {what} for {', '.join(missing)}: {remedy}")
    for right in candidate.rights:
        if right.licence.strip() and right.licence not in KNOWN:
            what = "a licence that is no known SPDX identifier: a release asks for its address under [release.licences]"
            yield Problem("warning", what, f"{right.field}: {right.licence!r}")
    if pair := incompatible(right.licence for right in candidate.rights):
        what = f"{pair[0]} and {pair[1]} in one prompt: no licence of the whole satisfies both; take another text"
        yield Problem("error", what)
