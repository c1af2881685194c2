from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.curated_inputs import SENTENCES, bare_book, book, prose
from heta.errors import InputError
from heta.records import Span
from heta_data.sources.gutenberg import (
    Book,
    clean,
    find_body,
    is_prose,
    passage_ends,
    prose_paragraphs,
    read_book,
    read_books,
)


def make(tmp_path: Path, text: str, *, name: str = "7.txt", encoding: str = "utf-8") -> Book:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_book(path)


def shown(found: Book) -> list[str]:
    return [clean(found.text[part.span.start : part.span.end]) for part in prose_paragraphs(found)]


def body_of(text: str) -> str:
    return text[slice(*find_body(text))].strip()


# --- where the body begins and ends ---------------------------------------------------------------------------------


def test_header_credits_contents_and_licence_are_left_out(tmp_path: Path) -> None:
    found = make(tmp_path, book(f"{prose(0)}\n\n{prose(4)}"))
    assert body_of(found.text) == f"CHAPTER I\n\n{prose(0)}\n\n{prose(4)}"
    assert shown(found) == [clean(prose(0)), clean(prose(4))]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***", "*** END OF THE PROJECT GUTENBERG EBOOK A TALE ***"),
        ("***START OF THE PROJECT GUTENBERG EBOOK A TALE***", "***END OF THE PROJECT GUTENBERG EBOOK A TALE***"),
        (
            "*** START OF THIS PROJECT GUTENBERG ETEXT A VERY LONG\nTITLE OF A TALE ***",
            "End of Project Gutenberg's A Tale",
        ),
        (
            "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
            "End of this Project Gutenberg Etext of A",
        ),
        ("*** START OF THIS PROJECT GUTENBERG EBOOK A TALE ***", "This is the end of the Project Gutenberg eBook"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_form_of_the_markers(start: str, end: str, line_end: str) -> None:
    text = f"Licence first.\n\n{start}\n\n{prose(1)}\n\n{end}\n\nLicence last."
    assert body_of(text.replace("\n", line_end)) == prose(1).replace("\n", line_end)


def test_the_last_of_several_start_markers_counts() -> None:
    marker = "*** START OF THIS PROJECT GUTENBERG EBOOK A TALE ***"
    text = f"{marker}\n\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.1*END*\n\n{prose(2)}"
    assert body_of(text) == prose(2)


def test_without_markers_the_whole_text_is_the_body() -> None:
    assert find_body(prose(0)) == Span(0, len(prose(0)))
    # A chapter heading is no reason to cut where no header says that front matter follows.
    text = f"{prose(0)}\n\nCHAPTER I\n\n{prose(1)}"
    assert find_body(text) == Span(0, len(text))


@pytest.mark.parametrize(
    "heading", ["CHAPTER I", "Chapter One", "BOOK THE FIRST", "Part 1. Departure", "I", "I.", "PROLOGUE"]
)
def test_a_preface_before_the_first_chapter_is_front_matter(heading: str) -> None:
    note = (
        "I hope that you enjoy this edition as much as I enjoyed the making of it; more will follow from my hand soon."
    )
    text = f"*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n{note}\n\n{heading}\n\nTHE FERRY\n\n" + "\n\n".join(
        prose(k) for k in range(30)
    )
    assert body_of(text).startswith(heading)


def test_a_table_of_contents_is_not_taken_for_the_first_chapter() -> None:
    contents = "\n\n".join(f"CHAPTER {n}\n\nOf Something" for n in ("I", "II", "III"))
    filler = "\n\n".join(f"A Painting, page {n}" for n in range(9))
    text = f"*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n{contents}\n\n{filler}\n\nCHAPTER I\n\n" + "\n\n".join(
        prose(k) for k in range(60)
    )
    assert body_of(text).startswith(f"CHAPTER I\n\n{prose(0)}")


@pytest.mark.parametrize("closing", ["THE END", "_THE END._", "FINIS", "Transcriber's notes:", "Transcribers’ note"])
def test_what_follows_the_end_is_left_out(closing: str) -> None:
    story = "\n\n".join(prose(k) for k in range(20))
    assert body_of(f"{story}\n\n{closing}\n\nAlso by the same author: many books.") == story


def test_the_end_of_a_volume_in_the_middle_is_no_end() -> None:
    story = "\n\n".join([*(prose(k) for k in range(10)), "THE END", *(prose(k) for k in range(10))])
    assert body_of(story) == story


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=5), st.integers(0, 5), st.booleans())
def test_nothing_of_header_and_licence_is_ever_in_the_body(sentences: list[str], blank: int, crlf: bool) -> None:
    text = book("\n" * blank + " ".join(sentences))
    if crlf:
        text = text.replace("\n", "\r\n")
    body = body_of(text)
    assert "gutenberg" not in body.lower()
    assert body.endswith(" ".join(sentences))


