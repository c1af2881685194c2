"""What raters may be called: one rule for those who make labels and for those who publish them."""

import re

from heta_data.records import RaterKind

NAMES = {
    "human": re.compile(r"(?=.*[0-9])[a-z][a-z0-9-]{1,39}"),
    "simulated": re.compile(r"[a-z][a-z0-9-]{0,39}"),
    "judge": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}"),
}
"""What a rater of each kind may be called in public. A person's pseudonym has a digit, so that `ada` is none."""
SCRIPTED = ("sim", "script", "anchored")
"""Raters whose names begin so are simulated and nothing else."""


def name_problems(name: str, kind: RaterKind) -> list[str]:
    """Why a rater of that kind must not be called `name`, one phrase each; an empty list where nothing is wrong."""
    problems = []
    if not NAMES[kind].fullmatch(name):
        problems.append("is no pseudonym: lower-case letters, digits and hyphens, for people at least one digit (a07)")
    if kind != "simulated" and name.startswith(SCRIPTED):
        problems.append(f"is scripted by its name ({', '.join(SCRIPTED)}), but the kind is {kind!r}, not 'simulated'")
    return problems
