"""Methods that read how likely the target is before the whole prompt has been read, and take differences.

What is read is a probability in [0, 1]; against a foil, of the choice between the two tokens alone. A token of the
target that comes later is looked for where the prefix ends, as the first one is: the target's earlier tokens are not
put in between. An answer of several tokens gets the sum over them. All are signed: below 0 where reading on made the
target less likely. Differences telescope, so a word or sentence gets the sum of its tokens' and that is what reading it
changed.
"""

from typing import TYPE_CHECKING, cast

import numpy as np

from heta.methods.base import Array, Scores
from heta.methods.by_unit import ByUnit

if TYPE_CHECKING:
    import torch

    from heta.model import LoadedModel
    from heta.passes import BasePass
    from heta.prepared import Prepared

_LOGITS = 2**23
"""Logits of a piece: 64 MB in float64, and as much again in a reduction."""


class _Distribution(ByUnit):
    family = "distribution"
    signed = True

    def told(self, prepared: "Prepared", rows: Array) -> Scores:
        """Scores from `[step, scored]` differences."""
        return self.added(prepared, prepared.spread(rows if prepared.each else rows.sum(0)))


class ProgressiveInference(_Distribution):
    """p(target | tokens up to i) - p(target | tokens up to i - 1), read in one pass at every position. Signed.

    The single-pass form (SP-PI). The source explains classifiers, whose head gives p(label) at every position; here
    labels are tokens and the head is the model's own. Against a foil the labels are two, so p is that of the target
    among the two. Without a foil the numbers are those of `tdd_forward`, which came from another side to the same
    differences; with one they are half of them.
    """

    name = "progressive_inference"
    summary = "what each token adds to p(target), read at every prefix in one pass, signed"
    reference = "Kariyappa et al. 2024, arXiv 2406.02625 (SP-PI)"
    cost = "2 forward"

    def score(self, prepared: "Prepared") -> Scores:
        """The difference of every scored unit."""
        values, contrast = _forward(prepared)
        return self.told(prepared, _along(prepared, (values + 1) / 2 if contrast else values))


class TddForward(_Distribution):
    """p(target) - p(foil) where the tokens up to i end, less the same up to i - 1, in one pass. Signed.

    p is the softmax over the two tokens' logits, as in the published code; without a foil, p(target) over the whole
    vocabulary. The first position counts from 0.
    """

    name = "tdd_forward"
    summary = "what each token adds to p(target) - p(foil) as prefixes grow, in one pass, signed"
    reference = "Feng et al. 2024, Token Distribution Dynamics, arXiv 2405.11891"
    cost = "2 forward"

    def score(self, prepared: "Prepared") -> Scores:
        """The difference of every scored unit."""
        return self.told(prepared, _along(prepared, _forward(prepared)[0]))


class TddBackward(_Distribution):
    """p(target) - p(foil) with the scored tokens from i on alone, less the same from i + 1 on. Signed.

    Tokens before i are left out, and positions move up. The published code leaves out everything, special tokens too;
    here tokens without a score (BOS, chat template, unscored spans) stay, so the last token's value is counted from
    what they predict by themselves. Where nothing would stay, it is counted from 0, as published.
    """

    name = "tdd_backward"
    summary = "what each token adds to p(target) - p(foil) as suffixes grow from the end, signed"
    reference = "Feng et al. 2024, Token Distribution Dynamics, arXiv 2405.11891"
    cost = "1 + T/2 forward (T passes of growing length)"

    def score(self, prepared: "Prepared") -> Scores:
        """The difference of every scored unit."""
        return self.told(prepared, _from_the_end(prepared))


class TddBidirectional(_Distribution):
    """Mean of `tdd_forward` and `tdd_backward`. Signed.

    Their mean as in the published code; the paper adds them, which ranks alike. Both are kept as components.
    """

    name = "tdd_bidirectional"
    summary = "mean of tdd_forward and tdd_backward, signed"
    reference = "Feng et al. 2024, Token Distribution Dynamics, arXiv 2405.11891"
    cost = "2 + T/2 forward"

    def score(self, prepared: "Prepared") -> Scores:
        """The mean for every scored unit, both directions as components."""
        forward, backward = _along(prepared, _forward(prepared)[0]), _from_the_end(prepared)
        parts = {"forward": self.told(prepared, forward).scores, "backward": self.told(prepared, backward).scores}
        return Scores(self.told(prepared, (forward + backward) / 2).scores, components=parts)


def _forward(prepared: "Prepared") -> tuple[Array, bool]:
    """What TDD reads at every position of the prompt, `[step, pos]`, and whether it is a contrast."""
    objective = prepared.objective()
    base, foil = objective.base, objective.foil_ids
    length = len(prepared.encoding.prompt_ids)
    ids = base.target_ids if foil is None else base.target_ids.new_tensor([*base.target_ids, *foil.to(base.target_ids)])
    found = _prefix_log_probs(objective.model, base, length, ids).numpy()
    return _dynamics(found.T, contrast=foil is not None), foil is not None


def _prefix_log_probs(model: "LoadedModel", base: "BasePass", length: int, token_ids: "torch.Tensor") -> "torch.Tensor":
    """log p of some tokens as the next one behind each of the first `length` positions, `[pos, token]` float64, nats.

    One pass, cut into pieces whose logits over the whole vocabulary may be there at once.
    """
    import torch

    from heta.passes import block_logits

    step = max(1, _LOGITS // base.log_probs.shape[-1])
    found = []
    with torch.no_grad():
        for start in range(0, length, step):
            logits = block_logits(model, base, start, min(length, start + step)).double()
            found.append((logits[:, token_ids.to(logits.device)] - logits.logsumexp(-1, keepdim=True)).cpu())
    return torch.cat(found)


def _dynamics(log_probs: Array, *, contrast: bool) -> Array:
    """`[step, ...]` from log-probabilities of the target's tokens, with those of the foil's behind them."""
    if not contrast:
        return cast(Array, np.exp(log_probs))
    target, foil = np.split(log_probs, 2)
    # softmax over the two: p - q = tanh((log p - log q) / 2).
    return cast(Array, np.tanh((target - foil) / 2))


def _along(prepared: "Prepared", values: Array) -> Array:
    """Differences `[step, scored]` of `[step, pos]` values to those one position before."""
    return np.diff(values, axis=1, prepend=0.0)[:, prepared.positions]


def _from_the_end(prepared: "Prepared") -> Array:
    """Differences `[step, scored]` as scored tokens are left out from the front."""
    from heta.perturbation import Perturbation, chosen_log_probs, lead

    objective, positions = prepared.objective(), prepared.positions
    base, foil = objective.base, objective.foil_ids
    reduce = (lambda log_probs: chosen_log_probs(base, log_probs)) if foil is None else lead(base, foil)
    # Something has to be read where the target is predicted.
    most = min(len(positions), base.read[0])
    found = prepared.perturb([Perturbation(tuple(positions[:count]), None) for count in range(most + 1)], reduce)
    values = (np.exp(found) if foil is None else np.tanh(found / 2)).T
    if most < len(positions):
        values = np.pad(values, ((0, 0), (0, 1)))
    return cast(Array, values[:, :-1] - values[:, 1:])
