"""An attribution as one JSON document: what `--json` prints, `save` writes and `load` reads.

Scores of units that are not scored are null. Numbers are written so that they come back bit for bit.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from heta.errors import InputError
from heta.records import Attribution, ChatText, ModelIdentity, Span, Target, TargetPolicy, Unit

SCHEMA_VERSION = 1
"""Raised whenever an older reader would misread the document."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class _Model(_Part):
    name: str
    revision: str
    tokenizer: str


class _Target(_Part):
    policy: TargetPolicy
    text: str
    token_ids: list[int]
    log_probs: list[float]
    ranks: list[int]
    greedy: str
    answered: bool
    before: str = ""
    foil: str | None = None


class _Unit(_Part):
    text: str
    start: int
    end: int
    token_id: int | None
    score: float | None
    components: dict[str, float | None]


class _Chat(_Part):
    before: str
    after: str


class _Document(_Part):
    schema_version: Literal[1]
    method: str
    signed: bool
    unit: Unit
    model: _Model | None
    prompt: str
    chat: _Chat | None
    target: _Target | None
    units: list[_Unit]
    rows: dict[str, list[list[float | None]]] = Field(default_factory=dict)
    config: dict[str, Any]
    config_hash: str
    seconds: float
    peak_memory: int | None
    notes: list[str]

    @model_validator(mode="after")
    def _units_agree(self) -> "_Document":
        for index, unit in enumerate(self.units):
            if not 0 <= unit.start <= unit.end <= len(self.prompt):
                raise ValueError(f"units.{index}: [{unit.start}, {unit.end}) does not lie in the prompt")
            if self.prompt[unit.start : unit.end] != unit.text:
                raise ValueError(f"units.{index}.text: is not what the prompt has at [{unit.start}, {unit.end})")
            if unit.components.keys() != self.units[0].components.keys():
                raise ValueError(f"units.{index}.components: other names than those of units.0")
            if any((value is None) != (unit.score is None) for value in unit.components.values()):
                raise ValueError(f"units.{index}.components: null where the score is a number, or the reverse")
            if (unit.token_id is None) != (self.units[0].token_id is None):
                raise ValueError(f"units.{index}.token_id: some units have one and some have none")
        return self

    @model_validator(mode="after")
    def _rows_agree(self) -> "_Document":
        scored = [unit.score is not None for unit in self.units]
        steps = len(self.target.token_ids) if self.target else 0
        for name, rows in self.rows.items():
            if len(rows) != steps:
                raise ValueError(f"rows.{name}: {len(rows)} rows for {steps} target tokens")
            for step, row in enumerate(rows):
                if [value is not None for value in row] != scored:
                    raise ValueError(f"rows.{name}.{step}: numbers elsewhere than the units' scores have them")
        return self


def as_json(attribution: Attribution) -> dict[str, Any]:
    """Everything an attribution holds, ready for `json.dumps`, and beside it what spares a reader some work: each
    unit's text and whether the model answered.
    """
    target, model, prompt = attribution.target, attribution.model, attribution.prompt
    units = []
    for index, (start, end) in enumerate(attribution.spans):
        counts = bool(attribution.scored[index])
        parts = attribution.components.items()
        units.append(
            {
                "text": prompt[start:end],
                "start": start,
                "end": end,
                "token_id": None if attribution.token_ids is None else attribution.token_ids[index],
                "score": float(attribution.scores[index]) if counts else None,
                "components": {name: float(part[index]) if counts else None for name, part in parts},
            }
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "method": attribution.method,
        "signed": attribution.signed,
        "unit": attribution.unit,
        "model": None
        if model is None
        else {"name": model.name, "revision": model.revision, "tokenizer": model.tokenizer},
        "prompt": prompt,
        "chat": None if attribution.chat is None else attribution.chat._asdict(),
        "target": None if target is None else _target_json(target),
        "units": units,
        "rows": {name: [_column(attribution, row) for row in rows] for name, rows in attribution.rows.items()},
        "config": dict(attribution.config),
        "config_hash": attribution.config_hash,
        "seconds": attribution.seconds,
        "peak_memory": attribution.peak_memory,
        "notes": list(attribution.notes),
    }


def _target_json(target: Target) -> dict[str, Any]:
    return {
        "policy": target.policy,
        "text": target.text,
        "token_ids": list(target.token_ids),
        "log_probs": list(target.log_probs),
        "ranks": list(target.ranks),
        "greedy": target.greedy,
        "answered": target.answered,
        "before": target.before,
        "foil": target.foil,
    }


def _column(attribution: Attribution, values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if counts else None for value, counts in zip(values, attribution.scored, strict=True)]


def to_text(attribution: Attribution) -> str:
    """The JSON document, indented, without a newline at its end."""
    return json.dumps(as_json(attribution), ensure_ascii=False, indent=2, allow_nan=False)


def save(attribution: Attribution, path: Path) -> None:
    """Write the document to `path`, see `Attribution.save`."""
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    # Under another name until it is whole, so that a full disk or Ctrl-C leaves no half of a file.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(f"{to_text(attribution)}\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path) -> Attribution:
    """Read what `save` wrote, see `Attribution.load`."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 at byte {error.start}; give a file that Attribution.save wrote"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}; give a file that Attribution.save wrote") from error
    version = read.get("schema_version") if isinstance(read, dict) else None
    if not isinstance(version, int):
        raise InputError(f"{path} is no saved attribution: field schema_version is missing or no number")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}, this heta-bench reads up to {SCHEMA_VERSION}; "
            "update it: pip install --upgrade heta-bench"
        )
    try:
        return _attribution(_Document.model_validate(read))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{path}: {f'{place}: ' if place else ''}{reason}; repair it or save it again") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _attribution(read: _Document) -> Attribution:
    units, target = read.units, read.target

    def column(values: list[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([0.0 if value is None else value for value in values], dtype=np.float64)

    ids = [unit.token_id for unit in units if unit.token_id is not None]
    return Attribution(
        method=read.method,
        signed=read.signed,
        model=None if read.model is None else ModelIdentity(**read.model.model_dump()),
        unit=read.unit,
        prompt=read.prompt,
        spans=tuple(Span(unit.start, unit.end) for unit in units),
        scored=np.array([unit.score is not None for unit in units], dtype=np.bool_),
        scores=column([unit.score for unit in units]),
        target=None
        if target is None
        else Target(
            policy=target.policy,
            text=target.text,
            token_ids=tuple(target.token_ids),
            log_probs=tuple(target.log_probs),
            ranks=tuple(target.ranks),
            greedy=target.greedy,
            before=target.before,
            foil=target.foil,
        ),
        token_ids=tuple(ids) if ids else None,
        components={
            name: column([unit.components[name] for unit in units]) for name in (units[0].components if units else ())
        },
        rows={name: np.array([column(row) for row in rows]) for name, rows in read.rows.items()},
        config=read.config,
        config_hash=read.config_hash,
        seconds=read.seconds,
        peak_memory=read.peak_memory,
        notes=tuple(read.notes),
        chat=None if read.chat is None else ChatText(read.chat.before, read.chat.after),
    )
