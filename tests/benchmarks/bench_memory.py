"""Resident memory by length, each run in a process of its own: python tests/benchmarks/bench_memory.py --text FILE"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import click
import numpy as np


@click.command()
@click.option("--text", type=click.Path(exists=True, path_type=Path), required=True, help="Plain prose.")
@click.option("--context", "contexts", type=int, multiple=True, default=(64, 128, 256, 512), show_default=True)
@click.option("--model", "name", default="smollm2", show_default=True)
@click.option("--one", type=int, hidden=True)
def main(text: Path, contexts: tuple[int, ...], name: str, one: int | None) -> None:
    """Print what each part adds to the resident peak, and the exponent of its growth with length."""
    if one is not None:
        click.echo(json.dumps(measure(text, name, one)))
        return
    rows = []
    for length in contexts:
        command = [sys.executable, __file__, "--text", str(text), "--model", name, "--one", str(length)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append(found)
        click.echo(
            f"| {length} | " + " | ".join(f"{part} +{size / 2**20:.0f} MiB" for part, size in found.items()) + " |"
        )
    for part in rows[0]:
        sizes = np.array([row[part] for row in rows])
        if (sizes > 0).all():
            click.echo(
                f"{part}: grows with length to the power {np.polyfit(np.log(contexts), np.log(sizes), 1)[0]:.2f}"
            )


def measure(text: Path, name: str, length: int) -> dict[str, int]:
    """Bytes that each part adds to the peak so far, in the order in which they run."""
    import heta
    from heta.curvature.blocks import Pair, block_norms
    from heta.curvature.options import CurvatureOptions

    model = heta.load_model(name)
    prose = " ".join(text.read_text(encoding="utf-8").split())
    offsets = model.encoder.encode(prose, add_special_tokens=False).offsets
    cut, end = offsets[length - 1][1], offsets[length][1]
    heta.prepare(model, "Warm up the kernels.", " Now").attribute(heta.create_method("heta", probes=1))
    prepared = heta.prepare(model, prose[:cut], prose[cut:end])

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    found, before = {}, peak()
    first = prepared.positions[:16]
    for part, work in {
        "full pass": lambda: prepared.base,
        "M": prepared.transition,
        "I of 16 tokens": lambda: prepared.information_rows(first),
        "S of 16 tokens": lambda: block_norms(
            prepared.objective(), [Pair(position, 0) for position in first], CurvatureOptions(), budget=512
        ),
    }.items():
        work()
        found[part], before = peak() - before, peak()
    return found


if __name__ == "__main__":
    main()
