"""What the figures support, what they do not, and what was not measured and why."""

from collections.abc import Iterator, Mapping

import heta
from heta_data.records import MetricResult
from heta_evaluation.alignment.subjects import RANDOM
from heta_evaluation.faithfulness.soft import RETENTIONS
from heta_evaluation.programme.ledger import Ledger
from heta_evaluation.programme.order import GATED
from heta_evaluation.programme.settings import COSTLY, WHOLE
from heta_evaluation.programme.tables import Book, Figure

_UNIFORM, _RANDOM = "the uniform attribution's", "random scores'"


LEAST = 10
"""Items below which a figure supports no claim: bootstrap intervals over so few are too narrow to be relied on."""


def supported(book: Book) -> Iterator[str]:
    """For each model and main figure: which methods lie on either side of chance with their whole interval.

    Over gated items and answered prompts where there are at least `LEAST`, else over all of them, else nothing.
    """
    for model in book.models:
        for gated, everything, chance in _figures():
            whose = {"items": "gated", "prompts": "answered", "order": "gated"}[gated[0].split("-")[-1]]
            some, found = _found(book, model, gated), _found(book, model, everything)
            if not found:
                continue
            about = f"{model}, {gated[3]}"
            if _most(some) >= LEAST:
                yield f"{about} ({whose}, n = {_most(some)}), against {chance}: {_told(some)}."
            elif _most(found) >= LEAST:
                counts = f"all, n = {_most(found)}; {_most(some)} {whose}"
                yield f"{about} ({counts}), against {chance}: {_told(found)}."
            else:
                yield f"{about}: nothing, n = {_most(found)} is below {LEAST} ({_most(some)} {whose})."


def _figures() -> Iterator[tuple[Figure, Figure, str]]:
    """Each main figure over what the model answers, the same over everything, and what it is held against."""
    name = "DSA over both segment orders"
    dsa = ("order", "dsa_minus_uniform", "order_averaged")
    yield (*dsa[:2], f"{dsa[2]}, {GATED}", name), (*dsa, name), _UNIFORM
    for step in ("prompts", "items"):
        for metric in ("soft_nc", "soft_ns", "lds"):
            own, name = f"faithfulness-{step}", f"`{metric}` on {step}"
            gated = (own, metric, f"main, {GATED}, minus {RANDOM}", name)
            yield gated, (own, metric, "difference", name), _RANDOM


def _found(book: Book, model: str, figure: Figure) -> dict[str, MetricResult]:
    """The methods' figures that have a value."""
    found = {row.label: book.get(row, figure) for row in book.rows() if (row.model, row.style) == (model, "method")}
    return {label: one for label, one in found.items() if one is not None and one.value is not None}


def _most(found: Mapping[str, MetricResult]) -> int:
    return max((one.n for one in found.values()), default=0)


def _told(found: Mapping[str, MetricResult]) -> str:
    """Names of methods whose intervals lie wholly above or below 0, and how many hold it or have none."""
    above = [name for name, one in found.items() if one.low is not None and one.low > 0]
    below = [name for name, one in found.items() if one.high is not None and one.high < 0]
    sides = [
        f"{len(names)} {side}" + (f" ({', '.join(names)})" if names else "")
        for side, names in (("above", above), ("below", below))
    ]
    return f"{', '.join(sides)}, {len(found) - len(above) - len(below)} not told apart"


def unsupported(book: Book) -> Iterator[str]:
    """What a reader must not take from these tables."""
    count = sum(row.style == "method" for row in book.rows()) // max(1, len(book.models))
    yield (
        f"A ranking. Intervals are of one figure each, without a correction for {count} methods: of as many methods "
        f"that are all chance, about {max(1, round(count / 20))} would lie outside it in each figure."
    )
    yield "Other models, longer texts, other kinds of prompts: nothing was drawn from them."
    yield (
        "That what a method marks is what people would mark: "
        + ("labels are one table here, and DSA" if book.sets.labels else "there are no labels here; DSA")
        + " takes segments as they were composed."
    )
    yield "The figures printed in the paper: other definitions, models and items; none stands beside ours."
    if book.settings.preset == "quick":
        yield (
            "The methods at their papers' settings: `quick` takes one-pass curvature, 256 shared masks and at most 300 "
            "steps of ReAGent (`--preset source` takes the papers')."
        )
    if len(book.models) == 1:
        yield "A claim about language models: one model was asked. Give a second one with --model."


def not_measured(book: Book, ledger: Ledger, titles: dict[str, str]) -> Iterator[str]:
    """What the programme would hold and this run does not, with the reason."""
    for model in book.models:
        for step, title in titles.items():
            own = [one for one in ledger.records if (one.step, one.model) == (step, model)]
            if own and own[-1].note:
                yield f"{model}, {title}: {own[-1].note}."
    yield from _without_items(book)
    yield from _left_out_by_preset(book)
    yield from _methods_left_out(book)


def _without_items(book: Book) -> Iterator[str]:
    """What there are no items, prompts or other orders for."""
    sets = book.sets
    if not sets.prompts:
        yield "Figures on prompts, sensitivity and decoding stability: no prompts were given (--prompts FILE)."
    if sets.one_order:
        yield (
            f"DSA of {sets.one_order} of {sets.declared} items: they have not exactly one evidence and one distractor "
            "segment, so there is no other order."
        )
    for model in book.models:
        for step, whose in (("items", "gated items"), ("prompts", "answered prompts")):
            if sets.of(step) and not book.found_any(model, f"faithfulness-{step}", f"main, {GATED}"):
                yield f"{model}, figures over {whose} alone: there are none."


def _left_out_by_preset(book: Book) -> Iterator[str]:
    """What the sizes of the run leave out."""
    sets, sizes = book.sets, book.settings.sizes
    costly = [method.name for method in book.methods if method.name in COSTLY]
    if costly and not sizes.decoding_costly and sets.prompts:
        yield f"Decoding stability of {', '.join(costly)}: too many passes for each of 17 answers under quick."
    if sizes.noise_sizes is not None and sets.prompts:
        yield f"Sensitivity at other sizes of noise than {', '.join(map(str, sizes.noise_sizes))}: quick takes one."
    if sizes.retentions is not None:
        kept = len(sizes.retentions)
        yield f"The area under soft_nc_pi and soft_ns_pi: quick measures {kept} of {len(RETENTIONS)} retentions."
    if sets.prompts and sizes.noise_prompts < len(sets.prompts):
        yield (
            f"Sensitivity on more than {sizes.noise_prompts} prompts and decoding stability on more than "
            f"{min(sizes.decoding_prompts, len(sets.prompts))} (without quick: {WHOLE.noise_prompts} and "
            f"{WHOLE.decoding_prompts})."
        )


def _methods_left_out(book: Book) -> Iterator[str]:
    """Methods and controls that are no rows."""
    folder = "prompts" if book.sets.prompts else "items"
    yield (
        "Methods on a copy of the model with random weights: `heta evaluate faithfulness -C "
        f"suite-paper/{folder} --random-weights` adds these rows at the cost of every method once more."
    )
    missing = [name for name in heta.METHODS.names() if name not in {method.name for method in book.methods}]
    if missing:
        yield f"Methods that were not asked for: {', '.join(missing)}."
    if "attnlrp" not in heta.METHODS:
        yield "AttnLRP: it runs through the user's own `lxt`, as a plug-in."
    yield "fAML is tuned on the metric that judges it, SEA-CoT gives no scores of tokens: neither is a method here."
