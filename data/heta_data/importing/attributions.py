"""Scores made elsewhere as records: each token proved to stand where it is said to, nothing else accepted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from heta.records import Span
from heta.words import segment_words
from heta_data.attribution_files import library_versions
from heta_data.errors import RecordError
from heta_data.importing.scored import Misalignment, Origin, Scored, bare_text, line_of, short
from heta_data.importing.tokens import Miss, place_tokens, token_texts
from heta_data.record_base import content_hash
from heta_data.records import AttributionRecord, Item
from heta_data.snapping import other_encoding

UNSCORED = "there is none of it"
"""How the problem of a word without a score begins."""


@dataclass(frozen=True)
class _Placed:
    """Scores with their places in the prompt."""

    spans: list[Span]
    scores: list[float | None]
    notes: tuple[str, ...]


def to_record(scored: Scored, item: Item, origin: Origin, *, signed: bool) -> AttributionRecord | list[Misalignment]:
    """The scores as a record, or every reason why they are not about the item.

    Args:
        scored: as the file has them.
        item: what they are about.
        origin: where they come from.
        signed: whether the method's scores can be below 0.

    Raises:
        RecordError: a score that is no number, or a method's name that cannot be one.
        ConfigError: nobody says which model it was.
    """
    method = origin.method(scored)
    model, revision, tokenizer = origin.identity(scored)
    _check_scores(scored, item, method)
    problems = list(_target_problems(scored, item, method))
    placed = _place(scored, item, method)
    if isinstance(placed, list):
        return problems + placed
    placed = _without_examples(placed, item)
    if missing := _uncovered(placed, item):
        if origin.sparse:
            placed = _with_zeros(placed, missing)
        else:
            problems.append(_bare_words(scored, item, method, missing))
    if problems:
        return problems
    config = origin.config(scored)
    words = set(segment_words(item.prompt))
    return AttributionRecord(
        item_id=item.id,
        method=method,
        signed=signed,
        model=model,
        model_revision=revision,
        tokenizer=tokenizer,
        unit="word" if words.issuperset(placed.spans) else "token",
        starts=tuple(span.start for span in placed.spans),
        ends=tuple(span.end for span in placed.spans),
        token_ids=None,
        scores=tuple(placed.scores),
        components={},
        target=None,
        config=config,
        config_hash=content_hash(config, 8),
        versions={
            "heta-bench": library_versions(with_model=False)["heta-bench"],
            **({origin.tool: origin.tool_version} if origin.tool_version else {}),
        },
        notes=(*scored.notes, *placed.notes),
        seconds=None,
    )


def _name(item: Item) -> str:
    return f"{item.id} ({item.source}:{item.source_id})"


def _check_scores(scored: Scored, item: Item, method: str) -> None:
    for index, score in enumerate(scored.scores):
        if score is not None and not isfinite(score):
            where = line_of(scored, index)
            raise RecordError(f"{where}: item {item.id}, {method}: the score is {score}, expected a finite number")


def _target_problems(scored: Scored, item: Item, method: str) -> Iterator[Misalignment]:
    """Whether something else than the item's target was explained."""
    texts = token_texts(scored.target_tokens) if scored.target_tokens is not None else ()
    texts = (*texts, scored.target) if scored.target is not None else texts
    if texts and not any(bare_text(text) == bare_text(item.target) for text in texts):
        yield Misalignment(
            scored.where, _name(item), method, "target", repr(item.target), f"the file explains {short(texts[-1])}"
        )


def _place(scored: Scored, item: Item, method: str) -> _Placed | list[Misalignment]:
    """Where each token stands, or each one that does not stand where it should.

    Special tokens stand for no text: their span is empty and they are not scored, as in records of our own.
    """
    if scored.spans is None:
        tokens = [token or "" for token in scored.tokens or ()]
        found = place_tokens(item.prompt, tokens)
        if isinstance(found, Miss):
            return [_missed(scored, item, method, found, tokens)]
        spans, special = list(found.spans), found.special
        notes = [f"{found.spaced} tokens have other white space than the prompt"] if found.spaced else []
    else:
        checked = [(index, span) for index, span in enumerate(scored.spans) if span is not None]
        problems = [problem for index, span in checked if (problem := _disproof(scored, item, method, index, span))]
        problems += _repeated(scored, item, method)
        if problems:
            return problems
        spans, notes = [span or Span(0, 0) for span in scored.spans], []
        special = tuple(span.start == span.end for span in spans)
    if any(special):
        notes.append(f"{sum(special)} special tokens are not scored")
    scores = [None if odd else score for odd, score in zip(special, scored.scores, strict=True)]
    return _Placed(spans, scores, tuple(notes))


