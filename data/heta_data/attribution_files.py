"""The files below `attributions/`: reading them, writing one during a run, and an attribution as a record."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heta.errors import ConfigError, NumericalError
from heta.records import Attribution, ModelIdentity, Target, TargetPolicy
from heta_data.errors import IntegrityError, RecordError
from heta_data.jsonl import Appender, drop_unfinished_line, read_records, write_records
from heta_data.records import AttributionRecord, Item, Row, TargetPart
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from heta import Method

log = logging.getLogger(__name__)

NO_MODEL = ModelIdentity("none", "none", "none")


def attribution_files(workspace: Workspace) -> list[Path]:
    """Every file below `attributions/`, by model and name; an empty list where there is none.

    Raises:
        RecordError: a folder cannot be read: what is in it is not known, and so not absent.
    """
    root = workspace.attributions
    try:
        models = sorted(path for path in root.iterdir() if path.is_dir()) if root.exists() else []
        found = [file for model in models for file in sorted(model.iterdir()) if file.name.endswith(".jsonl")]
        astray = sorted(path for path in root.rglob("*.jsonl") if path not in found and path.is_file())
        if astray:
            log.warning(
                "%s: not read, %d in all: attributions lie in a folder of their model, %s/<model>/",
                *(astray[0], len(astray), root),
            )
        return found
    except OSError as error:
        raise RecordError(f"{error.filename}: cannot be read: {error.strerror}; check its permissions") from None


def read_attributions(workspace: Workspace) -> list[AttributionRecord]:
    """Every record below `attributions/`, by file name and line; an empty list where there is none.

    Raises:
        RecordError: a folder, a file or a line cannot be read.
    """
    return [record for path in attribution_files(workspace) for record in read_records(path, AttributionRecord)]


def to_record(item: Item, attribution: Attribution, versions: Mapping[str, str]) -> AttributionRecord:
    """The attribution as a record: positions that are not scored hold None.

    Raises:
        NumericalError: a score is not finite.
        ConfigError: policy `each` with a method that does not score every target token by itself.
    """
    model = attribution.model or NO_MODEL
    target = _target_part(attribution.target) if attribution.target and attribution.model else None
    rows = {name: tuple(_column(attribution, name, row) for row in part) for name, part in attribution.rows.items()}
    score_rows = rows.pop("score", None)
    if target is not None and target.policy == "each" and score_rows is None:
        raise ConfigError(
            f"method {attribution.method!r} gives no row for each target token; take another policy than 'each'"
        )
    return AttributionRecord(
        item_id=item.id,
        method=attribution.method,
        signed=attribution.signed,
        model=model.name,
        model_revision=model.revision,
        tokenizer=model.tokenizer,
        unit=attribution.unit,
        starts=tuple(span.start for span in attribution.spans),
        ends=tuple(span.end for span in attribution.spans),
        token_ids=attribution.token_ids,
        scores=_column(attribution, "scores", attribution.scores),
        components={name: _column(attribution, name, values) for name, values in attribution.components.items()},
        rows=score_rows,
        component_rows=None if score_rows is None else rows,
        target=target,
        config=dict(attribution.config),
        config_hash=attribution.config_hash,
        versions=dict(versions),
        notes=attribution.notes,
        seconds=attribution.seconds,
        peak_memory=attribution.peak_memory,
    )


def _column(attribution: Attribution, name: str, values: NDArray[np.float64]) -> Row:
    """`[pos]` values as a record holds them."""
    if not np.isfinite(values[attribution.scored]).all():
        raise NumericalError(f"{attribution.method} gave {name} that are not finite; report this with the item")
    return tuple(float(value) if scored else None for value, scored in zip(values, attribution.scored, strict=True))


def library_versions(*, with_model: bool) -> dict[str, str]:
    """Versions of the installed libraries that the numbers depend on."""
    names = ("heta-bench", "numpy", "torch", "transformers") if with_model else ("heta-bench", "numpy")
    return {name: version(name) for name in names}


def _target_part(target: Target) -> TargetPart:
    return TargetPart(
        policy=target.policy,
        text=target.text,
        token_ids=target.token_ids,
        log_probs=target.log_probs,
        ranks=target.ranks,
        greedy=target.greedy,
        answered=target.answered,
    )


@dataclass
class Lane:
    """One method's file during a run: what it holds, and appending to it."""

    method: "Method"
    path: Path
    tail: tuple[str, ...]
    """What follows the item id in the key of every record of this run."""
    keys: list[tuple[str, ...]] = field(default_factory=list)
    """Of all records in the file, in their order there."""
    answered: dict[str, bool] = field(default_factory=dict)
    """Item id -> whether the model answers it, for the records of this run's key."""
    appender: Appender | None = None

    @classmethod
    def open(cls, workspace: Workspace, method: "Method", identity: ModelIdentity, policy: TargetPolicy) -> "Lane":
        """Read what is there; an unfinished last line is dropped with a warning."""
        path = workspace.attribution_file(identity.name, method.name, method.config_hash)
        wanted = policy if method.needs_model else "none"
        tail = (method.name, identity.name, identity.revision, identity.tokenizer, wanted, method.config_hash)
        lane = cls(method, path, tail)
        drop_unfinished_line(path)
        first: dict[tuple[str, ...], str] = {}
        for record in read_records(path, AttributionRecord) if path.exists() else ():
            if first.setdefault(record.key, record.fingerprint()) != record.fingerprint():
                raise IntegrityError(
                    f"{path}: two different records of one key, item {record.item_id}: delete the wrong line, "
                    "or both to compute it again"
                )
            lane.note(record)
        return lane

    def note(self, record: AttributionRecord) -> None:
        """Remember that the file holds this record."""
        self.keys.append(record.key)
        if record.target is not None and record.key[1:] == self.tail:
            self.answered[record.item_id] = record.target.answered

    def append(self, record: AttributionRecord, stack: ExitStack) -> None:
        """Write the record; the file is made with its first one."""
        if record.key[1:] != self.tail:
            raise IntegrityError(
                f"method {self.method.name!r} gave a record for {record.key[1:]}, expected {self.tail}"
            )
        if self.appender is None:
            self.appender = stack.enter_context(Appender(self.path))
        self.appender.append(record)
        self.note(record)

    def settle(self, items: Sequence[Item]) -> None:
        """Bring the file into the order of `items`, without repeated records, if it is not so already."""
        index = {item.id: position for position, item in enumerate(items)}

        def rank(key: tuple[str, ...]) -> tuple[object, ...]:
            # Records of other items stay behind, as they stand; those of one item go by model revision and policy.
            return (index[key[0]], *key[1:]) if key[0] in index else (len(items),)

        once = dict.fromkeys(self.keys)
        if self.keys == sorted(once, key=rank):
            return
        if repeats := len(self.keys) - len(once):
            log.warning("%s: left out %d records that stood there twice", self.path, repeats)
        records: dict[tuple[str, ...], AttributionRecord] = {}
        for record in read_records(self.path, AttributionRecord):
            records.setdefault(record.key, record)
        write_records(self.path, (records[key] for key in sorted(once, key=rank)))
        self.keys = sorted(once, key=rank)
