"""HETA bench: how much each input token mattered for a token that a language model generates."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heta.api import attribute
    from heta.budget import Budget
    from heta.continuation import generate
    from heta.methods.base import METHODS, Method, create_method
    from heta.model import LoadedModel, load_model, wrap_model
    from heta.prepared import Prepared, prepare
    from heta.records import Attribution, ChatText, Continuation, ModelIdentity, Span, Target
    from heta.target import TargetChoice

__all__ = [
    "METHODS",
    "Attribution",
    "Budget",
    "ChatText",
    "Continuation",
    "LoadedModel",
    "Method",
    "ModelIdentity",
    "Prepared",
    "Span",
    "Target",
    "TargetChoice",
    "attribute",
    "create_method",
    "generate",
    "load_model",
    "prepare",
    "wrap_model",
]

# Imported on first use: `import heta` stays free of torch, transformers and pydantic.
_HOMES = {
    "METHODS": "heta.methods.base",
    "Attribution": "heta.records",
    "Budget": "heta.budget",
    "ChatText": "heta.records",
    "Continuation": "heta.records",
    "LoadedModel": "heta.model",
    "Method": "heta.methods.base",
    "ModelIdentity": "heta.records",
    "Prepared": "heta.prepared",
    "Span": "heta.records",
    "Target": "heta.records",
    "TargetChoice": "heta.target",
    "attribute": "heta.api",
    "create_method": "heta.methods.base",
    "generate": "heta.continuation",
    "load_model": "heta.model",
    "prepare": "heta.prepared",
    "wrap_model": "heta.model",
}


def __getattr__(name: str) -> Any:
    """Public names, imported from where they live."""
    if name not in _HOMES:
        raise AttributeError(f"module 'heta' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
