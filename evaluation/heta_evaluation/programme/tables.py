"""The paper's tables with our figures, as sheets that are written as Markdown, LaTeX and CSV."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import heta
from heta_data.attribute_plan import duration
from heta_data.attribution_files import read_attributions
from heta_data.records import AttributionRecord, MetricResult
from heta_evaluation.alignment.subjects import LEXICAL, RANDOM
from heta_evaluation.faithfulness.subjects import HUMAN_LABELS
from heta_evaluation.metrics import METRICS
from heta_evaluation.programme.answers import ANSWERED
from heta_evaluation.programme.ledger import Ledger
from heta_evaluation.programme.order import GATED
from heta_evaluation.programme.sets import Sets
from heta_evaluation.programme.settings import ProgrammeSettings
from heta_evaluation.programme.steps import ABLATIONS
from heta_evaluation.report.sheets import Cell, Heading, Number, Sheet, SheetRow, Style, headings, known

Figure = tuple[str, str, str, str]
"""Step, metric, variant, heading of its column."""
_NUMBERS = {"soft_nc": "Soft-NC", "soft_ns": "Soft-NS", "lds": "LDS"}


@dataclass(frozen=True)
class Row:
    """A method or control on one model."""

    model: str
    label: str
    subject: str
    """As it stands in the results."""
    style: Style


@dataclass(frozen=True)
class Book:
    """Everything that the steps found."""

    sets: Sets
    settings: ProgrammeSettings
    methods: Sequence[heta.Method]
    models: tuple[str, ...]
    found: dict[tuple[str, str, str, str, str], MetricResult]
    """(model, step, metric, variant, subject) -> figure."""

    @classmethod
    def read(
        cls,
        sets: Sets,
        settings: ProgrammeSettings,
        methods: Sequence[heta.Method],
        ledger: Ledger,
        models: Sequence[str],
    ) -> "Book":
        """The results on disk."""
        steps = list(dict.fromkeys(one.step for one in ledger.records))
        found = {
            (model, step, one.metric, one.variant, one.subject): one
            for model in models
            for step in steps
            for one in ledger.results(step, model)
            if one.item_id is None
        }
        return cls(sets, settings, methods, tuple(models), found)

    def get(self, row: Row, figure: Figure) -> MetricResult | None:
        """A row's figure."""
        step, metric, variant, _ = figure
        # As faithfulness.jsonl has it: the pair is the subject.
        subject = f"{row.subject} minus {RANDOM}" if variant == "difference" else row.subject
        return self.found.get((row.model, step, metric, variant, subject))

    def found_any(self, model: str, step: str, variant: str) -> bool:
        """Whether a step has any figure of a variant."""
        return any(key[:2] == (model, step) and key[3] == variant for key in self.found)

    def rows(self, only: Sequence[str] | None = None) -> Iterator[Row]:
        """Methods as they are registered, then the controls, on each model in turn."""
        for model in self.models:
            for method in self.methods:
                if method.name not in (*LEXICAL, RANDOM) and (only is None or method.name in only):
                    on = f" on {model}" if method.needs_model else ""
                    yield Row(model, method.name, f"{method.name}{on} [{method.config_hash}]", "method")
            if only is None:
                yield from (Row(model, name, name, "baseline") for name in (*LEXICAL, RANDOM))
                yield Row(model, "raters' labels", HUMAN_LABELS, "reference")

    def records(self, name: str, model: str) -> list[AttributionRecord]:
        """Attributions of a set by one model, and by methods that read none, with the options of this run."""
        wanted = {(method.name, method.config_hash) for method in self.methods}
        return [
            one
            for one in read_attributions(self.sets.workspace(name))
            if (one.method, one.config_hash) in wanted and one.model in (model, "none")
        ]

    @property
    def conditions(self) -> str:
        """Models and preset, for captions."""
        several = "s" if len(self.models) > 1 else ""
        return f"Model{several}: {', '.join(self.models)}. Preset: {self.settings.preset or 'none (defaults)'}."


def all_sheets(book: Book) -> list[Sheet]:
    """Every table that has figures."""
    sheets = [_answers(book), _dsa(book), _alignment(book)]
    for name in ("prompts", "items"):
        sheets += [*_faithfulness(book, name), _retention(book, name)]
    return known([*sheets, _ablations(book), _robustness(book), _cost(book)])


def definition(metric: str) -> str:
    """A metric in a sentence: what it says, its formula and direction."""
    one = METRICS.get(metric)
    better = {"higher": "higher is better", "lower": "lower is better", "neutral": "neither end is better"}
    return f"{one.name}: {one.title} ({one.reference}; {better[one.direction]})."


