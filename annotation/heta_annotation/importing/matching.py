"""Which item a task shows, proved by the text it shows and never guessed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from heta.errors import ConfigError
from heta.records import Span
from heta_annotation.campaign.page import passage
from heta_annotation.importing.export import Task
from heta_annotation.importing.own_campaign import OwnTask
from heta_annotation.importing.privacy import quoted
from heta_data.compose import label_units
from heta_data.records import Item

_OUR_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Match:
    """A task and the item that it shows."""

    item: Item
    units: tuple[Span, ...]
    """What of the item can be marked."""
    plain: Span | None
    """What of the prompt is shown, for offsets into the data as it is; None where no field fits so."""
    html: Span | None
    """The same for offsets into the text of the data read as HTML."""
    own: OwnTask | None = None
    """What the folder's own campaign knows of the task."""


@dataclass(frozen=True)
class Unmatched:
    """A task that shows no item of the folder, or nobody knows which."""

    task: int
    annotations: int
    reason: str


@dataclass(frozen=True)
class _Shown:
    """One text that a task shows."""

    field: str
    text: str
    html: bool


class Matcher:
    """Finds the item of a task by `data.item_id`, by the uid of our own campaign, or by its text.

    Args:
        items: the folder's items.
        own: tasks of the folder's campaign by uid.
        text_key: the only field that may hold the text; None for any.
    """

    def __init__(self, items: Sequence[Item], own: Mapping[str, OwnTask], text_key: str | None = None) -> None:
        self.items = {item.id: item for item in items}
        self.own = own
        self.text_key = text_key
        self._prompts: dict[str, set[str]] = defaultdict(set)
        self._passages: dict[str, set[str]] = defaultdict(set)
        for item in items:
            span = passage(item)
            self._prompts[item.prompt].add(item.id)
            self._passages[item.prompt[span.start : span.end]].add(item.id)

    def match(self, task: Task) -> Match | Unmatched:
        """The item and where its text is shown, or why there is none."""
        shown = tuple(self._texts(task))
        item_id, reason = self._by_name(task)
        if item_id is None and not reason:
            item_id, reason = self._by_text(shown)
        if item_id is None:
            return _unmatched(task, reason)
        item = self.items[item_id]
        plain, html = _places(item, shown, html=False), _places(item, shown, html=True)
        if not plain and not html:
            return _unmatched(task, f"no field holds the prompt or the passage of item {item_id} as it is today")
        if any(len({span.start for span in places}) > 1 for places in (plain, html)):
            fields = ", ".join(sorted({quoted(entry.field) for entry in shown if _places(item, [entry], entry.html)}))
            return _unmatched(task, f"several fields hold text of item {item_id} ({fields}): choose with --text-key")
        # Those that begin at the same place differ in where they end: offsets mean the same in both.
        own = self.own.get(_text_of(task, "uid"))
        return Match(item, label_units(item), max(plain, default=None), max(html, default=None), own)

    def _texts(self, task: Task) -> Iterator[_Shown]:
        for field, value in task["data"].items():
            if isinstance(value, str) and self.text_key in (None, field):
                yield _Shown(field, value, html=False)
                if (text := html_text(value)) is not None:
                    yield _Shown(field, text, html=True)

    def _by_name(self, task: Task) -> tuple[str | None, str]:
        """The item that the task names; neither item nor reason where it names none."""
        item_id, uid = _text_of(task, "item_id"), _text_of(task, "uid")
        if item_id in self.items:
            return item_id, ""
        if _OUR_ID.fullmatch(item_id):
            return None, f"item {item_id} is not in items.jsonl"
        if uid in self.own:
            named = self.own[uid].item_id
            return (named, "") if named in self.items else (None, f"item {named} is not in items.jsonl")
        return None, ""

    def _by_text(self, shown: Iterable[_Shown]) -> tuple[str | None, str]:
        texts = {entry.text for entry in shown}
        for known in (self._prompts, self._passages):
            fits = set().union(*(known[text] for text in texts if text in known))
            if len(fits) == 1:
                return fits.pop(), ""
            if fits:
                return None, f"its text is that of {len(fits)} items: name one as data.item_id"
        return None, "no field holds the prompt or the passage of an item"


def _places(item: Item, shown: Iterable[_Shown], html: bool) -> set[Span]:
    """What of the prompt is shown, for each text that is the item's prompt or passage."""
    span = passage(item)
    texts = {item.prompt[span.start : span.end]: span, item.prompt: Span(0, len(item.prompt))}
    return {texts[entry.text] for entry in shown if entry.html == html and entry.text in texts}


def _text_of(task: Task, field: str) -> str:
    value = task["data"].get(field)
    return value if isinstance(value, str) else ""


def _unmatched(task: Task, reason: str) -> Unmatched:
    return Unmatched(task["id"], len(task["annotations"]), reason)


def check_text_key(tasks: Sequence[Task], text_key: str | None) -> None:
    """Refuse a `--text-key` that no task has.

    Raises:
        ConfigError: listing the fields there are.
    """
    fields = {field for task in tasks for field, value in task["data"].items() if isinstance(value, str)}
    if text_key is not None and text_key not in fields:
        listed = ", ".join(quoted(field) for field in sorted(fields)[:20]) or "none"
        raise ConfigError(f"--text-key: no task has a text field {quoted(text_key)}; text fields there: {listed}")


def html_text(value: str) -> str | None:
    """The text of a piece of HTML, its text nodes one after the other; None where a browser would show something else.

    >>> html_text("<div><b>A</b> &amp; B</div>")
    'A & B'
    """
    reader = _TextNodes()
    reader.feed(value)
    reader.close()
    return None if reader.odd else "".join(reader.pieces)


class _TextNodes(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.odd = False

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self.odd = self.odd or tag in ("script", "style", "textarea", "title", "template", "noscript", "iframe")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
