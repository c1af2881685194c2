"""Which methods find planted evidence: python tests/benchmarks/bench_planted.py

The evidence is two words, the marker and the letter behind it (see planted.py). Every method ranks the words of every
prompt; counted is how often one of the two comes first, and how often they are the first and the second.
"""

import json
from pathlib import Path

import click
import numpy as np
import torch
from planted import Planted, draw, train
from scipy.stats import binomtest

import heta
from heta.presets import preset_options
from heta.words import project


def ranked(result: heta.Attribution, words: tuple[heta.Span, ...]) -> list[int]:
    """Words by score, largest first, ties by position."""
    scores = result.scores
    if result.unit != "word":
        scores = project(result.prompt, result.spans, scores, result.scored, words)
    return [int(index) for index in np.argsort(-scores, kind="stable")]


def interval(found: int, count: int) -> str:
    """The share in per cent with Wilson's 95 % interval."""
    low, high = binomtest(found, count).proportion_ci(method="wilson")
    return f"{found / count:.0%} [{low:.0%}, {high:.0%}]"


def measure(
    model: heta.LoadedModel, prompts: list[Planted], names: list[str], preset: str
) -> dict[str, tuple[int, int]]:
    """How often a word of evidence came first, and how often both stood first and second, a method."""
    found = {name: [0, 0] for name in names}
    for one in prompts:
        prepared = heta.prepare(model, one.prompt, one.target)
        for name in names:
            method = heta.create_method(name, **preset_options(preset, name))
            order = ranked(prepared.attribute(method), prepared.words)
            evidence = {one.marker, one.marker + 1}
            found[name][0] += order[0] in evidence
            found[name][1] += set(order[:2]) == evidence
    return {name: (first, both) for name, (first, both) in found.items()}


@click.command()
@click.option("--seed", default=0, show_default=True, help="Of training and prompts.")
@click.option("--steps", default=400, show_default=True, help="Training steps.")
@click.option("--prompts", "count", default=40, show_default=True)
@click.option("--preset", default="quick", show_default=True)
@click.option("--method", "methods", multiple=True, help="Only these; repeatable.")
@click.option("--threads", default=2, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the counts here.")
def main(
    seed: int, steps: int, count: int, preset: str, methods: tuple[str, ...], threads: int, json_file: Path | None
) -> None:
    """Train the model, ask every method about prompts that it answers, and print a Markdown table."""
    torch.set_num_threads(threads)
    model, right = train(seed, steps)
    click.echo(f"the trained model answers {right:.1%} of 500 fresh prompts")
    random = np.random.default_rng([seed, 1])
    prompts: list[Planted] = []
    for _ in range(20 * count):
        one = draw(random)
        if len(prompts) < count and heta.prepare(model, one.prompt, one.target).target.answered:
            prompts.append(one)
    if len(prompts) < count:
        raise click.ClickException(f"the model answers {len(prompts)} of {20 * count} prompts; raise --steps")
    names = list(methods) or heta.METHODS.names()
    found = measure(model, prompts, names, preset)
    words = len(heta.prepare(None, prompts[0].prompt, prompts[0].target).words)
    click.echo(f"{count} prompts of {words} words; chance: {2 / words:.0%} and {2 / words / (words - 1):.1%}\n")
    click.echo("| method | evidence first | evidence first and second |\n| --- | --- | --- |")
    for name, (first, both) in sorted(found.items(), key=lambda pair: pair[1][::-1], reverse=True):
        click.echo(f"| `{name}` | {interval(first, count)} | {interval(both, count)} |")
    if json_file is not None:
        json_file.write_text(json.dumps({"seed": seed, "steps": steps, "prompts": count, "found": found}))


if __name__ == "__main__":
    main()
