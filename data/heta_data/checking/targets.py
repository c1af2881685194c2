"""Whether the target is what a model could write next, and whether the texts settle it."""

import re
from collections.abc import Iterator, Sequence

from heta.words import segment_words
from heta_data.checking.candidates import Candidate
from heta_data.checking.findings import Finding
from heta_data.checking.grouping import Problem, gather

_SPACED = re.compile(r"[^\W\d_]")
# Scripts that put no blank between words: Han, kana, Thai, Lao, Khmer, Burmese, Tibetan.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)


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
    prompt, target = candidate.prompt, candidate.target
    if not segment_words(target):
        yield Problem("error", "the target holds no word", repr(target[:20]))
        return
    if not prompt[-1:].isspace() and _SPACED.match(target) and not _UNSPACED.match(target):
        what = "no blank between prompt and target: a model reads them as one word; begin the target with a blank"
        yield Problem("error", what, repr(prompt[-8:] + target[:12]))
    if prompt.rstrip()[-1:] in tuple("?？؟"):
        what = (
            "the prompt ends with its question: nothing asks a model for the answer; end with a cue such as `Answer:`"
        )
        yield Problem("error", what, repr(prompt[-20:]))
    if not candidate.answer.strip().startswith(target.strip()) and not target.strip().startswith(candidate.answer):
        yield Problem("error", "the target is no beginning of the answer", f"{target!r}, answer {candidate.answer!r}")
    if stands_in(candidate.answer, candidate.question_text):
        yield Problem("warning", "the question holds the answer: nothing has to be read for it", candidate.answer)
    if candidate.distractor and stands_in(candidate.answer, candidate.distractor_text):
        what = "the distractor holds the answer too: which words matter is open"
        yield Problem("warning", what, candidate.answer)
