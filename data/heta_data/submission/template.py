"""An empty submission for a release: whoever fills it in sends it back."""

import json
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from heta.errors import InputError
from heta.records import Span
from heta.units import SENTENCES
from heta.words import SEGMENTATION
from heta_data.compose import label_units
from heta_data.errors import RecordError
from heta_data.record_file import RecordFile
from heta_data.records import WHOLE_ANSWER, AttributionRecord, Item, Role
from heta_data.submission.bundle import Release
from heta_data.whole import written_whole

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
    return _write(out, _header(release, unit), (_item(item, unit) for item in release.items.values()))


def write_filled(release: Release, out: Path, attributions: Path) -> int:
    """The same with the scores of a file below `attributions/`; version, hardware and seed are left to fill in.

    Args:
        release: what is to be scored.
        out: a file that is not there yet.
        attributions: one method's records for the release's items, as `heta data attribute` writes them.

    Returns:
        The number of items.

    Raises:
        InputError: it is not one method's, lacks an item of the release, or explains another target than the item's; or
            `out` cannot be written.
        RecordError: a line cannot be read.
    """
    records = RecordFile(attributions, AttributionRecord, attrgetter("item_id"))
    subjects: dict[tuple[str, ...], AttributionRecord] = {}
    seconds: list[float | None] = []
    for record in records.scan():
        subjects.setdefault(record.key[1:], record)
        seconds.append(record.seconds)
    if records.problems:
        raise RecordError(records.problems[0])
    if len(subjects) != 1 or records.twice:
        what = "several methods, models or settings" if subjects else "no attributions"
        raise InputError(f"{attributions}: holds {what}; a submission is of one method: name its file")
    if missing := [item_id for item_id in release.items if item_id not in records]:
        raise InputError(
            f"{attributions}: lacks {len(missing)} of {len(release.items)} items of the release, {missing[0]} first; "
            "put the release's items.jsonl into a working folder and run heta data attribute there"
        )
    (first,) = subjects.values()
    if first.target is not None and first.target.policy not in WHOLE_ANSWER:
        raise InputError(f"{attributions}: explains target {first.target.policy!r}; submit scores of the item's answer")
    measured = [one for one in seconds if one is not None]
    told = {
        "method": first.method,
        "model": first.model,
        "model_revision": first.model_revision,
        "tokenizer": first.tokenizer,
        "seconds": sum(measured) if len(measured) == len(seconds) else None,
    }
    header = {**_header(release, first.unit), **told}
    return _write(out, header, (_filled(item, records[item.id]) for item in release.items.values()))


def _filled(item: Item, record: AttributionRecord) -> dict[str, Any]:
    spans = zip(record.starts, record.ends, strict=True)
    return {
        **_item(item, "token"),
        "starts": record.starts,
        "ends": record.ends,
        "units": [item.prompt[start:end] for start, end in spans],
        "scores": record.scores,
        "greedy": None if record.target is None else record.target.greedy,
        "seconds": record.seconds,
    }


def _write(out: Path, header: dict[str, Any], items: Iterable[dict[str, Any]]) -> int:
    if out.exists():
        raise InputError(f"{out}: is there already, and may hold scores; choose another name")
    count = 0
    try:
        with written_whole(out) as file:
            file.write(_line(header).encode("utf-8"))
            for item in items:
                file.write(_line(item).encode("utf-8"))
                count += 1
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
            "canary": release.manifest.canary,
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
