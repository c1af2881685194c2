"""What a document says its figures support: by rule, and nothing from few items."""

from pathlib import Path

import heta
from heta_data.records import MetricResult
from heta_evaluation.programme.said import supported, unsupported
from heta_evaluation.programme.sets import Sets
from heta_evaluation.programme.settings import ProgrammeSettings
from heta_evaluation.programme.tables import Book

METHODS = [heta.create_method(name) for name in ("kl", "heta_m", "heta_i", "gradient_x_input")]


def book(gated: int, everything: int) -> Book:
    """DSA of four methods: above, below, holding 0, and without an interval."""
    ends = [(0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1), None]
    found = {}
    for variant, n in (("order_averaged, gated", gated), ("order_averaged", everything)):
        for method, pair in zip(METHODS, ends, strict=True):
            subject = f"{method.name} on m [{method.config_hash}]"
            low, high = pair or (None, None)
            one = MetricResult(
                metric="dsa_minus_uniform", variant=variant, subject=subject, value=0.2, low=low, high=high, n=n
            )
            found["m", "order", one.metric, variant, subject] = one
    empty = Sets(Path("nowhere"), (), 0, 0, (), (), (), (), (), "")
    return Book(empty, ProgrammeSettings(preset="quick"), METHODS, ("m",), found)


def test_sides_of_chance_are_told_by_whole_intervals() -> None:
    told = "against the uniform attribution's: 1 above (kl), 1 below (heta_m), 2 not told apart."
    name = "m, DSA over both segment orders"
    assert list(supported(book(10, 12))) == [f"{name} (gated, n = 10), {told}"]
    assert list(supported(book(9, 12))) == [f"{name} (all, n = 12; 9 gated), {told}"]
    assert list(supported(book(3, 9))) == [f"{name}: nothing, n = 9 is below 10 (3 gated)."]


def test_what_is_not_supported_counts_what_chance_would_give() -> None:
    lines = list(unsupported(book(10, 12)))
    assert "of as many methods that are all chance, about 1 would lie outside it" in lines[0]
    assert any(line.startswith("A claim about language models: one model was asked.") for line in lines)
