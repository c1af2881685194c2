"""Whether the target is what a model could write next, and whether the texts settle it."""

import re
from collections.abc import Iterator, Sequence

from heta.words import segment_words
from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding
from heta_data.checking.grouping import Problem, gather

_WORD = re.compile(r"[^\W_]")
# Scripts that put no blank between words: Han, kana, Thai, Lao, Khmer, Burmese, Tibetan.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
_OPENING = frozenset("([{<\"'“‘«‹„‚$€£¥#@/\\-–—_¿¡=`*")
"""Marks behind which a word follows without a blank."""


def check_targets(candidates: Sequence[Candidate]) -> Iterator[Finding]:
    """Targets that run into the prompt, are not the answer, have no cue, or are given away by the question."""
    yield from gather("targets", candidates, _problems)


def stands_in(phrase: str, text: str) -> bool:
    """Whether `phrase` stands in `text`, whatever the case; as whole words where its script parts words by blanks."""
    phrase, text = phrase.casefold().strip(), text.casefold()
    if not phrase or phrase not in text:
        return False
    if _UNSPACED.search(phrase):
        return True
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) is not None


def _problems(candidate: Candidate) -> Iterator[Problem]:
    target, answer = candidate.target, candidate.answer
    if not segment_words(target):
        yield Problem("error", "the target holds no word", repr(target[:20]))
        return
    yield from _joint(candidate.prompt, target)
    if candidate.prompt.rstrip()[-1:] in tuple("?？؟"):
        what = "the prompt ends with its question: a base model has no cue to answer; end with one such as `Answer:`"
        yield Problem("warning", what, repr(candidate.prompt[-20:]))
    if not answer.strip().startswith(target.strip()) and not target.strip().startswith(answer.strip()):
        yield Problem("error", "the target is no beginning of the answer", f"{target!r}, answer {answer!r}")
    if stands_in(answer, candidate.asked):
        yield Problem("warning", "the question holds the answer: a model can copy it from there", answer)
    if candidate.distractor and stands_in(answer, candidate.distractor_text):
        yield Problem("warning", "the distractor holds the answer too: which words matter is open", answer)


def _joint(prompt: str, target: str) -> Iterator[Problem]:
    """What is wrong where the target follows on the prompt."""
    if _UNSPACED.match(target.lstrip()):
        return
    place = repr(prompt[-8:] + target[:12])
    last = prompt[-1:]
    if last.isspace() and target[:1].isspace():
        yield Problem("error", "white space twice between prompt and target: leave it to the target", place)
    elif last in (" ", "\t", "\u00a0"):
        what = "the prompt ends with a blank, which most tokenizers join to the next word: begin the target with it"
        yield Problem("warning", what, place)
    elif not last.isspace() and last not in _OPENING and _WORD.match(target):
        what = "no blank between prompt and target: a model reads them as one word; begin the target with a blank"
        yield Problem("error", what, place)
