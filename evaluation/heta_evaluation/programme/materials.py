"""What the programme runs on: given items in both segment orders, prompts of a file, and two small bundled sets."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from heta.errors import InputError
from heta.words import segment_words
from heta_data.compose import compose_item
from heta_data.errors import IntegrityError
from heta_data.items import read_items
from heta_data.jsonl import parse_object, validate_line, write_records
from heta_data.records import Item, Rights, Role, item_id
from heta_data.workspace import Workspace

ALIKE = 0.8
"""Prompts with as many words, of which more than this share stand in the same place, are of one group."""
_UNSPACED = ("zh", "ja", "th")
_OWN = Rights(field="text", licence="CC-BY-4.0", source="heta-bench", locator="heta_evaluation.programme.materials")

PHRASINGS = (
    ("The keeper painted the old lamp.", "The old lamp was painted by the keeper.", "painted the lamp", "The keeper"),
    ("A fox chased the white hens.", "The white hens were chased by a fox.", "chased the hens", "A fox"),
    ("Marta repaired the wooden bridge.", "The wooden bridge was repaired by Marta.", "repaired the bridge", "Marta"),
    ("The storm broke seven windows.", "Seven windows were broken by the storm.", "broke the windows", "The storm"),
    ("Two men carried the iron anchor.", "The iron anchor was carried by two men.", "carried the anchor", "Two men"),
    ("The baker sold forty loaves.", "Forty loaves were sold by the baker.", "sold the loaves", "The baker"),
    ("A monk planted the cherry tree.", "The cherry tree was planted by a monk.", "planted the tree", "A monk"),
    ("Oskar opened the iron gate.", "The iron gate was opened by Oskar.", "opened the gate", "Oskar"),
    (
        "The river flooded the low meadow.",
        "The low meadow was flooded by the river.",
        "flooded the meadow",
        "The river",
    ),
    ("An owl watched the quiet village.", "The quiet village was watched by an owl.", "watched the village", "An owl"),
)
"""Active, passive, what was asked, who did it: written for this project."""


class PromptRow(BaseModel):
    """One line of a file of prompts; other keys are not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1)]
    prompt: Annotated[str, Field(min_length=1)]
    target: Annotated[str, Field(min_length=1)]
    language: str = "en"
    group: str | None = None
    """What prompts are drawn together by; without any, prompts that are nearly the same are one group."""


