"""A language model whose logits are linear in its input embeddings: what gradients give for it is known by hand."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
import transformers

from helpers.tiny_models import tiny_tokenizer
from heta.model import LoadedModel, wrap_model

WIDTH = 6


class LinearModel(torch.nn.Module):
    """Logits at position r: W (sum over i <= r of c_i x_i), with c_i = 1 + i / 8."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.config = transformers.LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=1,
            max_position_embeddings=64,
        )
        self.config._attn_implementation = "eager"
        self.embed = torch.nn.Embedding(vocabulary, WIDTH)
        self.head = torch.nn.Linear(WIDTH, vocabulary, bias=False)

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.embed

    def get_output_embeddings(self) -> torch.nn.Linear:
        return self.head

    def forward(self, inputs_embeds: torch.Tensor, past_key_values: Any = None, use_cache: bool = True) -> Any:
        values = inputs_embeds[:, None]
        if past_key_values is not None:
            _, values = past_key_values.update(values, values, 0)
        weighted = values[:, 0] * position_weights(values.shape[2])[:, None]
        read = weighted.cumsum(1)[:, -inputs_embeds.shape[1] :]
        return SimpleNamespace(logits=self.head(read))


def position_weights(length: int) -> torch.Tensor:
    return 1 + torch.arange(length, dtype=torch.float64) / 8


@cache
def linear_model() -> LoadedModel:
    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        module = LinearModel(len(tokenizer)).double().eval().requires_grad_(False)
    return wrap_model(module, tokenizer, name="linear", revision="seed-5")