# --- which paragraphs are prose -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        "CHAPTER II",
        "The Ferry",
        "[Illustration: The ferryman looked at the water for a long time,\nand then he looked at me, and then "
        "at the hat on my knees.]",
        "[The editor has left out a page here, and says so in three parts.\n\n"
        "The second part looks like any other paragraph of the book, with\nits full lines and its sentences, and is "
        "none of the author's own.\n\nThe third part closes the note.]",
        "    Row, row, the river is wide and the night is deep and slow,\n    Row, row, the ferry is old and has "
        "such a long way to go.",
        "When ducks are out,\nAnd rain is near,\nThe ferryman laughs,\nAnd drinks his beer,\nAnd all is well, "
        "is well,\nAs we can tell, can tell,\nUntil the year is old.",
        "Produced by Some Body, with the help of many other readers of\nthe page images, who all gave their time "
        "for this book freely.",
        "This e-text was made in the year of the flood by a person who\nwished to give it to everybody and asked "
        "for nothing at all back.",
        "See www.example for more of these stories, which were written by\nthe same hand in the same year and are "
        "every bit as long as this.",
        "* * * The ferryman slept for a long time, and nobody dared to wake\nhim until the sun stood high above "
        "the willow and the miller came.",
        "THE FERRYMAN slept for a long time, and nobody dared to wake him\nuntil the sun stood high above the "
        "willow and the miller came by.",
        "The ferryman, whose name was M---- and who came from the north,\nslept for a long time until the sun "
        "stood high and the miller came.",
        "and slept for a long time, and nobody dared to wake him until the\nsun stood high above the willow and "
        "then the miller came by again.",
        "He was poor... and nobody dared to wake him until the sun stood\nhigh above the willow and then the "
        "miller came by with his dog.",
        "The savages of the coast had taken his boat, so he said, and it\nwas a lie, because the miller had seen "
        "the boat behind the mill.",
    ],
)
def test_what_is_no_prose_is_left_out(tmp_path: Path, other: str) -> None:
    found = make(tmp_path, book(f"{prose(0)}\n\n{other}\n\n{prose(4)}"))
    assert shown(found) == [clean(prose(0)), clean(prose(4))]


def test_a_chapter_summary_behind_a_heading_is_left_out(tmp_path: Path) -> None:
    summary = (
        "In which the ferryman counts his coins for the third time, and in which a letter comes that\n"
        "nobody in the village has asked for at all."
    )
    found = make(tmp_path, book(f"{prose(0)}\n\nCHAPTER II.\n\n{summary}\n\n{prose(4)}"))
    assert shown(found) == [clean(prose(0)), clean(prose(4))]


def test_one_blank_before_a_line_is_still_prose() -> None:
    lines = prose(0).splitlines()
    assert is_prose("\n ".join(lines))
    assert not is_prose("\n  ".join(lines))


def test_clean_joins_lines_and_drops_underscores() -> None:
    assert clean("It was  _very_\r\n late,\n\t_indeed_.") == "It was very late, indeed."


# --- where a passage can end ----------------------------------------------------------------------------------------


def ends(text: str) -> list[str]:
    return [text[:end] for end, _ in passage_ends(text)]


def test_a_passage_ends_with_a_sentence() -> None:
    assert ends("He left. She stayed! Why?") == ["He left.", "He left. She stayed!", "He left. She stayed! Why?"]


@pytest.mark.parametrize("short", ["Mr.", "Mrs.", "Dr.", "St.", "Capt.", "J."])
def test_no_sentence_ends_behind_an_abbreviation(short: str) -> None:
    assert ends(f"He met {short} Harrow. She left.") == [f"He met {short} Harrow.", f"He met {short} Harrow. She left."]


@pytest.mark.parametrize("quotes", ['""', "“”"])
def test_a_quotation_is_never_cut(quotes: str) -> None:
    first, last = quotes
    text = f"{first}No. Not today,{last} he said. {first}Go away!{last} They went. {first}And so"
    head = f"{first}No. Not today,{last} he said."
    assert ends(text) == [head, f"{head} {first}Go away!{last}", f"{head} {first}Go away!{last} They went."]


def test_brackets_and_italics_are_never_cut() -> None:
    assert ends("He left (it was late. Very late.) in haste.") == ["He left (it was late. Very late.) in haste."]
    assert ends("He read _The Ferry. A Tale._ Then he left.") == [
        "He read _The Ferry. A Tale._",
        "He read _The Ferry. A Tale._ Then he left.",
    ]


def test_behind_what_may_be_a_single_quotation_mark_nothing_ends() -> None:
    assert ends("It wasn't late. She said: 'Go.' He went.") == ["It wasn't late."]
    assert ends("It wasn’t late. The boys’ boat was old. He went.") == ["It wasn’t late."]


PIECES = st.sampled_from(
    [
        "He left.",
        "Mr.",
        "“No.”",
        '"Yes!"',
        '"',
        "“",
        "”",
        "(",
        ")",
        "_so_",
        "_",
        "the boys'",
        "it's",
        "Why?",
        "and",
        "\n",
    ]
)


