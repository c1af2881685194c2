"""What inseq's `FeatureAttributionOutput.save` writes: JSON, plain or gzipped, with tensors as base64 safetensors.

Sarti et al. 2023, doi:10.18653/v1/2023.acl-demo.40. Read without inseq: what is used are the tokens, the scores of
prompt tokens for each generated token, and what `info` says of method and model.
"""

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from heta_data.errors import RecordError
from heta_data.importing.files import read_bytes
from heta_data.importing.scored import Scored
from heta_data.importing.tokens import SPECIAL

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_AGGREGATE = "save `out.aggregate()` instead, so that each token has one score"


def read_inseq(path: Path) -> list[Scored]:
    """The sequences of a file, in order.

    Scores of several generated tokens are added up, as gradients of a sum are. What inseq scored of the generated
    text itself is left out: only the prompt is explained.

    Raises:
        InputError: the file cannot be read. RecordError: it is not what inseq saves, or holds no single score a token.
    """
    output = _attributes(_load(path))
    info, sequences = output.get("info"), output.get("sequence_attributions")
    if not isinstance(info, dict) or not isinstance(sequences, list) or not sequences:
        raise RecordError(f"{path}: has no 'info' and 'sequence_attributions': not what inseq's save() writes")
    method = info.get("attribution_method")
    if not isinstance(method, str):
        raise RecordError(f"{path}: info.attribution_method: got {method!r}, expected the method's name")
    texts = info.get("input_texts")
    texts = texts if isinstance(texts, list) and len(texts) == len(sequences) else [None] * len(sequences)
    return [
        _sequence(f"{path}:sequence {number}", _attributes(sequence), method, info, text)
        for number, (sequence, text) in enumerate(zip(sequences, texts, strict=True), start=1)
    ]


def _load(path: Path) -> object:
    content = read_bytes(path)
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        return json.loads(content.decode("utf-8-sig"))
    except (OSError, EOFError, zlib.error):
        raise RecordError(f"{path}: is no whole gzip file; save it again") from None
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise RecordError(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not JSON that can be read: {error}") from None


def _attributes(value: object) -> dict[str, Any]:
    """The fields of an object that inseq wrote, whether with or without its class."""
    if not isinstance(value, dict):
        return {}
    inner = value.get("attributes", value)
    return inner if isinstance(inner, dict) else {}


def _sequence(where: str, found: Mapping[str, Any], method: str, info: Mapping[str, Any], text: object) -> Scored:
    source, target = _tokens(where, "source", found), _tokens(where, "target", found)
    decoder_only = found.get("source_attributions") is None
    name = "target_attributions" if decoder_only else "source_attributions"
    scores = _scores(f"{where}:{name}", found.get(name))
    first, last = found.get("attr_pos_start"), found.get("attr_pos_end")
    if not (_whole(first) and _whole(last) and 0 <= first < last <= len(target)):
        raise RecordError(
            f"{where}: attr_pos_start and attr_pos_end are {first!r} and {last!r} of {len(target)} tokens"
        )
    explained = target[first:last]
    shape = (len(target if decoder_only else source), len(explained))
    if scores.shape != shape:
        raise RecordError(f"{where}:{name}: got the shape {list(scores.shape)}, the tokens give {list(shape)}")
    # A decoder reads the prompt as the beginning of what it generates; `source` keeps subwords when words are made.
    read = target[:first] if decoder_only else source
    steps = [number for number, token in enumerate(explained) if not SPECIAL.fullmatch(token)]
    if not steps:
        raise RecordError(f"{where}:target: no generated token is explained")
    values = scores[: len(read), steps].sum(axis=1)
    notes = []
    if len(steps) < len(explained):
        notes.append(f"scores for {len(explained) - len(steps)} special tokens of the answer are left out")
    model = info.get("model_name")
    return Scored(
        where=where,
        method=method,
        scores=tuple(float(value) for value in values),
        prompt=text if isinstance(text, str) else "".join(read),
        model=_model(model) if isinstance(model, str) and model else None,
        target_tokens=tuple(explained[step] for step in steps),
        tokens=tuple(read),
        config={"attributed_fn": info.get("attributed_fn"), "options": info.get("attribution_args"), "steps": "sum"},
        notes=tuple(notes),
    )


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _tokens(where: str, name: str, found: Mapping[str, Any]) -> list[str]:
    tokens = found.get(name)
    if not isinstance(tokens, list) or not tokens:
        raise RecordError(f"{where}:{name}: expected a list of tokens")
    texts = []
    for number, token in enumerate(tokens):
        text = token if isinstance(token, str) else _attributes(token).get("token")
        if not isinstance(text, str):
            raise RecordError(f"{where}:{name}.{number}: expected a token's text")
        texts.append(text)
    return texts


def _scores(where: str, value: object) -> NDArray[np.float64]:
    """`[token, generated token]`"""
    if isinstance(value, str):
        scores = _tensor(where, value)
    else:
        listed = value.get("__ndarray__") if isinstance(value, dict) else value
        try:
            if not _numbers(listed):  # numpy makes numbers of texts, truth values and null
                raise ValueError
            scores = np.asarray(listed, dtype=np.float64)
        except (ValueError, OverflowError):
            raise RecordError(f"{where}: expected a matrix of scores") from None
    if scores.ndim != 2:
        raise RecordError(f"{where}: has {scores.ndim} dimensions, expected [token, generated token]; {_AGGREGATE}")
    return scores


def _numbers(value: object) -> bool:
    """Whether a JSON value is a number, or lists of numbers however deep."""
    if isinstance(value, list):
        return all(map(_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tensor(where: str, text: str) -> NDArray[np.float64]:
    from safetensors import SafetensorError, deserialize

    try:
        named = dict(deserialize(base64.b64decode(text, validate=True)))  # type: ignore[no-untyped-call]
    except (binascii.Error, SafetensorError, ValueError) as error:
        raise RecordError(f"{where}: is no base64 safetensors: {str(error)[:80]}") from None
    if set(named) != {"attribution"} or named["attribution"]["dtype"] not in _DTYPES:
        raise RecordError(
            f"{where}: expected one tensor of float32 or float16; save it with scores_precision='float32'"
        )
    found = named["attribution"]
    values = np.frombuffer(bytes(found["data"]), dtype=_DTYPES[found["dtype"]])
    return values.astype(np.float64).reshape(found["shape"])


def _model(name: str) -> str:
    """A hub id as it is; of a folder its name alone, as for models of our own."""
    local = name.startswith(("/", ".", "~")) or "\\" in name or name.count("/") > 1
    return PurePath(name.replace("\\", "/")).name if local else name
