"""What a plan keeps of each item, and tasks that are made when they are asked for: memory holds no texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

from heta.words import segment_words
from heta_annotation.campaign.marking import WORDS, Marking, units_of
from heta_data.compose import label_units
from heta_data.records import Item

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outline:
    """An item without its texts."""

    id: str
    row: tuple[str, str]
    """Source and row there; the two segment orders of a text share it."""
    length: int
    """Of the prompt, in code points."""
    units: int
    """What can be marked."""
    words: int
    """To read: question, answer and text."""


def outline(item: Item, marking: Marking = WORDS) -> Outline:
    """What a plan keeps of the item."""
    words = len(label_units(item)) + sum(len(segment_words(text)) for text in (item.question, item.answer))
    units = len(units_of(item, marking))
    return Outline(item.id, (item.source, item.source_id), len(item.prompt), units, words)


class Built(Sequence[T], Generic[K, T]):
    """Members that are made from their keys each time they are asked for."""

    def __init__(self, keys: Sequence[K], make: Callable[[K], T]) -> None:
        self._keys = keys
        self._make = make

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> "Built[K, T]": ...
    def __getitem__(self, index: int | slice) -> "T | Built[K, T]":
        if isinstance(index, slice):
            return Built(self._keys[index], self._make)
        return self._make(self._keys[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._make, self._keys)

    def __len__(self) -> int:
        return len(self._keys)
