"""Which target tokens are explained: each by itself, a span of them, one against a foil."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers import oracles
from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import Continuation, Prepared, TargetChoice, create_method, generate, prepare
from heta.curvature.options import CurvatureOptions
from heta.curvature.probes import rademacher
from heta.errors import ConfigError

PROBES = 4


def target_spans(prepared: Prepared) -> list[tuple[int, int]]:
    """Where each target token stands in the target."""
    assert prepared.model is not None
    coded = prepared.model.encoder.encode(prepared.prompt + TARGET, add_special_tokens=False)
    edge = len(prepared.prompt)
    return [(start - edge, end - edge) for start, end in coded.offsets[-len(prepared.encoding.target_ids) :]]


def test_each_target_token_has_the_scores_it_has_alone() -> None:
    model = tiny_model()
    rows = prepare(model, PROMPT, TARGET, policy="each")
    steps = len(rows.encoding.target_ids)
    assert steps > 1
    options = CurvatureOptions(probes=PROBES)
    for step, (start, end) in enumerate(target_spans(rows)):
        alone = prepare(model, PROMPT, TARGET, policy=TargetChoice(span=(start, end)))
        assert alone.target.token_ids == (rows.encoding.target_ids[step],)
        np.testing.assert_allclose(rows.information()[step], alone.information(), atol=1e-9)
        np.testing.assert_allclose(rows.transition()[step], alone.transition(), atol=1e-9)
        np.testing.assert_allclose(rows.gradient()[step], alone.gradient(), atol=1e-9)
        for mode in (options, CurvatureOptions(curvature="one_pass"), CurvatureOptions(curvature="fisher")):
            np.testing.assert_allclose(rows.curvature(mode)[0][step], alone.curvature(mode)[0], rtol=1e-3)


@pytest.mark.parametrize("name", ["heta", "heta_balanced", "heta_fast", "kl", "gradient_x_input"])
def test_rows_and_their_sum(name: str) -> None:
    model = tiny_model()
    result = prepare(model, PROMPT, TARGET, policy="each").attribute(create_method(name))
    assert set(result.rows) == {"score", *result.components}
    assert result.rows["score"].shape == (len(result.target.token_ids), len(result.spans))
    np.testing.assert_allclose(result.rows["score"].sum(0), result.scores, rtol=1e-12)
    for step, (start, end) in enumerate(target_spans(prepare(model, PROMPT, TARGET))):
        choice = TargetChoice(span=(start, end))
        alone = prepare(model, PROMPT, TARGET, policy=choice).attribute(create_method(name))
        np.testing.assert_allclose(result.rows["score"][step], alone.scores, rtol=1e-3, atol=1e-12)


def test_a_span_reads_what_stands_before_it() -> None:
    model = tiny_model()
    whole = prepare(model, PROMPT, TARGET)
    part = prepare(model, PROMPT, TARGET, policy=TargetChoice(span=(len(" green"), len(TARGET))))
    assert (part.target.before, part.target.text) == (" green", " and blue")
    assert part.target.log_probs == pytest.approx(whole.target.log_probs[-len(part.target.log_probs) :])


def test_against_a_foil() -> None:
    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET, policy=TargetChoice(foil=" green with"))
    # " green and blue" and " green with" part after " green".
    assert prepared.target.before == " green"
    ids = [*prepared.encoding.prompt_ids, *prepared.explained.before]
    (wanted,), (other,) = prepared.explained.target_ids, prepared.explained.foil_ids or ()
    leaf = oracles.embed(model, ids).requires_grad_(True)

    def lead(vectors: torch.Tensor) -> torch.Tensor:
        row = oracles.log_probs(model, vectors)[-1]
        return row[wanted] - row[other]

    (gradient,) = torch.autograd.grad(lead(leaf), leaf)
    np.testing.assert_allclose(prepared.gradient(), gradient[prepared.positions].numpy(), atol=1e-8)
    position = prepared.positions[-1]

    def block(vector: torch.Tensor) -> torch.Tensor:
        moved = leaf.detach().clone()
        return lead(torch.cat([moved[:position], vector[None], moved[position + 1 :]]))

    with oracles.eager(model):
        h = torch.autograd.functional.hessian(block, leaf.detach()[position])
    expected = (rademacher(0, position, PROBES, h.shape[0]).double() @ h).abs().sum(-1).mean()
    assert prepared.curvature(CurvatureOptions(probes=PROBES))[0][prepared.positions[-1]] == pytest.approx(
        float(expected), rel=1e-2
    )


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"policy": "every"}, "policy is 'every'"),
        ({"foil": " blue", "policy": "first"}, "leave policy and span out"),
        ({"span": (0, 3), "policy": "model"}, "needs policy 'answer' or 'each'"),
    ],
)
def test_choices_that_contradict_themselves(choice: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TargetChoice(**choice)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"foil": TARGET}, "differ in no token"),
        ({"foil": ""}, "the foil is empty"),
        ({"span": (40, 50)}, r"span \[40, 50\) does not lie in the target of 15"),
        ({"span": (5, 2)}, r"span \[5, 2\) does not lie"),
        ({"span": (-5, 3)}, "does not lie"),
    ],
)
def test_choices_that_explain_nothing(choice: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(tiny_model(), PROMPT, TARGET, policy=TargetChoice(**choice))


def test_leave_one_out_follows_the_choice() -> None:
    model = tiny_model()
    foil = prepare(model, PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    result = foil.attribute(create_method("leave_one_out"))
    position = foil.positions[3]
    (wanted,), (other,) = foil.explained.target_ids, foil.explained.foil_ids or ()
    ids = list(foil.encoding.prompt_ids)
    masked = oracles.embed(model, ids)
    whole = oracles.log_probs(model, masked)[-1]
    masked[position] = 0
    gone = oracles.log_probs(model, masked)[-1]
    # The drop of log p(target) - log p(foil).
    drop = (whole[wanted] - whole[other]) - (gone[wanted] - gone[other])
    assert result.scores[position] == pytest.approx(float(drop), abs=1e-6)
    for unit in ("token", "word"):
        each = prepare(model, PROMPT, TARGET, policy="each").attribute(create_method("leave_one_out", unit=unit))
        together = prepare(model, PROMPT, TARGET).attribute(create_method("leave_one_out", unit=unit))
        assert each.rows["score"].shape == (len(each.target.token_ids), len(each.spans))
        np.testing.assert_allclose(each.scores, together.scores, atol=1e-12)


def test_a_span_of_what_the_model_wrote() -> None:
    model = tiny_model()
    written = generate(model, PROMPT, 4)
    whole = prepare(model, PROMPT, written)
    if whole.encoding.target_spans:
        part = prepare(model, PROMPT, written, policy=TargetChoice(span=whole.encoding.target_spans[0]))
        assert part.target.token_ids == written.token_ids[:1]
    read = Continuation(" green and", tuple(prepare(model, PROMPT, " green and").encoding.target_ids), ended=False)
    part = prepare(model, PROMPT, read, policy=TargetChoice(span=(7, 10)))
    assert (part.target.before, part.target.text) == (" green", " and")


def test_fisher_has_no_lead_over_a_foil() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    with pytest.raises(ConfigError, match="does not ask for the target"):
        prepared.curvature(CurvatureOptions(curvature="fisher"))


def test_what_the_scores_do_not_show_is_in_the_notes() -> None:
    model = tiny_model()
    each = prepare(model, PROMPT, TARGET, policy="each").attribute(create_method("kl"))
    count = len(each.rows["score"])
    assert each.notes == (
        f"policy each: scores and components are sums over {count} target token(s), whose rows are in `rows`",
    )
    assert prepare(model, PROMPT, TARGET).attribute(create_method("kl")).notes == ()
    against = prepare(model, PROMPT, TARGET, policy=TargetChoice(foil=" blue"))
    wanted, other = against.base.target_ids[0], (against.explained.foil_ids or ())[0]
    log_p, log_q = (float(against.base.log_probs[0, int(token)]) for token in (wanted, other))
    (said,) = against.attribute(create_method("kl")).notes
    expected = (
        f"log p {log_p:.3f} of the target's token, {log_q:.3f} of the foil's: a lead of {log_p - log_q:+.3f} nats"
    )
    assert said == expected
    bare = prepare(model, PROMPT, TARGET, policy=TargetChoice(foil="blue")).attribute(create_method("kl"))
    assert bare.notes[-1] == "of target and foil only one begins with a blank: is that meant?"


@pytest.mark.parametrize(("model", "kind"), [("smollm2", "str"), (tiny_model().module, "LlamaForCausalLM")])
def test_something_else_than_a_loaded_model_is_refused(model: Any, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"model is a {kind}; give what heta.load_model or heta.wrap_model returns"):
        prepare(model, PROMPT, TARGET)


def test_what_a_notebook_prints_is_short() -> None:
    result = prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("kl"))
    assert repr(result) == f"<Attribution by kl (tiny-llama) of {len(result.scores)} tokens for {TARGET!r}>"
    assert len(repr(tiny_model())) < 400
