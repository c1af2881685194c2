"""ReAGent against a loop that takes one step at a time, every pass a full one."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import TargetChoice, create_method, prepare
from heta.errors import ConfigError
from heta.proposals import proposals


def propose(model: Any, ids: list[int], position: int, count: int) -> list[int]:
    """The likeliest next tokens behind `ids[:position]`, without specials and the token that is there."""
    logits = oracles.log_probs(model, oracles.embed(model, ids))[position - 1]
    special = {*model.tokenizer.all_special_ids, ids[position]}
    return [token for token in logits.argsort(descending=True).tolist() if token not in special][:count]


def test_proposals_are_the_models_own_predictions() -> None:
    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET)
    got = proposals(prepared, 4)
    ids = list(prepared.encoding.prompt_ids)
    assert got.shape == (len(prepared.positions), 4)
    for row, position in enumerate(prepared.positions):
        assert got[row].tolist() == propose(model, ids, position, 4)


def one_run(prepared: Any, options: Any, number: int, steps: list[int]) -> tuple[np.ndarray, int, bool]:
    """Zhao and Shan's loop as the docstring has it; `steps` of the target are its answer."""
    model, base, positions = prepared.model, prepared.base, prepared.positions
    random = np.random.default_rng([options.seed, number])
    ids = list(prepared.encoding.prompt_ids)
    offered = [propose(model, ids, position, options.proposals) for position in positions]
    clean = float(torch.exp(sum(base.log_probs[step, base.target_ids[step]] for step in steps)))  # type: ignore[arg-type]
    logits = random.random((1, len(positions)))[0]

    def look(replaced: np.ndarray, tokens: list[int]) -> Any:
        chosen = [index for index in range(len(positions)) if replaced[index]]
        at = [positions[index] for index in chosen]
        return oracles.perturbed_log_probs(
            model, base.embeddings[0], base.read, at, [tokens[index] for index in chosen]
        )

    for step in range(1, options.steps + 1):
        replaced = np.zeros(len(positions), dtype=bool)
        replaced[random.permutation(len(positions))[: max(1, round(options.ratio * len(positions)))]] = True
        picks = random.integers(0, options.proposals, len(positions))
        tokens = [choices[pick] for choices, pick in zip(offered, picks, strict=True)]
        found = look(replaced, tokens)
        dp = clean - float(torch.exp(sum(found[each, base.target_ids[each]] for each in steps)))  # type: ignore[arg-type]
        move = np.log((0.5 + 0.5 * dp) / (0.5 - 0.5 * dp))
        logits = logits + np.where(replaced, move, -move)
        rest = np.ones(len(positions), dtype=bool)
        rest[np.argsort(-logits, kind="stable")[: options.keep]] = False
        found = look(rest, tokens)
        ranks = [1 + int((found[each] > found[each, base.target_ids[each]]).sum()) for each in steps]
        if max(ranks) <= options.top:
            return np.exp(logits) / np.exp(logits).sum(), step, True
    return np.exp(logits) / np.exp(logits).sum(), options.steps, False


@pytest.mark.parametrize("policy", ["each", "answer"])
def test_equals_the_loop_of_single_steps(policy: Any) -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET, policy=policy)
    # More steps than are computed together, and ranks that are reached now and then.
    method = create_method("reagent", runs=2, steps=20, keep=4, top=60, proposals=3, seed=1)
    got = prepared.attribute(method)
    steps = list(range(len(prepared.base.read)))
    lanes = [[step] for step in steps] if policy == "each" else [steps]
    rows, ends = [], []
    for lane in lanes:
        runs = [one_run(prepared, method.options, number, lane) for number in range(2)]
        rows.append(np.mean([shares for shares, _, _ in runs], axis=0))
        ends += [(taken, enough) for _, taken, enough in runs]
    np.testing.assert_allclose(got.scores[prepared.positions], np.sum(rows, axis=0), atol=1e-6)
    assert got.scores.sum() == pytest.approx(len(lanes))
    note = next(note for note in got.notes if "searches" in note)
    taken = [count for count, _ in ends]
    assert note.startswith(f"in {sum(enough for _, enough in ends)} of {len(ends)} searches the 4 most important")
    assert f"{min(taken)} to {max(taken)} steps taken, at most 20" in note


def test_against_a_foil_the_target_has_to_lead() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    got = prepared.attribute(create_method("reagent", runs=1, steps=40, keep=8))
    assert got.scores.sum() == pytest.approx(1)
    assert any("one run: its sampling error is not known" in note for note in got.notes)


def test_more_proposals_than_there_are_tokens() -> None:
    with pytest.raises(ConfigError, match=r"the vocabulary has 3\d\d to propose; take fewer"):
        prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("reagent", proposals=900))
