"""Items in the layout of the published HETA data: one JSON document with `examples`, texts apart and word lists.

Its word indices count what `\\w+` finds in the support; nothing says which licence a text has or who marked it.
"""

import json
import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from heta.errors import InputError
from heta.records import Span
from heta_data.checking.candidates import Candidate, Marks

Index = Annotated[int, Field(ge=0)]


class _Example(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str
    base_pair_id: str
    narrative_segment: str
    sciq_support_segment: str
    question: str
    answer: str
    target_first_answer_token: str
    input_text: str
    important_word_indices_in_sciq_support: list[Index]


class _Document(BaseModel):
    model_config = ConfigDict(strict=True)

    examples: Annotated[list[_Example], Field(min_length=1)]


def read_reference(path: Path) -> list[Candidate]:
    """The examples of such a file.

    Raises:
        InputError: the file cannot be read or is not of that form, or a text does not stand in its `input_text`.
    """
    try:
        content = path.read_text(encoding="utf-8")
        document = _Document.model_validate(json.loads(content))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path}:{field}: {first['msg']}; give items.jsonl, or a JSON file of the published HETA data's layout"
        ) from None
    return [_candidate(path, number, example) for number, example in enumerate(document.examples)]


def _candidate(path: Path, number: int, example: _Example) -> Candidate:
    where = f"{path.name}:examples.{number} > {example.id}"
    texts = {}
    for field in ("narrative_segment", "sciq_support_segment", "question"):
        text = getattr(example, field)
        start = example.input_text.find(text)
        if start < 0 or not text:
            raise InputError(f"{where} > {field}: does not stand in input_text")
        texts[field] = Span(start, start + len(text))
    support = texts["sciq_support_segment"]
    return Candidate(
        where=where,
        row=f"{path.name}:{example.base_pair_id}",
        group=example.base_pair_id,
        split="test",
        language="en",
        prompt=example.input_text,
        target=example.target_first_answer_token,
        answer=example.answer,
        asked=example.question,
        question=texts["question"],
        evidence=(support,),
        distractor=(texts["narrative_segment"],),
        roles=("distractor", "evidence", "question"),
        rights=(),
        marks=(Marks("important_words", None, _marked(where, example, support)),),
    )


def _marked(where: str, example: _Example, support: Span) -> tuple[Span, ...]:
    words = list(re.finditer(r"\w+", example.sciq_support_segment))
    indices = sorted(set(example.important_word_indices_in_sciq_support))
    if indices and indices[-1] >= len(words):
        raise InputError(f"{where} > important_word_indices: {indices[-1]}, the support has {len(words)} words")
    return tuple(Span(support.start + words[i].start(), support.start + words[i].end()) for i in indices)
