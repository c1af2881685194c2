"""What every registered method must keep to, and what each one is by definition."""

import math
from typing import Any

import numpy as np
import pytest

import heta
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model
from heta import METHODS, Attribution, Budget, create_method, prepare
from heta.errors import ConfigError, HetaError, NumericalError, UnknownName

UNSCORED = (heta.Span(0, 5),)


def attribute(name: str, family: str = "llama", **options: Any) -> Attribution:
    return prepare(tiny_model(family), PROMPT, TARGET, unscored=UNSCORED).attribute(create_method(name, **options))


@pytest.mark.parametrize("name", METHODS.names())
class TestEveryMethod:
    def test_one_finite_score_for_every_unit(self, name: str) -> None:
        result = attribute(name)
        units = len(result.spans)
        assert result.scores.shape == result.scored.shape == (units,)
        assert result.scores.dtype == np.float64
        for values in (result.scores, *result.components.values()):
            assert values.shape == (units,)
            assert np.isfinite(values).all()
            assert not values[~result.scored].any()
        assert result.scored.any()
        assert not result.scored.all()
        assert result.signed or (result.scores >= 0).all()
        assert len(set(result.scores[result.scored])) > 1

    def test_the_same_twice(self, name: str) -> None:
        one, two = attribute(name), attribute(name)
        np.testing.assert_array_equal(one.scores, two.scores)
        assert (one.config, one.config_hash) == (two.config, two.config_hash)

    def test_identity_of_what_was_run(self, name: str) -> None:
        result, method = attribute(name), create_method(name)
        assert result.method == name
        assert result.config == method.config
        assert result.config_hash == method.config_hash
        assert set(method.options.acting()) < set(result.config)
        assert (result.model is None) == (not method.needs_model) == (result.target is None)
        assert (result.unit == "word") == (result.token_ids is None)
        assert result.seconds >= 0

    def test_works_without_a_model_or_says_so(self, name: str) -> None:
        method = create_method(name)
        bare = prepare(None, PROMPT, TARGET, unscored=UNSCORED)
        if method.needs_model:
            with pytest.raises(ConfigError, match="needs a model"):
                bare.attribute(method)
        else:
            np.testing.assert_array_equal(bare.attribute(method).scores, attribute(name).scores)

    def test_says_what_it_is(self, name: str) -> None:
        method = METHODS.get(name)
        assert method.name == name
        assert method.summary
        assert method.reference
        assert method.__doc__


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", [name for name in METHODS if METHODS.get(name).needs_model])
def test_every_family(name: str, family: str) -> None:
    result = attribute(name, family)
    assert np.isfinite(result.scores).all()
    assert np.abs(result.scores).sum() > 0


def test_equation_five() -> None:
    raw, balanced = attribute("heta", beta=0.25, gamma=2.0), attribute("heta_balanced", beta=0.25, gamma=2.0)
    m, s, i = (raw.components[name] for name in ("transition", "curvature", "information"))
    np.testing.assert_allclose(raw.scores, m * (0.25 * s + 2.0 * i))
    np.testing.assert_allclose(balanced.scores, m * (0.25 * s / s.sum() + 2.0 * i / i.sum()))
    assert m.sum() == pytest.approx(1.0)
    for name in raw.components:
        np.testing.assert_array_equal(raw.components[name], balanced.components[name])


def test_fast_differs_from_balanced_in_the_curvature_alone_and_says_so() -> None:
    fast, exact = attribute("heta_fast", probes=5), attribute("heta_balanced", probes=5)
    assert fast.config["curvature"] == "one_pass"
    assert (exact.config["curvature"], exact.config["product"]) == ("exact", "finite_difference")
    for name in ("transition", "information"):
        np.testing.assert_array_equal(fast.components[name], exact.components[name])
    assert not np.allclose(fast.components["curvature"], exact.components["curvature"], rtol=0.01)


def test_kl_is_the_information_term() -> None:
    np.testing.assert_array_equal(attribute("kl").scores, attribute("heta_fast").components["information"])


