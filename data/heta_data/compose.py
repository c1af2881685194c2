"""One prompt out of its parts: worked examples, evidence, distractor, question.

    <worked examples> ⏎⏎ <first text> ⏎⏎ <second text> ⏎⏎ Question: <question> ⏎ Answer:        target: " <answer>"

Every code point of the prompt belongs to exactly one segment. A bare `Question: ... Answer:` makes small models
answer in sentences of their own, so that the gold answer is never what they would say; two worked examples in
front show the form. They stay in the record under the role `example` and are neither scored nor labelled.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from heta.errors import InputError
from heta.records import Span
from heta.units import SENTENCES, segment_sentences
from heta.words import SEGMENTATION, segment_words
from heta_data.records import Item, Rights, Role, item_id

Split = Literal["train", "dev", "test"]

SEPARATOR = "\n\n"
SEGMENTATIONS = (SEGMENTATION, SENTENCES)
"""What labels can be made on."""
EXAMPLES = (
    "Mia has a red boat.\n\n"
    "It was late.\n\n"
    "Question: What colour is the boat?\nAnswer: red\n\n"
    "Ada sells honey at the mill.\n\n"
    "The cook laughed.\n\n"
    "Question: Where does Ada sell honey?\nAnswer: at the mill"
)
"""The default worked examples, written for this project."""
EXAMPLE_RIGHTS = Rights(field="example", licence="CC-BY-4.0", source="heta-bench", locator="heta_data.compose.EXAMPLES")

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def compose_item(  # noqa: PLR0913 - one argument for each part of an item, all by name
    *,
    source: str,
    source_id: str,
    group: str,
    split: Split,
    language: str,
    evidence: str,
    distractor: str,
    question: str,
    answer: str,
    evidence_first: bool,
    rights: Sequence[Rights],
    examples: str | None = None,
) -> Item:
    """One item whose segments tile its prompt.

    Args:
        source: name of the source, e.g. `sample`.
        source_id: the row within the source. The two segment orders of a row (twins) share it.
        group: document cluster; items of one group stay in one split and are resampled together.
        split: `train`, `dev` or `test`.
        language: BCP 47 tag of the texts, e.g. `en`.
        evidence: text that supports the answer.
        distractor: text that does not.
        question: in one line.
        answer: in one line, as it should follow `Answer:`; the target is one blank and the answer.
        evidence_first: whether the evidence stands before the distractor.
        rights: licence and origin of each text; those of the default examples are added here.
        examples: text in front of everything, None for `EXAMPLES`, empty for none.

    Raises:
        InputError: a text is empty, holds no word or a control character, or begins or ends with white space;
            question or answer has more than one line; the two texts are the same; the language is no BCP 47 tag.
    """
    where = f"{source or '(no source)'}:{source_id or '(no id)'}"
    _check(where, {"source": source, "source_id": source_id, "group": group}, one_line=True)
    _check(where, {"question": question, "answer": answer}, one_line=True)
    shown = EXAMPLES if examples is None else examples
    _check(where, {"evidence": evidence, "distractor": distractor} | ({"examples": shown} if shown else {}))
    if evidence == distractor:
        raise InputError(f"{where}: evidence and distractor are the same text; take another distractor")
    if not _LANGUAGE.fullmatch(language):
        raise InputError(f"{where}: language is {language!r}; give a BCP 47 tag such as 'en' or 'pt-BR'")
    if not rights:
        raise InputError(f"{where}: no rights given; name the licence and origin of each text")

    first, second = ("evidence", evidence), ("distractor", distractor)
    if not evidence_first:
        first, second = second, first
    between = ("separator", SEPARATOR)
    parts = [first, between, second, between, ("question", f"Question: {question}\nAnswer:")]
    if shown:
        parts = [("example", shown), between, *parts]
    segments, position = [], 0
    for role, text in parts:
        segments.append({"start": position, "end": position + len(text), "role": role})
        position += len(text)
    fields = {
        "source": source,
        "source_id": source_id,
        "group": group,
        "split": split,
        "language": language,
        "prompt": "".join(text for _, text in parts),
        "target": f" {answer}",
        "answer": answer,
        "question": question,
        "segments": segments,
        "rights": [*rights, *([EXAMPLE_RIGHTS] if examples is None else [])],
    }
    return Item.model_validate({**fields, "id": item_id(fields)})


def unscored_spans(item: Item) -> tuple[Span, ...]:
    """The worked examples of `item`, in order: what `heta.prepare` takes as `unscored`."""
    return tuple(Span(segment.start, segment.end) for segment in item.spans("example"))


def label_units(
    item: Item, segmentation: str = SEGMENTATION, *, roles: Sequence[Role] = ("evidence", "distractor")
) -> tuple[Span, ...]:
    """What raters mark and alignment is computed on, of the evidence and distractor segments, in order.

    Args:
        item: whose prompt is cut.
        roles: the segments that are cut; others than evidence and distractor are never marked.
        segmentation: `word/1` (`heta.words`), or `sentence/1` (`heta.units`): the sentences of each segment by itself
            that hold a word.

    Raises:
        InputError: another segmentation.
    """
    segments = tuple([Span(segment.start, segment.end) for segment in item.spans(*roles)])
    return _units(item.prompt, segments, segmentation)


@lru_cache(maxsize=64)
def _units(prompt: str, segments: tuple[Span, ...], segmentation: str) -> tuple[Span, ...]:
    """Kept for a while: the same item is asked for its units several times in a row."""
    words = tuple([word for segment in segments for word in segment_words(prompt, within=segment)])
    if segmentation == SEGMENTATION:
        return words
    if segmentation != SENTENCES:
        raise InputError(f"segmentation {segmentation!r}: this toolkit makes {' and '.join(SEGMENTATIONS)}")
    sentences = (
        Span(segment.start + sentence.start, segment.start + sentence.end)
        for segment in segments
        for sentence in segment_sentences(prompt[segment.start : segment.end])
    )
    return tuple(sentence for sentence in sentences if any(sentence.overlaps(word) for word in words))


def prompt_without(item: Item, *roles: Role) -> str:
    """The prompt without the segments that have one of `roles` and the separator behind each of them.

    `prompt_without(item, "evidence")` asks what a model answers when it cannot have read the evidence.
    """
    pieces, position, dropped = [], 0, False
    for segment in item.segments:
        pieces.append(item.prompt[position : segment.start])
        drop = segment.role in roles or (dropped and segment.role == "separator")
        if not drop:
            pieces.append(item.prompt[segment.start : segment.end])
        dropped = drop and segment.role != "separator"
        position = segment.end
    return "".join([*pieces, item.prompt[position:]])


def _check(where: str, texts: dict[str, str], *, one_line: bool = False) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise InputError(f"{where}: {name} is empty; give a text")
        for position, character in enumerate(text):
            # Cc: control characters; Cs: halves of surrogate pairs, which UTF-8 cannot write.
            if character != "\n" and unicodedata.category(character) in ("Cc", "Cs"):
                raise InputError(
                    f"{where}: {name} holds the control character U+{ord(character):04X} at {position}; "
                    "replace it by a blank or leave it out"
                )
        if one_line and len(text.splitlines()) > 1:
            raise InputError(f"{where}: {name} has more than one line; write it in one")
        if text != text.strip():
            raise InputError(f"{where}: {name} begins or ends with white space; strip it")
        if not segment_words(text):
            raise InputError(f"{where}: {name} is {text[:40]!r} and holds no word; give a letter, a digit or an emoji")
