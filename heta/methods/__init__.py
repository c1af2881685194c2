"""Attribution methods, all through one interface. `METHODS` names them; another package adds its own by entry point."""

from heta.methods.base import METHODS, Method, Options, Scores, create_method

__all__ = ["METHODS", "Method", "Options", "Scores", "create_method"]
