"""Loading: local folders, identities, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import heta
from helpers.tiny_models import PROMPT, TARGET, tiny_model, tiny_tokenizer
from heta import load_model, prepare, wrap_model
from heta.errors import ConfigError, IncompatibleModel
from heta.quiet import quiet_transformers


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model as a folder on disk, and an empty cache."""
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    model = tiny_model(dtype="float32")
    folder = tmp_path / "tiny"
    with quiet_transformers():
        model.module.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


def test_a_local_folder_gives_the_same_numbers(saved: Path) -> None:
    loaded = load_model(str(saved))
    assert loaded.dtype == torch.float32
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())
    assert (loaded.window, loaded.bos) == (64, loaded.tokenizer.bos_token_id)
    expected = prepare(tiny_model(dtype="float32"), PROMPT, TARGET).information()
    np.testing.assert_allclose(prepare(loaded, PROMPT, TARGET).information(), expected, atol=1e-6)


def test_identity_follows_weights_and_tokenizer(saved: Path) -> None:
    first = load_model(str(saved)).identity
    assert first.name == "tiny"
    assert first.revision.startswith("sha256:")
    assert len(first.revision) == len("sha256:") + 12
    # Remembered by size and time of change, and the same when read again.
    assert load_model(str(saved)).identity == first
    assert first.tokenizer == tiny_model().identity.tokenizer
    assert first.tokenizer != tiny_model(bos=False).identity.tokenizer
    with quiet_transformers():
        tiny_model(dtype="float32", seed=1).module.save_pretrained(saved)
    assert load_model(str(saved)).identity.revision != first.revision


def test_float64(saved: Path) -> None:
    assert load_model(str(saved), dtype="float64").dtype == torch.float64


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("smollm2", {}, "not in the cache yet: run `heta model get smollm2`"),
        ("smolm2", {}, "did you mean 'smollm2'"),
        ("./missing", {}, "no such folder"),
        ("/missing/folder", {}, "no such folder"),
        ("tiny", {"dtype": "bfloat16"}, "curvature is wrong in half precision"),
        ("tiny", {"device": "gpu"}, "device 'gpu' cannot be used"),
        ("tiny", {"revision": "main"}, "revisions belong to hub ids"),
    ],
)
def test_refusals_say_what_to_do(
    saved: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(saved.parent)
    with pytest.raises(ConfigError, match=message) as caught:
        load_model(name, **options)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot load model") as caught:
        load_model(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_broken_weights(saved: Path) -> None:
    (saved / "model.safetensors").write_bytes(b"half a file")
    with pytest.raises(ConfigError, match="cannot load model") as caught:
        load_model(str(saved))
    assert "\n" not in str(caught.value)


def test_window_of_families_that_name_it_otherwise() -> None:
    assert {tiny_model(family).window for family in ("gpt2", "opt", "mpt")} == {64}
    # ALiBi as BLOOM has it: positions without a limit.
    assert tiny_model("bloom").window is None


def test_a_tokenizer_without_offsets_is_refused() -> None:
    with pytest.raises(IncompatibleModel, match="no fast tokenizer"):
        wrap_model(tiny_model().module, object(), name="slow")


def test_half_precision_and_encoder_decoders_are_refused(saved: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    module = LlamaForCausalLM(LlamaConfig(vocab_size=400, **small))
    with pytest.raises(IncompatibleModel, match="is in bfloat16"):
        wrap_model(module.bfloat16(), tiny_tokenizer(), name="half")
    module.config.is_encoder_decoder = True
    with pytest.raises(IncompatibleModel, match="encoder-decoder"):
        wrap_model(module.float(), tiny_tokenizer(), name="pair")
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**config, "model_type": "t5", "is_encoder_decoder": True}))
    with pytest.raises(IncompatibleModel, match="encoder-decoder"):
        load_model(str(saved))


def small(kind: str, **options: Any) -> Any:
    """A one-layer module of a family."""
    import transformers

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = getattr(transformers, f"{kind}Config")(vocab_size=360, pad_token_id=0, **{**sizes, **options})
    return transformers.AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("Mamba", {}, r"layers \(linear_attention\); take a model whose every layer is attention"),
        ("RecurrentGemma", {"block_types": ["recurrent"]}, "has recurrent layers"),
        ("MiniMax", {"layer_types": ["linear_attention"], "num_local_experts": 2}, r"layers \(linear_attention\)"),
        ("OpenAIGPT", {"n_embd": 8, "n_head": 1, "n_layer": 1}, "does not take past_key_values"),
        ("Gemma4Text", {"head_dim": 8, "hidden_size_per_layer_input": 4}, "whose hidden_size_per_layer_input is 0"),
        (
            "Gemma4Text",
            {
                **{"head_dim": 8, "global_head_dim": 8, "hidden_size_per_layer_input": 0, "num_key_value_heads": 1},
                **{"num_hidden_layers": 2, "num_kv_shared_layers": 1, "layer_types": ["full_attention"] * 2},
            },
            "whose num_kv_shared_layers is 0",
        ),
        ("Bert", {}, r"attends to later tokens; take a causal decoder \(is_decoder=True\)"),
    ],
)
def test_families_that_cannot_be_explained_are_refused(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(IncompatibleModel, match=message) as caught:
        wrap_model(small(kind, **options), tiny_tokenizer(), name=kind)
    assert str(caught.value).startswith(f"{kind} ({kind.removesuffix('Text')}")
    assert "\n" not in str(caught.value)


def test_a_module_without_weights_is_refused() -> None:
    with pytest.raises(IncompatibleModel, match=r"has no weights \(meta device\)"):
        wrap_model(small("Llama").to("meta"), tiny_tokenizer(), name="empty")


def test_bos_is_an_option_that_acts() -> None:
    tiny = tiny_model()
    plain = wrap_model(tiny.module, tiny.tokenizer, name="tiny", bos=False)
    assert (plain.bos, tiny.bos) == (None, tiny.tokenizer.bos_token_id)
    assert plain.identity.tokenizer != tiny.identity.tokenizer
    with_bos, without = (prepare(model, PROMPT, TARGET) for model in (tiny, plain))
    assert with_bos.encoding.prompt_ids[1:] == without.encoding.prompt_ids
    # Position 0 has no score either way: the BOS token, or the first token of the prompt.
    assert with_bos.encoding.scored.tolist() == [False] + [True] * len(without.encoding.prompt_ids)
    assert without.encoding.scored.tolist() == [False] + [True] * (len(without.encoding.prompt_ids) - 1)
    assert not np.allclose(with_bos.information()[2:], without.information()[1:], rtol=1e-2)


def test_bos_of_a_loaded_model(saved: Path) -> None:
    assert load_model(str(saved), bos=False).bos is None


def test_wrapping_changes_nothing_of_the_module() -> None:
    module = small("Llama").train()
    module.model.norm.requires_grad_(False)
    wrapped = wrap_model(module, tiny_tokenizer(), name="mine")
    assert module.training
    assert [name for name, own in module.named_parameters() if not own.requires_grad] == ["model.norm.weight"]
    # In training mode this family's dropout would make passes differ.
    module.model.layers[0].self_attn.attention_dropout = 0.5
    first, second = (prepare(wrapped, PROMPT, TARGET).information() for _ in range(2))
    assert first.tolist() == second.tolist()
    assert module.training


def test_public_names_are_sorted_and_lazy() -> None:
    # Constants, classes, functions, each sorted: the order ruff holds.
    assert heta.__all__ == sorted(heta.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert set(heta.__all__) == set(heta._HOMES)
    for name in heta.__all__:
        assert getattr(heta, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = heta.nothing
