"""Which method a name on the command line means."""

from collections import Counter
from collections.abc import Sequence

from heta.errors import InputError, suggest
from heta.methods.base import METHODS


def method_of(subject: str) -> str:
    """The method's name in a subject: `heta_fast` of `heta_fast on smollm2 [1a2b3c4d]`."""
    return subject.partition(" on ")[0].partition(" [")[0].partition(", target ")[0]


def resolve(given: str, subjects: Sequence[str]) -> str:
    """The subject that a name or the beginning of one means: a subject, then a method, then prefixes.

    A method's name is never taken for the beginning of another's: `heta` is not `heta_fast`.

    Raises:
        InputError: a method without results; nothing begins so, or several subjects do; the message lists them.
    """
    name = given.strip()
    if name in subjects:
        return name
    named = [subject for subject in subjects if method_of(subject) == name]
    if not named and name in METHODS:
        raise InputError(f"method {name!r} was not evaluated; there are: {', '.join(subjects)}")
    found = named or [subject for subject in subjects if name and subject.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not found:
        near = suggest(name, [method_of(subject) for subject in subjects])
        raise InputError(f"{given!r} is no subject of results.jsonl{near}; there are: {', '.join(subjects)}")
    raise InputError(f"{given!r} is the beginning of several subjects: {', '.join(found)}; write more of the name")


def shortest(subjects: Sequence[str]) -> dict[str, str]:
    """Subject -> the shortest of method, method with model, and whole name that no other subject has."""
    methods = Counter(method_of(subject) for subject in subjects)
    models = Counter(subject.partition(" [")[0] for subject in subjects)
    names = {}
    for subject in subjects:
        method, model = method_of(subject), subject.partition(" [")[0]
        names[subject] = method if methods[method] == 1 else model if models[model] == 1 else subject
    return names