@pytest.mark.parametrize("mask", ["zero", "drop"])
@pytest.mark.parametrize("unit", ["token", "word"])
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_leave_one_out_is_what_the_target_loses(family: str, unit: str, mask: str) -> None:
    from helpers import oracles

    model = tiny_model(family)
    prepared = prepare(model, PROMPT, TARGET, unscored=UNSCORED)
    result = prepared.attribute(create_method("leave_one_out", unit=unit, mask=mask))
    base = prepared.base
    steps, target = range(len(base.read)), base.target_ids.tolist()
    vector = None if mask == "drop" else base.embeddings[0, 0] * 0
    assert result.unit == unit
    for index, (start, end) in enumerate(result.spans):
        # "Ines" is unscored; a token belongs to the word that its text, without the blank in front, lies in.
        tokens = [index] if unit == "token" else []
        if unit == "word":
            for position, span in enumerate(prepared.encoding.spans):
                text = PROMPT[span.start : span.end].strip()
                if text and prepared.encoding.scored[position] and start <= span.end - len(text) < end:
                    tokens.append(position)
        if not result.scored[index]:
            assert result.scores[index] == 0
            continue
        moved = oracles.perturbed_log_probs(model, base.embeddings[0], base.read, tokens, vector)
        expected = float((base.log_probs - moved)[list(steps), target].sum())
        assert result.scores[index] == pytest.approx(expected, abs=1e-6)
    assert result.scores.min() < 0 < result.scores.max()


def test_leave_one_out_scores_words_that_hold_a_scored_token() -> None:
    # Without a BOS token the first position gets no score, and "Ines" is one token or begins with it.
    prepared = prepare(tiny_model(bos=False), PROMPT, TARGET)
    result = prepared.attribute(create_method("leave_one_out", unit="word"))
    first = [position for position, span in enumerate(prepared.encoding.spans) if span.start < len("Ines")]
    assert bool(result.scored[0]) == (len(first) > 1)
    assert result.scored[1:].all()
    bare = prepare(tiny_model(bos=False), "a ...?!", TARGET)
    assert bare.unit_positions("word") == ((),)
    with pytest.raises(heta.errors.InputError, match="no word of the prompt holds a scored token"):
        bare.attribute(create_method("leave_one_out", unit="word"))


def test_gradient_times_input_is_a_first_order_change() -> None:
    # d/dt log p at embedding (1 + t) e is e . grad: a central difference of whole passes. GPT-2, because norms of the
    # Llama type round to float32 whatever the model's precision, which such a small step would magnify.
    from helpers import oracles

    model = tiny_model("gpt2")
    prepared = prepare(model, PROMPT, TARGET)
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
    clean, target = oracles.embed(model, ids), prepared.base.target_ids.tolist()
    got = prepared.attribute(create_method("gradient_x_input")).scores
    for position in prepared.positions[:4]:
        ends = []
        for step in (1e-5, -1e-5):
            moved = clean.clone()
            moved[position] *= 1 + step
            ends.append(float(oracles.target_log_prob(model, moved, prepared.base.read, target)))
        assert got[position] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_lexical_rivals_by_hand() -> None:
    prepared = prepare(None, "Green paint, green STAIRS now", " green stairs", unscored=[heta.Span(0, 5)])

    # Words: Green (unscored) paint green STAIRS now
    def values(name: str) -> list[float]:
        return prepared.attribute(create_method(name)).scores.tolist()

    assert values("answer_match") == [0, 0, 1, 1, 0]
    assert values("longest_words") == [0, 5, 5, 6, 3]
    assert values("first_words") == [0, 1, 0.75, 0.5, 0.25]


