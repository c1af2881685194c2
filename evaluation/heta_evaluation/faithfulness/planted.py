"""A model with planted evidence: what its answer depends on is known, because its weights were set by hand.

One layer of attention that looks at all tokens alike and adds up what each of them carries; the answer's logit is that
sum. `ruby`, `opal`, `jade` and `onyx` carry 4 to 1 for the answer, `flaw` carries 2 against it, all others nothing. So
the true scores of a prompt are those numbers, up to a factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import heta
from heta_evaluation.metrics.base import FloatArray

CARRIED = {"ruby": 4.0, "opal": 3.0, "jade": 2.0, "onyx": 1.0, "flaw": -2.0}
"""What a token carries towards the answer."""
CLOSING = "so"
"""Last word of every prompt, whose state becomes the prediction; it is no unit."""
ANSWER = " yes"
FILLERS = tuple(first + second for first in "bdfglmnp" for second in "aeiou")
LENGTH = 24
"""Words of a prompt that are units."""

_START = "<s>"
_WIDTH = 16
_COMMON, _CARRY, _SUM = 0, 1, 2
_REST = slice(3, _WIDTH)
_STRENGTH = 44.0
"""Logit of the answer for a sum of 1 a token, before the last norm."""


@dataclass(frozen=True)
class Planted:
    """A prompt and its true scores."""

    prompt: str
    truth: FloatArray
    """`[unit]`: every word but the last."""

    def prepare(self) -> heta.Prepared:
        """The prompt on the planted model, its units the scored tokens."""
        closing = heta.Span(len(self.prompt) - len(CLOSING), len(self.prompt))
        return heta.prepare(planted_model(), self.prompt, ANSWER, unscored=[closing])


def planted_prompts(count: int, seed: int) -> list[Planted]:
    """Prompts of `LENGTH` words, every carrying word once, at random places among fillers."""
    prompts = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        words = [*CARRIED, *rng.choice(FILLERS, LENGTH - len(CARRIED), replace=False)]
        words = [str(words[place]) for place in rng.permutation(LENGTH)]
        prompts.append(Planted(" ".join([*words, CLOSING]), np.asarray([CARRIED.get(word, 0.0) for word in words])))
    return prompts


@cache
def planted_model() -> heta.LoadedModel:
    """The model, in float64."""
    tokenizer = _tokenizer([*CARRIED, *FILLERS, CLOSING, ANSWER.strip()])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        intermediate_size=1,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=_WIDTH,
        max_position_embeddings=2 * LENGTH,
        bos_token_id=0,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = LlamaForCausalLM(config).double().eval().requires_grad_(False)
        _plant(module, tokenizer)
    return heta.wrap_model(module, tokenizer, name="planted", revision="1")


def _tokenizer(words: Sequence[str]) -> PreTrainedTokenizerFast:
    """Whole words, with and without the blank in front of them."""
    pieces = [_START, *(lead + word for word in words for lead in ("", "\u0120"))]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=_START))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=_START)


def _plant(module: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Set every weight."""
    for parameter in module.parameters():
        parameter.zero_()
    layer = module.model.layers[0]
    for norm in (layer.input_layernorm, layer.post_attention_layernorm, module.model.norm):
        norm.weight.fill_(1.0)
    embedding = module.get_input_embeddings().weight
    vocabulary = tokenizer.get_vocab()
    # All embeddings are equally long, so that the first norm scales every token alike. In the order of their numbers: a
    # tokenizer lists its vocabulary in another order in every process, and each draw of the rest would change places.
    for piece, index in sorted(vocabulary.items(), key=lambda entry: entry[1]):
        embedding[index, _REST].normal_()
        embedding[index, _CARRY] = CARRIED.get(piece.lstrip("\u0120"), 0.0)
        embedding[index, _REST] *= 2.0 / embedding[index, _REST].norm()
        embedding[index, _COMMON] = (36.0 - embedding[index, _CARRY] ** 2).sqrt()
    # Queries and keys stay 0: every token in sight gets the same attention.
    layer.self_attn.v_proj.weight[0, _CARRY] = 1.0
    layer.self_attn.o_proj.weight[_SUM, 0] = 1.0
    head = module.get_output_embeddings().weight
    head[:, _REST].normal_(std=0.1)
    head[vocabulary["\u0120" + ANSWER.strip()], _SUM] = _STRENGTH
