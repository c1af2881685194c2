"""Plain-text books as Project Gutenberg publishes them: the author's prose, without what the publisher put around it.

A book's text stays exactly as its file decodes; everything points into it by code points `[start, end)`. So header,
licence, notes, headings and verse are left out by *not being pointed at*, and `clean(text[start:end])` always gives
back what an item shows. (The existing strippers return a new text, in which a passage can no longer be located.)

What counts as prose is decided paragraph by paragraph, and narrowly: novels hold far more paragraphs than items
need, so whatever looks like a heading, verse, an address, a footnote or a quotation that does not close is left out.
"""

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from heta.errors import InputError
from heta.records import Span

SHORTEST = 20
"""Words that a paragraph must have: shorter ones are dialogue tags and chapter titles as often as prose."""

_SHORTEST_BOOK = 5000
"""Code points that a file without a header must have: a folder's licence or read-me is no book."""

# The title may run over several lines, so `[^*]` and not `.`.
_START = re.compile(
    r"^[ \t]*\*{3}[ \t]*START OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)[^*]{0,300}\*{3}[ \t\r]*$"
    r"|^[ \t]*\*END[ \t*]*THE SMALL PRINT.*$",
    re.MULTILINE | re.IGNORECASE,
)
_END = re.compile(
    r"^[ \t]*\*{3}[ \t]*END OF (?:THE|THIS) PROJECT GUTENBERG"
    r"|^[ \t]*(?:This is the )?end of (?:the |this )?Project Gutenberg",
    re.MULTILINE | re.IGNORECASE,
)
# Notes and advertisements follow these words, but only near the end: parts of a book close with them too.
_CLOSING = re.compile(
    r"^[ \t_]*(?:THE END|FINIS|Transcriber['’]?s?['’]? notes?)[ \t_.:\r]*$", re.MULTILINE | re.IGNORECASE
)
_CLOSING_SHARE = 0.9
_COPYRIGHTED = re.compile(r"copyrighted Project\s+Gutenberg", re.IGNORECASE)
_CHARSET = re.compile(r"^Character set encoding:[ \t]*([\w.:-]+)", re.MULTILINE | re.IGNORECASE)
_NUMBER = re.compile(r"\[E(?:book|text) #(\d+)\]", re.IGNORECASE)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")

_PARAGRAPH = re.compile(r"\S[^\n]*(?:\n(?!\s*(?:\n|\Z))[^\n]*)*")
_BRACKETS = re.compile(r"\[[^\[\]]{0,4000}\]")
_HEADING = re.compile(
    r"[ \t]*(?:(?i:chapter|book|volume|part|section|scene|prologue|epilogue|preface)\b.{0,80}|[^a-z]+|\d+)[ \t\r]*\Z"
)
_CHAPTER = re.compile(
    r"[ \t]*(?:(?i:(?:chapter|part|book|volume)\s+(?:[IVXLC]+|\d+|the first|first|one)\b[^\n]{0,80}|prologue)|[I1])"
    r"[.:]?[ \t\r]*\Z",
)
_FRONT_SHARE = 0.15
_FRONT_LEAST = 5000
"""The first chapter is looked for in so large a share of the body, or so many code points of a short one."""
_FRONT_GAP = 6
"""Paragraphs (titles, mottoes, a part's heading) that may stand between a book's first heading and its first prose."""
_AFTER_HEADING = 40
"""Words up to which the paragraph behind a heading is taken for the chapter's title or summary."""
_CREDITS = re.compile(r"(?:produced|transcribed|scanned|prepared|digiti[sz]ed|e-?text)\b", re.IGNORECASE)
# Plain substrings of the lower-cased paragraph: ten times as fast as one expression, on 20 MB of books.
_NOTES = (
    "gutenberg",
    "proofread",
    "etext",
    "e-text",
    "transcriber",
    "copyright",
    "http",
    "www.",
    ".com",
    ".org",
    ".net",
)
_SLURS = ("nigger", "darkey", "darkie", "kaffir", "savages")
"""Slurs of the books' time: raters read these passages."""
_MARKUP = (re.compile(r"[\[\]{}<>|\\^~=#@*/+$&%…]"), re.compile(r"---|\.\s*\."), re.compile(r"[A-Z]{2}"))
_SHORT_LINE = 40

