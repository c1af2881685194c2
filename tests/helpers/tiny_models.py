"""Two-layer models with random weights, built in memory: small enough for exact oracles, no download."""

from functools import cache
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from heta.model import LoadedModel, wrap_model

CORPUS = [
    "The keeper painted the stairs green before the storm came in from the sea.",
    "Question: What colour are the stairs? Answer: green and blue and white",
    "Tom baked bread in the village, and Ines wrote letters to the harbour.",
]
INTERFACE = (
    *("llama", "gpt2", "opt", "gemma3", "qwen2", "qwen3", "mistral"),
    *("phi", "phi3", "gemma2", "gpt_neox", "olmo2", "gpt_oss"),
)
"""Families whose attention goes through transformers' attention interface."""
EAGER = ("gptj", "falcon", "falcon_multi_query", "falcon_grouped", "bloom", "gpt_neo", "codegen", "mpt")
"""Families with an attention of their own; Falcon with each of its three layouts of the fused projection."""
FAMILIES = INTERFACE + EAGER
PROMPT = "Ines painted the stairs green. Tom baked bread. What colour are the stairs?"
TARGET = " green and blue"


_SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64}
_SPREAD = {"initializer_range": 0.25}
_MULTI = {**_SHAPE, **_SPREAD, "intermediate_size": 48}
_GROUPED = {**_MULTI, "num_key_value_heads": 2}
_GPT = {"n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, **_SPREAD}
# A window shorter than the prompt on one layer, the whole context on the other.
_SLIDING = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8}
_FALCON = {**_SHAPE, **_SPREAD, "bias": True, "new_decoder_architecture": False, "multi_query": False, "alibi": False}

# Of each family the configuration class and what of it makes a two-layer model.
_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {**_GROUPED, "rms_norm_eps": 1e-6}),
    "qwen2": ("Qwen2Config", _GROUPED),
    "qwen3": ("Qwen3Config", {**_GROUPED, "head_dim": 12}),
    "mistral": ("MistralConfig", {**_GROUPED, "sliding_window": 10}),
    "phi": ("PhiConfig", {**_GROUPED, "partial_rotary_factor": 0.5}),
    "phi3": ("Phi3Config", {**_GROUPED, "pad_token_id": 0, "original_max_position_embeddings": 64}),
    "gemma2": (
        "Gemma2Config",
        # A cap low enough to bend the scores of random weights.
        {**_GROUPED, **_SLIDING, "head_dim": 12, "query_pre_attn_scalar": 12, "attn_logit_softcapping": 2.0},
    ),
    "gemma3": ("Gemma3TextConfig", {**_GROUPED, **_SLIDING, "head_dim": 12, "query_pre_attn_scalar": 12}),
    "gpt2": ("GPT2Config", _GPT),
    "gpt_neox": ("GPTNeoXConfig", {**_MULTI, "rotary_pct": 0.5}),
    "opt": ("OPTConfig", {**_SHAPE, "ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.25, "pad_token_id": 0}),
    "olmo2": ("Olmo2Config", {**_GROUPED, "pad_token_id": 0}),
    "gpt_oss": (
        "GptOssConfig",
        {
            **{**_GROUPED, **_SLIDING, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
            **{"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}, "pad_token_id": 0},
        },
    ),
    "gptj": ("GPTJConfig", {**_GPT, "rotary_dim": 4}),
    "falcon": ("FalconConfig", {**_FALCON, "alibi": True}),
    "falcon_multi_query": ("FalconConfig", {**_FALCON, "multi_query": True}),
    "falcon_grouped": ("FalconConfig", {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "bloom": ("BloomConfig", {"hidden_size": 32, "n_layer": 2, "n_head": 4, **_SPREAD}),
    "gpt_neo": (
        "GPTNeoConfig",
        {
            **{"hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 64, **_SPREAD},
            **{"attention_types": [[["global", "local"], 1]], "window_size": 8},
        },
    ),
    # Eight heads: CodeGen splits its fused projection into four parts, so two heads lie in each.
    "codegen": ("CodeGenConfig", {**_GPT, "n_head": 8, "rotary_dim": 4}),
    "mpt": ("MptConfig", {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64, **_SPREAD}),
}


def tiny_tokenizer(*, bos: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with `<s>` as its BOS token (or as a plain special token), trained on `CORPUS`."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=["<pad>", "<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", **({"bos_token": "<s>"} if bos else {}))


@cache
def tiny_model(family: str = "llama", *, dtype: str = "float64", bos: bool = True, seed: int = 0) -> LoadedModel:
    """A two-layer model of one of `FAMILIES`; the same arguments give the same weights."""
    tokenizer = tiny_tokenizer(bos=bos)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind, options = _CONFIGS[family]
        # The grouped product of experts knows no float64.
        experts = "eager" if dtype == "float64" else None
        config = getattr(transformers, kind)(**options, vocab_size=len(tokenizer))
        module = transformers.AutoModelForCausalLM.from_config(config, experts_implementation=experts)
        module.eval().requires_grad_(False)
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name.endswith("bias"):
                    # Biases begin at 0, where a method that forgets them would go unnoticed.
                    parameter.normal_(std=0.2)
    return wrap_model(module.to(getattr(torch, dtype)), tokenizer, name=f"tiny-{family}", revision=f"seed-{seed}")
