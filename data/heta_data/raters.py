"""What raters may be called: one rule for those who make labels and for those who publish them."""

import re

from heta_data.records import RaterKind

NAMES = {
    "human": re.compile(r"(?=.*[0-9])[a-z][a-z0-9-]{1,39}"),
    "simulated": re.compile(r"[a-z][a-z0-9-]{0,39}"),
    "judge": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}"),
}
"""What a rater of each kind may be called in public. A person's pseudonym has a digit, so that `ada` is none."""
SCRIPTED = re.compile(r"sim.*|script.*|anchored.*|s[0-9]+")
"""Raters who are called so are simulated and nothing else; s01, s02, ... are what a campaign calls its scripts."""


def scripted_problem(name: str, kind: RaterKind) -> str | None:
    """Why labels of that kind cannot be by a rater called `name`, whom the name makes a script; None where they can."""
    if kind == "simulated" or not SCRIPTED.fullmatch(name):
        return None
    return f"is scripted by its name (s01, sim..., script..., anchored...), but its kind is {kind!r}"


def name_problems(name: str, kind: RaterKind) -> list[str]:
    """Why a rater of that kind must not be called `name`, one phrase each; an empty list where nothing is wrong."""
    problems = []
    if not NAMES[kind].fullmatch(name):
        problems.append("is no pseudonym: lower-case letters, digits and hyphens, for people at least one digit (a07)")
    if scripted := scripted_problem(name, kind):
        problems.append(scripted)
    return problems
