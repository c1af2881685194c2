"""Every aggregation against plain loops, crowd-kit's own figures, planted raters, and invariances."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.special import digamma

from heta_evaluation.aggregation import AGGREGATORS
from heta_evaluation.aggregation.base import normalised
from heta_evaluation.aggregation.confusion import fit_dawid_skene, fit_one_coin
from heta_evaluation.aggregation.glad import _log_joint, _loss, fit_glad
from heta_evaluation.aggregation.mace import _climb, fit_mace
from heta_evaluation.aggregation.votes import UNKNOWN, collect_votes

NAMES = AGGREGATORS.names()
KEPT = json.loads(Path(__file__).with_name("crowd_kit.json").read_text(encoding="utf-8"))
"""Answers of six raters on 80 units, -1 where there is none, and what crowd-kit 1.4.1 makes of them, run until nothing
moves. Its MACE needs answers sorted by label, then rater: in another order it gives one rater's habit to another."""


def votes_of(table, **more):
    """`table [rater, unit]`, -1 where there is no answer, each unit an item."""
    table = np.asarray(table)
    items = ((np.flatnonzero(column >= 0), column[column >= 0][:, None]) for column in table.T)
    return collect_votes(items, n_raters=len(table), **more)


SENSITIVITY, SPECIFICITY = (0.9, 0.8, 0.7, 0.5, 0.6), (0.95, 0.9, 0.97, 0.6, 0.8)


def planted(units=3000, seed=0, share=0.2, sensitivity=SENSITIVITY, specificity=SPECIFICITY):
    rng = np.random.default_rng(seed)
    truth = rng.random(units) < share
    right = np.where(truth, np.asarray(sensitivity)[:, None], np.asarray(specificity)[:, None])
    return truth, np.where(rng.random(right.shape) < right, truth, ~truth)


def posterior(fit, votes):
    return fit.posterior[votes.pattern]


def f1(gold, truth):
    return 2 * (gold & truth).sum() / (gold.sum() + truth.sum())


# --- votes


def test_patterns_count_units_and_keep_their_order():
    items = [([0, 1], [[1, 1, 0], [1, 1, 0]]), ([0, 2], [[1], [1]]), ([0, 1], [[0, 1], [0, 1]])]
    votes = collect_votes(((np.asarray(who), np.asarray(what)) for who, what in items), n_raters=3)
    assert votes.size.tolist() == [2, 3, 1]
    assert votes.pattern.tolist() == [1, 1, 0, 2, 0, 1]
    assert votes.shares.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert votes.answers.tolist() == [[2, 4], [2, 3], [0, 1]]


def test_more_raters_than_a_number_holds():
    rng = np.random.default_rng(0)
    table = rng.integers(0, 2, (70, 40))
    votes = collect_votes([(np.arange(70), table)], n_raters=70)
    for label in (0, 1):
        np.testing.assert_array_equal(votes.hits[label].toarray()[votes.pattern], (table == label).T)


@pytest.mark.parametrize("item", [([], np.zeros((0, 2))), ([0], [[2]]), ([0], [[-1]])])
def test_answers_that_are_none_are_refused(item):
    with pytest.raises(ValueError, match="at least one rater, and answers from 0 to 1"):
        collect_votes([item], n_raters=1)


# --- peers


@pytest.mark.parametrize("name", ["dawid_skene", "one_coin", "mace"])
def test_crowd_kit_gives_the_same(name):
    votes = votes_of(KEPT["answers"])
    fits = {"dawid_skene": fit_dawid_skene, "one_coin": fit_one_coin, "mace": fit_mace}
    fit = fits[name](votes) if name == "mace" else fits[name](votes, smoothing=0.0)
    found, expected = posterior(fit, votes)[:, 1], np.asarray(KEPT[name]["posterior"])
    assert fit.converged
    assert ((found > 0.5) == (expected > 0.5)).all()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    if "skill" in KEPT[name]:
        np.testing.assert_allclose(fit.skill, KEPT[name]["skill"], atol=1e-4)


