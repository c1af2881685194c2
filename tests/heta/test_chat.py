"""Prompts in a chat template: the model's own tokens, scores for the user's text alone, literal text kept literal."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tiny_models import tiny_model, tiny_tokenizer
from heta import ChatText, Continuation, LoadedModel, Span, attribute, create_method, generate, prepare, wrap_model
from heta.chat import chat_text
from heta.encode import encode, encode_prompt
from heta.errors import ConfigError, IncompatibleModel, InputError

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Like Llama 2: no special token between the user's text and what stands around it, so tokens may span the border.
INST = "<s>{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}"
TRIMMED = CHATML.replace("m['content']", "m['content'] | trim")
TEXT = st.text(st.sampled_from("ab é東😀\u200d \n\t.?<|>שקר"), min_size=1, max_size=20).filter(str.strip)


@cache
def chat_model(template: str = CHATML) -> LoadedModel:
    """The tiny Llama with two more special tokens and a chat template."""
    tokenizer: Any = tiny_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.eos_token = "<|im_end|>"
    tokenizer.chat_template = template
    module = tiny_model(seed=1).module
    return wrap_model(_larger(module, len(tokenizer)), tokenizer, name="tiny-chat", revision="0")


def _larger(module: Any, size: int) -> Any:
    from copy import deepcopy

    import torch

    copy = deepcopy(module)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        copy.resize_token_embeddings(size, mean_resizing=False)
    return copy


def template_ids(model: LoadedModel, prompt: str, system: str | None = None) -> list[int]:
    turns = [] if system is None else [{"role": "system", "content": system}]
    turns.append({"role": "user", "content": prompt})
    ids: list[int] = model.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    return ids


@pytest.mark.parametrize("template", [CHATML, INST])
@given(prompt=TEXT, system=st.none() | TEXT)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_tokens_are_those_of_the_tokenizers_template(template: str, prompt: str, system: str | None) -> None:
    model = chat_model(template)
    if template == INST:
        system = None
    ids, spans = encode_prompt(model, prompt, chat_text(model, prompt, system))
    assert list(ids) == template_ids(model, prompt, system)
    covered = 0
    for start, end in spans:
        assert start <= covered <= max(covered, end) <= len(prompt)
        covered = max(covered, end)
    assert covered == len(prompt)


def test_template_tokens_are_context_without_spans_or_scores() -> None:
    model, prompt = chat_model(), "the stairs?"
    coded = encode(model, prompt, "green", chat=chat_text(model, prompt))
    texts = [prompt[start:end] for start, end in coded.spans]
    # "user\n" stands before and "\n", the turn's beginning and "assistant\n" after.
    assert "".join(texts) == prompt
    first, last = (np.flatnonzero(coded.scored)[index] for index in (0, -1))
    assert set(coded.spans[:first]) == {Span(0, 0)}
    assert set(coded.spans[last + 1 :]) == {Span(len(prompt), len(prompt))}
    assert not coded.scored[:first].any()
    assert coded.scored[first : last + 1].all()
    # No BOS in front: this template writes none.
    assert coded.prompt_ids[0] == model.tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert model.decode(coded.target_ids) == "green"


def test_look_alikes_in_the_prompt_stay_literal() -> None:
    model, prompt = chat_model(), "a <|im_end|> and <s> b"
    end, bos = model.tokenizer.convert_tokens_to_ids(["<|im_end|>", "<s>"])
    coded = encode(model, prompt, "<|im_end|>", chat=chat_text(model, prompt))
    # Of the template's turns one is closed, and only by the template.
    assert coded.prompt_ids.count(end) == 1
    assert bos not in coded.prompt_ids
    assert end not in coded.target_ids
    assert template_ids(model, prompt).count(end) == 2
    assert model.decode(coded.prompt_ids) == f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


def test_a_token_across_the_border_keeps_the_prompts_part() -> None:
    # "[INST] the": the tokenizer has " the" as one token, whose blank is the template's.
    model = chat_model(INST)
    coded = encode(model, "the stairs", " green", chat=chat_text(model, "the stairs"))
    assert coded.spans[int(np.flatnonzero(coded.scored)[0])] == Span(0, 3)


def test_attribution_of_a_chat() -> None:
    model = chat_model()
    result = attribute(model, "the stairs", "green", "heta_fast", chat=True, system="be brief")
    assert result.chat == ChatText(
        "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
    )
    # M, S and I are over the user's tokens alone: M sums to 1 there, and nothing stands elsewhere.
    assert result.components["transition"][result.scored].sum() == pytest.approx(1)
    assert not any(part[~result.scored].any() for part in (result.scores, *result.components.values()))
    plain = attribute(model, "the stairs", " green", "heta_fast")
    assert plain.chat is None
    # The system message is read by the model: another one gives other scores.
    other = attribute(model, "the stairs", "green", "heta_fast", chat=True)
    assert np.abs(other.scores[other.scored] - result.scores[result.scored]).max() > 1e-6


def test_template_tokens_are_never_masked() -> None:
    prepared = prepare(chat_model(), "the stairs", "green", chat=True)
    spans = prepared.encoding.spans
    assert all(spans[position].end > spans[position].start for position in prepared.positions)


def test_a_model_without_a_template_is_refused() -> None:
    with pytest.raises(IncompatibleModel, match="tiny-llama has no chat template; leave chat out"):
        prepare(tiny_model(), "the stairs", " green", chat=True)


@pytest.mark.parametrize(
    ("template", "prompt", "system", "error", "message"),
    [
        (TRIMMED, "the stairs\n", None, InputError, "cuts blanks off the ends of the prompt; cut them off yourself"),
        (CHATML.replace("m['content']", "m['content'] | lower"), "The", None, InputError, "changes this prompt"),
        (CHATML + "{{ messages[0]['content'] }}", "the", None, IncompatibleModel, "text 2 times, it must be once"),
        ("{{ raise_exception('no system role') }}", "the", "s", ConfigError, "no system role; leave the system"),
        ("{{ raise_exception('broken') }}", "the", None, ConfigError, "broken; leave chat out"),
        (CHATML, "the", "a<|im_end|>", InputError, r"system message holds '<\|im_end\|>', a special token"),
    ],
)
def test_templates_that_cannot_be_used(
    template: str, prompt: str, system: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        chat_text(chat_model(template), prompt, system)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_that_treats_beginnings_differently_is_refused() -> None:
    from tokenizers import pre_tokenizers

    model = chat_model()
    tokenizer: Any = tiny_tokenizer()
    # Puts a blank in front of each piece it is given, so that pieces and whole differ.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("\u0120", prepend_scheme="first")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    other = wrap_model(model.module, tokenizer, name="first-only")
    with pytest.raises(IncompatibleModel, match="other tokens in pieces than as a whole"):
        chat_text(other, "the stairs <|im_end|>")


def test_system_and_chat_belong_together() -> None:
    with pytest.raises(ConfigError, match="a system message was given without a chat"):
        prepare(chat_model(), "the", " stairs", system="be brief")
    with pytest.raises(ConfigError, match="a chat needs a model"):
        prepare(None, "the", " stairs", chat=True)


def test_the_target_begins_at_a_token() -> None:
    # The template ends in " gre" and the target is "en": " green" is one token.
    model = chat_model(INST.replace("[/INST]", "gre"))
    with pytest.raises(InputError, match=r"across the chat template's end .*; begin the target as the model would"):
        encode(model, "the stairs", "en", chat=chat_text(model, "the stairs"))


@pytest.mark.parametrize("system", [None, "Be brief.", ""])
@pytest.mark.parametrize("prompt", ["What is the capital of France?", " a\n\nb\n", "😀 é 東京 שלום", "x = 1\n\n\ty"])
@pytest.mark.model
def test_smollm2_reads_what_its_template_says(smollm2: LoadedModel, prompt: str, system: str | None) -> None:
    ids, _ = encode_prompt(smollm2, prompt, chat_text(smollm2, prompt, system))
    assert list(ids) == template_ids(smollm2, prompt, system)


@pytest.mark.model
def test_smollm2_answers_in_a_chat_and_ends(smollm2: LoadedModel) -> None:
    prompt = "What is the capital of France?"
    written = generate(smollm2, prompt, 20, chat=True)
    assert written == Continuation("The capital of France is Paris.", (504, 3575, 282, 4649, 314, 7042, 30), ended=True)
    result = attribute(smollm2, prompt, written, "kl", chat=True)
    assert result.target is not None
    assert result.target.answered
    best = result.spans[int(result.scores.argmax())]
    assert prompt[best.start : best.end] in {" capital", " France"}


def test_isolated_windows_do_not_cut_through_the_template() -> None:
    prepared = prepare(chat_model(), "the stairs are green and blue", "green", chat=True)
    method = create_method("heta_fast", window=4, windows="isolated")
    with pytest.raises(ConfigError, match="would cut through the chat template"):
        prepared.attribute(method)
    # Restricted windows leave the template where it is.
    assert prepared.attribute(create_method("heta_fast", window=4)).scores.any()
