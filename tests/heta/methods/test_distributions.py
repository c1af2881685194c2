"""Progressive inference, token distribution dynamics and peering, step by step with plain passes."""

import numpy as np
import pytest
import torch

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import Prepared, Span, TargetChoice, create_method, prepare
from heta.errors import ConfigError
from heta.model import LoadedModel

CHOICE = TargetChoice(foil=" blue")


def probabilities(model: LoadedModel, ids: list[int], tokens: list[int]) -> torch.Tensor:
    """p of some tokens as the next one, by the model's own pass over token ids: of all, or of the two alone."""
    with torch.no_grad():
        logits = model.module(torch.tensor([ids]), use_cache=False).logits[0, -1].double()
    return logits[tokens].softmax(-1) if len(tokens) == 2 else logits.softmax(-1)[tokens]


def dynamics(model: LoadedModel, ids: list[int], tokens: list[int]) -> float:
    found = probabilities(model, ids, tokens)
    return float(found[0] - found[1]) if len(tokens) == 2 else float(found[0])


@pytest.mark.parametrize("choice", [TargetChoice("first"), CHOICE])
@pytest.mark.parametrize("family", ["gpt2", "llama", "bloom"])
def test_prefixes_and_suffixes_one_by_one(family: str, choice: TargetChoice) -> None:
    model = tiny_model(family)
    prepared = prepare(model, PROMPT, " green", policy=choice, unscored=[Span(0, 5)])
    told, ids, scored = prepared.explained, list(prepared.encoding.prompt_ids), prepared.positions
    tokens = [told.target_ids[0], *([] if told.foil_ids is None else [told.foil_ids[0]])]
    forward, backward, single = np.zeros(len(ids)), np.zeros(len(ids)), np.zeros(len(ids))
    for index, position in enumerate(scored):
        more, less = ids[: position + 1], ids[:position]
        forward[position] = dynamics(model, more, tokens) - dynamics(model, less, tokens)
        single[position] = float((probabilities(model, more, tokens) - probabilities(model, less, tokens))[0])
        # What is left of the prompt where all scored tokens before this one, or this one too, are left out.
        kept = [[token for at, token in enumerate(ids) if at not in scored[:gone]] for gone in (index, index + 1)]
        backward[position] = dynamics(model, kept[0], tokens) - dynamics(model, kept[1], tokens)
    wanted = {
        "tdd_forward": forward,
        "tdd_backward": backward,
        "tdd_bidirectional": (forward + backward) / 2,
        "progressive_inference": single,
    }
    for name, expected in wanted.items():
        result = prepared.attribute(create_method(name))
        np.testing.assert_allclose(result.scores, expected, atol=1e-7)
    both = prepared.attribute(create_method("tdd_bidirectional")).components
    np.testing.assert_allclose(both["forward"], forward, atol=1e-7)
    np.testing.assert_allclose(both["backward"], backward, atol=1e-7)
    if told.foil_ids is None:
        np.testing.assert_allclose(single, forward)
    else:
        np.testing.assert_allclose(single, forward / 2)


def test_where_nothing_stays_the_last_token_counts_from_zero() -> None:
    # As published: without BOS and with the first token scored, the last token's value is p behind it alone.
    from heta import wrap_model

    tiny = tiny_model("gpt2", bos=False)
    model = wrap_model(tiny.module, tiny.tokenizer, name="tiny", bos=False, exclude_first=False)
    prepared = prepare(model, "Tom baked", " bread", policy="first")
    ids, token = list(prepared.encoding.prompt_ids), [prepared.explained.target_ids[0]]
    values = [dynamics(model, ids[start:], token) for start in range(len(ids))]
    got = prepared.attribute(create_method("tdd_backward")).scores
    np.testing.assert_allclose(got, -np.diff([*values, 0.0]), atol=1e-9)
    along = [dynamics(model, ids[: end + 1], token) for end in range(len(ids))]
    got = prepared.attribute(create_method("tdd_forward")).scores
    np.testing.assert_allclose(got, np.diff([0.0, *along]), atol=1e-9)


@pytest.mark.parametrize("name", ["tdd_forward", "tdd_backward", "progressive_inference"])
def test_differences_telescope_over_units_and_target_tokens(name: str) -> None:
    answer, each = (prepare(tiny_model(), PROMPT, TARGET, policy=policy) for policy in ("answer", "each"))
    tokens = answer.attribute(create_method(name))
    rows = each.attribute(create_method(name))
    assert rows.rows["score"].shape[0] == len(answer.explained.target_ids)
    np.testing.assert_allclose(rows.scores, tokens.scores, atol=1e-10)
    for unit in ("word", "sentence"):
        result = answer.attribute(create_method(name, unit=unit))
        inside = answer.unit_positions(unit)  # type: ignore[arg-type]
        np.testing.assert_allclose(result.scores, [tokens.scores[list(positions)].sum() for positions in inside])


def test_long_vocabularies_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from heta.methods import distributions

    whole = prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("tdd_forward")).scores
    monkeypatch.setattr(distributions, "_LOGITS", 5 * 360)
    pieces = prepare(tiny_model(), PROMPT, TARGET).attribute(create_method("tdd_forward")).scores
    np.testing.assert_allclose(pieces, whole, atol=1e-7)


def states(model: LoadedModel, prepared: Prepared, written: tuple[int, ...], layer: int) -> torch.Tensor:
    ids = [*prepared.encoding.prompt_ids, *prepared.explained.before, *written]
    with torch.no_grad():
        output = model.module(torch.tensor([ids]), use_cache=False, output_hidden_states=True)
    return output.hidden_states[layer][0].double()


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_peering_is_a_cosine_of_hidden_states(family: str) -> None:
    model = tiny_model(family)
    answer, each = (prepare(model, PROMPT, TARGET, policy=policy) for policy in ("answer", "each"))
    # The middle of two layers is the first, whose output is entry 1 of the hidden states.
    found = states(model, answer, answer.explained.target_ids, 1)
    count = len(answer.encoding.prompt_ids)
    written = found[count:]
    rows = torch.cosine_similarity(written[:, None], found[None, :count], dim=-1).numpy()
    np.testing.assert_allclose(
        each.attribute(create_method("peering")).rows["score"] * answer.encoding.scored,
        rows * answer.encoding.scored,
        atol=1e-7,
    )
    whole = torch.cosine_similarity(written.mean(0), found[:count], dim=-1).numpy() * answer.encoding.scored
    np.testing.assert_allclose(answer.attribute(create_method("peering", layer=1)).scores, whole, atol=1e-7)
    sentences = answer.attribute(create_method("peering", unit="sentence"))
    for index, inside in enumerate(answer.unit_positions("sentence")):
        mean = found[list(inside)].mean(0)
        expected = float(torch.cosine_similarity(written.mean(0), mean, dim=-1))
        assert sentences.scores[index] == pytest.approx(expected, abs=1e-7)


def test_peering_against_a_foil() -> None:
    model = tiny_model()
    prepared = prepare(model, PROMPT, TARGET, policy=CHOICE)
    told, position = prepared.explained, prepared.positions[3]
    expected = 0.0
    for sign, written in ((1, told.target_ids), (-1, told.foil_ids)):
        assert written is not None
        found = states(model, prepared, written, 1)
        expected += sign * float(torch.cosine_similarity(found[-1], found[position], dim=-1))
    got = prepared.attribute(create_method("peering")).scores
    assert got[position] == pytest.approx(expected, abs=1e-7)
    with pytest.raises(ConfigError, match="layer is 9, tiny-llama has layers 1 to 2"):
        prepared.attribute(create_method("peering", layer=9))
