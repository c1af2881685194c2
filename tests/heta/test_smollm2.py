"""The engine on a model that has learnt something."""

import numpy as np
import pytest

from heta import LoadedModel, Span, create_method, prepare
from heta.curvature.blocks import Pair, block_norms
from heta.curvature.options import CurvatureOptions

pytestmark = pytest.mark.model

EXAMPLE = "Question: What is the capital of Italy?\nAnswer: Rome\n\n"
PROMPT = f"{EXAMPLE}Ines painted the stairs green. Tom baked bread.\n\nQuestion: What colour are the stairs?\nAnswer:"


def test_the_answers_word_matters_most_in_the_text(smollm2: LoadedModel) -> None:
    prepared = prepare(smollm2, PROMPT, " green", unscored=[Span(0, len(EXAMPLE))])
    assert prepared.target.answered
    text = range(len(EXAMPLE), PROMPT.index("Question: What colour"))
    for name in ("heta_fast", "kl"):
        result = prepared.attribute(create_method(name))
        inside = [i for i, span in enumerate(result.spans) if span.start in text and result.scored[i]]
        best = max(inside, key=lambda i: result.scores[i])
        assert PROMPT[result.spans[best].start : result.spans[best].end].strip() in {"green", "stairs"}
    # The attention sink and the example are no part of it: they swallowed nearly all of the published code's scores.
    assert not result.scores[: int(np.flatnonzero(result.scored)[0])].any()


def test_one_pass_curvature_ranks_like_the_exact_one(smollm2: LoadedModel) -> None:
    from scipy.stats import spearmanr

    prepared = prepare(smollm2, "Ines painted the stairs green, and Tom, her brother, baked bread for the", " village")
    where = prepared.positions
    exact = prepared.curvature(CurvatureOptions(probes=2))[0][where]
    quick = prepared.curvature(CurvatureOptions(curvature="one_pass"))[0][where]
    assert spearmanr(exact, quick).statistic > 0.85


def test_differences_are_as_exact_as_float32_allows_whatever_the_batch(smollm2: LoadedModel) -> None:
    # Base and moved gradient must add up the vocabulary alike: with another kernel for the base's single row the median
    # error was 0.8 % instead of 0.05 %. The oracle is the second derivative itself.
    prepared = prepare(smollm2, "Ines painted the stairs green, and Tom, her brother, baked bread for the", " village")
    where = prepared.positions[::3]
    pairs = [Pair(position, 0) for position in where]
    truth = block_norms(prepared.objective(), pairs, CurvatureOptions(product="double_backward"), budget=1024)[0]
    # One row a batch, a few, and all of them at once.
    for budget in (16, 64, 1024):
        found = block_norms(prepared.objective(), pairs, CurvatureOptions(), budget=budget)[0]
        assert float(((found - truth).abs() / truth).median()) < 2e-3


def test_identity(smollm2: LoadedModel) -> None:
    assert smollm2.identity.name == "smollm2"
    assert smollm2.identity.revision.startswith("sha256:")
    assert smollm2.bos is not None
    # The private encoder agrees with the tokenizer it was made from wherever no special token is written out.
    text = "Hello  world\n\n42 caf\u00e9s, isn't it? 😀"
    ids = smollm2.tokenizer(text, add_special_tokens=False).input_ids
    assert smollm2.encoder.encode(text, add_special_tokens=False).ids == ids
