"""What an ask is: which methods, put to whom, how. Frozen with the first question that is sent."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from heta_annotation.campaign.queues import Asked
from heta_annotation.studio.connection import EXTERNAL
from heta_data.raters import name_problems
from heta_data.records import Arm

SERVER = "judging"
SHARE = 0.15
_SPEC = re.compile(r"(?P<method>[^@\s]+?)(-(?P<config>[0-9a-f]{8}))?(@(?P<model>\S+))?")


@dataclass(frozen=True)
class Spec:
    """A method as somebody names it: `kl`, or where there are several, `kl-1a2b3c4d` or `kl-1a2b3c4d@smollm2`."""

    text: str
    method: str
    config: str | None
    model: str | None


@dataclass(frozen=True)
class AskSettings:
    """One kind of question, and who answers it."""

    asked: Asked
    methods: tuple[str, ...]
    """As `Spec` reads them."""
    raters: tuple[str, ...]
    """Pseudonyms of people who take no part in the campaign otherwise."""
    share: float = SHARE
    """Share of an item's words that is shown of every method, at least one word."""
    overlap: int | None = None
    """Raters a question; None: all of them."""
    limit: int | None = None
    """Ask about so many items only, drawn by the seed as a campaign draws them."""
    seed: int = 0
    server: str = SERVER
    """Local Label Studio that the raters work on."""
    kind: Literal["human", "simulated"] = "human"

    @property
    def raters_each(self) -> int:
        """Raters a question."""
        return len(self.raters) if self.overlap is None else self.overlap

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The methods, those that can be read as such."""
        return tuple(spec for text in self.methods if (spec := read_spec(text)) is not None)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def problems(self) -> list[str]:
        """Everything that is wrong with the options by themselves, one line each."""
        return [*self._method_problems(), *self._rater_problems(), *self._number_problems()]

    def _method_problems(self) -> Iterator[str]:
        for text in self.methods:
            if read_spec(text) is None:
                yield f"method {text!r}: expected a name such as kl, kl-1a2b3c4d or kl-1a2b3c4d@smollm2"
        for text in _twice(self.methods):
            yield f"method {text} stands there twice"
        least = 2 if self.asked == "prefer" else 1
        if len(self.methods) < least:
            yield f"{len(self.methods)} methods given, and {self.asked} needs at least {least}: name them by --methods"

    def _rater_problems(self) -> Iterator[str]:
        if not self.raters:
            yield "no rater given: name pseudonyms by --raters"
        for name in self.raters:
            if wrong := name_problems(name, self.kind):
                yield f"rater {name!r} {'; '.join(wrong)}"
        for name in _twice(self.raters):
            yield f"rater {name} stands there twice"

    def _number_problems(self) -> Iterator[str]:
        if not 0 < self.share <= 1:
            yield f"share is {self.share:g}; expected more than 0 and at most 1"
        if self.overlap is not None and not 1 <= self.overlap <= len(self.raters):
            yield f"overlap is {self.overlap}, and there are {len(self.raters)} raters"
        if self.limit is not None and self.limit < 1:
            yield f"limit is {self.limit}; expected at least 1"
        if self.server in get_args(Arm):
            blind = ", and a blind one must hold nothing of any attribution" if self.server == "blind" else ""
            yield f"server {self.server!r} is that of an arm{blind}: take another name, such as {SERVER!r}"
        elif self.server == EXTERNAL:
            yield f"server {EXTERNAL!r}: raters' accounts are made on our own servers only; take {SERVER!r}"


def read_spec(text: str) -> Spec | None:
    """The method that `text` names; None where it names none."""
    found = _SPEC.fullmatch(text)
    return Spec(text, found["method"], found["config"], found["model"]) if found else None


def _twice(names: tuple[str, ...]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
