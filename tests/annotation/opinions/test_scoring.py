"""Whether what was typed is the answer; every value is derived beside it."""

import pytest

from heta_annotation.opinions.scoring import is_match, normalised, token_f1


@pytest.mark.parametrize(
    ("given", "answer", "match", "f1"),
    [
        ("Bees!", "bees", True, 1.0),
        # Articles stay: 1 common word of 2 + 1.
        ("The mill", "mill", False, 2 / 3),
        # 2 common words of 3 + 2.
        ("the old mill", "old mill", False, 4 / 5),
        # Order does not count for F1, and does for a match.
        ("mill old", "old mill", False, 1.0),
        # A repeated word counts as often as it stands in both: 1 common of 2 + 1.
        ("bees bees", "bees", False, 2 / 3),
        ("wasps", "bees", False, 0.0),
        # Without blanks every character is a word: 2 common of 3 + 2.
        ("日本国", "日本", False, 4 / 5),
        ("日本。", "日本", True, 1.0),
        ("«عمّان»", "عمّان", True, 1.0),
        # Compatible forms are one: full-width digits, and accents as one code point or two.
        ("２５", "25", True, 1.0),
        ("Zoe\u0308", "Zoë", True, 1.0),
        ("STRASSE", "Straße", True, 1.0),
        ("🐝", "🐝", True, 1.0),
        # Punctuation is taken out, not replaced.
        ("U.S.", "us", True, 1.0),
        # Nothing is left of it, so that it is no answer.
        ("...", "bees", False, 0.0),
        ("?!", "?!", False, 0.0),
    ],
)
def test_match_and_f1(given: str, answer: str, match: bool, f1: float) -> None:
    assert is_match(given, answer) is match
    assert token_f1(given, answer) == pytest.approx(f1, abs=1e-12)
    assert token_f1(answer, given) == pytest.approx(f1, abs=1e-12)


def test_normalised_text_is_a_fixed_point() -> None:
    assert normalised("  “The   OLD mill,” she said. ") == "the old mill she said"
    assert normalised(normalised("Éclair’s — gate")) == normalised("Éclair’s — gate")
