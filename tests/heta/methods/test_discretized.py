"""Discretized integrated gradients against a direct computation, token by token and step by step."""

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import create_method, prepare
from heta.anchors import anchor_paths, vocabulary

Vector = np.ndarray


def between(low: float, high: float, value: float) -> bool:
    return min(low, high) <= value <= max(low, high)


def straightened(baseline: Vector, before: Vector, point: Vector, steps: int) -> Vector:
    moved = before - (before - baseline) / steps
    inside = [between(b, a, p) for b, a, p in zip(baseline, before, point, strict=True)]
    return np.where(inside, point, moved)


def by_hand(
    words: Vector, token: int, baseline: Vector, steps: int, neighbours: int, *, greedy: bool = True, never: int = -1
) -> list[Vector]:
    """One token's path, from the baseline to it, in plain loops."""
    chosen, path = [token], [words[token]]
    for _ in range(steps):
        last = chosen[-1]
        others = [other for other in range(len(words)) if other != last]
        near = sorted(others, key=lambda other: float(np.linalg.norm(words[other] - words[last])))[:neighbours]

        def loss(other: int, last: int = last) -> float:
            if greedy:
                return float(np.linalg.norm(words[other] - straightened(baseline, words[last], words[other], steps)))
            return -sum(between(b, a, p) for b, a, p in zip(baseline, words[last], words[other], strict=True))

        left = [other for other in near if other not in (never, *chosen)]
        if not left:
            path += [baseline] * (steps + 1 - len(path))
            break
        chosen.append(min(left, key=loss))
        path.append(straightened(baseline, path[-1], words[chosen[-1]], steps))
    return [baseline, *path[::-1]]


@pytest.mark.parametrize("strategy", ["greedy", "max_count"])
@pytest.mark.parametrize(("steps", "neighbours"), [(4, 40), (6, 2)])
def test_paths_are_those_of_plain_loops(strategy: str, steps: int, neighbours: int) -> None:
    words = vocabulary(tiny_model("gpt2"))
    tokens, baseline = [5, 40, 41, 300], torch.zeros(words.shape[1], dtype=words.dtype)
    found = anchor_paths(words, tokens, baseline, steps=steps, neighbours=neighbours, strategy=strategy)  # type: ignore[arg-type]
    for token, path in zip(tokens, found.numpy(), strict=True):
        expected = by_hand(words.numpy(), token, baseline.numpy(), steps, neighbours, greedy=strategy == "greedy")
        np.testing.assert_allclose(path, np.array(expected), atol=1e-12)
        # Every coordinate only ever moves away from the baseline.
        assert (np.diff(np.abs(path), axis=0) >= -1e-12).all()


def test_the_token_of_the_baseline_is_no_anchor() -> None:
    # Three tokens on a line, 0 at its end: from 2 the only anchor is 1, then the path is over.
    words = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    path = anchor_paths(words, [2, 0], words[0], baseline_id=0, steps=3)
    assert path[..., 0].tolist() == [[0, 0, 0, 1, 2], [0, 0, 0, 0, 0]]


def test_scores_are_gradients_along_the_path_times_its_steps() -> None:
    model = tiny_model("gpt2")
    prepared = prepare(model, PROMPT, TARGET)
    read, target = list(prepared.base.read), list(prepared.explained.target_ids)
    words, ids = vocabulary(model).numpy(), prepared.encoding.prompt_ids
    pad = model.tokenizer.pad_token_id
    paths = {p: by_hand(words, ids[p], words[pad], 3, 30, never=pad) for p in prepared.positions}
    expected = np.zeros(len(ids))
    for k in range(4):
        embeddings = prepared.base.embeddings[0].clone()
        for position, path in paths.items():
            embeddings[position] = torch.from_numpy(path[k])
        leaf = embeddings.requires_grad_(True)
        (gradient,) = torch.autograd.grad(oracles.target_log_prob(model, leaf, read, target), leaf)
        for position, path in paths.items():
            expected[position] += float(gradient[position].numpy() @ (path[k + 1] - path[k]))
    result = prepared.attribute(create_method("discretized_ig", steps=3, neighbours=30, baseline="pad"))
    np.testing.assert_allclose(result.scores, expected, atol=1e-9)
    assert result.notes[-1].startswith("completeness: scores add up to")
