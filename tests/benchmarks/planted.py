"""A tiny model whose answers depend on known positions, trained on the spot.

A prompt is fifteen letters, a marker X somewhere between them, and an arrow; the answer is the letter behind the
marker. Letters repeat, so most answers also stand where they do not matter. The model has to find the marker and copy
what is behind it: the two words that an attribution should find are the marker and the letter behind it.
"""

from dataclasses import dataclass

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from heta.model import LoadedModel, wrap_model

LETTERS = "abcdefgh"
MARKER, ARROW = "X", "Z"
WORDS = 16
"""Letters and marker of a prompt."""


@dataclass(frozen=True)
class Planted:
    """A prompt with its evidence."""

    prompt: str
    target: str
    marker: int
    """Index of the marker among the words; the answer's letter is the next one."""


def draw(random: np.random.Generator) -> Planted:
    """A prompt whose marker stands anywhere but last."""
    words = [LETTERS[index] for index in random.integers(0, len(LETTERS), WORDS)]
    marker = int(random.integers(0, WORDS - 1))
    words[marker] = MARKER
    return Planted(" ".join([*words, ARROW]), f" {words[marker + 1]}", marker)


def tokenizer() -> PreTrainedTokenizerFast:
    """Every word with the blank in front of it is a token."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([f"{word} {word} {word}" for word in (*LETTERS, MARKER, ARROW)] * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", bos_token="<s>")


def train(seed: int, steps: int, batch: int = 64) -> tuple[LoadedModel, float]:
    """A two-layer Llama after `steps` of Adam on fresh prompts, and the share of 500 others that it answers."""
    words = tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = transformers.LlamaConfig(
            vocab_size=len(words),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=64,
        )
        module = transformers.AutoModelForCausalLM.from_config(config)
    random = np.random.default_rng(seed)

    def rows(count: int) -> torch.Tensor:
        drawn = [draw(random) for _ in range(count)]
        texts = [f"{one.prompt}{one.target}" for one in drawn]
        return torch.tensor([[1, *ids] for ids in words(texts, add_special_tokens=False)["input_ids"]])

    optimiser = torch.optim.AdamW(module.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=steps)
    for _ in range(steps):
        ids = rows(batch)
        logits = module(ids[:, :-1], use_cache=False).logits[:, -1]
        loss = torch.nn.functional.cross_entropy(logits, ids[:, -1])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    module.eval().requires_grad_(False)
    ids = rows(500)
    right = (module(ids[:, :-1], use_cache=False).logits[:, -1].argmax(-1) == ids[:, -1]).float().mean()
    return wrap_model(module, words, name="planted", revision=f"seed-{seed}-{steps}"), float(right)