def test_glad_is_at_least_as_likely_as_crowd_kits_and_gives_the_same_labels():
    votes = votes_of(KEPT["answers"])
    fit = fit_glad(votes)
    log_beta = np.zeros(len(votes.size))
    log_beta[votes.pattern] = KEPT["glad"]["log_beta"]

    def value(alpha, beta):
        _, log_sum = normalised(_log_joint(votes, np.concatenate([alpha, beta])))
        return votes.size @ log_sum - ((alpha - 1) ** 2).sum() / 2 - votes.size @ (beta - 1) ** 2 / 2

    ours, theirs = value(fit.skill, -np.log(fit.difficulty)), value(np.asarray(KEPT["glad"]["alpha"]), log_beta)
    assert ours >= theirs - 1e-3
    expected = np.asarray(KEPT["glad"]["posterior"]) > 0.5
    assert ((posterior(fit, votes)[:, 1] > 0.5) == expected).mean() >= 0.97


def test_the_gradient_of_glad_is_that_of_its_loss():
    votes = votes_of(KEPT["answers"])
    rng = np.random.default_rng(0)
    point = rng.normal(1, 0.5, votes.n_raters + len(votes.size))
    share = rng.random((len(votes.size), 1))
    weights = np.concatenate([share, 1 - share], axis=1)
    error = check_grad(lambda x: _loss(x, votes, weights)[0], lambda x: _loss(x, votes, weights)[1], point)
    assert error < 1e-3


# --- plain loops


def plain_dawid_skene(table, steps, smoothing=0.01):
    """EM unit by unit, as equations 2.3 to 2.5 read."""
    raters, units = table.shape
    belief = np.asarray([[(c == k).sum() / (c >= 0).sum() for k in (0, 1)] for c in table.T])
    for _ in range(steps + 1):
        confusion = np.full((raters, 2, 2), smoothing)
        for (r, u), answer in np.ndenumerate(table):
            if answer >= 0:
                confusion[r, :, answer] += belief[u]
        confusion /= confusion.sum(axis=2, keepdims=True)
        prior, previous = belief.mean(axis=0), belief
        belief = np.tile(prior, (units, 1))
        for (r, u), answer in np.ndenumerate(table):
            if answer >= 0:
                belief[u] *= confusion[r, :, answer]
        belief /= belief.sum(axis=1, keepdims=True)
    return previous


def test_dawid_skene_equals_plain_loops():
    table = np.asarray(KEPT["answers"])
    votes = votes_of(table)
    fit = fit_dawid_skene(votes)
    np.testing.assert_allclose(posterior(fit, votes), plain_dawid_skene(table, fit.iterations), atol=1e-9)


def test_a_step_of_mace_equals_plain_loops():
    # One more step from where it converged moves nothing; written out answer by answer, without patterns.
    table = np.asarray(KEPT["answers"])
    votes = votes_of(table)
    state, _, converged = _climb(votes, np.random.default_rng(0))
    assert converged
    belief = state.posterior[votes.pattern]
    knowing, guessing = np.zeros((len(table), 2)), np.zeros((len(table), 2))
    for (r, u), answer in np.ndenumerate(table):
        if answer >= 0:
            share = state.know[r] / (state.know[r] + state.guess[r, answer])
            knowing[r, answer] += belief[u, answer] * share
            guessing[r, answer] += 1 - belief[u, answer] * share
    known, unknown = knowing.sum(axis=1) + 0.5, guessing.sum(axis=1) + 0.5
    know, guess = (np.exp(digamma(each) - digamma(known + unknown)) for each in (known, unknown))
    habit = np.exp(digamma(guessing + 10) - digamma(guessing.sum(axis=1) + 20)[:, None])
    again = np.ones_like(belief)
    for (r, u), answer in np.ndenumerate(table):
        if answer >= 0:
            for truth in (0, 1):
                again[u, truth] *= guess[r] * habit[r, answer] + know[r] * (truth == answer)
    again /= again.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(again, belief, atol=1e-5)


# --- what they are for


