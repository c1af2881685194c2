"""How fast the engine is against a plain loop, in one run: python tests/benchmarks/bench_engine.py --text FILE

Prints a Markdown table and writes the figures as JSON. The loop runs whole at 32 tokens; elsewhere 24 (token, probe)
pairs and 12 masked passes spread over the positions are timed and scaled by their number, as the table says. The
finite-difference side of the longest context is timed with fewer probes and scaled likewise.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from plain_loop import PlainLoop, timed
from scipy.stats import spearmanr

import heta
from heta.curvature.blocks import Pair, block_norms
from heta.curvature.options import CurvatureOptions
from heta.curvature.probes import rademacher

PROBES = 10
BUDGET = 512
WHOLE = 32
"""Longest context at which the loop runs whole."""


def spread(count: int, wanted: int) -> list[int]:
    """`wanted` of `range(1, count)`, evenly."""
    return sorted({int(x) for x in np.linspace(1, count - 1, wanted).round()})


def loop_times(loop: PlainLoop) -> dict[str, Any]:
    """Seconds of the loop's parts and of the whole, and S of the tokens that were timed."""
    loop.forward()
    forwards = [timed(loop.forward)[0] for _ in range(5)]
    whole = loop.length <= WHOLE
    positions = list(range(1, loop.length)) if whole else spread(loop.length, 6)
    a_token = PROBES if whole else 4
    graphs, products, cpu, norms = [], [], [], {}
    for position in positions:
        kept: list[Any] = []
        forwards.append(timed(loop.forward)[0])
        wall, used = timed(lambda kept=kept: kept.append(loop.graph()))
        graphs.append(wall)
        cpu.append(used / wall)
        draws = rademacher(0, position, a_token, loop.embeddings.shape[-1]).to(loop.embeddings)
        for probe, draw in enumerate(draws):
            value: list[Any] = []
            wall, used = timed(lambda: value.append(loop.product(kept[0], position, draw)))  # noqa: B023
            products.append(wall)
            cpu.append(used / wall)
            norms[position, probe] = float(value[0])
    base = loop.forward()
    masked = [
        timed(lambda p=p: loop.information(p, base))[0] for p in (positions if whole else spread(loop.length, 12))
    ]
    # Timed among the parts, so that both see the same machine.
    forward = float(np.mean(forwards[1:]))
    tokens = loop.length - 1
    curvature = tokens * (np.mean(graphs) + PROBES * np.mean(products))
    information = tokens * np.mean(masked)
    return {
        "forward": forward,
        "product_in_forwards": float(np.mean(products)) / forward,
        "masked_in_forwards": float(np.mean(masked)) / forward,
        "curvature": float(curvature),
        "information": float(information),
        "seconds": float(curvature + information),
        "cpu_per_wall": float(np.mean(cpu)),
        "whole": whole,
        "norms": norms,
    }


def peak_flops() -> float:
    """FLOP/s of a matrix product of the shapes that the engine runs."""
    a, b = torch.randn(512, 576), torch.randn(576, 1536)

    def work() -> None:
        for _ in range(100):
            a @ b

    work()
    return 100 * 2 * 512 * 576 * 1536 / min(timed(work)[0] for _ in range(5))


def engine_times(prepared: Callable[[], heta.Prepared], length: int, exact_probes: int) -> dict[str, Any]:
    """Wall and CPU seconds of every mode, each from a fresh preparation, with M and I."""
    found: dict[str, Any] = {}

    def run(name: str, method: heta.Method) -> heta.Attribution:
        kept: list[heta.Attribution] = []
        wall, cpu = timed(lambda: kept.append(prepared().attribute(method)))
        found[name] = {"seconds": wall, "cpu": cpu, "peak_memory": kept[0].peak_memory, "notes": kept[0].notes}
        return kept[0]

    fast = run("one_pass", heta.create_method("heta", curvature="one_pass", probes=3))
    run("screened", heta.create_method("heta", curvature="screened"))
    run("screened, balanced", heta.create_method("heta_balanced", curvature="screened"))
    exact = run("exact", heta.create_method("heta", probes=exact_probes))
    share = timed(lambda: prepared().attribute(heta.create_method("kl")))[0]
    if exact_probes < PROBES:
        found["exact"]["seconds"] = share + (found["exact"]["seconds"] - share) * PROBES / exact_probes
        found["exact"]["scaled"] = exact_probes
    found["kl"] = {"seconds": share}
    where = exact.components["curvature"] > 0
    found["one_pass"]["spearman"] = float(
        spearmanr(fast.components["curvature"][where], exact.components["curvature"][where]).statistic
    )
    return found


