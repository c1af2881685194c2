"""Does `screened` find the top of `exact`? python tests/benchmarks/bench_overlap.py --longra FILE --items FILE

The exact side (m = 30) is computed once and kept as numbers, without a text, in exact_values.json beside this file; a
prompt is known by its sha256. Screening draws its probes from another seed, or it would share a third of them.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

import heta
from heta_data.compose import unscored_spans
from heta_data.items import read_items

PROBES = 30
TOP = 10
METHODS = ("heta", "heta_balanced")
KEPT = Path(__file__).with_name("exact_values.json")
Prompt = tuple[str, str, tuple[heta.Span, ...]]


def longra(path: Path, count: int) -> list[Prompt]:
    """`count` prompts, evenly from the file, the target's leading blank included."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    chosen = np.linspace(0, len(rows) - 1, count).round().astype(int)
    return [(rows[i]["prompt"], f" {rows[i]['target']}", ()) for i in chosen]


def curated(path: Path, count: int, model: heta.LoadedModel) -> list[Prompt]:
    """The first `count` items of 100 to 140 tokens."""
    found: list[Prompt] = []
    for item in read_items(path):
        if 100 <= len(model.encoder.encode(item.prompt, add_special_tokens=False).ids) <= 140:
            found.append((item.prompt, item.target, unscored_spans(item)))
        if len(found) == count:
            return found
    raise click.ClickException(f"{path} has only {len(found)} items of 100 to 140 tokens; {count} are needed")


def exact(model: heta.LoadedModel, prompt: Prompt, seed: int) -> dict[str, Any]:
    """M, S and I of the scored tokens, and the seconds they took."""
    prepared = heta.prepare(model, prompt[0], prompt[1], unscored=prompt[2])
    began = time.perf_counter()
    found = prepared.attribute(heta.create_method("heta", probes=PROBES, seed=seed))
    seconds = time.perf_counter() - began
    parts = {name: [float(f"{x:.7g}") for x in found.components[name][prepared.positions]] for name in found.components}
    return {"seconds": round(seconds, 1), "tokens": prepared.base.length, **parts}


def top(scores: Any) -> set[int]:
    """The highest scores' indices."""
    return set(np.argsort(-np.asarray(scores), kind="stable")[:TOP].tolist())


def exact_scores(values: dict[str, Any], method: str) -> Any:
    """Eq. 5 from kept components."""
    m, s, i = (np.array(values[name]) for name in ("transition", "curvature", "information"))
    return m * (s + i) if method == "heta" else m * (s / s.sum() + i / i.sum())


@click.command()
@click.option("--longra", "longra_file", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--items", "items_file", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--model", "name", default="smollm2", show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--twice", is_flag=True, help="Also compute the exact side under another seed: its overlap with itself.")
def main(longra_file: Path, items_file: Path, name: str, threads: int, twice: bool) -> None:
    """Print one line a prompt and the means."""
    torch.set_num_threads(threads)
    model = heta.load_model(name)
    prompts = [*longra(longra_file, 20), *curated(items_file, 4, model)]
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    overlaps: dict[str, list[float]] = {}
    for prompt in prompts:
        key = hashlib.sha256("\x00".join(prompt[:2]).encode()).hexdigest()[:16]
        for seed in (0, 1) if twice else (0,):
            if f"{key}/{seed}" not in kept:
                kept[f"{key}/{seed}"] = exact(model, prompt, seed)
                KEPT.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        values = kept[f"{key}/0"]
        said = [f"{key} {values['tokens']} tokens, {len(values['curvature'])} scored, exact {values['seconds']} s"]
        for method in METHODS:
            reference = top(exact_scores(values, method))
            prepared = heta.prepare(model, prompt[0], prompt[1], unscored=prompt[2])
            began = time.perf_counter()
            found = prepared.attribute(heta.create_method(method, curvature="screened", seed=7))
            seconds = time.perf_counter() - began
            shared = len(top(found.scores[prepared.positions]) & reference) / TOP
            overlaps.setdefault(f"{method}, screened", []).append(shared)
            overlaps.setdefault(f"{method}, times faster", []).append(values["seconds"] / seconds)
            overlaps.setdefault(f"{method}, settled", []).append(float("settled" in found.notes[0]))
            if twice:
                again = len(top(exact_scores(kept[f"{key}/1"], method)) & reference) / TOP
                overlaps.setdefault(f"{method}, exact again", []).append(again)
            said.append(f"{method} {shared:.1f} in {seconds:.1f} s ({found.notes[0]})")
        click.echo("; ".join(said))
    for what, figures in overlaps.items():
        click.echo(f"{what}: mean {np.mean(figures):.3f}, least {min(figures):.2f} over {len(figures)} prompts")


if __name__ == "__main__":
    main()
