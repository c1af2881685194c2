"""Files that a stranger sends: whatever they hold, one line of refusal and bounded memory."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heta_data.errors import RecordError
from heta_data.jsonl import dump_line
from heta_data.submission.reading import Limits, read_submission
from heta_data.submission.records import Benchmark, SubmissionHeader, SubmissionScores

HEADER = SubmissionHeader(
    method="kl",
    method_version="1",
    model="tiny",
    model_revision="r1",
    tokenizer="t1",
    benchmark=Benchmark(name="lamps", version="1.0.0", manifest_sha256="0" * 64),
    unit="word",
    seed=0,
    hardware="cpu",
    seconds=None,
)
SCORES = SubmissionScores(
    item_id="a", target="violet", starts=(0, 4), ends=(3, 8), units=("The", "lamp"), scores=(0.5, -1)
)
READ = """
import sys
from pathlib import Path
from heta_data.errors import RecordError
from heta_data.submission.reading import read_submission
import resource
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 190 * (2 << 20) + (64 << 20),) * 2)
try:
    for line in read_submission(Path(sys.argv[1])):
        if isinstance(line.found, str):
            print(line.found)
except RecordError as error:
    print(error)
"""


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def changed(**fields: Any) -> str:
    return json.dumps({**SCORES.model_dump(mode="json"), **fields})


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", dump_line(HEADER), dump_line(SCORES))
    assert [line.found for line in read_submission(path)] == [HEADER, SCORES]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (changed(scores=[float("nan"), 1.0]), "NaN is no JSON number"),
        (changed(scores=[1.0]), "scores has 1 values, starts has 2"),
        (changed(scores=["1", 2.0]), "scores.0"),
        (changed(scores=[1.0, 2.0]).replace("2.0", "1e999"), "finite"),
        (changed(units=["The"]), "units has 1 values"),
        (changed(starts=[4, 4]), "unit [4, 3) ends before it starts"),
        (changed(starts=[-1, 4]), "starts.0"),
        (changed(item_id="a\x1b[2J"), "printable characters only"),
        (changed(email="x"), "email"),
        (changed(seconds=1e308), "seconds"),
        (dump_line(HEADER), "must hold 'submission_scores'"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_told_and_the_next_one_is_read(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path / "s.jsonl", dump_line(HEADER), line, dump_line(SCORES))
    _, bad, good = read_submission(path)
    assert isinstance(bad.found, str) and said in bad.found and str(path) not in bad.found
    assert good.found == SCORES


def test_compressed_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.gz"
    path.write_bytes(gzip.compress(b"0" * 1_000_000))
    with pytest.raises(RecordError, match="gzip"):
        list(read_submission(path))
    with pytest.raises(RecordError, match="no such file"):
        list(read_submission(tmp_path / "none"))
    with pytest.raises(RecordError, match="no regular file"):
        list(read_submission(tmp_path))


def test_reading_ends_at_a_line_that_is_too_long(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", dump_line(HEADER), "0" * 2000, dump_line(SCORES))
    *_, last = read_submission(path, Limits(line=1000))
    assert (last.number, isinstance(last.found, str)) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="sizes an address space as Linux does")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ten_gb", "10,000,000,000 bytes"),
        ("long_line", "a line of more than 2,097,152 bytes"),
        ("scores", "item_id: Field required"),
        ("lists", "target: Field required"),
        ("keys", "item_id: Field required"),
    ],
)
def test_memory_stays_bounded(tmp_path: Path, kind: str, said: str) -> None:
    """At most 190 times the longest line and a little: 2 MiB of empty lists, or of unknown keys, take the most."""
    path = write(tmp_path / "s.jsonl", dump_line(HEADER))
    size = 2_000_000  # just short of the longest line
    full = {
        "scores": '{"scores":[' + "1," * (size // 2) + "1]}",
        "lists": '{"item_id":"a","scores":[' + "[]," * (size // 3) + "[]]}",
        "keys": "{" + ",".join(f'"{number:x}":1' for number in range(size // 10)) + "}",
    }
    with path.open("ab") as file:
        file.write(full.get(kind, "").encode())
    if kind not in full:  # holes in the file: they take no disk
        os.truncate(path, 10_000_000_000 if kind == "ten_gb" else 900_000_000)
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout and done.stdout.count("\n") == 1
