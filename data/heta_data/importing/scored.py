"""Scores made elsewhere as a file has them, where they come from, and which item they are about."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heta.errors import ConfigError
from heta.records import Span
from heta_data.errors import RecordError
from heta_data.records import Item, PlainJson

METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@:+-]{0,199}")
UNKNOWN = "unknown"
"""Revision and tokenizer of a model that nobody named."""


@dataclass(frozen=True)
class Scored:
    """One method's scores for one item, as a file has them: tokens by their texts, or spans, or both."""

    where: str
    """`path:line`, or what else leads to the place."""
    method: str
    scores: tuple[float | None, ...]
    """`[token]`; None for a special token."""
    item_id: str | None = None
    prompt: str | None = None
    """The text that was explained, where no item is named."""
    model: str | None = None
    target: str | None = None
    """What was explained, as it reads; None where nobody says."""
    target_tokens: tuple[str, ...] | None = None
    """The same as tokens."""
    tokens: tuple[str | None, ...] | None = None
    spans: tuple[Span | None, ...] | None = None
    """`[token]`; None for a special token."""
    lines: tuple[str, ...] | None = None
    """`[token]`, where each stands in its file."""
    config: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where attributions come from: the part of a record's `config` that no record of our own has."""

    format: str
    source: str
    sha256: str
    tool: str
    tool_version: str | None
    model: str | None
    """Of scores that name none; None: they must."""
    revision: str | None = None
    tokenizer: str | None = None
    sparse: bool = False
    """Words that no row is about get the score 0."""

    def config(self, scored: Scored) -> PlainJson:
        """What the numbers depend on."""
        imported = {
            "format": self.format,
            "source": self.source,
            "sha256": self.sha256,
            "tool": self.tool,
            "tool_version": self.tool_version,
        }
        return {"imported": imported, **({"unlisted": 0} if self.sparse else {}), **scored.config}

    def method(self, scored: Scored) -> str:
        """`TOOL.METHOD`: no method of the toolkit has a dot in its name, so no result can be taken for our own."""
        name = scored.method if scored.method.startswith(f"{self.tool}.") else f"{self.tool}.{scored.method}"
        if not METHOD.fullmatch(name):
            raise RecordError(
                f"{scored.where}: got the method {short(name)}, expected letters, digits, '.', '_' and '-', 80 at most"
            )
        return name

    def identity(self, scored: Scored) -> tuple[str, str, str]:
        """Model, revision and tokenizer.

        Raises:
            ConfigError: nobody says which model it was.
        """
        model = scored.model or self.model
        if model is None:
            raise ConfigError(
                f"{scored.where}: names no model; say which one with --model, or --model none where none was used"
            )
        if not MODEL.fullmatch(model):
            raise RecordError(
                f"{scored.where}: got the model {short(model)}, expected letters, digits and '._/@:+-', 200 at most"
            )
        if model == "none":
            return "none", "none", "none"
        return model, self.revision or UNKNOWN, self.tokenizer or UNKNOWN


@dataclass(frozen=True)
class Misalignment:
    """A place where a file and the items disagree."""

    where: str
    item: str
    """Id and row; what the file names where there is no such item."""
    method: str
    token: str
    """Which token or span, or what else does not fit."""
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: item {self.item}, {self.method}: {self.token}: expected {self.expected}, {self.found}"


def line_of(scored: Scored, index: int) -> str:
    """Where one of its tokens stands in the file."""
    return scored.lines[index] if scored.lines is not None else f"{scored.where}:token {index + 1}"


class Items:
    """The folder's items, found by id, by the id of their source's row, or by the prompt (white space aside)."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._by_id = {item.id: item for item in items}
        self._by_row: dict[str, list[Item]] = defaultdict(list)
        self._by_text: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            self._by_row[item.source_id].append(item)
            self._by_text[bare_text(item.prompt)].append(item)

    def find(self, scored: Scored, method: str) -> Item | Misalignment:
        """The item that the scores are about."""
        if scored.item_id is not None:
            name, expected = scored.item_id, "the id of an item, or of its source's row"
            found = [self._by_id[name]] if name in self._by_id else self._by_row.get(name, [])
        else:
            name, expected = scored.prompt or "", "the prompt of an item"
            found = self._by_text.get(bare_text(name), [])
            found = [item for item in found if item.prompt == name] or found
        if len(found) == 1:
            return found[0]
        there = f"{len(found)} items have it: give their ids" if found else "no item has it"
        return Misalignment(scored.where, short(name), method, "item", expected, there)


def bare_text(text: str) -> str:
    """The text without any white space."""
    return "".join(text.split())


def short(text: str) -> str:
    """The text as it is shown in a message."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
