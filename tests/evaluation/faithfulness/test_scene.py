"""Which tokens are units, and how scores of any kind reach them."""

from pathlib import Path

import numpy as np
import pytest

import heta
from helpers.sample_records import make_item
from helpers.saved_model import save_tiny_model
from heta.records import Span
from heta_evaluation.faithfulness.scene import Heat, Scene
from heta_evaluation.faithfulness.settings import FaithfulnessSettings

ITEM = make_item(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> heta.LoadedModel:
    return heta.load_model(str(save_tiny_model(Path(tmp_path_factory.mktemp("models")) / "tiny")))


def text_of(scene: Scene) -> str:
    """What the units cover; the tiny model's tokens are bytes."""
    spans = [scene.prepared.encoding.spans[position] for position in scene.positions]
    return "".join(ITEM.prompt[span.start : span.end] for span in dict.fromkeys(spans))


def test_the_context_is_evidence_and_distractor(model: heta.LoadedModel) -> None:
    scene = Scene(model, ITEM, FaithfulnessSettings())
    context = "".join(ITEM.prompt[part.start : part.end] for part in ITEM.spans("evidence", "distractor"))
    # An emoji is several tokens that share its span.
    assert text_of(scene) == context
    assert scene.forwards == 0
    whole = Scene(model, ITEM, FaithfulnessSettings(scope="prompt"))
    assert set(whole.positions) > set(scene.positions)
    assert "Question" in text_of(whole)
    assert "honey" not in text_of(whole)  # the worked examples


def test_scores_of_the_same_tokens_go_position_by_position(model: heta.LoadedModel) -> None:
    scene = Scene(model, ITEM, FaithfulnessSettings())
    encoding = scene.prepared.encoding
    scores = np.arange(len(encoding.spans), dtype=float)
    heat = Heat(encoding.spans, scores, encoding.scored, encoding.prompt_ids)
    assert scene.carry(heat).tolist() == scores[list(scene.positions)].tolist()


def test_scores_of_words_reach_each_of_their_tokens(model: heta.LoadedModel) -> None:
    scene = Scene(model, ITEM, FaithfulnessSettings())
    start = ITEM.prompt.index("violet")
    heat = Heat((Span(start, start + 6),), np.asarray([2.0]), np.ones(1, dtype=bool))
    carried = scene.carry(heat)
    assert carried.sum() == 2.0 * 6
    # Tokens that no span overlaps get the lowest score there is.
    heat = Heat((Span(start, start + 6), Span(start + 7, start + 8)), np.asarray([2.0, -1.0]), np.ones(2, dtype=bool))
    assert set(scene.carry(heat)) == {2.0, -1.0}
