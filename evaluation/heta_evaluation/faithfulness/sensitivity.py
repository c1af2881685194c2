"""How far an attribution moves when a little noise is added to the embeddings it reads."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from heta_evaluation.faithfulness.base import Estimate, Estimates, Rerun, RobustnessMetric, normalised, without_value

if TYPE_CHECKING:
    from torch import Tensor

    from heta import Prepared

SIZES = (0.01, 0.05, 0.1)
"""Length of a noise vector over the mean length of the scored tokens' embeddings."""


def _variant(size: float) -> str:
    return f"sigma={size}"


_VARIANTS = {"main": (0.0, 1.0), **{_variant(size): (0.0, 1.0) for size in SIZES}}


def sensitivity(rerun: Rerun, sizes: Sequence[float] = SIZES, *, shared: bool = False) -> Estimates:
    """Share of the attribution's mass that moves: half the L1 distance of normalised scores, mean over draws and sizes.

    Each coordinate of a scored token's embedding gets Gaussian noise of standard deviation size x mean embedding norm /
    sqrt(d_model), so that a noise vector is `size` times as long as an embedding (root mean square). Draw j is the same
    noise at every size and for every method; a method's own probes hang on its seed and stay what they were.
    A method that reads no model is 0 by its nature. The mean over sizes only where all of `SIZES` are measured.
    `shared` keeps the noisy prompts for the methods that follow, which then share their passes, at the cost of memory.
    """
    variants = (*(("main",) if tuple(sizes) == SIZES else ()), *map(_variant, sizes))
    if not rerun.reads_model:
        return {variant: Estimate(0.0, None, 0.0) for variant in variants}
    still = normalised(rerun.attribute(rerun.prepared))
    if still is None:
        return without_value(variants, "no_mass")
    moved = np.zeros((len(sizes), rerun.settings.noise_draws))
    for row, size in enumerate(sizes):
        for draw in range(rerun.settings.noise_draws):
            found = normalised(rerun.attribute(_noisy(rerun, size, draw, shared)))
            # Without any mass left, all of it has gone.
            moved[row, draw] = 1.0 if found is None else min(1.0, 0.5 * float(np.abs(found - still).sum()))
    count = moved.shape[1]
    found_at = {
        _variant(size): Estimate(float(row.mean()), None, float(row.std(ddof=1) / np.sqrt(count)))
        for size, row in zip(sizes, moved, strict=True)
    }
    if "main" not in variants:
        return found_at
    whole = moved.mean(axis=0)
    return {"main": Estimate(float(whole.mean()), None, float(whole.std(ddof=1) / np.sqrt(count))), **found_at}


def at_sizes(sizes: Sequence[float], *, shared: bool = False) -> RobustnessMetric:
    """`sensitivity` at some of `SIZES` alone: the same variants and values. `shared` as in `sensitivity`.

    Raises:
        ValueError: a size that the metric does not have.
    """
    if lost := set(sizes) - set(SIZES):
        raise ValueError(f"size {min(lost)} is none of {SIZES}")
    return replace(
        SENSITIVITY,
        variants={_variant(size): SENSITIVITY.range for size in sizes},
        compute=partial(sensitivity, sizes=tuple(sizes), shared=shared),
    )


def _noisy(rerun: Rerun, size: float, draw: int, shared: bool) -> "Prepared":
    """The prompt under one draw of noise."""
    from heta.noise import with_noise

    def make() -> "Prepared":
        return with_noise(rerun.prepared, noise(rerun, size, draw))

    return rerun.prepared.once(("sensitivity", rerun.settings.seed, size, draw), make) if shared else make()


def noise(rerun: Rerun, size: float, draw: int) -> "Tensor":
    """Noise for the prompt's embeddings, `[pos, d_model]`, 0 where a token is not scored."""
    import torch

    prepared: Prepared = rerun.prepared
    embeddings = prepared.base.embeddings[0]
    positions = prepared.positions
    width = embeddings.shape[1]
    scale = size * float(embeddings[positions].norm(dim=1).mean()) / width**0.5
    drawn = np.random.default_rng([rerun.settings.seed, rerun.item_seed, 3, draw]).standard_normal(
        (len(positions), width)
    )
    result = torch.zeros(len(prepared.encoding.prompt_ids), width, dtype=torch.float64)
    result[positions] = torch.from_numpy(scale * drawn)
    return result


SENSITIVITY = RobustnessMetric(
    name="sensitivity",
    title="share of an attribution's mass that moves when a little noise is added to the embeddings",
    family="robustness",
    range=(0.0, 1.0),
    direction="lower",
    needs=("model", "method"),
    reference="1/2 sum |a - a'|, a = scores / sum |scores|; noise of .01, .05, .1 embedding lengths, arXiv:2604.13258",
    ties="do not matter",
    negative="count as they are, mass is their absolute value",
    empty="labels are not used",
    constant="0 where the noisy scores are constant too; all zero: no value, no_mass",
    variants=_VARIANTS,
    compute=sensitivity,
    samples=True,
)