@given(st.lists(PIECES, max_size=12))
def test_every_end_closes_what_was_opened(pieces: list[str]) -> None:
    raw = " ".join(pieces)
    for end, words in passage_ends(raw):
        piece = raw[:end]
        assert piece.rstrip("_\"”)'’")[-1] in ".!?"
        assert piece.count('"') % 2 == piece.count("_") % 2 == 0
        assert piece.count("“") == piece.count("”")
        assert piece.count("(") == piece.count(")")
        assert words == len(clean(piece).split())


def test_cuts_point_into_the_whole_file(tmp_path: Path) -> None:
    found = make(tmp_path, book(prose(0)).replace("\n", "\r\n"))
    (paragraph,) = prose_paragraphs(found)
    # The four sentences have 19, 13, 16 and 17 words.
    assert [words for _, words in paragraph.cuts] == [19, 32, 48, 65]
    texts = [clean(found.text[paragraph.span.start : end]) for end, _ in paragraph.cuts]
    assert texts == [" ".join(SENTENCES[:count]) for count in (1, 2, 3, 4)]


# --- reading files --------------------------------------------------------------------------------------------------


def test_encodings_that_gutenberg_uses(tmp_path: Path) -> None:
    text = book(prose(0).replace("willow", "Weidenbäume"), charset="ISO-8859-1")
    assert make(tmp_path, text, name="a.txt").encoding == "utf-8"
    latin = make(tmp_path, text, name="b.txt", encoding="iso-8859-1")
    assert (latin.encoding, latin.text) == ("iso-8859-1", text)
    quoted = prose(0).replace('"', "”")
    windows = make(
        tmp_path, bare_book(quoted.replace("willow", "Weidenbäume ”")), name="c.txt", encoding="windows-1252"
    )
    assert windows.encoding == "windows-1252"
    # A wrong declaration is noticed by the control characters that it gives, and the next encoding is tried.
    wrong = make(tmp_path, book("“" + prose(0), charset="ISO-8859-1"), name="d.txt", encoding="windows-1252")
    assert wrong.encoding == "windows-1252"
    unknown = make(tmp_path, book("é" + prose(0), charset="no-such-code"), name="e.txt", encoding="windows-1252")
    assert unknown.encoding == "windows-1252"


def test_a_byte_order_mark_is_not_counted(tmp_path: Path) -> None:
    found = make(tmp_path, bare_book(prose(0)), encoding="utf-8-sig")
    assert found.text == bare_book(prose(0))
    assert shown(found) == [clean(prose(0))]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(b"PK\x03\x04\x00\x00\x81")
    with pytest.raises(InputError, match=r"1\.txt: no plain text in any of utf-8, windows-1252; save it as UTF-8"):
        read_book(tmp_path / "1.txt")


@pytest.mark.parametrize("text", ["", " \n\n ", book("").split("Produced")[0]])
def test_a_book_without_text_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="holds no text"):
        make(tmp_path, text)


@pytest.mark.parametrize(
    "line",
    ["**This is a COPYRIGHTED Project Gutenberg Etext, Details Below**", "a copyrighted project\ngutenberg ebook"],
)
def test_a_book_under_copyright_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="says that it is under copyright"):
        make(tmp_path, f"{line}\n\n{book(prose(0))}")


def test_a_read_me_is_no_book(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"7\.txt: 4999 characters without a Project Gutenberg header are no book"):
        make(tmp_path, "x" * 4999)
    assert make(tmp_path, "x" * 5000).body == Span(0, 5000)
    # With a header a short text is a short story.
    assert shown(make(tmp_path, book(prose(0)))) == [clean(prose(0))]


def test_the_number_comes_from_the_header_or_the_name(tmp_path: Path) -> None:
    assert make(tmp_path, book(prose(0)), name="7.txt").number == "4242"
    assert make(tmp_path, bare_book(prose(0)), name="8.txt").number == "8"
    assert make(tmp_path, bare_book(prose(0)), name="ferry.txt").number == ""


def test_a_folder_of_books(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("id,title\n")
    (tmp_path / "old.txt").mkdir()
    make(tmp_path, bare_book(prose(0)), name="9.txt")
    make(tmp_path, bare_book(prose(1)), name="10.TXT")
    assert [found.id for found in read_books(tmp_path)] == ["10", "9"]


@pytest.mark.parametrize("kind", ["missing", "file", "empty", "twice"])
def test_a_folder_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "books"
    if kind == "file":
        folder.write_text("x")
    elif kind != "missing":
        folder.mkdir()
    if kind == "twice":
        make(folder, bare_book(prose(0)), name="1.txt")
        make(folder, bare_book(prose(0)), name="2.txt")
    expected = {
        "missing": "books: no such folder; give a folder",
        "file": "books: a file; give a folder",
        "empty": r"books: no \.txt file in it; give a folder",
        "twice": r"2\.txt: the same book as 1\.txt; remove one of them",
    }
    with pytest.raises(InputError, match=expected[kind]) as caught:
        read_books(folder)
    assert "\n" not in str(caught.value)