def curvature_share(prepared: heta.Prepared, peak: float) -> float:
    """Share of the peak that exact curvature reaches, matrix products of the layers alone counted."""
    model: Any = prepared.model
    objective = prepared.objective()
    _ = objective.gradients
    positions = prepared.positions[:: max(1, len(prepared.positions) // 32)]
    pairs = [Pair(position, probe) for position in positions for probe in range(2)]
    seconds, _ = timed(lambda: block_norms(objective, pairs, CurvatureOptions(), budget=BUDGET))
    weights = sum(p.numel() for n, p in model.module.named_parameters() if "layers." in n and p.ndim == 2)
    tokens = sum(prepared.base.length - pair.position for pair in pairs)
    return 4 * weights * tokens / seconds / peak


@click.command()
@click.option(
    "--text", type=click.Path(exists=True, path_type=Path), required=True, help="Plain prose, 2,000 characters or more."
)
@click.option("--context", "contexts", type=int, multiple=True, default=(32, 64, 128, 256), show_default=True)
@click.option("--model", "name", default="smollm2", show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--exact-up-to", default=128, show_default=True, help="Longest context with all ten probes.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_engine.json"), show_default=True)
def main(text: Path, contexts: tuple[int, ...], name: str, threads: int, exact_up_to: int, out: Path) -> None:
    """Time the engine and the loop on the first tokens of a text."""
    torch.set_num_threads(threads)
    model = heta.load_model(name)
    slow = heta.load_model(name)
    slow.module.set_attn_implementation("eager")  # type: ignore[operator]
    prose = " ".join(text.read_text(encoding="utf-8").split())
    coded = model.encoder.encode(prose, add_special_tokens=False)
    rows = []
    for length in contexts:
        # A BOS token comes first where the tokenizer has one.
        lead = 0 if model.bos is None else 1
        cut, end = coded.offsets[length - lead - 1][1], coded.offsets[length - lead][1]
        prompt, target = prose[:cut], prose[cut:end]

        def fresh(prompt: str = prompt, target: str = target) -> heta.Prepared:
            return heta.prepare(model, prompt, target)

        ready = fresh()
        ids = ready.encoding.prompt_ids
        assert len(ids) == length
        peak = peak_flops()
        loop = loop_times(PlainLoop(slow, ids, ready.encoding.target_ids[0]))
        mine = engine_times(fresh, length, PROBES if length <= exact_up_to else 1)
        mine["share_of_peak"] = curvature_share(ready, peak)
        pairs = [Pair(*pair) for pair in sorted(loop["norms"])]
        ours = block_norms(ready.objective(), pairs, CurvatureOptions(), budget=BUDGET)[0].numpy()
        theirs = np.array([loop["norms"][pair] for pair in pairs])
        errors = np.abs(ours / theirs - 1)
        mine["error"] = {
            "median": float(np.median(errors)),
            "max": float(errors.max()),
            "spearman": float(spearmanr(ours, theirs).statistic),
        }
        loop["norms"] = len(pairs)
        rows.append({"context": length, "peak_gflops": peak / 1e9, "loop": loop, "engine": mine})
        out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        click.echo(line(rows[-1]))


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    loop, mine = row["loop"], row["engine"]
    ratios = " | ".join(
        f"{loop['seconds'] / mine[name]['seconds']:.1f}x"
        for name in ("exact", "one_pass", "screened", "screened, balanced")
    )
    valid = 2.5 <= loop["product_in_forwards"] <= 3.2 and 0.8 <= loop["masked_in_forwards"] <= 1.2
    return (
        f"| {row['context']} | {loop['seconds']:.0f} s{'' if loop['whole'] else ' (scaled)'} | {ratios} |"
        f" {mine['share_of_peak']:.0%} of {row['peak_gflops']:.0f} GFLOP/s | {mine['error']['median']:.1e},"
        f" {mine['error']['max']:.1e}, {mine['error']['spearman']:.4f} | {mine['one_pass']['spearman']:.3f} |"
        f" product {loop['product_in_forwards']:.2f}, masked {loop['masked_in_forwards']:.2f}"
        f"{'' if valid else ' (outside)'} |"
    )


if __name__ == "__main__":
    main()