def test_random_draws_anew_for_every_prompt_and_seed() -> None:
    one = attribute("random").scores
    assert not np.allclose(one, attribute("random", seed=1).scores)
    other = prepare(None, PROMPT.replace("green", "white"), TARGET, unscored=UNSCORED)
    assert not np.allclose(one, other.attribute(create_method("random")).scores)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("heta", {"probs": 3}, "no option 'probs'; did you mean 'probes'"),
        ("heta", {"probes": 0}, "greater than or equal to 1"),
        ("heta", {"probes": 2.5}, "valid integer"),
        ("heta", {"probes": True}, "valid integer"),
        ("heta", {"seed": -1}, "greater than or equal to 0"),
        ("heta", {"beta": -0.5}, "greater than or equal to 0"),
        ("heta", {"gamma": math.nan}, "finite"),
        ("heta", {"beta": 0, "gamma": 0}, "both 0"),
        ("heta", {"rollout": "sufix"}, "'suffix' or 'prefix'"),
        ("heta", {"mask": "mean"}, "'zero'"),
        ("heta", {"curvature": "two_pass"}, "'exact', 'one_pass'"),
        ("kl", {"seed": 1}, "no option 'seed'"),
        ("leave_one_out", {"unit": "line"}, "'token', 'word' or 'sentence'"),
        ("answer_match", {"mask": "zero"}, "it has no options"),
    ],
)
def test_options_that_cannot_apply(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        create_method(name, **options)
    assert "\n" not in str(caught.value)


def test_every_option_changes_the_hash() -> None:
    changed: list[dict[str, Any]] = [
        {"probes": 4},
        {"seed": 1},
        {"step": 0.001},
        {"beta": 0.1},
        {"gamma": 0.1},
        {"rollout": "prefix"},
    ]
    hashes = {create_method("heta", **options).config_hash for options in ({}, *changed)}
    assert len(hashes) == len(changed) + 1
    assert len({create_method(name, probes=4).config_hash for name in ("heta", "heta_balanced", "heta_fast")}) == 3


def test_unknown_method() -> None:
    with pytest.raises(UnknownName, match="did you mean 'heta_fast'"):
        create_method("heta_fsat")


def test_policies() -> None:
    model = tiny_model()
    answer, first, own = (prepare(model, PROMPT, TARGET, policy=policy) for policy in ("answer", "first", "model"))
    assert first.target.token_ids == answer.target.token_ids[:1]
    assert first.target.log_probs == pytest.approx(answer.target.log_probs[:1])
    assert own.target.text == own.target.greedy == answer.target.greedy
    assert own.target.answered
    assert set(own.target.ranks) == {1}
    assert len(own.target.token_ids) == len(answer.target.token_ids)
    with pytest.raises(ConfigError, match="leave policy out, or give a model"):
        prepare(None, PROMPT, TARGET, policy="model")


def test_greedy_continuation_is_that_of_full_passes() -> None:
    import torch

    from helpers import oracles

    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET)
    ids = list(prepared.encoding.prompt_ids)
    with torch.no_grad():
        for _ in prepared.encoding.target_ids:
            ids.append(int(oracles.log_probs(model, oracles.embed(model, ids))[-1].argmax()))
    assert prepared.target.greedy == model.decode(ids[len(prepared.encoding.prompt_ids) :])


def test_log_probability_and_rank_of_the_target() -> None:
    from helpers import oracles

    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET)
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids]
    all_log_probs = oracles.log_probs(model, oracles.embed(model, ids)).detach()
    for step, token in enumerate(prepared.encoding.target_ids):
        row = all_log_probs[len(prepared.encoding.prompt_ids) - 1 + step]
        assert prepared.target.log_probs[step] == pytest.approx(float(row[token]))
        assert prepared.target.ranks[step] == 1 + int((row > row[token]).sum())


def test_a_number_that_is_not_finite_is_named() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    method = create_method("gradient_x_input")
    infinite = prepared.objective().gradients_at(prepared.positions) * math.inf
    prepared._memo.get(("gradient",), lambda: infinite)
    with pytest.raises(NumericalError, match=r"score of \d+ unit\(s\) is not finite, first at \[0, "):
        prepared.attribute(method)


def test_one_call() -> None:
    result = heta.attribute(tiny_model(), PROMPT, TARGET, "heta_fast", unscored=UNSCORED, probes=2)
    np.testing.assert_array_equal(result.scores, attribute("heta_fast", probes=2).scores)
    with pytest.raises(HetaError, match="'seed'"):
        heta.attribute(tiny_model(), PROMPT, TARGET, "kl", seed=3)


def test_errors_in_the_texts_come_before_any_pass() -> None:
    from heta.errors import InputError

    with pytest.raises(InputError, match="the target is empty"):
        prepare(None, PROMPT, "")
    with pytest.raises(InputError, match="left to score"):
        prepare(None, PROMPT, TARGET, unscored=[heta.Span(0, len(PROMPT))])
    with pytest.raises(ConfigError, match="policy is 'gold'"):
        prepare(None, PROMPT, TARGET, policy="gold")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a budget of 0 tokens"):
        prepare(None, PROMPT, TARGET, budget=Budget(tokens=0))