_SENTENCE_END = re.compile(r"[.!?][\"”')’_]*(?=\s+[\"“'‘(_]*[A-Z]|\s*\Z)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“'‘_-])(?:[A-Za-z]|Mrs?|Ms|Dr|St|Ste|Messrs|Mme|Mlle|Prof|Rev|Revd|Hon|Capt|Col|Gen|Maj|Lieut|Lt|Sergt|Sgt"
    r"|Jr|Sr|Esq|vs|etc|viz|cf|vol|[Nn]o|Nos)\.\Z"
)
# An apostrophe that has no letter on one of its sides may as well open or close a quotation.
_LOOSE_APOSTROPHE = re.compile(r"(?<![^\W_])['‘’]|['‘’](?![^\W_])")


@dataclass(frozen=True)
class Book:
    """One file of a folder of books."""

    id: str
    """The file's name without `.txt`."""
    text: str
    """The whole file as it decodes, line ends and publisher's matter included: what offsets point into."""
    encoding: str
    sha256: str
    """Of the file's bytes."""
    number: str
    """Its number at Project Gutenberg, empty where neither the file's name nor its header tells."""
    body: Span
    """What lies between header and licence; notes and front matter may still be in it."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of prose."""

    book: Book
    span: Span

    @cached_property
    def cuts(self) -> tuple[tuple[int, int], ...]:
        """Where a passage that begins with the paragraph can end: (end in the book's text, words up to there)."""
        raw = self.book.text[self.span.start : self.span.end]
        return tuple((self.span.start + end, words) for end, words in passage_ends(raw))


def clean(raw: str) -> str:
    """A stretch of a book as items show it: lines joined, runs of white space one blank, italics' underscores gone."""
    return " ".join(raw.replace("_", "").split())


def read_books(folder: Path) -> list[Book]:
    """Every `.txt` file of `folder`, by name; other files are left alone.

    Raises:
        InputError: no such folder, no `.txt` file in it, two with the same content, or one that is no plain text,
            holds no body, or says that it is under copyright.
    """
    if not folder.is_dir():
        got = "a file" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {got}; give a folder of Project Gutenberg books as .txt files")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.is_file())
    if not paths:
        raise InputError(f"{folder}: no .txt file in it; give a folder of Project Gutenberg books as .txt files")
    books: dict[str, Book] = {}
    for path in paths:
        book = read_book(path)
        if book.sha256 in books:
            raise InputError(f"{path}: the same book as {books[book.sha256].id}.txt; remove one of them")
        books[book.sha256] = book
    return list(books.values())


