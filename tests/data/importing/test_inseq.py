"""inseq's own file, and what is none. The file here is by inseq 0.7.1: saliency on SmolLM2, aggregated."""

import base64
import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from heta.errors import HetaError
from heta_data.attribution_files import read_attributions
from heta_data.importing.attribution_import import import_attributions
from heta_data.importing.inseq import read_inseq
from heta_data.importing.rationales import Texts
from heta_data.importing.scored import Origin
from heta_data.items import write_items
from heta_data.records import Item
from heta_data.workspace import Workspace

FILE = Path(__file__).with_name("inseq_saliency.json")
PROMPTS = (
    "The violet lamp  hangs in the café.\n\nQuestion: Where does the lamp hang?\nAnswer:",
    "Zoë keeps 😀 🇫🇷 the map in a tin box.\nQuestion: Where is the map?\nAnswer:",
)
TARGETS = ("café", "tin box")


def items() -> list[Item]:
    texts = Texts("tests", "CC0-1.0", "tests", "", "en", "test")
    return [
        texts.item("x", f"row-{number}", [("evidence", prompt)], answer=target, question="Where?")
        for number, (prompt, target) in enumerate(zip(PROMPTS, TARGETS, strict=True))
    ]


def saved() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def matrix(document: dict[str, Any], number: int) -> np.ndarray:
    """`[token, generated token]` of a sequence, by safetensors' own reader."""
    sequence = document["attributes"]["sequence_attributions"][number]["attributes"]
    return np.asarray(load(base64.b64decode(sequence["target_attributions"]))["attribution"], dtype=float)


def test_inseqs_tokens_stand_where_the_prompt_has_them(tmp_path: Path) -> None:
    folder = Workspace(tmp_path)
    write_items(folder, items())
    origin = Origin("inseq", "out", "0" * 64, "inseq", "0.7.1", None)
    import_attributions(folder, read_inseq(FILE), origin)
    first, second = read_attributions(folder)
    covered = [PROMPTS[0][start:end] for start, end in zip(first.starts, first.ends, strict=True)]
    assert covered[:9] == ["The", " violet", " lamp", " ", " hangs", " in", " the", " café", "."]
    assert "".join(covered) == PROMPTS[0]
    # One generated token: its column as it is, without the row of the answer's own token.
    assert first.scores == tuple(matrix(saved(), 0)[:-1, 0])
    # Two generated tokens, "Ġtin" and "Ġbox": their columns added up.
    assert second.scores == pytest.approx(tuple(matrix(saved(), 1)[:-2].sum(axis=1)), abs=0)
    # 😀 is one token of the blank and three bytes, and one of the last byte.
    spans = list(zip(second.starts, second.ends, strict=True))
    face = PROMPTS[1].index("😀")
    assert spans[4:6] == [(face - 1, face + 1), (face, face + 1)]
    assert (first.method, first.model, first.signed) == ("inseq.saliency", "smollm2", False)
    assert first.config["steps"] == "sum"
    assert first.config["attributed_fn"] == "probability_fn"


def test_a_zipped_file_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "out.json.gz"
    path.write_bytes(gzip.compress(FILE.read_bytes()))
    assert [scored.scores for scored in read_inseq(path)] == [scored.scores for scored in read_inseq(FILE)]


def test_files_without_classes_or_with_lists_are_the_same(tmp_path: Path) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return plain(value["attributes"]) if "attributes" in value else {k: plain(v) for k, v in value.items()}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    document = plain(saved())
    for number, sequence in enumerate(document["sequence_attributions"]):
        sequence["target_attributions"] = matrix(saved(), number).tolist()
    path = tmp_path / "out.json"
    path.write_text(json.dumps(document), encoding="utf-8")  # NaN for what a token cannot see, as inseq writes it
    assert [scored.scores for scored in read_inseq(path)] == [scored.scores for scored in read_inseq(FILE)]


