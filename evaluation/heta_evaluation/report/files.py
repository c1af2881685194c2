"""Reading the files of results, all figures over the whole benchmark and of single items what is asked for; writing."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from heta.errors import InputError
from heta_data.errors import RecordError
from heta_data.jsonl import parse_line, read_records
from heta_data.opinions import Opinion
from heta_data.records import MetricResult
from heta_data.sealing import check_seal
from heta_data.whole import written_whole
from heta_data.workspace import Workspace
from heta_evaluation.judge.report import JudgeReport, judge_settings, read_report
from heta_evaluation.summary import MAIN

# How `write_records` begins the line of a single item's figure. A line that begins otherwise is read in full.
_OF_ITEM = re.compile(
    rb'\{"schema_version":1,"record":"metric_result","metric":"([^"\\]+)","variant":"[^"\\]*",'
    rb'"subject":"(?:[^"\\]|\\.)*","item_id":"'
)


def read_results(path: Path, metrics: Collection[str] = (MAIN,)) -> list[MetricResult]:
    """The records of results.jsonl, those of single items only where they are of one of `metrics`.

    With ten methods and 2,000 items 99 of 100 lines are figures of single items; they are passed over unread.

    Raises:
        RecordError: a line cannot be read.
    """
    wanted = {metric.encode() for metric in metrics}
    found = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                of_item = _OF_ITEM.match(line)
                if (of_item and of_item[1] not in wanted) or not line.strip():
                    continue
                found.append(_parse(line, f"{path}:{number}"))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    return found


def _parse(line: bytes, where: str) -> MetricResult:
    if not line.endswith(b"\n"):
        raise RecordError(f"{where}: the file ends inside this line; run `heta evaluate run` again")
    try:
        return parse_line(line.decode("utf-8"), MetricResult, where)
    except UnicodeDecodeError as error:
        raise RecordError(f"{where}: not UTF-8 text (byte {error.start} of the line)") from None


@dataclass(frozen=True)
class Extras:
    """Figures of other commands, where they were run: means and other figures over items, none of single items."""

    agreement: Sequence[MetricResult] = ()
    faithfulness: Sequence[MetricResult] = ()
    opinions: Sequence[Opinion] = ()
    judge: JudgeReport | None = None


NOTHING_ELSE = Extras()


def read_extras(workspace: Workspace) -> Extras:
    """What other commands have found, over all items; nothing of a file that is not there.

    Raises:
        RecordError: a line cannot be read. IntegrityError: a file is not as its command wrote it.
    """

    def over_items(name: str) -> tuple[MetricResult, ...]:
        path = workspace.root / name
        if not path.exists():
            return ()
        check_seal(path)
        return tuple(one for one in read_records(path, MetricResult) if one.item_id is None)

    opinions = tuple(read_records(workspace.opinions, Opinion)) if workspace.opinions.exists() else ()
    judge = read_report(workspace, judge_settings(workspace)) if workspace.judgments.exists() else None
    return Extras(over_items("agreement.jsonl"), over_items("faithfulness.jsonl"), opinions, judge)


def write_whole(path: Path, content: str | bytes, option: str) -> Path:
    """Write a file complete under its name, or not at all. Returns the path.

    Raises:
        InputError: it cannot be written; `option` is the flag that says where.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; give another place with {option}") from None
    return path
