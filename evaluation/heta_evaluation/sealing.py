"""A seal on results.jsonl: a figure that was changed after the run is not shown as one of the run."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from heta_data.errors import IntegrityError
from heta_data.jsonl import dump_line, read_records
from heta_data.records import MetricResult

SEAL = "seal"
"""Where it stands in the `config` of the first record."""


def seal(results: Sequence[MetricResult]) -> tuple[MetricResult, ...]:
    """The same results, the first of them with a hash over all."""
    first, *rest = results
    config = dict(sorted({**first.config, SEAL: _hash(results)}.items()))
    return (first.model_copy(update={"config": config}), *rest)


def read_sealed(path: Path) -> list[MetricResult]:
    """The results of a file, as a run wrote them.

    Raises:
        RecordError: a line cannot be read.
        IntegrityError: a record was changed, added, dropped or moved.
    """
    results = list(read_records(path, MetricResult))
    if results:
        first, *rest = results
        config = {name: value for name, value in first.config.items() if name != SEAL}
        if first.config.get(SEAL) == _hash([first.model_copy(update={"config": config}), *rest]):
            return results
    raise IntegrityError(f"{path}: is not as `heta evaluate run` wrote it; run it again")


def _hash(results: Sequence[MetricResult]) -> str:
    digest = hashlib.sha256()
    for result in results:
        digest.update(dump_line(result).encode("utf-8") + b"\n")
    return digest.hexdigest()[:16]
