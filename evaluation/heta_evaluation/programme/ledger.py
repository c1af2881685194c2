"""What was done of a programme, step by step: estimated and taken time, failures, and what need not be done again."""

from pathlib import Path
from typing import Literal

from pydantic import NonNegativeInt

from heta_data.jsonl import Appender, drop_unfinished_line, read_records
from heta_data.records import MetricResult, Record


class StepRecord(Record):
    """One step on one model: that it was begun, or how it ended."""

    record: Literal["programme_step"] = "programme_step"
    step: str
    model: str
    digest: str
    """Of everything the step depends on: a step of another digest is another step."""
    status: Literal["begun", "done", "failed"]
    estimated: float | None = None
    """Seconds, as told before the first step began."""
    seconds: float | None = None
    """Seconds of this run of the step; what runs took that were killed is not known."""
    failures: tuple[str, ...] = ()
    note: str = ""
    """Why nothing was measured, where the step has nothing to measure."""
    computed: NonNegativeInt = 0
    """Records computed by this run of the step."""


class Ledger:
    """The file of step records, and the results of finished steps beside it.

    Args:
        folder: the programme's; with `writing` only for a process that holds it.
        writing: whether an unfinished last line is cut off.
    """

    def __init__(self, folder: Path, *, writing: bool = True) -> None:
        self.folder = folder
        self.path = folder / "steps.jsonl"
        if writing:
            drop_unfinished_line(self.path)
        self.records = list(read_records(self.path, StepRecord)) if self.path.exists() else []

    def add(self, record: StepRecord) -> None:
        """Append one record; durable when this returns."""
        with Appender(self.path) as file:
            file.append(record)
        self.records.append(record)

    def results_path(self, step: str, model: str) -> Path:
        """Where a finished step's figures lie."""
        return self.folder / "results" / model.replace("/", "--").replace("\\", "--") / f"{step}.jsonl"

    def last(self, step: str, model: str, digest: str) -> StepRecord | None:
        """The step's last record of this digest."""
        found = [one for one in self.records if (one.step, one.model, one.digest) == (step, model, digest)]
        return found[-1] if found else None

    def done(self, step: str, model: str, digest: str) -> bool:
        """Whether the step was finished, without a failure, from exactly this."""
        last = self.last(step, model, digest)
        if last is None or last.status != "done":
            return False
        latest = next(one for one in reversed(self.records) if (one.step, one.model) == (step, model))
        return latest.digest == digest and self.results_path(step, model).exists()

    def results(self, step: str, model: str) -> list[MetricResult]:
        """Figures of a step, as it last ended; empty where it never did."""
        path = self.results_path(step, model)
        return list(read_records(path, MetricResult)) if path.exists() else []

    def runs(self, step: str, model: str, digest: str) -> tuple[float, int]:
        """Seconds of all ended runs of the step, and how many runs were broken off."""
        seconds, begun, ended = 0.0, 0, 0
        for one in self.records:
            if (one.step, one.model, one.digest) == (step, model, digest):
                begun += one.status == "begun"
                ended += one.status != "begun"
                seconds += one.seconds or 0.0
        return seconds, max(0, begun - ended)
