"""How far an attribution moves when the model's answer is drawn under other decoding parameters."""

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from heta_evaluation.faithfulness.base import Estimate, Estimates, Rerun, RobustnessMetric, normalised, without_value

GRID: tuple[dict[str, Any], ...] = tuple(
    {"temperature": temperature, "top_p": top_p, "top_k": top_k, "repetition_penalty": penalty}
    for temperature, top_p, top_k, penalty in itertools.product((0.7, 1.0), (0.9, 1.0), (0, 50), (1.0, 1.2))
)
"""Sixteen settings; top_k 0 leaves every token in."""
_VARIANTS = {"main": (0.0, 2.0), "mean": (0.0, 2.0)}


def decoding_stability(rerun: Rerun, *, shared: bool = False) -> Estimates:
    """Largest relative change of the normalised attribution over a grid of decoding parameters, against greedy ones.

    At each setting the model writes a continuation as many tokens long as the target, seeded by the item, and the
    method explains it: sum |a - a_0| / sum |a_0|, a = scores / sum |scores|, a_0 for the greedy continuation. Settings
    that give one continuation are one run of the method. `mean` is the mean over the settings. `shared` keeps the
    continuations prepared for the methods that follow, which then share their passes, at the cost of memory.
    """
    import heta
    from heta.passes import greedy_tokens

    prepared = rerun.prepared
    model = prepared.model
    if model is None:
        raise ValueError("decoding_stability needs an item that was prepared on a model")
    count = len(prepared.base.target_ids)
    known: dict[tuple[int, ...], Any] = {}

    def explained(ids: tuple[int, ...]) -> Any:
        if ids not in known:
            written = heta.Continuation(model.decode(ids), ids, ended=False)
            make = partial(
                heta.prepare, model, prepared.prompt, written, unscored=prepared.unscored, budget=prepared.budget
            )
            again = prepared.once(("decoded", ids), make) if shared else make()
            known[ids] = normalised(rerun.attribute(again))
        return known[ids]

    greedy = explained(tuple(greedy_tokens(model, prepared.base, count)))
    if greedy is None:
        return without_value(_VARIANTS, "no_mass")
    changes = []
    for number, setting in enumerate(GRID):
        # Every row of the item is explained on the same answers, which are drawn once.
        key = ("decoding", rerun.settings.seed, number)
        found = explained(prepared.once(key, partial(_write, rerun, setting, count, number)))
        # Without any mass left the change is the mass that was there.
        changes.append(1.0 if found is None else min(2.0, float(np.abs(found - greedy).sum())))
    return {"main": Estimate(max(changes)), "mean": Estimate(float(np.mean(changes)))}


def _write(rerun: Rerun, setting: dict[str, Any], count: int, number: int) -> tuple[int, ...]:
    """`count` tokens drawn behind the prompt under one setting."""
    import torch
    from transformers import GenerationConfig

    model: Any = rerun.prepared.model
    prompt = torch.tensor([rerun.prepared.encoding.prompt_ids], device=model.device)
    config = GenerationConfig(
        **setting, do_sample=True, min_new_tokens=count, max_new_tokens=count, pad_token_id=0, bos_token_id=None
    )
    # torch's generator is global; it is given back as it was.
    devices = [model.device] if model.device.type == "cuda" else []
    with model.lock, torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(int(np.random.default_rng([rerun.settings.seed, rerun.item_seed, 4, number]).integers(2**31)))
        written = model.module.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=config)
    return tuple(written[0, prompt.shape[1] :].tolist())


def with_answers_kept() -> RobustnessMetric:
    """`decoding_stability` whose methods share the passes of each continuation: the same values, faster."""
    return replace(DECODING_STABILITY, compute=partial(decoding_stability, shared=True))


DECODING_STABILITY = RobustnessMetric(
    name="decoding_stability",
    title="largest relative change of an attribution over temperature, top-p, top-k and repetition penalty",
    family="robustness",
    range=(0.0, 2.0),
    direction="lower",
    needs=("model", "method"),
    reference="max over settings of sum |a - a_0|, a = scores / sum |scores|, a_0 of the greedy answer",
    ties="do not matter",
    negative="count as they are, mass is their absolute value",
    empty="labels are not used",
    constant="0 where the others are constant too; all zero: no value, no_mass",
    variants=_VARIANTS,
    compute=decoding_stability,
)
