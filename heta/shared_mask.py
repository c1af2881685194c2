"""One attention mask for all rows of a batch.

Behind a cached prefix, transformers hands a boolean mask to torch's attention, which turns it into numbers, a copy for
every row in every layer: 4 MB a row and layer for a suffix of 1000 tokens in float32. All rows of a batch of suffixes
have the same mask, so it is made once, in numbers, and broadcast.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from heta.model import LoadedModel

_IMPLEMENTATION = "heta_shared_mask"


@contextmanager
def shared_mask(model: LoadedModel) -> Iterator[None]:
    """Passes inside, whose rows must be equally long and unpadded, share their mask; results are the same.

    Models whose attention is not torch's own through transformers' attention interface run as they are.
    """
    module: Any = model.module
    config = module.config.get_text_config(decoder=True)
    if config._attn_implementation != "sdpa" or not getattr(module, "_supports_attention_backend", False):
        yield
        return
    with model.lock:
        # The config is what every layer asks; `set_attn_implementation` walks all modules, which takes milliseconds.
        config._attn_implementation = _IMPLEMENTATION
        try:
            yield
        finally:
            config._attn_implementation = "sdpa"


def _mask(*, dtype: torch.dtype = torch.float32, **options: Any) -> torch.Tensor | None:
    """`[1, 1, pos, key_pos]`: 0 where a token may look, minus infinity elsewhere; None where causality is all."""
    mask: torch.Tensor | None = sdpa_mask(**{**options, "batch_size": 1})
    if mask is None:
        return None
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, float("-inf"))


AttentionInterface.register(_IMPLEMENTATION, sdpa_attention_forward)
AttentionMaskInterface.register(_IMPLEMENTATION, _mask)