def test_skewed_labels_and_weak_raters():
    truth, labels = planted()
    votes = collect_votes([(np.arange(5), labels)], n_raters=5)
    gold = {name: posterior(AGGREGATORS.get(name).fit(votes, 0), votes)[:, 1] > 0.5 for name in NAMES}
    assert f1(gold["dawid_skene"], truth) > f1(gold["majority"], truth) + 0.03
    fit = fit_dawid_skene(votes)
    for rater, (sensitivity, specificity) in enumerate(zip(SENSITIVITY, SPECIFICITY, strict=True)):
        assert fit.recall(rater, 1).value == pytest.approx(sensitivity, abs=0.06)
        assert fit.recall(rater, 0).value == pytest.approx(specificity, abs=0.06)
        assert fit.skill[rater] == pytest.approx(sensitivity + specificity - 1, abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_rater_who_says_nothing_has_the_lowest_skill(name):
    _, labels = planted(sensitivity=(0.9, 0.85, 0.9, 0.8, 0.5), specificity=(0.95, 0.9, 0.95, 0.9, 0.5), share=0.4)
    fit = AGGREGATORS.get(name).fit(collect_votes([(np.arange(5), labels)], n_raters=5), 0)
    assert fit.skill.argmin() == 4


@pytest.mark.parametrize("name", NAMES)
def test_known_units_teach_what_raters_are_worth(name):
    truth, labels = planted(units=400, sensitivity=(0.9, 0.5, 0.5), specificity=(0.95, 0.5, 0.5))
    known = [truth.astype(int)]
    votes = collect_votes([(np.arange(3), labels)], n_raters=3, known=known)
    fit = AGGREGATORS.get(name).fit(votes, 0)
    np.testing.assert_array_equal(posterior(fit, votes)[:, 1], truth)
    assert fit.recall(0, 1).value == pytest.approx(labels[0][truth].mean())
    assert fit.skill.argmax() == 0


# --- invariances and odd cases


@pytest.mark.parametrize("name", ["majority", "dawid_skene", "one_coin", "glad"])
def test_names_of_raters_and_of_classes_and_order_do_not_matter(name):
    _, labels = planted(units=60, seed=3)
    fit = AGGREGATORS.get(name).fit
    before = votes_of(labels)
    base = fit(before, 0)
    order = np.random.default_rng(0).permutation(60)
    turned = votes_of(labels[::-1][:, order])
    np.testing.assert_allclose(posterior(fit(turned, 0), turned), posterior(base, before)[order], atol=1e-5)
    np.testing.assert_allclose(fit(turned, 0).skill[::-1], base.skill, atol=1e-3)
    other = votes_of(1 - labels)
    np.testing.assert_allclose(posterior(fit(other, 0), other), posterior(base, before)[:, ::-1], atol=1e-5)


tables = st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(-1, 1), min_size=shape[0], max_size=shape[0]).filter(lambda column: max(column) >= 0),
        min_size=shape[1],
        max_size=shape[1],
    )
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12, deadline=None)
@given(columns=tables)
def test_any_answers_give_probabilities_and_finite_skills(name, columns):
    votes = votes_of(np.asarray(columns).T)
    fit = AGGREGATORS.get(name).fit(votes, 0)
    assert np.isfinite(fit.posterior).all()
    np.testing.assert_allclose(fit.posterior.sum(axis=1), 1.0, atol=1e-9)
    assert fit.skill.shape == (votes.n_raters,)
    assert np.isfinite(fit.skill).all()
    np.testing.assert_allclose(fit.counts.sum(axis=(1, 2)), votes.answers.sum(axis=1), atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mark", [0, 1])
def test_unanimous_raters_are_believed(name, mark):
    votes = votes_of(np.full((3, 5), mark))
    assert (posterior(AGGREGATORS.get(name).fit(votes, 0), votes).argmax(axis=1) == mark).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same(name):
    votes = votes_of(KEPT["answers"])
    first, second = (AGGREGATORS.get(name).fit(votes, 4) for _ in range(2))
    np.testing.assert_array_equal(first.posterior, second.posterior)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_registered_says_what_it_is(name):
    found = AGGREGATORS.get(name)
    assert found.name == name
    assert found.method == f"{name}/{found.version}"
    for text in (found.title, found.skill, found.reference):
        assert text.strip() == text != ""


def test_nothing_known_of_a_class_has_a_reason():
    fit = AGGREGATORS.get("majority").fit(votes_of([[0, 0]]), 0)
    assert fit.recall(0, 1) == (None, "no_such_unit")
    assert fit.recall(0, 0).value == 1.0
    assert UNKNOWN == -1
