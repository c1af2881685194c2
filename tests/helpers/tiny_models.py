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
FAMILIES = ("llama", "gpt2", "opt", "gemma3", "qwen2")
PROMPT = "Ines painted the stairs green. Tom baked bread. What colour are the stairs?"
TARGET = " green and blue"


def _shape(dimension: int) -> dict[str, Any]:
    return {"hidden_size": dimension, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64}


def _config(family: str, vocabulary: int) -> Any:
    grouped = {"num_key_value_heads": 2, "intermediate_size": 48, "vocab_size": vocabulary, "initializer_range": 0.25}
    if family == "llama":
        return transformers.LlamaConfig(**_shape(32), **grouped, rms_norm_eps=1e-6)
    if family == "qwen2":
        return transformers.Qwen2Config(**_shape(32), **grouped)
    if family == "gemma3":
        # A window shorter than the prompt on one layer, the whole context on the other.
        layers = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8, "head_dim": 12}
        return transformers.Gemma3TextConfig(**_shape(32), **grouped, **layers, query_pre_attn_scalar=12)
    if family == "gpt2":
        return transformers.GPT2Config(
            vocab_size=vocabulary, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.25
        )
    if family == "opt":
        return transformers.OPTConfig(
            **_shape(32), ffn_dim=48, vocab_size=vocabulary, word_embed_proj_dim=32, init_std=0.25, pad_token_id=0
        )
    raise ValueError(family)


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
        module = transformers.AutoModelForCausalLM.from_config(_config(family, len(tokenizer)))
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name.endswith("bias"):
                    # Biases begin at 0, where a method that forgets them would go unnoticed.
                    parameter.normal_(std=0.2)
    return wrap_model(module.to(getattr(torch, dtype)), tokenizer, name=f"tiny-{family}", revision=f"seed-{seed}")
