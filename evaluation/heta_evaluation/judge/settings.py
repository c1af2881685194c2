"""The table `[judge]` of heta.toml, and the endpoint, which comes from the environment alone."""

import os
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from heta.errors import ConfigError
from heta_data.judgments import JudgeTask

Rung = Literal["json_schema", "json_object", "text"]
"""How a reply is held to its form: the endpoint enforces the schema, or any JSON object, or nothing."""
URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"


class Price(BaseModel):
    """What tokens cost, per million, in one currency throughout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Of so many tokens."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6


class JudgeSettings(BaseModel):
    """Who is asked, what, how often, and what it may cost."""

    # NaN is below no bound: as a limit it would limit nothing.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = Field(min_length=1)
    """As the endpoint calls it."""
    passes: tuple[JudgeTask, ...] = Field(default=("labels",), min_length=1)
    methods: tuple[str, ...] = ()
    """What `prefer` compares, every two of them: a method, or the beginning of a subject's name."""
    labels_rubric: str | None = None
    prefer_rubric: str | None = None
    """Files in the working folder; None for the rubrics that come with the toolkit."""
    share: float = Field(default=0.15, gt=0, le=1)
    """Of an item's words, highlighted of every method, at least one word."""
    limit: int | None = Field(default=None, ge=1)
    """Ask about so many items only, drawn by the seed."""
    repeats: int = Field(default=1, ge=1, le=100)
    """How often the same is asked."""
    canaries: float = Field(default=0.05, ge=0, le=1)
    """Share of the items that are asked once more with an instruction to the judge planted in the text."""
    temperature: float | None = Field(default=0.0, ge=0)
    """None leaves it to the endpoint."""
    max_tokens: int = Field(default=1024, ge=1)
    """The longest reply."""
    seed: int = Field(default=0, ge=0)
    form: Rung | None = None
    """None: what the endpoint enforces, found out once."""
    concurrency: int = Field(default=8, ge=1, le=1024)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    timeout: float = Field(default=120.0, gt=0)
    """Seconds until a call counts as lost."""
    retries: int = Field(default=4, ge=0)
    """How often a call is sent again after an error that may pass."""
    retry_wait: float = Field(default=1.0, ge=0)
    """Seconds before the first of them, doubled with each, more or less by half."""
    patience: float = Field(default=600.0, ge=0)
    """Seconds: the longest wait that an endpoint may ask for; a longer one ends the call."""
    max_calls: int | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0)
    """Over all runs in this folder. Needs a price for the model."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Model -> price."""

    @model_validator(mode="after")
    def _affordable(self) -> "JudgeSettings":
        if self.max_cost is not None and self.model not in self.prices:
            raise ValueError(
                f"max_cost needs the price of {self.model!r}: give [judge.prices.{self.model!r}] with input and output "
                "per million tokens"
            )
        if len(set(self.passes)) < len(self.passes):
            raise ValueError("passes: each once")
        if "prefer" in self.passes and len(set(self.methods)) < 2:
            raise ValueError("prefer compares methods: name at least two under methods")
        return self

    @property
    def price(self) -> Price | None:
        """Of the model; None where it is not known."""
        return self.prices.get(self.model)


@dataclass(frozen=True)
class Endpoint:
    """Where the judge answers."""

    url: str
    key: str = field(repr=False)

    @property
    def name(self) -> str:
        """The address without anything that could be secret."""
        parts = urlsplit(self.url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
        return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def endpoint_from_environment() -> Endpoint:
    """The endpoint that `OPENAI_BASE_URL` and `OPENAI_API_KEY` name; a local server needs no key.

    Raises:
        ConfigError: no address, or none of http and https.
    """
    url = os.environ.get(URL, "").strip()
    if not url:
        raise ConfigError(
            f"{URL} is not set: give the address of an OpenAI-compatible endpoint, such as http://host/v1"
        )
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ConfigError(f"{URL}: expected an address that begins with http:// or https://, got one that does not")
    # The client refuses to do without a key; a server that needs none ignores it.
    return Endpoint(url, os.environ.get(KEY, "").strip() or "none")
