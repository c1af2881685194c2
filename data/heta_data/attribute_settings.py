"""Settings of `heta data attribute`: the table [attribute] of heta.toml, and the methods they stand for."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

import heta
from heta.budget import Budget, parse_memory
from heta.errors import ConfigError, UnknownName
from heta.presets import Preset, preset_options
from heta.records import TargetPolicy
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from heta import Method

PositiveStrictInt = Annotated[int, Field(ge=1, strict=True)]

DEFAULT_METHODS = ("heta_fast", "kl", "gradient_x_input", "answer_match", "random")


def _read_memory(value: object) -> object:
    return parse_memory(value) if isinstance(value, str) else value


class AttributeSettings(BaseModel):
    """[attribute]: which methods on which model explain what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(min_length=1)] = "smollm2"
    """Catalogue name, Hugging Face id or local path."""
    revision: str | None = None
    """Commit or branch of a Hugging Face id."""
    device: str | None = None
    """torch device, chosen by `heta.load_model` where it is not given."""
    device_map: str | dict[str, int | str] | None = None
    """Instead of `device`, where accelerate puts the parts: `auto`, or a part's name to a device, `cpu` or `disk`."""
    memory: Annotated[PositiveStrictInt | None, BeforeValidator(_read_memory)] = None
    """Most bytes that one batch may take beside the model; in text with a unit, e.g. `2GB`."""
    tokens: PositiveStrictInt | None = None
    """Most tokens in one pass. Like `device_map` and `memory`, of no matter to records and their keys."""
    random_weights: Annotated[int, Field(ge=0, strict=True)] | None = None
    """A seed: the model with weights that were never trained, as a control."""
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = DEFAULT_METHODS
    """Names, or `all` alone: every method that is registered."""
    preset: Preset | None = None
    """Options of all methods by name; `options` go over them."""
    policy: TargetPolicy = "answer"
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options per method, in TOML `[attribute.options.METHOD]`."""

    @property
    def budget(self) -> Budget:
        """What one pass may hold."""
        return Budget(tokens=self.tokens, memory=self.memory)


def load_settings(
    workspace: Workspace, flags: Mapping[str, object | None], options: Sequence[str] = ()
) -> AttributeSettings:
    """Settings of the folder: flags over heta.toml over defaults; `options` (`METHOD.key=value`) go in key by key.

    Raises:
        ConfigError: a value that does not fit, an option for a method that does not run, a method named twice.
        UnknownName: no such method.
    """
    settings = workspace.settings("attribute", AttributeSettings, flags)
    # A flag for one of these two goes over the file's word on the other; two flags are for `load_model` to refuse.
    if (flags.get("device") is None) != (flags.get("device_map") is None):
        settings = settings.model_copy(update={"device": flags.get("device"), "device_map": flags.get("device_map")})
    if "all" in settings.methods:
        if len(settings.methods) > 1:
            raise ConfigError("methods name 'all' and others: 'all' has them all, name it alone")
        settings = settings.model_copy(update={"methods": tuple(heta.METHODS.names())})
    for name in (*settings.methods, *settings.options):
        if name not in heta.METHODS:
            raise UnknownName("method", name, heta.METHODS.names())
    if len(set(settings.methods)) < len(settings.methods):
        repeated = next(name for name in settings.methods if settings.methods.count(name) > 1)
        raise ConfigError(f"method {repeated!r} is named twice: name it once")
    merged = {name: dict(values) for name, values in settings.options.items()}
    for text in options:
        name, key, value = parse_option(text)
        if name not in settings.methods:
            raise ConfigError(
                f"--option {text}: method {name!r} does not run; methods of this run: {', '.join(settings.methods)}"
            )
        merged.setdefault(name, {})[key] = value
    return settings.model_copy(update={"options": merged})


def parse_option(text: str) -> tuple[str, str, object]:
    """`METHOD.key=value` as (method, key, value); the value is read as TOML, and as plain text where it is none.

    Raises:
        ConfigError: another form.
    """
    name, equals, value = text.partition("=")
    method, dot, key = name.partition(".")
    if not (equals and dot and method and key):
        raise ConfigError(f"--option {text}: expected METHOD.key=value, e.g. heta.probes=3")
    try:
        return method, key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return method, key, value


def create_methods(settings: AttributeSettings) -> "list[Method]":
    """The method objects that the settings name, in their order.

    Raises:
        ConfigError: an option that a method does not have, or a value it cannot use.
    """
    named = {name: preset_options(settings.preset, name) if settings.preset else {} for name in settings.methods}
    return [heta.create_method(name, **{**named[name], **settings.options.get(name, {})}) for name in settings.methods]
