"""The control of Adebayo et al. 2018 (arXiv 1810.03292): the same architecture and tokenizer, weights never trained.

What a method scores there it cannot have learned from what the model knows.
"""

import hashlib
import json
from typing import Any

RANDOM = "-random"
"""Stands behind the model's name in every record."""


def random_module(config: Any, dtype: Any, seed: int, **options: Any) -> Any:
    """A model of that architecture as it is before training, the same for the same seed; the global state is left."""
    import torch
    from transformers import AutoModelForCausalLM

    # Weights that were never loaded cannot be saved compressed.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=dtype, **options)


def random_revision(config: Any, seed: int) -> str:
    """`random:`, the seed, and 12 digits of the sha256 over the configuration that the weights are drawn by."""
    shape = {key: value for key, value in config.to_dict().items() if key not in ("transformers_version", "dtype")}
    written = json.dumps(shape, sort_keys=True, default=str)
    return f"random:{seed}:{hashlib.sha256(written.encode('utf-8')).hexdigest()[:12]}"