def _missed(scored: Scored, item: Item, method: str, miss: Miss, tokens: Sequence[str]) -> Misalignment:
    found = f"the prompt has {short(miss.found)} at {miss.position}"
    if miss.index == len(tokens):
        where = line_of(scored, miss.index - 1) if tokens else scored.where
        return Misalignment(where, _name(item), method, "last token", "the prompt's end after it", found)
    token = f"token {miss.index + 1} {tokens[miss.index]!r}"
    return Misalignment(line_of(scored, miss.index), _name(item), method, token, repr(miss.expected), found)


def _disproof(scored: Scored, item: Item, method: str, index: int, span: Span) -> Misalignment | None:
    """Why the span cannot be where it is said to be; None where nothing speaks against it."""
    where, what = line_of(scored, index), f"span [{span.start}, {span.end})"
    if not 0 <= span.start <= span.end <= len(item.prompt):
        inside = f"a span inside the prompt of {len(item.prompt)} code points"
        return Misalignment(where, _name(item), method, what, inside, "it reaches outside")
    token = scored.tokens[index] if scored.tokens is not None else None
    there = item.prompt[span.start : span.end]
    if token is None or span.start == span.end:
        return None
    if any(bare_text(text) == bare_text(there) for text in token_texts([token])):
        return None
    counted = other_encoding(item.prompt, span.start, span.end, token)
    hint = f" (as {counted} it would fit)" if counted else ""
    return Misalignment(where, _name(item), method, what, repr(token), f"the prompt has {short(there)} there{hint}")


def _repeated(scored: Scored, item: Item, method: str) -> Iterator[Misalignment]:
    """Spans that stand there again, unless they follow each other as pieces of one character that a tokenizer cut."""
    last: dict[Span, int] = {}
    for index, span in enumerate(scored.spans or ()):
        if span is None or span.start == span.end:
            continue
        pieces = span in last and last[span] == index - 1 and not item.prompt[span.start : span.end].isascii()
        if span in last and not pieces:
            what, again = f"span [{span.start}, {span.end})", f"it stands in {line_of(scored, last[span])} too"
            yield Misalignment(line_of(scored, index), _name(item), method, what, "each span once", again)
        last[span] = index


def _without_examples(placed: _Placed, item: Item) -> _Placed:
    """Worked examples are not scored, whoever scored them."""
    examples = item.spans("example")
    scores = [
        None if any(span.start < example.end and example.start < span.end for example in examples) else score
        for span, score in zip(placed.spans, placed.scores, strict=True)
    ]
    return _Placed(placed.spans, scores, placed.notes)


def _uncovered(placed: _Placed, item: Item) -> list[Span]:
    """Words outside worked examples that no score is about."""
    covered = bytearray(len(item.prompt))
    for span, score in zip(placed.spans, placed.scores, strict=True):
        if score is not None:
            covered[span.start : span.end] = b"\1" * (span.end - span.start)
    for example in item.spans("example"):
        covered[example.start : example.end] = b"\1" * (example.end - example.start)
    return [word for word in segment_words(item.prompt) if not any(covered[word.start : word.end])]


def _with_zeros(placed: _Placed, missing: Sequence[Span]) -> _Placed:
    pairs = sorted(
        [*zip(placed.spans, placed.scores, strict=True), *((word, 0.0) for word in missing)], key=lambda pair: pair[0]
    )
    return _Placed([span for span, _ in pairs], [score for _, score in pairs], placed.notes)


def _bare_words(scored: Scored, item: Item, method: str, missing: Sequence[Span]) -> Misalignment:
    word = missing[0]
    more = f" and of {len(missing) - 1} more words" if len(missing) > 1 else ""
    what = f"word {item.prompt[word.start : word.end]!r} [{word.start}, {word.end})"
    return Misalignment(scored.where, _name(item), method, what, "a score", f"{UNSCORED}{more}")
