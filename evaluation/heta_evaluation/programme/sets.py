"""The sets of items that the programme runs on, each with a working folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heta.errors import InputError
from heta_data.items import read_items
from heta_data.jsonl import read_records, write_records
from heta_data.records import Item, TokenLabels
from heta_data.workspace import Workspace
from heta_evaluation.faithfulness.pairs import ItemPair
from heta_evaluation.labels import select_labels
from heta_evaluation.programme.materials import (
    phrasing_items,
    place_items,
    read_prompts,
    single_items,
    with_twins,
)
from heta_evaluation.programme.settings import ProgrammeSettings

FOLDER = "suite-paper"
NO_PROMPTS = "no prompts were given (--prompts FILE)"


@dataclass(frozen=True)
class Sets:
    """Items of the programme; nothing is written until `place`."""

    root: Path
    """The programme's folder."""
    items: tuple[Item, ...]
    """The given items, then the other segment order of each that has one."""
    declared: int
    """How many of `items` were given."""
    one_order: int
    """Given items that have no other order."""
    prompts: tuple[Item, ...]
    phrasings: tuple[Item, ...]
    pairs: tuple[tuple[str, str], ...]
    single: tuple[Item, ...]
    labels: tuple[TokenLabels, ...]
    """Labels of the given items, where any of them counts; else empty."""
    no_labels: str
    """Why there are none."""

    def names(self) -> list[str]:
        """Sets that hold items."""
        return [name for name in ("items", "prompts", "phrasings", "single") if self.of(name)]

    def of(self, name: str) -> tuple[Item, ...]:
        """The items of one set."""
        found: tuple[Item, ...] = getattr(self, name)
        return found

    def workspace(self, name: str) -> Workspace:
        """The working folder of one set."""
        return Workspace(self.root / name)

    def everything(self) -> list[Item]:
        """All items of all sets."""
        return [item for name in self.names() for item in self.of(name)]

    def place(self) -> None:
        """Write items, labels and pairs into the sets' working folders.

        Raises:
            InputError: a folder was begun with items that are not among these.
            IntegrityError: an item stands twice, or has no word.
        """
        for name in self.names():
            place_items(self.workspace(name), self.of(name))
        labels = self.workspace("items").labels
        if self.labels:
            write_records(labels, self.labels)
        else:
            labels.unlink(missing_ok=True)
        pairs = [ItemPair(first=first, second=second) for first, second in self.pairs]
        write_records(self.workspace("phrasings").root / "pairs.jsonl", pairs)


def gather(folder: Workspace, items: Path | None, prompts: Path | None, settings: ProgrammeSettings) -> Sets:
    """Read everything that the programme runs on.

    Args:
        folder: the working folder; its labels count, and its items where no file of them is given.
        items: a file of items.
        prompts: a file of prompts, see `read_prompts`; None for none.
        settings: how many of them, and whose labels.

    Raises:
        InputError: a file is missing or empty. RecordError: a line cannot be read.
        IntegrityError: labels that do not belong to their items.
    """
    given = read_items(items or folder.items)[: settings.limit]
    both, one_order = with_twins(given)
    labels, why = _labels(folder, given, settings)
    phrasings, pairs = phrasing_items(settings.sizes.pairs)
    return Sets(
        root=folder.root / FOLDER,
        items=tuple(both),
        declared=len(given),
        one_order=one_order,
        prompts=() if prompts is None else tuple(read_prompts(prompts)[: settings.limit_prompts]),
        phrasings=tuple(phrasings),
        pairs=tuple(pairs),
        single=tuple(single_items()),
        labels=labels,
        no_labels=why,
    )


def _labels(
    folder: Workspace, items: Sequence[Item], settings: ProgrammeSettings
) -> tuple[tuple[TokenLabels, ...], str]:
    if not folder.labels.exists():
        return (), "there are no labels in the folder (labels.jsonl)"
    ids = {item.id for item in items}
    labels = tuple(record for record in read_records(folder.labels, TokenLabels) if record.item_id in ids)
    if not labels:
        return (), "labels.jsonl holds none of these items"
    try:
        select_labels(items, labels, settings.evaluate)
    except InputError as error:
        return (), str(error)
    return labels, ""
