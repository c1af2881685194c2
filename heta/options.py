"""Base of every set of options."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options of a method: immutable, strict, and every one of them acts on the scores."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def acting(self) -> dict[str, Any]:
        """The options that act, as plain values: all of them, where a class does not say otherwise."""
        return dict(self.model_dump(mode="json"))
