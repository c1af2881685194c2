"""What checking and scoring a submission takes. python tests/benchmarks/bench_submissions.py [--items N] [--folder DIR]

A release of made-up items, five raters and one method is built and kept where --folder says. Then, each in a process of
its own (processor seconds, peak memory): a submission of words and one whose every character is a token are checked and
scored; 20 MB of line feeds and a file of 900 MB are checked; and the folder is evaluated without any submission.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.submissions import header, make_release, noisy, release_items, scored, write_lines, write_submission


def prepare(root: Path, items: int, words: int) -> Path:
    """The bundle and the files beside it, made unless they are there."""
    bundle = root / "folder" / "releases" / "lamps-1.0.0"
    if not bundle.exists():
        made = make_release(root / "folder", items=items, words=words, methods=1)
        write_submission(root / "words.jsonl", made, noisy(made, 2.0))
        characters = (
            {
                **scored(item, np.zeros(0)),
                "starts": list(range(len(item.prompt))),
                "ends": list(range(1, len(item.prompt) + 1)),
                "units": [*item.prompt],
                "scores": [0.123456789012345] * len(item.prompt),
            }
            for item in release_items(made)
        )
        write_lines(root / "characters.jsonl", header(made, unit="token"), *characters)
        (root / "line_feeds.jsonl").write_bytes(b"\n" * 20_000_000)
        with (root / "too_large.jsonl").open("wb") as file:
            file.truncate(900_000_000)  # a hole: it takes no disk
    return bundle


def measure(*words: str) -> str:
    """Exit code, processor seconds and peak memory of one command."""
    code = "import sys; from heta.cli import main; sys.argv = ['heta', *sys.argv[1:]]; main()"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory = 0
    while done.poll() is None:
        try:
            status = Path(f"/proc/{done.pid}/status").read_text(encoding="utf-8")
            memory = max([memory, *(int(line.split()[1]) for line in status.splitlines() if line[:6] == "VmHWM:")])
            done.wait(0.02)
        except (FileNotFoundError, ProcessLookupError, subprocess.TimeoutExpired):
            continue
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"exit {done.returncode}, {seconds:.1f} s of a processor, at most {memory / 1024:.0f} MiB"


@click.command()
@click.option("--items", default=2000, show_default=True)
@click.option("--words", default=150, show_default=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to make it, or where it is.")
def main(items: int, words: int, folder: Path | None) -> None:
    """Check and score submissions of several sizes."""
    root = folder or Path(tempfile.mkdtemp(prefix="heta-submissions-"))
    bundle = prepare(root, items, words)
    for name in ("words", "characters", "line_feeds", "too_large"):
        path = root / f"{name}.jsonl"
        size = f"{name} ({path.stat().st_size / 1e6:.0f} MB)"
        click.echo(f"check {size}: {measure('submission', 'check', str(path), '--release', str(bundle))}")
        if name in ("words", "characters"):
            options = ("--release", str(bundle), "--draws", "1000", "--json")
            click.echo(f"score {size}: {measure('submission', 'score', str(path), *options)}")
    click.echo(f"evaluate: {measure('evaluate', 'run', '-C', str(root / 'folder'), '--draws', '1000', '--json')}")


if __name__ == "__main__":
    main()
