"""Discretized integrated gradients: the integral along a path of real tokens instead of a straight line."""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
from pydantic import Field

from heta.methods.base import Scores
from heta.methods.by_unit import ByUnit, UnitOptions
from heta.methods.integrated import Baseline

if TYPE_CHECKING:
    import torch

    from heta.prepared import Prepared


class DiscretizedOptions(UnitOptions):
    """Options of `discretized_ig`."""

    steps: Annotated[int, Field(ge=1, le=1000)] = 30
    """Real tokens on each path, m."""
    neighbours: Annotated[int, Field(ge=1)] = 500
    """Nearest tokens among which the next one is sought."""
    strategy: Literal["greedy", "max_count"] = "greedy"
    """`greedy`: the token nearest to its monotonic form; `max_count`: the one with most monotonic coordinates."""
    baseline: Baseline = "zero"
    """The embedding that every scored token starts from: zeros, that of the padding or unknown token, or a mean."""


class DiscretizedGradients(ByUnit):
    """sum over k of d log p(target) / dx_i at point k, dotted with the way from point k to k + 1, in nats. Signed.

    Each scored token goes from the baseline to its own embedding through `steps` real tokens, made monotonic
    (`heta.anchors`), all of them at once. Scores add up to log p(target) minus log p(target) at the baseline only as
    far as so few uneven steps allow: the error is in the notes. A word or sentence gets the sum of its tokens.

    Defaults are those of the published code: 30 steps, 500 neighbours, greedy, no points put in between. There the
    baseline is the mask token of a masked language model; generative models have none, so ours is the zero embedding
    unless an option says `pad` or `unk`. The path begins at the baseline, as there, and ends at the token.
    """

    name = "discretized_ig"
    summary = "gradients summed along a path of real tokens' embeddings, signed"
    reference = "Sanyal and Ren 2021, arXiv 2108.13654"
    family = "gradient"
    cost = "31 forward, 31 backward (`steps` + 1), and a search of the vocabulary"
    needs = "gradients, embeddings of the vocabulary"
    signed = True
    options_class = DiscretizedOptions

    def score(self, prepared: "Prepared") -> Scores:
        """The sum along the path of every scored unit, and the completeness error."""
        from heta.anchors import anchor_paths, vocabulary
        from heta.path import completeness, path_products

        chosen: DiscretizedOptions = self.options
        objective, positions = prepared.objective(), prepared.positions
        baseline = cast("torch.Tensor", prepared.mask_vector(chosen.baseline))
        named = {"pad": "pad_token_id", "unk": "unk_token_id"}.get(chosen.baseline)
        distinct, which = np.unique([prepared.encoding.prompt_ids[index] for index in positions], return_inverse=True)
        paths = anchor_paths(
            vocabulary(objective.model),
            distinct.tolist(),
            baseline,
            baseline_id=None if named is None else getattr(objective.model.tokenizer, named),
            steps=chosen.steps,
            neighbours=chosen.neighbours,
            strategy=chosen.strategy,
        )[which.tolist()].transpose(0, 1)

        def path(points: list[int]) -> "tuple[torch.Tensor, torch.Tensor]":
            return paths[points], paths[[point + 1 for point in points]] - paths[points]

        products = path_products(objective, positions, len(paths) - 1, path, budget=prepared.budget)
        note = completeness(objective, positions, products, paths[0])
        rows = products.numpy()
        return self.added(prepared, prepared.spread(rows if prepared.each else rows[0]), notes=(note,))
