"""Rivals that use no model at all and score words. A method that cannot beat them has explained nothing."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from heta.methods.base import Array, Method, Options, Scores
from heta.words import segment_words

if TYPE_CHECKING:
    from heta.prepared import Prepared


class RandomOptions(Options):
    """Options of `random`."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draws; the texts seed them as well."""


class Random(Method):
    """Uniform scores in [0, 1), seeded by the option and the texts, so that every prompt draws its own."""

    name = "random"
    summary = "uniform random scores, seeded"
    reference = "chance"
    family = "lexical"
    cost = "no model"
    unit = "word"
    needs_model = False
    options_class = RandomOptions

    def score(self, prepared: "Prepared") -> Scores:
        """One draw a word."""
        texts = f"{prepared.prompt}\0{prepared.target_text}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(texts).digest()
        generator = np.random.default_rng([self.options.seed, int.from_bytes(digest[:8], "big")])
        return _words(prepared, generator.random(len(prepared.words)))


class AnswerMatch(Method):
    """1 for a word that also occurs in the target (case folded), 0 for every other."""

    name = "answer_match"
    summary = "words that occur in the target, no model"
    reference = "lexical rival"
    family = "lexical"
    cost = "no model"
    unit = "word"
    needs_model = False

    def score(self, prepared: "Prepared") -> Scores:
        """Whether each word is one of the target's."""
        target = prepared.target_text
        wanted = {target[start:end].casefold() for start, end in segment_words(target)}
        return _words(prepared, [float(word in wanted) for word in _texts(prepared)])


class FirstWords(Method):
    """Falls evenly from 1 at the first scored word towards 0 after the last."""

    name = "first_words"
    summary = "the earlier a word, the higher, no model"
    reference = "lexical rival"
    family = "lexical"
    cost = "no model"
    unit = "word"
    needs_model = False

    def score(self, prepared: "Prepared") -> Scores:
        """(n - rank) / n, with rank counting scored words from 0."""
        rank = np.cumsum(prepared.words_scored) - 1
        count = int(prepared.words_scored.sum())
        return _words(prepared, (count - rank) / count)


class LongestWords(Method):
    """A word's length in code points."""

    name = "longest_words"
    summary = "the longer a word, the higher, no model"
    reference = "lexical rival"
    family = "lexical"
    cost = "no model"
    unit = "word"
    needs_model = False

    def score(self, prepared: "Prepared") -> Scores:
        """The length of every word."""
        return _words(prepared, [float(span.end - span.start) for span in prepared.words])


def _texts(prepared: "Prepared") -> list[str]:
    return [prepared.prompt[start:end].casefold() for start, end in prepared.words]


def _words(prepared: "Prepared", values: Sequence[float] | Array) -> Scores:
    return Scores(scores=np.where(prepared.words_scored, np.asarray(values, dtype=np.float64), 0.0))
