"""Capturing attention: what is refused, what is held in memory, and that nothing stays behind."""

import copy
import gc
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from helpers.tiny_models import EAGER, FAMILIES, INTERFACE, PROMPT, TARGET, tiny_model, tiny_tokenizer
from heta import Prepared, prepare, wrap_model
from heta.attention import attention_layers, capture_error, value_norms, value_norms_by_call
from heta.errors import IncompatibleModel
from heta.model import LoadedModel

SMALL = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2},
    **{"intermediate_size": 48, "vocab_size": 360, "pad_token_id": 0, "initializer_range": 0.25},
}


def own_model(family: str = "llama", *, seed: int = 0) -> LoadedModel:
    """A copy that a test may change."""
    shared = tiny_model(family, seed=seed)
    return wrap_model(copy.deepcopy(shared.module), shared.tokenizer, name=f"tiny-{family}")


def other_model(kind: str, **options: Any) -> LoadedModel:
    """A model of a family that is not among FAMILIES."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(**SMALL, **options)
        module = transformers.AutoModelForCausalLM.from_config(config).double()
    return wrap_model(module, tiny_tokenizer(), name=kind)


def ready(model: LoadedModel) -> Prepared:
    prepared = prepare(model, PROMPT, TARGET)
    _ = prepared.base
    return prepared


def attentions(model: LoadedModel) -> list[Any]:
    return [part for part in model.module.modules() if any(hasattr(part, n) for n in ("o_proj", "out_proj", "dense"))]


def test_interface_and_eager_families_go_the_way_they_are_listed_for() -> None:
    # Else a family could move from one way to the other without a test noticing.
    for family in FAMILIES:
        assert tiny_model(family).module._can_set_attn_implementation() == (family in INTERFACE)
    assert not set(INTERFACE) & set(EAGER)


def test_falcon_has_three_layouts() -> None:
    heads = {}
    for family in ("falcon", "falcon_multi_query", "falcon_grouped"):
        prepared = ready(tiny_model(family))
        heads[family] = prepared.base.keys_values[0][1].shape[1]
        assert tiny_model(family).module.config.alibi == (family == "falcon")
    # Values in the cache: a head's own, one for all heads, and groups already laid out for every head.
    assert heads == {"falcon": 4, "falcon_multi_query": 1, "falcon_grouped": 4}


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_falcon_is_captured_as_it_was_loaded(implementation: str) -> None:
    # With ALiBi its two implementations are different functions.
    model = own_model("falcon")
    model.module.config._attn_implementation = implementation
    prepared = ready(model)
    assert capture_error(model, prepared.base) < 1e-6
    same = implementation == tiny_model("falcon").module.config._attn_implementation
    other = ready(tiny_model("falcon"))
    assert torch.allclose(prepared.base.log_probs, other.base.log_probs, atol=1e-2) == same
    assert np.allclose(prepared.transition(), other.transition(), rtol=1e-2) == same


@pytest.mark.parametrize("rows", [1, 16, 8192])
@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
def test_value_norms_through_the_module_equal_those_from_its_weight(
    family: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five positions: one head a call, three of the four, all four.
    monkeypatch.setattr("heta.attention._ROWS", rows)
    name = {"llama": "o_proj", "gpt2": "attn.c_proj", "opt": "out_proj"}[family]
    modules = tiny_model(family).module.named_modules()
    projection = next(module for path, module in modules if path.endswith(name))
    value = torch.randn(4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(value_norms_by_call(projection, value), value_norms(projection, value))


def test_what_a_hook_adds_to_the_output_projection_counts() -> None:
    model = own_model()
    projection = model.module.model.layers[0].self_attn.o_proj
    value = torch.randn(4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = value_norms(projection, value)
    projection.register_forward_hook(lambda _, __, output: 3 * output + 1)
    torch.testing.assert_close(value_norms(projection, value), 3 * before)


def test_offloaded_weights_without_a_loader_are_refused() -> None:
    value = torch.ones(4, 5, 8)
    with pytest.raises(IncompatibleModel, match="offloaded where it cannot load them"):
        value_norms(torch.nn.Linear(32, 32, bias=False, device="meta"), value.to("meta"))


@pytest.mark.parametrize("family", ["llama", "gemma3", "gptj", "bloom"])
def test_no_layers_attention_is_kept(family: str) -> None:
    prepared = ready(tiny_model(family))
    length, heads = prepared.base.length, 4
    # Weights that an earlier test's traceback holds in a cycle are not this pass's.
    gc.collect()
    with attention_layers(tiny_model(family), prepared.base) as layers:
        assert layers[0].weights().shape == (heads, length, length)
        # By type: asking some of torch's deprecated objects for their class warns.
        tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
        held = [thing for thing in tensors if thing.shape[-3:] == (heads, length, length)]
    # ALiBi is [head, 1, pos] and masks are [1, pos, pos]: nothing else is that large.
    assert [thing.shape for thing in held] == []


@pytest.mark.parametrize("family", ["llama", "gptj", "falcon"])
def test_weights_may_be_changed_by_who_asked_for_them(family: str) -> None:
    prepared = ready(tiny_model(family))
    with attention_layers(tiny_model(family), prepared.base) as layers:
        first = layers[1].weights().clone()
        layers[1].weights().zero_()
        assert torch.equal(layers[1].weights(), first)


def test_attention_that_gives_no_weights_away_is_refused() -> None:
    class Closed(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
            return self.inner(*args, **kwargs)[0], None

    model = own_model("gptj")
    prepared = ready(model)
    for block in model.module.transformer.h:
        block.attn = Closed(block.attn)
        block.attn.inner.forward = lambda *args, own=block.attn.inner.forward, **kwargs: (own(*args, **kwargs)[0], None)
    with pytest.raises(IncompatibleModel, match="attention of 0 layers was captured, keys and values of 2 are cached"):
        prepared.transition()


def test_attention_with_an_unknown_term_is_refused() -> None:
    model = own_model()
    prepared = ready(model)
    assert capture_error(model, prepared.base) < 1e-6
    for layer in model.module.model.layers:
        # The capture is told another scale than the base pass was.
        layer.self_attn.scaling = 3.0
    assert capture_error(model, prepared.base) > 1e-2
    with pytest.raises(IncompatibleModel, match="nats away"):
        prepared.transition()


@pytest.mark.parametrize("kind", ["BitNet", "DiffLlama"])
def test_what_lies_between_attention_and_its_projection_is_refused(kind: str) -> None:
    # BitNet has a norm there, Diff-Llama subtracts one head's sum from another's. Information is theirs all the same.
    prepared = prepare(other_model(kind), PROMPT, TARGET)
    assert prepared.information().max() > 0
    with pytest.raises(IncompatibleModel, match="a gate or norm lies in between") as caught:
        prepared.transition()
    assert "\n" not in str(caught.value)


def test_watched_attention_with_other_values_is_refused() -> None:
    model = own_model("gptj")
    for block in model.module.transformer.h:
        block.attn.out_proj.register_forward_pre_hook(lambda _, inputs: (2 * inputs[0],))
    prepared = ready(model)
    # That is the model's own doing, and still not what attention summed.
    with pytest.raises(IncompatibleModel, match="a gate or norm lies in between"):
        prepared.transition()


def test_an_output_projection_of_another_name_is_refused() -> None:
    with pytest.raises(IncompatibleModel, match="no output projection named one of o_proj"):
        prepare(other_model("Bert", is_decoder=True), PROMPT, TARGET).transition()


def state(model: LoadedModel) -> list[Any]:
    """Everything that attribution could leave behind."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    parts = [
        (name, part.training, [len(getattr(part, kind)) for kind in hooks])
        for name, part in model.module.named_modules()
    ]
    configs = {id(part.config): part.config for part in model.module.modules() if hasattr(part, "config")}
    chosen = [
        (config._attn_implementation, [getattr(config, sub)._attn_implementation for sub in config.sub_configs])
        for config in configs.values()
    ]
    return [parts, chosen, [parameter.requires_grad for parameter in model.module.parameters()]]


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("family", ["llama", "mpt", "falcon"])
def test_the_model_is_left_as_it_was_also_after_an_error(family: str, error: type[BaseException] | None) -> None:
    model = own_model(family)
    layers = attentions(model)
    # A training run that freezes a part: neither all the one nor all the other.
    model.module.train().requires_grad_(True)
    layers[0].eval().requires_grad_(False)
    config = model.module.config
    if family == "mpt":
        config.attn_config._attn_implementation = "sdpa"
    if family == "llama":
        model.module.model.config = copy.deepcopy(config)
        model.module.model.config._attn_implementation = "eager"
    prepared = prepare(model, PROMPT, TARGET)
    prepared.gradient()
    broken = False

    def stop(*_: object) -> None:
        if broken and error is not None:
            raise error

    layers[1].register_forward_hook(stop)
    before = state(model)
    for compute in (prepared.transition, prepared.information):
        broken = True
        if error is None:
            compute()
        else:
            with pytest.raises(error):
                compute()
        broken = False
        assert state(model) == before
    assert any(name and training for name, training, _ in before[0])
    assert {True, False} == set(before[2])
