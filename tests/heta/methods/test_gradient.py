"""Gradient norm, gradient x input and integrated gradients against closed forms, plain passes and completeness."""

import hashlib
from typing import Any

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.linear_model import linear_model, position_weights
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import Attribution, Prepared, Span, TargetChoice, create_method, prepare
from heta.errors import ConfigError, InputError

CHOICE = TargetChoice(foil=" blue")


def scores(prepared: Prepared, name: str, **options: Any) -> Attribution:
    return prepared.attribute(create_method(name, **options))


def linear() -> tuple[Prepared, np.ndarray, np.ndarray]:
    """The linear model, and what its lead over the foil is: the sum over positions of x_i . slope_i, `[scored, d]`."""
    model = linear_model()
    prepared = prepare(model, PROMPT, " green", policy=CHOICE)
    told, head = prepared.explained, model.module.head.weight
    difference = head[told.target_ids[0]] - head[told.foil_ids[0]]
    slope = position_weights(prepared.base.length)[prepared.positions, None] * difference
    return prepared, slope.numpy(), prepared.embeddings()


def test_norms_of_a_linear_model_are_those_of_its_weights() -> None:
    prepared, slope, _ = linear()
    l1, l2 = (scores(prepared, "gradient_norm", norm=norm).scores[prepared.positions] for norm in ("l1", "l2"))
    np.testing.assert_allclose(l1, np.abs(slope).sum(-1), atol=1e-12)
    np.testing.assert_allclose(l2, np.sqrt((slope**2).sum(-1)), atol=1e-12)


@pytest.mark.parametrize("options", [{"steps": 1}, {"steps": 7}, {"steps": 3, "rule": "right"}])
@pytest.mark.parametrize("baseline", ["zero", "pad"])
def test_integrated_gradients_of_a_linear_model_are_its_terms(baseline: str, options: dict[str, Any]) -> None:
    prepared, slope, embeddings = linear()
    begins = 0.0 if baseline == "zero" else linear_model().module.embed.weight[0].numpy()
    result = scores(prepared, "integrated_gradients", baseline=baseline, **options)
    np.testing.assert_allclose(result.scores[prepared.positions], (slope * (embeddings - begins)).sum(-1), atol=1e-12)
    zero = scores(prepared, "gradient_x_input").scores[prepared.positions]
    np.testing.assert_allclose(zero, (slope * embeddings).sum(-1), atol=1e-12)


def value(model: Any, prepared: Prepared, embeddings: torch.Tensor) -> torch.Tensor:
    """`[step]` of one plain pass: log p of each target token, or its lead over the foil."""
    base, told = prepared.base, prepared.explained
    rows = oracles.log_probs(model, embeddings)[list(base.read)]
    ids = torch.arange(len(rows))
    found = rows[ids, list(told.target_ids)]
    return found if told.foil_ids is None else found - rows[ids, list(told.foil_ids)]


@pytest.mark.parametrize("choice", [TargetChoice(), TargetChoice("each"), CHOICE])
@pytest.mark.parametrize("family", ["gpt2", "gemma3"])
def test_integrated_gradients_step_by_step(family: str, choice: TargetChoice) -> None:
    model = tiny_model(family)
    prepared = prepare(model, PROMPT, TARGET, policy=choice, unscored=[Span(0, 5)])
    ends, moving = prepared.base.embeddings[0], prepared.positions
    begins = ends.clone()
    begins[moving] = model.embedding(torch.tensor(0))
    expected = torch.zeros(len(prepared.base.read), len(ends), dtype=torch.float64)
    for k in (1, 2, 3):
        leaf = (begins + k / 3 * (ends - begins)).requires_grad_(True)
        for step, output in enumerate(value(model, prepared, leaf)):
            (gradient,) = torch.autograd.grad(output, leaf, retain_graph=True)
            expected[step] += (gradient * (ends - begins)).sum(-1) / 3
    result = scores(prepared, "integrated_gradients", steps=3, rule="right", baseline="pad")
    got = result.rows["score"] if choice.policy == "each" else result.scores[None]
    wanted = expected if choice.policy == "each" else expected.sum(0, keepdim=True)
    # Gemma's norms round to float32.
    np.testing.assert_allclose(got, wanted[:, : got.shape[1]], atol=1e-9 if family == "gpt2" else 1e-5)