def test_special_tokens_of_the_answer_are_left_out(tmp_path: Path) -> None:
    document = saved()
    sequence = document["attributes"]["sequence_attributions"][1]["attributes"]
    sequence["target"].append({"attributes": {"token": "<|endoftext|>", "id": 0}})
    sequence["attr_pos_end"] += 1
    values = matrix(document, 1)
    grown = np.pad(values, ((0, 1), (0, 1)), constant_values=5.0).astype(np.float32)
    sequence["target_attributions"] = base64.b64encode(save({"attribution": grown})).decode()
    path = tmp_path / "out.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    _, second = read_inseq(path)
    assert second.target_tokens == ("Ġtin", "Ġbox")
    assert second.scores == tuple(values[:-2].sum(axis=1))
    assert second.notes == ("scores for 1 special tokens of the answer are left out",)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("/home/me/models/smollm2", "smollm2"), ("org/model", "org/model"), ("..\\models\\x", "x"), ("./x", "x")],
)
def test_the_path_of_a_local_model_is_not_kept(tmp_path: Path, name: str, kept: str) -> None:
    document = saved()
    document["attributes"]["info"]["model_name"] = name
    path = tmp_path / "out.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert {scored.model for scored in read_inseq(path)} == {kept}


def first(document: dict[str, Any]) -> dict[str, Any]:
    return document["attributes"]["sequence_attributions"][0]["attributes"]  # type: ignore[no-any-return]


def tensor(values: np.ndarray, name: str = "attribution") -> str:
    return base64.b64encode(save({name: values})).decode()


BROKEN: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda d: d["attributes"].pop("info"), "has no 'info' and 'sequence_attributions': not what inseq's save"),
    (lambda d: d["attributes"].update(sequence_attributions=[]), "has no 'info' and 'sequence_attributions'"),
    (lambda d: d["attributes"]["info"].update(attribution_method=3), "info.attribution_method: got 3"),
    (lambda d: first(d).update(target=[]), "sequence 1:target: expected a list of tokens"),
    (lambda d: first(d)["target"][2].update(attributes={}), "sequence 1:target.2: expected a token's text"),
    (lambda d: first(d).update(attr_pos_start=None), "attr_pos_start and attr_pos_end are None and 23 of 23 tokens"),
    (lambda d: first(d).update(attr_pos_end=99), "attr_pos_start and attr_pos_end are 22 and 99 of 23 tokens"),
    (lambda d: first(d).update(attr_pos_start=True), "attr_pos_start and attr_pos_end are True"),
    (lambda d: first(d).update(target_attributions=None), "expected a matrix of scores"),
    (lambda d: first(d).update(target_attributions=0.5), "has 0 dimensions, expected"),
    (lambda d: first(d).update(target_attributions=[["0.5"]] * 23), "expected a matrix of scores"),
    (lambda d: first(d).update(target_attributions=[[None]] * 23), "expected a matrix of scores"),
    (lambda d: first(d).update(target_attributions=[[True]] * 23), "expected a matrix of scores"),
    (lambda d: first(d).update(target_attributions="%%%"), "is no base64 safetensors"),
    (lambda d: first(d).update(target_attributions="AAAA"), "is no base64 safetensors"),
    (lambda d: first(d).update(target_attributions=[[1.0], ["x"]]), "expected a matrix of scores"),
    (lambda d: first(d).update(target_attributions=[[1.0, 2.0]]), r"got the shape \[1, 2\], the tokens give \[23, 1\]"),
    (
        lambda d: first(d).update(target_attributions=tensor(np.zeros((23, 1, 4), np.float32))),
        r"has 3 dimensions, expected \[token, generated token\]; save `out.aggregate\(\)` instead",
    ),
    (lambda d: first(d).update(target_attributions=tensor(np.zeros((23, 1), np.int64))), "float32 or float16"),
    (lambda d: first(d).update(target_attributions=tensor(np.zeros((23, 1), np.float32), "x")), "expected one tensor"),
    (
        lambda d: [t["attributes"].update(token="</s>") for t in first(d)["target"][22:]],
        "no generated token is",
    ),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_what_inseq_would_not_write_is_one_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    document = copy.deepcopy(saved())
    change(document)
    path = tmp_path / "out.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(HetaError, match=message) as caught:
        read_inseq(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "has no 'info'"),
        (b'{"a"', "out.json:1: not JSON"),
        (b"\xff", "not UTF-8 text"),
        (gzip.compress(b"{}" * 50)[:-4], "is no whole gzip file"),
        (b"[" * 100_000, "not JSON that can be read"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "out.json").write_bytes(content)
    with pytest.raises(HetaError, match=message):
        read_inseq(tmp_path / "out.json")
