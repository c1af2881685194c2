"""Do the same words keep their ranks when a text says the same in another way?"""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np

from heta_evaluation.faithfulness.base import Estimate, Estimates, PairMetric, WordScores
from heta_evaluation.faithfulness.effects import rank_correlation

LEAST = 3
"""Matched words below which a rank correlation says nothing."""
_LANGUAGES = {
    **{"ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish"},
    **{"fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese"},
    **{"ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish"},
}


def paraphrase_stability(first: WordScores, second: WordScores) -> Estimates:
    """Spearman correlation of the scores of content words that both texts have.

    Words match by their stem, the k-th of one text with the k-th of the other, so that "wrote" in an active and "was
    written" in a passive sentence match where their stems do. In English function words are left out (scikit-learn's
    list); in languages without a stemmer words match as they are, case folded.
    """
    ours, theirs = _content(first), _content(second)
    common = [key for key in ours if key in theirs]
    if len(common) < LEAST:
        return {"main": Estimate(None, "few_matched_words")}
    pair = [np.asarray([found[key] for key in common]) for found in (ours, theirs)]
    if any(side.min() == side.max() for side in pair):
        return {"main": Estimate(None, "constant_scores")}
    return {"main": Estimate(rank_correlation(*pair))}


def _content(side: WordScores) -> dict[tuple[str, int], float]:
    """(stem, how often it came before) -> score."""
    language = side.language.split("-")[0]
    stemmer = _stemmer(language)
    found: dict[tuple[str, int], float] = {}
    seen: Counter[str] = Counter()
    for word, score in zip(side.words, side.scores.tolist(), strict=True):
        plain = word.casefold()
        if language == "en" and plain in _function_words():
            continue
        stem = plain if stemmer is None else str(stemmer.stemWord(plain))
        found[stem, seen[stem]] = score
        seen[stem] += 1
    return found


@cache
def _stemmer(language: str) -> Any:
    if language not in _LANGUAGES:
        return None
    import snowballstemmer

    return snowballstemmer.stemmer(_LANGUAGES[language])


@cache
def _function_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


PARAPHRASE_STABILITY = PairMetric(
    name="paraphrase_stability",
    title="rank correlation of a method's scores for the words that two phrasings of a text share",
    family="robustness",
    range=(-1.0, 1.0),
    direction="higher",
    needs=("pairs",),
    reference="Spearman over content words matched by stem and occurrence, pairs of items as given",
    ties="average ranks",
    negative="rank below zero",
    empty="labels are not used",
    constant="no value: constant_scores; below three matched words: few_matched_words",
    variants={"main": (-1.0, 1.0)},
    compute=paraphrase_stability,
)