def table(
    book: Book, name: str, title: str, caption: str, figures: Sequence[Figure], only: Sequence[str] | None = None
) -> Sheet | None:
    """Rows with any of the figures; `n` is the number of items behind them, as a range where figures differ in it."""
    rows = []
    for row in book.rows(only):
        cells = [book.get(row, figure) for figure in figures]
        if counts := sorted({cell.n for cell in cells if cell is not None and cell.value is not None}):
            n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        else:
            n = "0"
        if any(cell is not None for cell in cells):
            rows.append(SheetRow((row.label, row.model, n, *cells), row.style))
    if not rows:
        return None
    signed = ("order_effect", "minus", "difference")
    columns = [
        Heading(text, f"{metric}_{number}", sign=any(word in variant for word in signed))
        for number, (_, metric, variant, text) in enumerate(figures)
    ]
    heads = headings("Method", Heading("Model", "model", numeric=False), Heading("n", "n", numeric=False), *columns)
    whole = f"{caption} Means over n items with 95 % intervals over groups of items. {book.conditions}"
    return Sheet(id=name, title=title, caption=whole, headings=heads, rows=tuple(rows))


def _dsa(book: Book) -> Sheet | None:
    both, effect = "order_averaged", "order_effect"
    return table(
        book,
        "dsa",
        "DSA, both segment orders",
        "DSA is (mass on evidence - mass on distractor) / (both), negative scores counted 0, in [-1, 1]; here less the "
        "uniform attribution's value, in [-2, 2], and averaged over both orders, n pairs. Order effect: DSA with the "
        "evidence last minus DSA with it first. Gated: pairs that the model answers in both orders and not without the "
        "evidence. Evidence and distractor are segments by construction: no rater marked them.",
        [
            ("order", "dsa_minus_uniform", both, "DSA less uniform"),
            ("order", "dsa", effect, "order effect"),
            ("order", "dsa_minus_uniform", f"{both}, gated", "DSA less uniform, gated"),
            ("order", "dsa", f"{effect}, gated", "order effect, gated"),
        ],
    )


def _alignment(book: Book) -> Sheet | None:
    columns = {"token_f1@k": "F1@k", "average_precision": "AP", "spearman": "Spearman"}
    figures: list[Figure] = [("alignment", metric, "main", text) for metric, text in columns.items()]
    figures.append(("alignment", "token_f1@k", "normalised", "of the other raters"))
    figures += [("alignment", metric, "main, gated", f"{text}, gated") for metric, text in columns.items()]
    said = " ".join(definition(metric) for metric in columns)
    return table(
        book,
        "alignment",
        "Alignment with raters' labels",
        f"{said} Of the other raters: method / crowd, held out.",
        figures,
    )


def _faithfulness(book: Book, name: str) -> list[Sheet | None]:
    said = " ".join(definition(metric) for metric in _NUMBERS)
    step = f"faithfulness-{name}"
    whose = {
        "prompts": ("prompts that the model answers", "all tokens of the prompt are masked"),
        "items": ("items that the model answers and fails without the evidence", "evidence and distractor are masked"),
    }[name]
    all_figures: list[Figure] = [(step, metric, "main", text) for metric, text in _NUMBERS.items()]
    all_figures += [(step, metric, "difference", f"{text} minus random") for metric, text in _NUMBERS.items()]
    whole = table(
        book,
        f"faithfulness-{name}",
        f"Faithfulness on {name}",
        f"{said} {whose[1].capitalize()}. Minus random: paired with random scores on the same {name}.",
        all_figures,
    )
    some = table(
        book,
        f"faithfulness-{name}-gated",
        f"Faithfulness on {whose[0]}",
        f"The same over {whose[0]}.",
        [
            (step, metric, f"main, {GATED}{more}", f"{text}{more.replace(',', '')}")
            for more in ("", f", minus {RANDOM}")
            for metric, text in _NUMBERS.items()
        ],
    )
    return [whole, some]


def _retention(book: Book, name: str) -> Sheet | None:
    step = f"faithfulness-{name}"
    levels = book.settings.sizes.retentions
    variants = ["main"] if levels is None else [f"pi={level:.1f}" for level in levels]
    figures: list[Figure] = [
        (step, metric, variant, f"{text} {'area' if variant == 'main' else variant}")
        for metric, text in (("soft_nc_pi", "NC"), ("soft_ns_pi", "NS"))
        for variant in variants
    ]
    said = f"{definition('soft_nc_pi')} {definition('soft_ns_pi')}"
    return table(book, f"retention-{name}", f"The same retention for every method, {name}", said, figures)