@pytest.mark.parametrize("baseline", ["zero", "pad", "vocabulary_mean"])
def test_completeness(baseline: str) -> None:
    model = tiny_model("gpt2")
    prepared = prepare(model, PROMPT, TARGET)
    result = scores(prepared, "integrated_gradients", baseline=baseline)
    ends = prepared.base.embeddings[0]
    begins = ends.clone()
    begins[prepared.positions] = prepared.mask_vector(baseline)  # type: ignore[arg-type]
    moves = value(model, prepared, ends).sum() - value(model, prepared, begins).sum()
    assert result.scores.sum() == pytest.approx(float(moves), abs=1e-8)
    assert f"moves by {float(moves):+.4f}: error" in result.notes[-1]
    rough = scores(prepared, "integrated_gradients", baseline=baseline, steps=2, rule="right")
    error = rough.scores.sum() - float(moves)
    assert abs(error) > 1e-3
    assert rough.notes[-1].endswith(f"error {error:+.1e}")


def test_a_norm_that_does_not_see_length_breaks_completeness_at_zero_and_says_so() -> None:
    # RMS norms make tokens of any length alike, so all of the change lies at the path's very beginning.
    prepared = prepare(tiny_model("llama"), PROMPT, TARGET)
    zero, pad = (scores(prepared, "integrated_gradients", baseline=name).notes[-1] for name in ("zero", "pad"))
    errors = [abs(float(note.rpartition(" ")[2])) for note in (zero, pad)]
    assert errors[0] > 0.1 > 1e-3 > errors[1]


@pytest.mark.parametrize("name", ["gradient_x_input", "integrated_gradients"])
def test_each_target_token_and_larger_units_add_up(name: str) -> None:
    answer, each = (prepare(tiny_model("gpt2"), PROMPT, TARGET, policy=policy) for policy in ("answer", "each"))
    whole, rows = scores(answer, name), scores(each, name)
    np.testing.assert_allclose(rows.scores, whole.scores, atol=1e-10)
    sentences = scores(answer, name, unit="sentence")
    assert [PROMPT[a:b] for a, b in sentences.spans] == [
        "Ines painted the stairs green.",
        "Tom baked bread.",
        "What colour are the stairs?",
    ]
    # A blank between two sentences that is a token of its own belongs to neither.
    inside = [i for i, span in enumerate(whole.spans) if span.start >= 0 and span.end <= 30]
    assert sentences.scores[0] == pytest.approx(whole.scores[inside].sum())
    words = scores(answer, name, unit="word")
    assert PROMPT[slice(*words.spans[1])] == "painted"
    # " painted" without its blank is [5, 12).
    inside = [i for i, span in enumerate(whole.spans) if PROMPT[slice(*span)].strip() and 4 <= span.start < 12]
    assert words.scores[1] == pytest.approx(whole.scores[inside].sum())


def test_norm_of_a_word_is_that_of_all_its_coordinates() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    gradient = prepared.spread(np.moveaxis(prepared.gradient(), 0, -1))  # [d, pos]
    result = scores(prepared, "gradient_norm", unit="sentence")
    for index, inside in enumerate(prepared.unit_positions("sentence")):
        assert result.scores[index] == pytest.approx(np.linalg.norm(gradient[:, list(inside)]))


def test_options_that_cannot_apply() -> None:
    for name, options, message in (
        ("integrated_gradients", {"steps": 0}, "greater than or equal to 1"),
        ("integrated_gradients", {"baseline": "drop"}, "'zero', 'pad'"),
        ("gradient_norm", {"norm": "max"}, "'l1' or 'l2'"),
        ("gradient_norm", {"unit": "line"}, "'token', 'word' or 'sentence'"),
    ):
        with pytest.raises(ConfigError, match=message):
            create_method(name, **options)
    with pytest.raises(ConfigError, match="needs a tokenizer with unk_token"):
        scores(prepare(tiny_model(), PROMPT, TARGET), "integrated_gradients", baseline="unk")
    with pytest.raises(InputError, match="no word of the prompt holds a scored token"):
        scores(prepare(tiny_model(bos=False), "a ...?!", TARGET), "gradient_norm", unit="word")
    plain, worded = create_method("gradient_x_input"), create_method("gradient_x_input", unit="word")
    # As before it knew units, so that records keep their name: the first 8 digits of sha256('{"definition":1}').
    assert plain.config_hash == hashlib.sha256(b'{"definition":1}').hexdigest()[:8]
    assert "unit" not in plain.config
    assert worded.config["unit"] == "word"
