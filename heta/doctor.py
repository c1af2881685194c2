"""`heta doctor`: checks of the installation and of the user's own model, each one line with its figure and bound.

Another package adds checks through the entry-point group `heta.checks`: the entry is a `Check`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from heta.errors import HetaError
from heta.registry import Registry

if TYPE_CHECKING:
    from heta.model import LoadedModel
    from heta.prepared import Prepared

Status = Literal["ok", "FAILED", "not run"]

PROMPT = "Ines painted the stairs green. Tom baked bread. What colour are the stairs? They are"
TARGET = " green"


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    status: Status
    figure: str
    """What was measured, with its unit."""
    bound: str = ""
    """What the figure had to be, or nothing where any figure will do."""
    remedy: str = ""
    """What to do, where the status is FAILED."""


def finding(name: str, good: bool, figure: str, bound: str = "", *, remedy: str) -> Finding:
    """A finding that is ok or FAILED; the remedy is kept where it is needed."""
    return Finding(name, "ok" if good else "FAILED", figure, bound, "" if good else remedy)


class Patient:
    """The model that is examined, with one prepared prompt that all checks share."""

    def __init__(self, model: "LoadedModel") -> None:
        self.model = model

    @cached_property
    def prepared(self) -> "Prepared":
        """`PROMPT` and `TARGET`, ready for methods."""
        return self.prepare()

    def prepare(self) -> "Prepared":
        """The same again, with nothing computed yet."""
        from heta.prepared import prepare

        return prepare(self.model, PROMPT, TARGET)

    @property
    def some_positions(self) -> list[int]:
        """First, middle and last scored position: enough where each costs a slow plain computation."""
        where = self.prepared.positions
        return sorted({where[0], where[len(where) // 2], where[-1]})


@dataclass(frozen=True)
class InstallationCheck:
    """A check that needs no model."""

    run: Callable[[], Finding | Iterable[Finding]]


@dataclass(frozen=True)
class ModelCheck:
    """A check of one model."""

    run: Callable[[Patient], Finding | Iterable[Finding]]


Check = InstallationCheck | ModelCheck

CHECKS: Registry[Check] = Registry(
    "check",
    "heta.checks",
    {
        "versions": "heta.checks.installation:versions",
        "requirements": "heta.checks.installation:requirements",
        "namesake": "heta.checks.installation:namesake",
        "devices": "heta.checks.installation:devices",
        "cache": "heta.checks.installation:cache",
        "tokenizer": "heta.checks.model:tokenizer",
        "cached": "heta.checks.model:cached",
        "batched": "heta.checks.model:batched",
        "captured": "heta.checks.model:captured",
        "information": "heta.checks.model:information",
        "curvature": "heta.checks.model:curvature",
        "deterministic": "heta.checks.model:deterministic",
    },
)


def diagnose(
    load: "Callable[[], LoadedModel] | None", say: Callable[[str], None] = lambda _: None
) -> Iterator[Finding]:
    """Run every check, installation first; a check that raises is a FAILED finding.

    Args:
        load: gives the model; None leaves the checks of a model out.
        say: is told what goes on.
    """
    checks: dict[str, Check] = {}
    for name in CHECKS.names():
        try:
            checks[name] = _checked(name)
        except Exception as error:
            yield _crash(name, error)
    for name, check in checks.items():
        if isinstance(check, InstallationCheck):
            yield from _run(name, check.run)
    if load is None:
        return
    say("loading the model")
    patient = None
    try:
        patient = Patient(load())
        yield Finding("model", "ok", f"{patient.model.identity.name} {patient.model.identity.revision}")
    except Exception as error:
        yield _crash("model", error)
    for name, check in checks.items():
        if isinstance(check, InstallationCheck):
            continue
        if patient is None:
            yield Finding(name, "not run", "the model did not load")
            continue
        say(f"checking {name}")
        yield from _run(name, check.run, patient)


def _checked(name: str) -> Check:
    check = CHECKS.get(name)
    if not isinstance(check, Check):
        raise HetaError(
            f"plug-in check {name!r} is {type(check).__name__}, not a heta.doctor check: repair that package"
        )
    return check


def _run(name: str, check: Callable[..., Finding | Iterable[Finding]], *arguments: Patient) -> Iterator[Finding]:
    """The findings of one check."""
    try:
        found = check(*arguments)
        yield from [found] if isinstance(found, Finding) else found
    except Exception as error:
        yield _crash(name, error)


def _crash(name: str, error: Exception) -> Finding:
    said = " ".join(str(error).split())[:300]
    if isinstance(error, HetaError):
        # Its message says what to do.
        return Finding(name, "FAILED", f"raised {type(error).__name__}", remedy=said)
    remedy = "report this with the output of `heta doctor --json`"
    return Finding(name, "FAILED", f"{type(error).__name__}: {said}", remedy=remedy)
