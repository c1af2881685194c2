"""Texts over which models or raters stumble, personal data; and what looks like either and is none."""

from dataclasses import replace

import pytest

from helpers.checked_items import candidate, find, mark, sound
from heta_data.checking import Candidate
from heta_data.checking.texts import LONG


def saying(text: str) -> Candidate:
    """A candidate whose prompt holds `text`."""
    found = candidate(7)
    # At the end, so that no offset moves.
    return replace(found, prompt=f"{found.prompt} {text}")


def test_a_sound_set_has_sound_texts() -> None:
    assert find("texts", sound()) == []
    assert find("personal-data", sound()) == []


@pytest.mark.parametrize(
    ("text", "severity", "what", "place"),
    [
        ("a\x07b", "error", "a control or private character", "U+0007 at"),
        ("a\rb", "error", "a control or private character", "U+000D at"),
        ("a\ue000b", "error", "a control or private character", "U+E000 at"),
        ("a\tb", "warning", "a tab", "at"),
        ("a\ufffdb", "error", "U+FFFD", "at"),
        ("a\u200bb", "error", "an invisible character", "U+200B at"),
        ("a\u202eb", "error", "an invisible character", "U+202E at"),
        ("AT&amp;T", "warning", "markup or a web address", "'&amp;' at"),
        ("H<sub>2</sub>O", "warning", "markup or a web address", "'<sub>' at"),
        ("see http://x.invalid", "warning", "markup or a web address", "'http://x' at"),
        ("[[Lamp]]", "warning", "markup or a web address", "'[[' at"),
        ("one <s> two", "warning", "what some tokenizers read as a special token", "'<s>' at"),
        ("<|im_start|>user", "warning", "what some tokenizers read as a special token", "'<|im_start|>' at"),
        ("[MASK]", "warning", "what some tokenizers read as a special token", "'[MASK]' at"),
        ("<start_of_turn>", "warning", "what some tokenizers read as a special token", "'<start_of_turn>' at"),
    ],
)
def test_a_text_that_somebody_stumbles_over(text: str, severity: str, what: str, place: str) -> None:
    spoiled = saying(text)
    (finding,) = find("texts", [*sound(5), spoiled])
    assert (finding.severity, finding.problem.partition(":")[0].partition(",")[0]) == (severity, what)
    (where,) = finding.where
    assert where.startswith(f"{spoiled.where} > prompt > {place}")
    assert int(where.rpartition(" ")[2]) >= len(candidate(7).prompt)


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines", "a < b and c > d", "x <|y| z|> w", "f[0] [1]", "Tom & Jerry; Q&A", "&c; and so on", "می‌خواهم",
        "👩‍🔬", "e\u0301", "{a} {b}", r"C:\text", "[PAUSE]", "<3", "a soft\u00adhyphen", "no\u00a0break",
    ],
)  # fmt: skip
def test_a_text_that_is_as_it_should_be(text: str) -> None:
    assert find("texts", [saying(text)]) == []


def test_a_target_is_looked_at_too() -> None:
    spoiled = replace(candidate(7), target=" le\x07aves")
    (finding,) = find("texts", [spoiled])
    assert finding.where == (f"{spoiled.where} > target > U+0007 at 3",)


def test_sizes() -> None:
    long = replace(candidate(7), prompt="a " * (LONG // 2) + "b")
    assert [finding.severity for finding in find("texts", [long])] == ["warning"]
    fits = replace(candidate(7), prompt=candidate(7).prompt.ljust(LONG, "."))
    assert find("texts", [fits]) == []
    short = candidate(7, evidence="Violet lamps.", answer="Violet")
    (finding,) = find("texts", [short])
    assert (finding.severity, "fewer than 3 words" in finding.problem) == ("warning", True)
    (finding,) = find("texts", [replace(short, evidence=(short.question._replace(end=short.question.start),))])
    assert (finding.severity, "holds no word" in finding.problem) == ("error", True)


@pytest.mark.parametrize(
    ("text", "severity", "what"),
    [
        ("write to ada.l@mail.invalid", "error", "an e-mail address"),
        ("call +49 30 1234567", "warning", "what looks like a telephone number"),
        ("call +1.555.010.1234.", "warning", "what looks like a telephone number"),
        ("call (555) 010-1234", "warning", "what looks like a telephone number"),
        ("call 555-010-1234", "warning", "what looks like a telephone number"),
        ("her number is 123-45-6789.", "warning", "what looks like a US social security number"),
    ],
)
def test_personal_data(text: str, severity: str, what: str) -> None:
    spoiled = saying(text)
    (finding,) = find("personal-data", [*sound(5), spoiled])
    assert (finding.severity, finding.problem.partition(":")[0]) == (severity, what)
    assert finding.where[0].startswith(f"{spoiled.where} > prompt > at ")


@pytest.mark.parametrize(
    "text",
    [
        "a mass of +1.23456789012 units", "2 + 3 = 5", "Na+ 1234567890", "in 1914-1918", "pp. 123-456-789",
        "12-34-5678", "ISBN 978-14-0283-462-6", "CAS 7732-18-5", "900-12-3456", "at 5 o'clock @ the mill",
        "12,345,678,901", "555-0101", "3.141.592.6535", "1-800", "9 + 10 000", "120-121-122",
    ],
)  # fmt: skip
def test_numbers_that_are_nobodys(text: str) -> None:
    assert find("personal-data", [saying(text)]) == []


def test_a_rater_by_name_is_personal_data_and_a_pseudonym_is_not() -> None:
    named = mark(candidate(7), lambda words: words[:2], by="ada")
    (finding,) = find("personal-data", [named])
    assert (finding.severity, finding.where) == ("error", (f"{named.where} > ada",))
    pseudonym = mark(candidate(7), lambda words: words[:2], by="a07")
    assert (
        find("personal-data", [pseudonym, mark(candidate(8), lambda words: words, by="sim-1", kind="simulated")]) == []
    )
