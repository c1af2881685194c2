"""Words that a language model would put in a token's place: its own likeliest outputs behind what stands before."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from heta.prepared import Prepared

_BLOCK = 64


def proposals(prepared: "Prepared", count: int) -> NDArray[np.int64]:
    """For every scored token the `count` likeliest others in its place, the likeliest first, `[scored, count]` ids.

    They are the model's own predictions from the tokens before it, as the prompt has them; special tokens and the
    token itself are left out. Computed once, by one forward pass.

    Raises:
        ConfigError: the vocabulary holds fewer other tokens.
    """
    return prepared.once(("proposals", count), lambda: _compute(prepared, count))


def _compute(prepared: "Prepared", count: int) -> NDArray[np.int64]:
    import torch

    from heta.errors import ConfigError
    from heta.passes import block_logits

    model, base, ids = prepared.objective().model, prepared.base, prepared.encoding.prompt_ids
    size = model.embedding.num_embeddings
    special = [token for token in model.tokenizer.all_special_ids if token < size]
    if count > size - len(special) - 1:
        raise ConfigError(f"proposals is {count}, the vocabulary has {size - len(special) - 1} to propose; take fewer")
    found = np.zeros((len(ids), count), dtype=np.int64)
    # A block at a time: logits of a long prompt over a whole vocabulary take gigabytes.
    with torch.no_grad():
        for start in range(0, len(ids) - 1, _BLOCK):
            stop = min(start + _BLOCK, len(ids) - 1)
            logits = block_logits(model, base, start, stop)[:, :size].double()
            logits[:, special] = -torch.inf
            logits[torch.arange(stop - start), torch.tensor(ids[start + 1 : stop + 1])] = -torch.inf
            found[start + 1 : stop + 1] = logits.topk(count, dim=1).indices.cpu().numpy()
    # Nothing stands before position 0, so nothing is predicted there: it takes what the second position would.
    found[0] = found[min(1, len(ids) - 1)]
    return found[prepared.positions]
