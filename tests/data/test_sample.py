"""The bundled sample: what every row must be, what the whole must hold, and that every installation finds it."""

import shutil
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import regex

import heta
from heta.errors import ConfigError
from heta.words import segment_words
from heta_data.compose import EXAMPLES, label_units, prompt_without
from heta_data.errors import IntegrityError, RecordError
from heta_data.records import Item
from heta_data.sources import SOURCES, sample
from heta_data.sources.sample import SampleRow, sample_items, sample_rows

if TYPE_CHECKING:
    from heta.model import LoadedModel

ROOT = Path(__file__).parents[2]
ROWS = sample_rows()
ITEMS = sample_items(orders="both")
BY_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
MOST_TOKENS = 70

_FUNCTION_WORDS = """
    a about after again all always an and any are as at away back be been before behind but by can did do does
    down each ever every for from had has have he her him his how i in into is it its itself kind last like long
    many more most much name named never no nobody not of off often on one only or other out over own said she
    shut so some someone than that the their them then there they thing this through times to too under until up
    very was were what when where which while who whose why will with without year years s t c d de des du est et
    il l la le les ne on où qu que quelle qui sous un une al como cuándo cómo de del dónde el en es la las lo los
    qué quién se su un una y am auf das dem den der die ein eine er es hat im in ist sie und war was wer wie wo zu
    هو هي في من ما متى 的 了 は の を が に る た い か で と
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


def content_words(text: str) -> set[str]:
    """Words that carry meaning, cut to five letters so that `bakes` meets `baker`."""
    words = (text[word.start : word.end].casefold() for word in segment_words(text))
    return {word[:5] for word in words} - {word[:5] for word in FUNCTION_WORDS}


def sentences(text: str) -> list[str]:
    """The sentences of a text, without their end marks, in one case."""
    return [piece.strip().casefold() for piece in regex.split(r"[.!?。？！؟]+|\n+", text) if piece.strip()]


@BY_ROW
def test_texts_are_clean(row: SampleRow) -> None:
    for text in (row.evidence, row.distractor, row.question, row.answer):
        assert unicodedata.normalize("NFC", text) == text
        assert "  " not in text
        assert "'" not in regex.sub(r"\p{L}'\p{L}?", "", text), "quotation marks are not needed in so short a text"
    assert regex.search(r"[.!?。]$", row.evidence)
    assert regex.search(r"[.!?。]$", row.distractor)
    assert regex.search(r"[?？؟]$", row.question)
    assert row.topic


@BY_ROW
def test_the_answer_is_in_the_evidence_once_or_not_at_all_and_nowhere_else(row: SampleRow) -> None:
    answer = row.answer.casefold()
    assert row.evidence.casefold().count(answer) == int(row.copied)
    assert answer not in row.distractor.casefold()
    # "Was she happy or sad?" names the answers to choose from.
    if row.copied:
        assert answer not in row.question.casefold()


@BY_ROW
def test_a_distractor_shares_no_content_word_unless_it_is_a_rival(row: SampleRow) -> None:
    if row.rival is None:
        assert content_words(row.distractor) & (content_words(row.question) | content_words(row.answer)) == set()
    else:
        assert row.rival in row.distractor
        assert row.rival not in row.evidence
        assert row.rival != row.answer


@BY_ROW
def test_the_two_texts_are_of_similar_length(row: SampleRow) -> None:
    assert 0.5 <= len(row.distractor) / len(row.evidence) <= 2


def test_there_are_enough_rows_with_unique_ids() -> None:
    assert len(ROWS) >= 36
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert len({item.id for item in ITEMS}) == len(ITEMS) == 2 * len(ROWS)


def test_no_sentence_is_used_twice() -> None:
    seen = Counter(sentences(EXAMPLES))
    for row in ROWS:
        for text in (row.evidence, row.distractor, row.question):
            seen.update(sentences(text))
    assert [sentence for sentence, count in seen.items() if count > 1] == []


def test_the_worked_examples_share_nothing_with_the_sample() -> None:
    examples = content_words(EXAMPLES) - content_words("Question: Answer:")
    shared = {row.id: examples & content_words(row.answer) for row in ROWS}
    assert {row: words for row, words in shared.items() if words} == {}
    # Names above all: a name of the examples in an item would let its answer leak.
    names = set(regex.findall(r"\p{Lu}\w+", EXAMPLES)) - {"Question", "Answer", "What", "Where", "Every", "The", "Old"}
    for row in ROWS:
        assert not names & set(regex.findall(r"\w+", f"{row.evidence} {row.distractor} {row.question}")), row.id


def test_segment_orders_are_balanced_and_not_told_by_position_in_the_file() -> None:
    first = [row.order == "evidence_first" for row in ROWS]
    assert 0.4 <= sum(first) / len(first) <= 0.6
    half = len(first) // 2
    assert 0.3 <= sum(first[:half]) / half <= 0.7


def test_answers_are_spread_over_positions_and_mostly_copied() -> None:
    copied = [row for row in ROWS if row.copied]
    assert 0.2 <= 1 - len(copied) / len(ROWS) <= 0.35
    thirds: Counter[int] = Counter()
    for row in copied:
        start = row.evidence.casefold().index(row.answer.casefold())
        middle = (start + len(row.answer) / 2) / len(row.evidence)
        thirds[int(3 * middle)] += 1
    assert all(thirds[third] >= 0.2 * len(copied) for third in range(3)), thirds


def test_languages_scripts_emoji_accents_and_rivals_are_there() -> None:
    languages = {row.language for row in ROWS}
    assert languages >= {"en", "fr", "es", "de"}
    assert languages & {"zh", "ja"}
    assert languages & {"ar", "he"}
    for row in ROWS:
        script = {"ar": r"\p{Arabic}", "he": r"\p{Hebrew}", "zh": r"\p{Han}", "ja": r"[\p{Hiragana}\p{Katakana}]"}
        assert regex.search(script.get(row.language, r"\p{Latin}"), row.evidence), row.id
    english = [row for row in ROWS if row.language == "en"]
    assert any(regex.search(r"\p{Emoji_Presentation}", row.evidence) for row in english)
    assert any(regex.search(r"[À-ÿ]", row.answer) for row in english)
    assert sum(row.rival is not None for row in ROWS) >= 4
    assert len({row.topic for row in ROWS}) >= 6


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.source_id}-{item.id[:4]}")
def test_items_round_trip_and_can_be_labelled(item: Item) -> None:
    row = next(row for row in ROWS if row.id == item.source_id)
    texts = {segment.role: item.prompt[segment.start : segment.end] for segment in item.segments}
    assert texts["evidence"] == row.evidence
    assert texts["distractor"] == row.distractor
    assert texts["example"] == EXAMPLES
    assert Item.model_validate_json(item.model_dump_json()) == item
    units = label_units(item)
    inside = [
        sum(segment.start <= unit.start and unit.end <= segment.end for unit in units)
        for segment in item.spans("evidence", "distractor")
    ]
    assert sum(inside) == len(units)
    assert min(inside) >= 3
    assert {right.field for right in item.rights} == {"evidence", "distractor", "question", "answer", "example"}
    assert {right.licence for right in item.rights} == {"CC-BY-4.0"}


@pytest.mark.model
def test_items_are_short_and_answers_have_one_token_or_more(smollm2: "LoadedModel") -> None:
    def count(text: str) -> int:
        return len(smollm2.encoder.encode(text, add_special_tokens=False).ids)

    for item in ITEMS:
        assert count(prompt_without(item, "example") + item.target) <= MOST_TOKENS, item.source_id
    lengths = Counter(count(item.target) for item in ITEMS)
    assert lengths[1] >= 0.2 * len(ITEMS)
    assert lengths[1] <= 0.6 * len(ITEMS)
    assert count(EXAMPLES) <= MOST_TOKENS


@pytest.mark.model
def test_the_model_answers_with_the_evidence_and_fails_without(smollm2: "LoadedModel") -> None:
    # Over the whole sample 86 of 98 items are answered and none without its evidence; eight rows keep the test short.
    items = sample_items(languages=["en"], limit=8)
    answered = [heta.prepare(smollm2, item.prompt, item.target).target.answered for item in items]
    guessed = [heta.prepare(smollm2, prompt_without(item, "evidence"), item.target).target.answered for item in items]
    assert sum(answered) >= 6
    assert not any(guessed)


def test_orders_languages_and_limit_choose_items() -> None:
    declared = sample_items()
    assert [item.source_id for item in declared] == [row.id for row in ROWS]
    for row, item in zip(ROWS, declared, strict=True):
        first = item.spans("evidence", "distractor")[0].role
        assert first == ("evidence" if row.order == "evidence_first" else "distractor")
    # Twins stand side by side, the declared order first.
    assert ITEMS[::2] == declared
    assert [item.source_id for item in ITEMS[1::2]] == [row.id for row in ROWS]
    assert len(sample_items(orders="both", limit=3)) == 6
    assert {item.language for item in sample_items(languages=["fr", "ar"])} == {"fr", "ar"}


def test_bad_choices_are_refused() -> None:
    with pytest.raises(ConfigError, match="orders is 'bth'; did you mean 'both'\\?; allowed: declared, both"):
        sample_items(orders="bth")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no items in 'xx'; its languages: ar, de, en"):
        sample_items(languages=["xx"])
    with pytest.raises(ConfigError, match="limit is 0"):
        sample_items(limit=0)


def test_the_source_is_registered_with_its_licence() -> None:
    assert SOURCES.get("sample").licences == (sample.LICENCE,)
    assert "SPDX-License-Identifier: CC-BY-4.0" in (ROOT / "data/samples/LICENSE.txt").read_text(encoding="utf-8")


def _layout(folder: Path, *, inside: bool) -> Path:
    package = folder / "heta_data"
    package.mkdir()
    samples = (package if inside else folder) / "samples"
    samples.mkdir()
    shutil.copy(ROOT / "data" / "samples" / "sample.jsonl", samples)
    return package


@pytest.mark.parametrize("inside", [True, False], ids=["wheel", "source tree"])
def test_the_file_is_found_in_both_layouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool) -> None:
    package = _layout(tmp_path, inside=inside)
    monkeypatch.setattr(sample, "files", lambda _: package)
    assert sample_rows() == ROWS


def test_the_file_is_found_in_a_zipped_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(ROOT / "data" / "samples" / "sample.jsonl", "heta_data/samples/sample.jsonl")
    monkeypatch.setattr(sample, "files", lambda _: zipfile.Path(archive, "heta_data/"))
    assert sample_rows() == ROWS


def test_a_missing_or_broken_file_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = _layout(tmp_path, inside=True)
    monkeypatch.setattr(sample, "files", lambda _: package)
    file = package / "samples" / "sample.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([lines[0], lines[1].replace('"question"', '"qestion"')]), encoding="utf-8")
    with pytest.raises(RecordError, match=r"sample\.jsonl:2:question: "):
        sample_rows()
    file.unlink()
    with pytest.raises(IntegrityError, match=r"bundled sample is missing.*install heta-bench again"):
        sample_rows()


def test_an_installed_wheel_loads_the_sample(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True,
        capture_output=True,
    )  # fmt: skip
    site = tmp_path / "site"
    zipfile.ZipFile(next(tmp_path.glob("*.whl"))).extractall(site)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import heta_data, heta_data.sources.sample as sample\n"
        "print(heta_data.__file__); print(sample._find_file()); print(len(sample.sample_items()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    module, file, count = done.stdout.splitlines()
    assert Path(module).is_relative_to(site)
    assert Path(file) == site / "heta_data" / "samples" / "sample.jsonl"
    assert int(count) == len(ROWS)