def _ablations(book: Book) -> Sheet | None:
    figures: list[Figure] = [("order", "dsa_minus_uniform", "order_averaged", "DSA less uniform")]
    for metric, text in _NUMBERS.items():
        figures += [
            ("faithfulness-prompts", metric, "main", f"{text} (prompts)"),
            ("faithfulness-prompts", metric, "main, minus heta", "minus heta"),
        ]
    caption = (
        "HETA (Eq. 5) and its parts: heta_m the gate M, heta_s M S, heta_i M I, heta_no_gate S + I, kl I alone; "
        "heta_balanced and heta_fast add S and I after normalising each. Minus heta: paired by prompt."
    )
    return table(book, "ablations", "Component ablations", caption, figures, only=ABLATIONS)


def _robustness(book: Book) -> Sheet | None:
    sizes = book.settings.sizes
    variant = "main" if sizes.noise_sizes is None else f"sigma={sizes.noise_sizes[0]}"
    said = " ".join(map(definition, ("sensitivity", "decoding_stability", "paraphrase_stability")))
    prompts = len(book.sets.prompts)
    return table(
        book,
        "robustness",
        "Sensitivity and stability",
        f"{said} Sensitivity at {variant}, {sizes.noise_draws} draws, on {min(sizes.noise_prompts, prompts)} prompts; "
        f"decoding on {min(sizes.decoding_prompts, prompts)}; active and passive on {len(book.sets.pairs)} pairs.",
        [
            ("sensitivity", "sensitivity", variant, "sensitivity"),
            ("decoding", "decoding_stability", "main", "decoding, largest change"),
            ("decoding", "decoding_stability", "mean", "decoding, mean change"),
            ("phrasings", "paraphrase_stability", "main", "active and passive"),
        ],
    )


def _answers(book: Book) -> Sheet | None:
    rows = []
    for model in book.models:

        def cell(step: str, variant: str, model: str = model) -> Cell:
            one = book.found.get((model, step, ANSWERED, variant, model))
            return None if one is None else f"{one.value:.0f} of {one.n}"

        cells = [cell("answers-items", name) for name in ("whole", "without_evidence", "gated")]
        rows.append(SheetRow((model, *cells, cell("answers-prompts", "whole"))))
    heads = headings(
        "Model",
        *(Heading(text, text.split()[0].lower(), numeric=False) for text in (
            "Items answered", "without the evidence", "gated: answered, and not without it", "Prompts answered",
        )),
    )  # fmt: skip
    caption = (
        "Items and prompts whose target is the model's own greedy continuation. An item counts once in each segment "
        f"order. {book.conditions}"
    )
    return Sheet(id="answers", title="What the model answers", caption=caption, headings=heads, rows=tuple(rows))


def _cost(book: Book) -> Sheet | None:
    rows = []
    for model in book.models:
        seconds: dict[tuple[str, str], list[float]] = {}
        for name in ("items", "prompts"):
            for one in book.records(name, model):
                if one.seconds is not None:
                    seconds.setdefault((one.method, name), []).append(one.seconds)
        for row in book.rows():
            if row.model != model or row.style != "method":
                continue
            cells: list[Cell] = []
            for name in ("items", "prompts"):
                found = seconds.get((row.label, name), [])
                cells.append(Number(float(np.mean(found)), f"{np.mean(found):.2f}") if found else None)
            if any(cell is not None for cell in cells):
                rows.append(SheetRow((row.label, model, *cells)))
    heads = headings(
        "Method",
        Heading("Model", "model", numeric=False),
        Heading("s an item", "items"),
        Heading("s a prompt", "prompts"),
    )
    caption = (
        "Mean wall seconds of a method as if it had run alone: passes that methods share count for each of them. "
        f"{book.conditions}"
    )
    return Sheet(id="cost", title="Cost", caption=caption, headings=heads, rows=tuple(rows)) if rows else None


def time_rows(book: Book, ledger: Ledger, title: Callable[[str], str]) -> list[tuple[str, str, str, str, str]]:
    """(model, step, estimated, taken, how it ended) of every step, as text."""
    rows = []
    for model in book.models:
        for step in dict.fromkeys(one.step for one in ledger.records if one.model == model):
            own = [one for one in ledger.records if (one.step, one.model) == (step, model)]
            digest = own[-1].digest
            seconds, broken = ledger.runs(step, model, digest)
            first = next((one.estimated for one in own if one.digest == digest and one.estimated), None)
            state = own[-1].status + (f", {broken} broken off, whose time is not known" if broken else "")
            rows.append((model, title(step), "" if first is None else duration(first), duration(seconds), state))
    return rows
