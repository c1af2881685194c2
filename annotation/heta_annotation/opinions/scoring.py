"""Whether what somebody typed is the item's answer."""

import unicodedata
from collections import Counter

from heta.words import segment_words


def normalised(text: str) -> str:
    """Text as it is compared: NFKC, case folded, without punctuation (Unicode categories P), single blanks.

    Articles stay, since items are in several languages: `The mill` and `mill` are different answers, with an F1 that
    says how near they are. Text that is nothing but punctuation comes back empty.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(character for character in folded if not unicodedata.category(character).startswith("P"))
    return " ".join(kept.split())


def is_match(given: str, answer: str) -> bool:
    """Whether both are the same text once normalised, and there is something left of it."""
    return bool(normalised(given)) and normalised(given) == normalised(answer)


def token_f1(given: str, answer: str) -> float:
    """F1 of the words of one with those of the other, in [0, 1]: 2 common / (words of one + words of the other).

    Words are those that raters mark (`heta.words`), after normalising; a repeated word counts as often as it stands in
    both. 0 where one holds no word.

    Source: Rajpurkar et al. 2016, SQuAD, section 6.1, there without articles and with blanks between words.
    """
    first, second = _words(given), _words(answer)
    common = (first & second).total()
    return 2 * common / (first.total() + second.total()) if common else 0.0


def _words(text: str) -> Counter[str]:
    plain = normalised(text)
    return Counter(plain[word.start : word.end] for word in segment_words(plain))
