"""Every error raised on purpose.

    HetaError
      UnknownName(LookupError)        a name that no registry knows
      ConfigError(ValueError)         an option or a line of heta.toml that cannot be used
      InputError(ValueError)          a text, target or file that cannot be used
      IncompatibleModel               a model or tokenizer the method cannot work with
      NumericalError                  a number that is not finite
      OutOfMemory(MemoryError)        a single pass that does not fit
      MissingDependency(ImportError)  an optional package that is not installed

Further packages add their own leaves below `HetaError`. A message is one line and says what is wrong,
what was got, what is allowed and what to do; the command line prints it without a traceback, exit code 1.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HetaError(Exception):
    """Base of every error that the toolkit raises on purpose."""


class UnknownName(HetaError, LookupError):
    """A name was asked for that does not exist; lists what does and guesses what was meant."""

    def __init__(self, kind: str, name: str, available: Iterable[str]) -> None:
        names = sorted(available)
        super().__init__(f"unknown {kind} {name!r}{suggest(name, names)}; available: {', '.join(names) or 'none'}")
        self.name = name
        self.available = tuple(names)


class ConfigError(HetaError, ValueError):
    """An option, an environment variable or a line of heta.toml has a value that cannot be used."""


class InputError(HetaError, ValueError):
    """A text, a target or a file given by the user cannot be used."""


class IncompatibleModel(HetaError):
    """A model or its tokenizer lacks what a method needs; the message says the remedy."""


class NumericalError(HetaError):
    """A computation gave a number that is not finite; names the layer or token and the dtype."""


class OutOfMemory(HetaError, MemoryError):
    """Not even the smallest batch fits; names its size and what to make smaller."""


class MissingDependency(HetaError, ImportError):
    """A package that is needed here is not installed; the message says the command that installs it."""


def suggest(name: str, names: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` for the nearest of `names`, or an empty string where none is near."""
    near = get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
