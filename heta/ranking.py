"""A reducer for methods that ask whether the target is among the first choices."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from heta.perturbation import Reduce
    from heta.prepared import Prepared


def explained_and_rank(prepared: "Prepared") -> "Reduce":
    """To `[row, step, 2]`: what is explained, in nats, and the target's rank among all outputs, 1 the first choice.

    Against a foil, the lead, and the rank among the two. An equal is not ahead.
    """
    import torch

    explained, base = prepared.explained_log_probs(), prepared.base
    contrast = prepared.explained.foil_ids is not None

    def reduce(log_probs: "torch.Tensor") -> "torch.Tensor":
        values = explained(log_probs)
        if contrast:
            rank = 1.0 + (values < 0).double()
        else:
            ids = base.target_ids.expand(log_probs.shape[0], -1).unsqueeze(-1)
            rank = 1.0 + (log_probs > log_probs.gather(-1, ids)).sum(-1).double()
        return torch.stack([values, rank], dim=-1)

    return reduce
