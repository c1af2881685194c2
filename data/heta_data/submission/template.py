"""An empty submission for a release: whoever fills it in sends it back."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

from heta.errors import InputError
from heta.records import Span
from heta.units import SENTENCES
from heta.words import SEGMENTATION
from heta_data.compose import label_units
from heta_data.records import Item, Role
from heta_data.submission.bundle import Release

Unit = Literal["token", "word", "sentence"]
_SHOWN: tuple[Role, ...] = ("evidence", "distractor", "question", "other")
"""What is scored: worked examples and the glue between segments are not."""


def write_template(release: Release, out: Path, unit: Unit = "word") -> int:
    """Write a header that names the release, and a line an item without scores; complete or not at all.

    Nothing in it can be taken for an answer: `heta submission check` refuses whatever was not filled in.

    Args:
        release: what is to be scored.
        out: a file that is not there yet.
        unit: what the scores will stand on. Words and sentences are there with offsets and text; tokens, which only the
            model knows, are empty lists.

    Returns:
        The number of items.

    Raises:
        InputError: there is such a file, or it cannot be written.
    """
    if out.exists():
        raise InputError(f"{out}: is there already, and may hold scores; choose another name")
    count = 0
    try:
        handle, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(_line(_header(release, unit)))
                for count, item in enumerate(release.items.values(), start=1):  # noqa: B007 - counts
                    file.write(_line(_item(item, unit)))
            os.chmod(temporary, 0o644)
            os.replace(temporary, out)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}; give another place with --out") from None
    return count


def _header(release: Release, unit: Unit) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "record": "submission",
        "method": "",
        "method_version": "",
        "model": "",
        "model_revision": "",
        "tokenizer": "",
        "benchmark": {
            "name": release.manifest.name,
            "version": release.manifest.version,
            "manifest_sha256": release.manifest_sha256,
        },
        "unit": unit,
        "seed": None,
        "hardware": "",
        "seconds": None,
    }


def _item(item: Item, unit: Unit) -> dict[str, Any]:
    spans = _spans(item, unit)
    return {
        "schema_version": 1,
        "record": "submission_scores",
        "item_id": item.id,
        "target": item.target,
        "starts": [span.start for span in spans],
        "ends": [span.end for span in spans],
        "units": [item.prompt[span.start : span.end] for span in spans],
        "scores": [None for _ in spans],
        "greedy": None,
        "seconds": None,
    }


def _spans(item: Item, unit: Unit) -> list[Span]:
    if unit == "token":
        return []
    segmentation = SEGMENTATION if unit == "word" else SENTENCES
    return sorted(label_units(item, segmentation, roles=_SHOWN))


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
