"""Methods whose scores can be had for tokens, words or sentences."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from heta.errors import InputError
from heta.methods.base import Array, Method, Options, Scores
from heta.records import Unit

if TYPE_CHECKING:
    from heta.prepared import Prepared


class UnitOptions(Options):
    """Options of a method that scores any unit."""

    unit: Unit = "token"
    """What is scored: a token, or a word or sentence as all its scored tokens."""

    def acting(self) -> dict[str, Any]:
        """The unit is told where it is not the token: methods that came to know units keep their records' names."""
        values = super().acting()
        if self.unit == "token":
            del values["unit"]
        return values


class ByUnit(Method):
    """Base of methods whose option `unit` says what is scored."""

    options_class: ClassVar[type[Options]] = UnitOptions

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self.unit = self.options.unit

    def added(self, prepared: "Prepared", values: Array, **more: Any) -> Scores:
        """Scores `[..., unit]` as the sums of their tokens' `values`, `[..., pos]`; `more` goes along.

        Raises:
            InputError: no unit holds a scored token.
        """
        units = scored_units(prepared, self.unit)
        return Scores(np.stack([values[..., list(inside)].sum(-1) for inside in units], axis=-1), **more)


def scored_units(prepared: "Prepared", unit: Unit) -> tuple[tuple[int, ...], ...]:
    """The scored tokens of each unit, at least one of which has any.

    Raises:
        InputError: no unit holds a scored token.
    """
    units = prepared.unit_positions(unit)
    if not any(units):
        raise InputError(f"no {unit} of the prompt holds a scored token; make it longer or unscore less")
    return units
