"""One item on the model: its units, and attributions of any kind carried over to them.

Units are single tokens, because those are what a model is asked without: of evidence and distractor, which raters mark
and every method scores, or of all that is scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import heta
from heta.errors import InputError
from heta.records import Attribution, Span
from heta.units import bare, unit_positions
from heta.words import Rule, project
from heta_data.compose import unscored_spans
from heta_data.records import AttributionRecord, Item
from heta_evaluation.faithfulness.asking import ModelAsker
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.metrics.base import BoolArray, FloatArray


@dataclass(frozen=True)
class Heat:
    """Scores of spans of a prompt, whoever gave them."""

    spans: tuple[Span, ...]
    scores: FloatArray
    """`[span]`"""
    scored: BoolArray
    """`[span]`, false where a score means nothing."""
    token_ids: tuple[int, ...] | None = None
    """The tokens, where the spans are a model's."""

    @staticmethod
    def of_record(record: AttributionRecord) -> "Heat":
        """Of an attribution record."""
        spans = tuple(Span(start, end) for start, end in zip(record.starts, record.ends, strict=True))
        scored = np.asarray([score is not None for score in record.scores], dtype=bool)
        scores = np.asarray([0.0 if score is None else score for score in record.scores], dtype=float)
        return Heat(spans, scores, scored, record.token_ids)

    @staticmethod
    def of_attribution(attribution: Attribution) -> "Heat":
        """Of an attribution in memory."""
        return Heat(attribution.spans, attribution.scores, attribution.scored, attribution.token_ids)

    def on(self, text: str, units: Sequence[Span], rule: Rule = "max") -> FloatArray:
        """Scores of other spans of the same text, `[unit]`, by overlap of characters."""
        return project(text, self.spans, self.scores, self.scored, units, rule=rule)


class Scene:
    """An item prepared on a model. Nothing of the model runs before it is asked.

    Raises:
        InputError: no token of the scope is scored, or texts that cannot be explained.
    """

    def __init__(self, model: heta.LoadedModel, item: Item, settings: FaithfulnessSettings) -> None:
        self.item = item
        self.settings = settings
        self.prepared = heta.prepare(model, item.prompt, item.target, unscored=unscored_spans(item))
        self.positions = self._scope()
        if not self.positions:
            raise InputError(f"no token of the {settings.scope} is scored, so nothing can be masked")

    @property
    def seed(self) -> int:
        """What distinguishes this item's random numbers."""
        return item_seed(self.item)

    @cached_property
    def ask(self) -> ModelAsker:
        """Asks the model without some of the units."""
        return ModelAsker(self.prepared, self.positions, (self.settings.seed, self.seed))

    @property
    def forwards(self) -> int:
        """Inputs that the model was asked about so far, the full pass included."""
        return self.ask.forwards if "ask" in self.__dict__ else 0

    def carry(self, heat: Heat) -> FloatArray:
        """Scores of this item's units, `[unit]`: position by position where the tokens are the same, else by overlap.

        A token that overlaps several spans gets the highest of them; one that none overlaps the lowest score there is.
        """
        encoding = self.prepared.encoding
        places = list(self.positions)
        if heat.token_ids == encoding.prompt_ids and heat.scored[places].all():
            return np.asarray(heat.scores[places], dtype=float)
        units = [bare(self.item.prompt, encoding.spans[position]) for position in places]
        return heat.on(self.item.prompt, units)

    def _scope(self) -> tuple[int, ...]:
        if self.settings.scope == "prompt":
            return tuple(self.prepared.positions)
        encoding = self.prepared.encoding
        segments = [Span(segment.start, segment.end) for segment in self.item.spans("evidence", "distractor")]
        found = unit_positions(self.item.prompt, encoding.spans, encoding.scored, segments)
        return tuple(sorted({position for positions in found for position in positions}))


def item_seed(item: Item) -> int:
    """A number from the item's id: the same item draws the same whatever stands before it."""
    return int(item.id[:12], 16)
