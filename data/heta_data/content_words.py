"""Which words of an English text carry content, and their stems."""

import re
from functools import cache

import snowballstemmer

# Closed classes of English only. Common lists also hold nouns ("fire", "system") that science questions turn on.
FUNCTION_WORDS = frozenset(
    """
    a an the this that these those some any each every either neither no all both few many much more most other
    another such several own same one ones i me my mine myself we us our ours ourselves you your yours yourself he
    him his himself she her hers herself it its itself they them their theirs themselves who whom whose which what
    and or but nor so yet if then else because as while when where why how whether although though unless until
    since of in on at by for with about against between into through during before after above below to from up down
    out off over under again further along across around toward towards upon within without per via among than too
    very just only also even still ever never not now here there once am is are was were be been being have has had
    having do does did doing done can could may might must shall should will would cannot don didn doesn
    isn aren wasn weren haven hasn hadn couldn wouldn shouldn mustn ain s t re ve ll d m o
    """.split()  # noqa: SIM905 - a block of words reads better than a list of strings
)
LETTERS = re.compile(r"[^\W\d_]+")
_STEMMER = snowballstemmer.stemmer("english")


@cache
def stem(word: str) -> str:
    """The Porter 2 stem of a word, whatever its case."""
    return str(_STEMMER.stemWord(word.casefold()))


def content_stems(text: str) -> frozenset[str]:
    """Stems of the words of `text` that are no function words; a word is a run of letters."""
    return frozenset(stem(word) for word in LETTERS.findall(text) if word.casefold() not in FUNCTION_WORDS)