def read_book(path: Path) -> Book:
    """One book; UTF-8, then the encoding its header names, then Windows-1252 are tried.

    Raises:
        InputError: none of the encodings gives plain text, nothing is left between header and licence, the file
            is short and has no header, or the header says that the book is under copyright.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    text, encoding = _decode(path, content)
    body = find_body(text)
    if not text[body.start : body.end].strip():
        raise InputError(f"{path}: holds no text between Project Gutenberg's header and licence; remove the file")
    if body == (0, len(text)) and len(text) < _SHORTEST_BOOK:
        raise InputError(
            f"{path}: {len(text)} characters without a Project Gutenberg header are no book; remove it from the folder"
        )
    if _COPYRIGHTED.search(text, 0, body.start) or _COPYRIGHTED.search(text, body.end):
        raise InputError(f"{path}: says that it is under copyright; only books in the public domain can be used")
    number = path.stem if path.stem.isascii() and path.stem.isdigit() else ""
    if header := _NUMBER.search(text, 0, body.start):
        number = header[1]
    return Book(path.stem, text, encoding, hashlib.sha256(content).hexdigest(), number, body)


def _decode(path: Path, content: bytes) -> tuple[str, str]:
    declared = _CHARSET.search(content[:8000].decode("latin-1"))
    tried = ["utf-8", *([declared[1].lower()] if declared else []), "windows-1252"]
    for encoding in tried:
        try:
            # A byte order mark is no text: offsets do not count it.
            text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if not _NOT_TEXT.search(text):
            return text, encoding
    raise InputError(f"{path}: no plain text in any of {', '.join(dict.fromkeys(tried))}; save it as UTF-8")


def find_body(text: str) -> Span:
    """What lies between Project Gutenberg's header and its end matter; the whole text where neither stands.

    Where there is a header, front matter goes too: all that stands before the first chapter, if one can be told.
    Behind `THE END`, `FINIS` or `Transcriber's notes` in the last tenth nothing belongs to the body either.
    """
    start = max((match.end() for match in _START.finditer(text)), default=0)
    closing = _END.search(text, start)
    end = closing.start() if closing else len(text)
    late = start + int((end - start) * _CLOSING_SHARE)
    if note := _CLOSING.search(text, late, end):
        end = note.start()
    return Span(_first_chapter(text, Span(start, end)) if start else 0, end)


def _first_chapter(text: str, body: Span) -> int:
    # In a table of contents the headings stand in one block or follow each other without prose.
    early = body.start + max(_FRONT_LEAST, int((body.end - body.start) * _FRONT_SHARE))
    heading, gap = body.start, _FRONT_GAP
    for match in _PARAGRAPH.finditer(text, *body):
        if _CHAPTER.match(match[0]):
            if gap >= _FRONT_GAP:
                heading = match.start()
            gap = 0
        elif gap < _FRONT_GAP and len(match[0].split()) >= SHORTEST and is_prose(match[0].rstrip()):
            return heading
        else:
            gap += 1
        if match.start() > early:
            break
    return body.start


def prose_paragraphs(book: Book) -> list[Paragraph]:
    """The paragraphs of plain prose in a book's body, in order."""
    notes = deque(Span(*match.span()) for match in _BRACKETS.finditer(book.text, *book.body))
    found = []
    after_heading = False
    for match in _PARAGRAPH.finditer(book.text, *book.body):
        raw = match[0].rstrip()
        words = len(raw.split())
        # A heading's title may take several short paragraphs; a summary ("In which ...") reads like prose.
        title = after_heading and words <= _AFTER_HEADING
        after_heading = _HEADING.match(raw) is not None or (title and words < SHORTEST)
        if title or words < SHORTEST or not is_prose(raw):
            continue
        span = Span(match.start(), match.start() + len(raw))
        while notes and notes[0].end <= span.start:
            notes.popleft()
        if not (notes and notes[0].overlaps(span)):
            found.append(Paragraph(book, span))
    return found


def is_prose(raw: str) -> bool:
    """Whether a paragraph reads as running prose: full lines, no indent, no markup, notes, capitals or slurs."""
    lines = raw.splitlines()
    # One blank in front comes of converted quotation marks; more is verse, a letter's head or a table of contents.
    if any(line.startswith(("  ", "\t", " \t")) for line in lines) or any(
        len(line.rstrip()) < _SHORT_LINE for line in lines[:-1]
    ):
        return False
    if not re.match(r"[\"“_]*[A-Z]", raw) or _CREDITS.match(raw):
        return False
    lowered = raw.lower()
    return not any(text in lowered for text in (*_NOTES, *_SLURS)) and not any(sign.search(raw) for sign in _MARKUP)


def passage_ends(raw: str) -> Iterator[tuple[int, int]]:
    """(offset in `raw`, words up to there) of every sentence end at which quotations and brackets are closed.

    Errs towards fewer: behind an abbreviation or an initial no sentence ends, and a text with an apostrophe that
    may be a single quotation mark is never closed.
    """
    loose = _LOOSE_APOSTROPHE.search(raw)
    for match in _SENTENCE_END.finditer(raw, 0, loose.start() if loose else len(raw)):
        if _ABBREVIATION.search(raw[max(0, match.start() - 8) : match.start() + 1]):
            continue
        piece = raw[: match.end()]
        if piece.count('"') % 2 == piece.count("_") % 2 == 0 and all(
            piece.count(opening) == piece.count(closing) for opening, closing in ("“”", "()")
        ):
            yield match.end(), len(clean(piece).split())