def read_prompts(path: Path) -> list[Item]:
    """The prompts of a JSON Lines file as items: `{"id": ..., "prompt": ..., "target": ...}` a line.

    The whole prompt is one segment, because no part of it is known to be the evidence: no DSA. A target without a
    leading space gets one, except in scripts that put none between words. The order is by turns: the first prompt of
    every group, then the second of each, so that the first N are of as many groups as there are.

    Raises:
        InputError: no such file, no prompts, an id that stands twice.
        RecordError: a line cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}; name a file with --prompts") from None
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            parse_object(line, f"{path}:{number}")
            rows.append(validate_line(line, PromptRow, f"{path}:{number}"))
    if not rows:
        raise InputError(
            f'{path}: holds no prompts; write one a line, as {{"id": "a", "prompt": "...", "target": "x"}}'
        )
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise InputError(f"{path}: the id {row.id!r} stands twice; give each prompt its own")
        seen.add(row.id)
    return by_turns([_prompt_item(path.stem, row, group) for row, group in zip(rows, _groups(rows), strict=True)])


def _groups(rows: Sequence[PromptRow]) -> list[str]:
    """The group of each prompt: as given, or that of the first earlier one that is nearly the same."""
    kept: list[tuple[list[str], str]] = []
    found = []
    for row in rows:
        words = row.prompt.split()
        name = row.group or next((group for other, group in kept if _alike(words, other)), row.id)
        kept.append((words, name))
        found.append(name)
    return found


def _alike(first: Sequence[str], second: Sequence[str]) -> bool:
    if len(first) != len(second):
        return False
    return sum(one == other for one, other in zip(first, second, strict=True)) > ALIKE * len(first)


def _prompt_item(source: str, row: PromptRow, group: str) -> Item:
    spaced = row.language.split("-")[0] not in _UNSPACED and not row.target[0].isspace()
    fields = {
        "source": source,
        "source_id": row.id,
        "group": group,
        "language": row.language,
        "prompt": row.prompt,
        "target": f" {row.target}" if spaced else row.target,
        "answer": row.target.strip() or row.target,
        "question": "What comes next?",
        "segments": [{"start": 0, "end": len(row.prompt), "role": "evidence"}],
        "rights": [Rights(field="prompt", licence="not-stated", source=source, locator=row.id)],
    }
    return Item.model_validate({**fields, "id": item_id(fields)})


def by_turns(items: Sequence[Item]) -> list[Item]:
    """The first item of every group, then the second of every group, and so on."""
    turn: defaultdict[str, int] = defaultdict(int)
    keyed = []
    for place, item in enumerate(items):
        keyed.append((turn[item.group], place, item))
        turn[item.group] += 1
    return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


def other_order(item: Item) -> Item | None:
    """The same item with its evidence and distractor in the other order; None where it has not exactly one of each."""
    both = item.spans("evidence", "distractor")
    if sorted(segment.role for segment in both) != ["distractor", "evidence"]:
        return None
    texts = {segment.role: item.prompt[segment.start : segment.end] for segment in both}
    other: dict[Role, Role] = {"evidence": "distractor", "distractor": "evidence"}
    prompt, segments = "", []
    position = 0
    for segment in item.segments:
        prompt += item.prompt[position : segment.start]
        role = other.get(segment.role, segment.role)
        text = texts.get(role, item.prompt[segment.start : segment.end])
        segments.append({"start": len(prompt), "end": len(prompt) + len(text), "role": role})
        prompt += text
        position = segment.end
    prompt += item.prompt[position:]
    fields = {**item.model_dump(mode="json"), "prompt": prompt, "segments": segments}
    return Item.model_validate({**fields, "id": item_id(fields)})


def with_twins(items: Sequence[Item]) -> tuple[list[Item], int]:
    """The items, then the other order of those that are not there in both; and how many have no other order."""
    there = {item.id for item in items}
    found, without = list(items), 0
    for item in items:
        twin = other_order(item)
        if twin is None:
            without += 1
        elif twin.id not in there:
            there.add(twin.id)
            found.append(twin)
    return found, without


def phrasing_items(most: int) -> tuple[list[Item], list[tuple[str, str]]]:
    """Items of the first `most` pairs in the active and the passive voice, and which two (ids) say the same."""
    items, pairs = [], []
    for number, (active, passive, asked, answer) in enumerate(PHRASINGS[:most], start=1):
        two = [
            compose_item(
                source="phrasings",
                source_id=f"{voice}-{number}",
                group=f"pair-{number}",
                split="test",
                language="en",
                evidence=text,
                distractor="It rained at noon.",
                question=f"Who or what {asked}?",
                answer=answer,
                evidence_first=True,
                rights=[_OWN],
            )
            for voice, text in (("active", active), ("passive", passive))
        ]
        items += two
        pairs.append((two[0].id, two[1].id))
    return items, pairs


def single_items() -> list[Item]:
    """One prompt in English and one in Chinese, for figures of single words."""
    texts = (
        ("en", "Nora keeps three blue keys in a tin box.", "The bus was late.", "How many keys has Nora?", "three"),
        ("zh", "小红在河边种了三棵苹果树。", "昨天晚上下雨了。", "小红种了几棵苹果树？", "三棵"),
    )
    return [
        compose_item(
            source="single",
            source_id=language,
            group=language,
            split="test",
            language=language,
            evidence=evidence,
            distractor=distractor,
            question=question,
            answer=answer,
            evidence_first=True,
            rights=[_OWN],
        )
        for language, evidence, distractor, question, answer in texts
    ]


def place_items(workspace: Workspace, items: Sequence[Item]) -> None:
    """Write the items of one set; more items than were there before are taken in, fewer or others are refused.

    Raises:
        InputError: the folder was begun with items that are not among these.
        IntegrityError: an item stands twice, or has no word.
    """
    ids = [item.id for item in items]
    if len(set(ids)) < len(ids):
        twice = next(identifier for identifier in ids if ids.count(identifier) > 1)
        raise IntegrityError(f"item {twice} is given twice: remove one")
    for item in items:
        if not segment_words(item.prompt):
            raise IntegrityError(f"item {item.id} ({item.source}:{item.source_id}) holds no word: remove it")
    if workspace.items.exists():
        there = read_items(workspace.items)
        if [item.id for item in there] == ids:
            return
        if lost := {item.id for item in there} - set(ids):
            raise InputError(
                f"{workspace.root} was begun with other items ({len(lost)} of {len(there)} are not among those given); "
                "name another folder with -C, give the same items and more, or delete this folder"
            )
    write_records(workspace.items, items)


def count_groups(items: Iterable[Item]) -> int:
    """How many groups the items are of: what intervals are drawn over."""
    return len({item.group for item in items})
