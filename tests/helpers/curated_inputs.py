"""Small SciQ files and Gutenberg books, written for these tests."""

import json
from pathlib import Path
from typing import Any

SENTENCES = (
    "The old ferryman tied his boat to the willow and counted his coins by the light of a lantern.",
    "Nobody in the village had ever asked him where he went on Sundays.",
    '"You are late again," said the miller, who had been waiting on the steps since noon.',
    "Mrs. Harrow closed her shop early and walked down the lane with a basket under her arm.",
    "A grey cat followed her as far as the bridge and then lost interest in the whole affair.",
    "He laughed, took off his hat, and promised that he would pay for the broken window.",
    "By evening the whole street knew of the letter, although not one of them had read it.",
    "She folded the map with great care and put it back behind the clock on the shelf.",
    "The two brothers had not spoken since the wedding, and neither of them wished to begin.",
    "Somewhere behind the hedge a child was singing the same three notes over and over.",
)

GOOD_ROW = {
    "question": "Which gas do most green plants give off when the sun shines on their leaves?",
    "correct_answer": "oxygen",
    "distractor1": "argon",
    "distractor2": "nitrogen",
    "distractor3": "helium",
    "support": (
        "Green plants make sugar in their leaves as long as the sun shines on them. Water and carbon dioxide are used "
        "up on the way, and oxygen is given off through tiny openings in the skin of the leaf."
    ),
}

_FACTS = (
    ("Which organ pumps blood through the body of a frog?", "heart", "In a frog the heart pumps blood"),
    ("Which metal is liquid in a warm room in summer?", "mercury", "Among all metals mercury alone is liquid"),
    ("Which planet is known for its wide bright rings?", "Saturn", "In small telescopes Saturn shows bright rings"),
    ("Which force pulls a falling apple towards the ground?", "gravity", "What pulls apples down is gravity alone"),
    ("Which part of a flower becomes the fruit later on?", "ovary", "Seeds ripen while the ovary becomes a fruit"),
    ("Which mineral makes the salt that people eat daily?", "halite", "Salt comes from halite dug out of mines"),
    ("Which cells carry messages along a nerve quickly?", "neurons", "Along each nerve neurons carry messages"),
    (
        "Which layer of air holds almost all of the weather?",
        "troposphere",
        "Below ten miles the troposphere has weather",
    ),
)


def row(**changes: Any) -> dict[str, Any]:
    """A row that passes every filter, with changes."""
    return {**GOOD_ROW, **changes}


def sciq_rows(count: int = 8) -> list[dict[str, Any]]:
    """Rows that pass every filter; a word of its own every few words keeps any two from sharing eight."""
    rows = []
    for index in range(count):
        question, answer, start = _FACTS[index % len(_FACTS)]
        own = "".join("abcdefghij"[int(digit)] for digit in f"{index:03d}")
        rows.append(
            {
                "question": f"{question[:-1]} of {own}?",
                "correct_answer": answer.lower(),
                "distractor1": "granite",
                "distractor2": "photon",
                "distractor3": "enzyme",
                "support": (
                    f"{start} in simple experiments of {own} that pupils may try at {own} without help. They need no "
                    f"tools for {own} beyond a notebook, a {own} and a little patience."
                ),
            }
        )
    return rows


def write_sciq(path: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """A SciQ file with `rows`, by default `sciq_rows()`."""
    path.write_text(json.dumps(sciq_rows() if rows is None else rows, ensure_ascii=False), encoding="utf-8")
    return path


def prose(start: int, sentences: int = 4) -> str:
    """A paragraph of `sentences` sentences, broken into lines as Gutenberg breaks them."""
    words = " ".join(SENTENCES[(start + k) % len(SENTENCES)] for k in range(sentences)).split()
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 70:
            lines.append(line.strip())
            line = ""
        line += word + " "
    return "\n".join([*lines, line.strip()])


HEADER = """The Project Gutenberg EBook of {title}, by A. Writer

This eBook is for the use of anyone anywhere at no cost.

Title: {title}

Release Date: May 1, 2001 [EBook #{number}]

Character set encoding: {charset}

*** START OF THIS PROJECT GUTENBERG EBOOK {title} ***




Produced by Some Body and the Online Distributed Proofreading Team, who read
every page of it twice. Thank you for that, all of you who took part in it.


                              CONTENTS

     I  The Ferry
    II  The Letter



CHAPTER I

"""
LICENCE = """


End of the Project Gutenberg EBook of {title}, by A. Writer

*** END OF THIS PROJECT GUTENBERG EBOOK {title} ***

***** This file should be named 1.txt *****

The Foundation makes no representations concerning the copyright status of any
work in any country outside the United States, and asks you to check yourself.
"""


def book(body: str, *, title: str = "THE FERRY", number: str = "4242", charset: str = "UTF-8") -> str:
    """`body` with the header, credits, contents and licence that a Gutenberg file has."""
    values = {"title": title, "number": number, "charset": charset}
    return HEADER.format(**values) + body + LICENCE.format(**values)


def bare_book(body: str) -> str:
    """`body` without header or licence, long enough for a book: the rest is rows of asterisks."""
    return body + "\n\n* * * * *" * 500


def write_books(folder: Path, *, count: int = 2, paragraphs: int = 12) -> Path:
    """A folder of `count` books of `paragraphs` paragraphs of prose each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        body = "\n\n".join(prose(number + 3 * k, 2 + k % 4) for k in range(paragraphs))
        (folder / f"{100 + number}.txt").write_text(
            book(body, title=f"THE FERRY {number}", number=str(100 + number)), encoding="utf-8"
        )
    return folder
