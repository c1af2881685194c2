"""The estimate before a run: passes that are shared count once, and what it says."""

from typing import Any

import pytest

import heta
from helpers.sample_records import make_item
from helpers.saved_model import save_tiny_model
from helpers.tiny_models import tiny_model
from heta import work
from heta.work import Pace, Work, length, measure_pace, planned
from heta_data.attribute_plan import Estimate, duration, estimate, told

PROMPT = "The keeper painted the stairs green"


def methods(*names: str, **options: Any) -> list[heta.Method]:
    return [heta.create_method(name, **options) for name in names]


def prepared(**options: Any) -> heta.Prepared:
    return heta.prepare(tiny_model(), PROMPT, " green and blue", **options)


def positions_of(name: str, **options: Any) -> float:
    found = planned(heta.create_method(name, **options), prepared())
    assert found is not None
    return sum(part.forward for part in found)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> heta.LoadedModel:
    """One whose window holds an item."""
    return heta.load_model(str(save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")))


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that takes a second a position forward and three with a gradient."""
    monkeypatch.setattr(work, "measure_pace", lambda one: Pace(1.0, 3.0, 2_000_000_000, length(one)))


def test_every_method_of_the_package_has_a_plan() -> None:
    one = prepared()
    for name in heta.METHODS:
        plan = planned(heta.create_method(name), one)
        assert plan is not None, name
        assert all(part.forward >= 0 and part.gradient >= 0 for part in plan)
        assert bool(plan) == heta.METHODS.get(name).needs_model


def test_a_plan_counts_the_positions_that_are_computed() -> None:
    one = prepared()
    whole, read = length(one), len(one.encoding.prompt_ids) - 1
    assert whole == one.base.length
    assert positions_of("kl") == sum(whole - min(position, read) for position in one.positions)
    # All tokens of the six words can go: 9 masks, each without half of them, from the first one on.
    tokens = sum(map(len, one.unit_positions("word")))
    assert positions_of("lime", samples=8) == 9 * (whole - one.positions[0] - tokens / 2)
    assert positions_of("lime", samples=8, mask="zero") == 9 * (whole - one.positions[0])
    # No more masks than there are.
    assert positions_of("lime", samples=5000) == 65 * (whole - one.positions[0] - tokens / 2)
    assert positions_of("reagent", runs=2, steps=5) == 20 * (whole - one.positions[0])
    gradient = planned(heta.create_method("gradient_x_input"), one)
    assert gradient == (Work(("gradient",), gradient=whole),)


@pytest.mark.usefixtures("steady")
def test_shared_passes_count_once(model: heta.LoadedModel) -> None:
    items = [make_item(number) for number in (1, 2)]
    alone = estimate([(item, methods("kl")) for item in items], model)
    both = estimate([(item, methods("kl", "leave_one_out", "gilot", "random")) for item in items], model)
    assert alone is not None
    assert both is not None
    assert both.seconds == pytest.approx(alone.seconds)
    assert both.records == 3 * alone.records == 6
    assert set(both.methods) == {"kl", "leave_one_out", "gilot"}
    assert len(set(both.methods.values())) == 1


@pytest.mark.usefixtures("steady")
def test_methods_of_others_are_named(model: heta.LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_PLANS", {})
    found = estimate([(make_item(), methods("kl"))], model)
    assert found is not None
    assert found.unknown == ("kl",)
    assert any("not estimated: kl" in line for line in told(found))


def test_nothing_to_do_is_no_estimate() -> None:
    assert estimate([(make_item(), methods("random"))], tiny_model()) is None
    assert estimate([], tiny_model()) is None


def test_pace_is_measured() -> None:
    pace = measure_pace(prepared())
    assert 0 < pace.forward < 10
    assert 0 < pace.gradient < 10
    assert pace.memory > 0


def test_what_is_said() -> None:
    found = Estimate(20, 4000.0, {"kl": 60.0, "reagent": 3900.0}, (), 1_250_000_000, 118)
    assert told(found) == [
        "estimate: 20 records in about 67 min at most, 1.2 GB beside the model (timed on the longest item, 118 tokens)",
        "  alone: reagent 65 min, kl 60 s",
    ]
    assert [duration(seconds) for seconds in (4.4, 600, 7200)] == ["4 s", "10 min", "2.0 h"]
