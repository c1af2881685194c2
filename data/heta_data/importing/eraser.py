"""ERASER's files: documents as tokens between blanks, evidence as token offsets.

DeYoung et al. 2020, arXiv:1911.03429.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from heta.errors import InputError
from heta.records import Span
from heta_data.errors import RecordError
from heta_data.importing.files import as_model, read_objects, read_text
from heta_data.importing.rationales import Rationale, Texts

_TOKEN = re.compile(r"\S+")
_BETWEEN = "\n\n"


class _Evidence(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    docid: str
    start_token: int
    end_token: int
    text: str | None = None


class _Annotation(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    annotation_id: str
    query: str | tuple[str, ...]
    classification: str
    evidences: tuple[tuple[_Evidence, ...], ...]
    docids: tuple[str, ...] | None = None


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    docid: str
    document: str = Field(min_length=1)


def document_files(path: Path, docs: Path | None) -> Path:
    """Where the documents lie: `docs`, or `docs.jsonl` or the folder `docs` beside the annotations.

    Raises:
        InputError: there are none.
    """
    for place in (docs,) if docs is not None else (path.parent / "docs.jsonl", path.parent / "docs"):
        if place.exists():
            return place
    raise InputError(f"{docs or path.parent / 'docs'}: no such documents; name their folder or docs.jsonl with --docs")


def read_eraser(path: Path, docs: Path, texts: Texts) -> list[Rationale]:
    """One answer for each annotation: all evidence groups together, over the documents that it names.

    The prompt is the documents, then `Question: <query>` and `Answer:`; the target is the class. Tokens are what
    stands between white space; the text of an evidence, where it is given, must be those tokens.

    Raises:
        InputError: a file cannot be read. RecordError: a line or an offset that does not fit.
        ConfigError: no licence given.
    """
    documents = _documents(docs)
    found = [(where, as_model(data, _Annotation, where)) for where, data in read_objects(path)]
    return [_rationale(where, annotation, documents, texts) for where, annotation in found]


def _documents(docs: Path) -> Callable[[str], str]:
    """A function from a document's id to its text.

    Raises:
        RecordError: a line of `docs.jsonl` that does not fit.
    """
    if docs.is_dir():

        @cache
        def read(name: str) -> str:
            path = docs / name
            if not name or path.parent != docs or not path.is_file():
                raise InputError(f"{docs}: holds no document {name[:60]!r}")
            return read_text(path).strip()

        return read
    texts: dict[str, str] = {}
    for where, data in read_objects(docs):
        document = as_model(data, _Document, where)
        if texts.setdefault(document.docid, document.document.strip()) != document.document.strip():
            raise RecordError(f"{where}:docid: {document.docid[:60]!r} stands twice with different texts")

    def look_up(name: str) -> str:
        if name not in texts:
            raise InputError(f"{docs}: holds no document {name[:60]!r}")
        return texts[name]

    return look_up


def _rationale(where: str, annotation: _Annotation, documents: Callable[[str], str], texts: Texts) -> Rationale:
    evidence = [one for group in annotation.evidences for one in group]
    names = tuple(dict.fromkeys(annotation.docids or [one.docid for one in evidence])) or (annotation.annotation_id,)
    try:
        bodies = [documents(name) for name in names]
    except InputError as error:
        raise RecordError(f"{where}: {error}") from None
    places, position = {}, 0
    for name, body in zip(names, bodies, strict=True):
        places[name] = [Span(position + m.start(), position + m.end()) for m in _TOKEN.finditer(body)]
        position += len(body) + len(_BETWEEN)
    query = annotation.query if isinstance(annotation.query, str) else " ".join(annotation.query)
    parts = [
        ("evidence", _BETWEEN.join(bodies)),
        ("separator", _BETWEEN),
        ("question", f"Question: {query}\nAnswer:"),
    ]
    item = texts.item(
        where, annotation.annotation_id, parts, answer=annotation.classification, question=query, group=names[0]
    )
    spans, said = [], []
    for one in evidence:
        span = _span(where, one, places)
        if span not in spans:  # an evidence may stand in several groups
            spans.append(span)
            said.append(one.text)
    return Rationale(where, item, "", tuple(spans), tuple(said))


def _span(where: str, evidence: _Evidence, places: Mapping[str, Sequence[Span]]) -> Span:
    start, end = evidence.start_token, evidence.end_token
    if evidence.docid not in places:
        raise RecordError(f"{where}: evidence in {evidence.docid[:60]!r}, which is none of the annotation's docids")
    tokens = places[evidence.docid]
    if not 0 <= start < end <= len(tokens):
        raise RecordError(
            f"{where}: evidence [{start}, {end}) of {evidence.docid[:60]!r}, which has {len(tokens)} tokens"
        )
    return Span(tokens[start].start, tokens[end - 1].end)
