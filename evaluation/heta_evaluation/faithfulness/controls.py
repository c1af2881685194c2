"""What an attribution must beat: random scores, and itself on a copy of the model that has learned nothing."""

from typing import Any

import numpy as np

import heta
from heta_evaluation.faithfulness.scene import Heat, Scene


def random_scores(scene: Scene) -> Heat:
    """Uniform scores in [0, 1) of the item's tokens, seeded by the settings and the item."""
    encoding = scene.prepared.encoding
    drawn = np.random.default_rng([scene.settings.seed, scene.seed, 5]).random(len(encoding.spans))
    return Heat(encoding.spans, drawn, encoding.scored, encoding.prompt_ids)


def random_weights(model: heta.LoadedModel, seed: int) -> heta.LoadedModel:
    """A copy of the model whose weights were drawn anew, as before its training; tokenizer and layout stay.

    Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv 1810.03292 (model parameter randomisation).
    """
    import torch
    from transformers import AutoModelForCausalLM

    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        module: Any = AutoModelForCausalLM.from_config(model.module.config)
    module = module.to(dtype=model.dtype, device=model.device).eval().requires_grad_(False)
    return heta.wrap_model(
        module,
        model.tokenizer,
        name=f"{model.identity.name}, random weights",
        revision=f"seed {seed}",
        bos=model.bos is not None,
        exclude_first=model.exclude_first,
    )
