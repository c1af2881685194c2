"""What eight target tokens, each by itself, cost against one: python tests/benchmarks/bench_targets.py --text FILE"""

from pathlib import Path

import click
import torch
from plain_loop import timed

import heta
from heta.curvature.options import CurvatureOptions


@click.command()
@click.option("--text", type=click.Path(exists=True, path_type=Path), required=True, help="Plain prose.")
@click.option("--context", default=96, show_default=True, help="Prompt tokens.")
@click.option("--model", "name", default="smollm2", show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--probes", default=1, show_default=True)
@click.option("--repeats", default=3, show_default=True)
def main(text: Path, context: int, name: str, threads: int, probes: int, repeats: int) -> None:
    """Time M, I and S for one and for eight target tokens, the runs of both interleaved; the least of each counts."""
    torch.set_num_threads(threads)
    model = heta.load_model(name)
    prose = " ".join(text.read_text(encoding="utf-8").split())
    offsets = model.encoder.encode(prose, add_special_tokens=False).offsets
    cut, one, eight = (offsets[context + extra - 1][1] for extra in (0, 1, 8))
    cases = {1: (prose[cut:one], "answer"), 8: (prose[cut:eight], "each")}
    seconds: dict[tuple[str, int], list[float]] = {}
    for _ in range(repeats):
        for count, (target, policy) in cases.items():
            prepared = heta.prepare(model, prose[:cut], target, policy=policy)  # type: ignore[arg-type]
            assert len(prepared.explained.target_ids) == count
            _ = prepared.base, prepared.gradient()
            for part, work in {
                "M": prepared.transition,
                "I": prepared.information,
                "S": lambda prepared=prepared: prepared.curvature(CurvatureOptions(probes=probes)),
            }.items():
                seconds.setdefault((part, count), []).append(timed(work)[0])
    for part, bar in (("M", 2.0), ("I", 2.0), ("S", 5.5)):
        single, many = min(seconds[part, 1]), min(seconds[part, 8])
        click.echo(f"{part}: 1 token {single:.2f} s, 8 tokens {many:.2f} s, {many / single:.2f}x (at most {bar:g}x)")


if __name__ == "__main__":
    main()
