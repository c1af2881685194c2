"""What every method that the registry names must keep to, on five families."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import METHODS, Attribution, Budget, Method, Prepared, Span, TargetChoice, create_method, prepare
from heta.errors import ConfigError, HetaError
from heta.model import LoadedModel

# Differences of gradients magnify the float32 rounding of norms, so numbers that come about in another way are compared
# to a thousandth of the largest.
FIVE = ("llama", "gpt2", "gemma3", "gpt_neox", "falcon")
UNSCORED = (Span(0, 5),)
NAMES = METHODS.names()
ASKING = [name for name in NAMES if METHODS.get(name).needs_model]
"""Methods that look at a model."""


def quick(name: str, **options: Any) -> Method:
    """The method with few probes where it draws any: nothing here depends on their number."""
    probes = {"probes": 2} if "probes" in METHODS.get(name).options_class.model_fields else {}
    return create_method(name, **probes, **options)


@cache
def shared(family: str, policy: str = "answer") -> dict[str, Attribution]:
    """All methods, one after the other, on one prepared prompt: passes run once, later methods find them."""
    prepared = prepare(tiny_model(family), PROMPT, TARGET, unscored=UNSCORED, policy=policy)  # type: ignore[arg-type]
    return {name: prepared.attribute(quick(name)) for name in NAMES}


def alone(name: str, family: str, **given: Any) -> Attribution:
    """One method on a prompt of its own."""
    return prepare(tiny_model(family), PROMPT, TARGET, unscored=UNSCORED, **given).attribute(quick(name))


def state(model: LoadedModel) -> dict[str, Any]:
    """All that a pass could leave behind in a model."""
    module = model.module
    parts = list(module.modules())
    return {
        "weights": [parameter.detach().clone() for parameter in module.parameters()],
        "buffers": {name: buffer.clone() for name, buffer in module.named_buffers()},
        "frozen": [parameter.requires_grad for parameter in module.parameters()],
        "gradients": [parameter.grad for parameter in module.parameters()],
        "mode": [part.training for part in parts],
        "hooks": [
            len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks) for part in parts
        ],
        "own forward": ["forward" in vars(part) for part in parts],
        "attention": getattr(module.config, "_attn_implementation", None),
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("family", FIVE)
@pytest.mark.parametrize("name", NAMES)
def test_one_finite_score_a_unit_the_same_alone_and_beside_others(name: str, family: str) -> None:
    model = tiny_model(family)
    before = state(model)
    result, beside = alone(name, family), shared(family)[name]
    assert same(before, state(model))
    prepared = prepare(model, PROMPT, TARGET, unscored=UNSCORED)
    # One score a unit of the prompt and none behind it: the target gets no score.
    assert result.spans == prepared.unit_spans(quick(name).unit)
    assert max(span.end for span in result.spans) <= len(PROMPT)
    for values in (result.scores, *result.components.values()):
        assert values.shape == result.scored.shape == (len(result.spans),)
        assert np.isfinite(values).all()
        assert not values[~result.scored].any()
    np.testing.assert_array_equal(result.scores, beside.scores)
    assert result.notes == beside.notes


@pytest.mark.parametrize("family", FIVE)
@pytest.mark.parametrize("name", ASKING)
def test_batches_give_what_single_rows_give(name: str, family: str) -> None:
    single = alone(name, family, budget=Budget(tokens=1)).scores
    np.testing.assert_allclose(single, shared(family)[name].scores, atol=1e-3 * np.abs(single).max())


@pytest.mark.parametrize("name", ASKING)
def test_what_is_read_later_changes_nothing(name: str) -> None:
    # The scores of the first target token: alone, with others behind it, and in a row of its own.
    first = alone(name, "llama", policy="first").scores
    rows = shared("llama", "each")[name].rows["score"]
    np.testing.assert_allclose(rows[0], first, atol=1e-3 * np.abs(first).max())
    short = prepare(tiny_model(), PROMPT, " green", unscored=UNSCORED).attribute(quick(name)).scores
    np.testing.assert_allclose(short, first, atol=1e-3 * np.abs(first).max())


@pytest.mark.parametrize("name", ASKING)
def test_a_row_for_each_target_token(name: str) -> None:
    result = shared("llama", "each")[name]
    rows = result.rows["score"]
    assert result.target is not None
    assert rows.shape == (len(result.target.token_ids), len(result.spans))
    np.testing.assert_allclose(rows.sum(0), result.scores)


@pytest.mark.parametrize("unit", ["word", "sentence"])
@pytest.mark.parametrize("name", ASKING)
def test_larger_units_where_there_are_any(name: str, unit: Any) -> None:
    if "unit" not in METHODS.get(name).options_class.model_fields:
        with pytest.raises(ConfigError, match="has no option 'unit'"):
            create_method(name, unit=unit)
        return
    prepared = prepare(tiny_model(), PROMPT, TARGET, unscored=UNSCORED)
    result = prepared.attribute(quick(name, unit=unit))
    assert (result.unit, result.spans) == (unit, prepared.unit_spans(unit))
    assert np.isfinite(result.scores).all()
    assert result.scores.any()
    assert not result.scores[~result.scored].any()


def against(foil: str, target: str = " green") -> Prepared:
    return prepare(tiny_model(), PROMPT, target, unscored=UNSCORED, policy=TargetChoice(foil=foil))


@pytest.mark.parametrize("name", ASKING)
def test_a_foil_counts_or_is_refused(name: str) -> None:
    if not METHODS.get(name).contrastive:
        with pytest.raises(ConfigError, match="the same for the target and the foil") as caught:
            against(" blue").attribute(quick(name))
        assert "\n" not in str(caught.value)
        return
    one, other = (against(foil).attribute(quick(name)).scores for foil in (" blue", " white"))
    assert np.isfinite(one).all()
    assert not np.allclose(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name: str) -> None:
    method = METHODS.get(name)
    assert method.family != "other"
    assert method.cost != "not stated"
    assert method.__doc__
    with pytest.raises(HetaError, match="no option 'colour'"):
        create_method(name, colour="red")
