"""An evaluation in words and rows: what the terminal and the report both say."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from heta_data.records import GoldLabels, MetricResult
from heta_evaluation.alignment.anchoring import ANCHORING
from heta_evaluation.alignment.subjects import LEXICAL, RANDOM, Subject
from heta_evaluation.metrics import METRICS
from heta_evaluation.results import ANSWERED, EVALUATION, HUMAN_REFERENCE, ResultIndex

MAIN = "token_f1@k"
COLUMNS = (MAIN, "average_precision", "spearman", "dsa_minus_uniform")


class Banner(NamedTuple):
    """A warning that stands over everything that was computed from such labels."""

    label: str
    text: str


_BANNERS = {
    "simulated": Banner(
        "SIMULATED LABELS",
        "Scripts marked these words, no person did. The numbers test the tools and say nothing about agreement "
        "with people.",
    ),
    "judge": Banner(
        "JUDGED LABELS",
        "A language model marked these words. The numbers say nothing about agreement with people.",
    ),
    "assisted": Banner(
        "ASSISTED LABELS",
        "Raters saw an attribution while they marked, which draws their labels towards it.",
    ),
    "reveal": Banner(
        "REVISED LABELS",
        "Raters saw an attribution after their first answer and could change it, which draws their labels towards it.",
    ),
}


def banners_of(names: Iterable[str]) -> list[Banner]:
    """The warnings for kinds and arms of labels by their names."""
    found = set(names)
    return [banner for name, banner in _BANNERS.items() if name in found]


def banners(results: Iterable[MetricResult | GoldLabels]) -> list[Banner]:
    """A warning for each kind of label that is not a person's blind judgement; empty where all are."""
    # The anchoring effect compares arms: it is no figure that assisted labels entered unnoticed.
    return banners_of(
        name
        for one in results
        if not (isinstance(one, MetricResult) and one.variant == ANCHORING)
        for name in (*one.kinds, *one.arms)
    )


def short_names(subjects: Sequence[Subject]) -> dict[str, str]:
    """Subject name -> the shortest of method, method and model, or the full name that is still unique."""
    methods = Counter(subject.method for subject in subjects)
    pairs = Counter((subject.method, subject.model) for subject in subjects)
    names = {}
    for subject in subjects:
        if methods[subject.method] == 1:
            names[subject.name] = subject.method
        elif pairs[subject.method, subject.model] == 1:
            names[subject.name] = f"{subject.method} on {subject.model}"
        else:
            names[subject.name] = subject.name
    return names


@dataclass(frozen=True)
class Line:
    """One subject's row of the verdict table."""

    subject: Subject
    label: str
    figures: Mapping[str, MetricResult]
    """Metric -> figure over all items."""
    normalised: MetricResult | None
    outside: MetricResult | None
    order_effect: MetricResult | None
    ranked: bool = True
    """False for a method on a model that answers none of the items: it is shown apart and compared with nothing."""


def unranked(subjects: Sequence[Subject], index: ResultIndex) -> set[str]:
    """Names of methods on models that answer none of the items they were asked."""
    silent = {one.subject for one in index.of(ANSWERED, "main") if one.value == 0 and one.n}
    return {subject.name for subject in subjects if not subject.baseline and subject.model_name in silent}


def verdict_lines(subjects: Sequence[Subject], index: ResultIndex) -> list[Line]:
    """One line for each subject: methods by falling F1@k, baselines likewise, then what is not ranked, by name."""
    names, apart = short_names(subjects), unranked(subjects, index)
    lines = []
    for subject in subjects:
        lines.append(
            Line(
                subject,
                names[subject.name],
                {metric: one for metric in COLUMNS if (one := index.get(metric, subject.name))},
                index.get(MAIN, subject.name, "normalised"),
                index.get("mass_outside", subject.name),
                index.get("dsa", subject.name, "order_effect"),
                subject.name not in apart,
            )
        )

    def rank(line: Line) -> tuple[bool, bool, float]:
        value = line.figures[MAIN].value if MAIN in line.figures and line.ranked else None
        return not line.ranked, line.subject.baseline, -2.0 if value is None else -value

    return sorted(lines, key=rank)


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """A figure for people: true minus, no `-0.00`."""
    if value is None:
        return "none"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", "−")


def interval(result: MetricResult, digits: int = 2, *, sign: bool = False) -> str:
    """`[low, high]`, or nothing where there is no interval."""
    if result.low is None:
        return ""
    return f"[{number(result.low, digits, sign=sign)}, {number(result.high, digits, sign=sign)}]"


def figure(result: MetricResult | None, *, sign: bool = False) -> str:
    """Value and interval, or the reason why there is none."""
    if result is None:
        return "not computed"
    if result.value is None:
        return (result.reason or "").replace("_", " ")
    return f"{number(result.value, sign=sign)} {interval(result, sign=sign)}".strip()


def p_text(p: float) -> str:
    """A p-value for people."""
    return "< 0.001" if p < 0.001 else f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def verdict(subjects: Sequence[Subject], index: ResultIndex) -> list[str]:
    """What the evaluation says, in sentences."""
    lines = verdict_lines(subjects, index)
    methods = [line for line in lines if not line.subject.baseline and MAIN in line.figures and line.ranked]
    scored = [line for line in methods if line.figures[MAIN].value is not None]
    silent = [
        f"{one.subject}: 0 of {one.n} answered. What is said of answers that a model never gives is not ranked."
        for one in index.of(ANSWERED, "main")
        if one.value == 0 and one.n
    ]
    if silent and not methods:
        return ["No leaderboard: no model answers any of the items.", *silent]
    if not methods:
        return ["There is no attribution to judge: only the baselines and the raters are shown."]
    if not scored:
        return [f"No method has a value of F1@k: {figure(methods[0].figures[MAIN])}."]
    best = scored[0]
    found = best.figures[MAIN]
    said = [
        f"{_best(scored)}, {figure(found)} over {found.n} items. "
        f"A random order of the words gives {figure(index.get(MAIN, RANDOM))}."
    ]
    said.append(_reference(best, index))
    rivals = [line for line in lines if line.subject.method in LEXICAL and line.figures[MAIN].value is not None]
    if rivals:
        said.append(_against(best, rivals[0], f"{rivals[0].label}, a rule that reads no model", index))
    if len(scored) > 1:
        said.append(_against(best, scored[1], f"the next method, {scored[1].label}", index))
        said += _detectable(best, scored[1], index)
        said += _ranks(scored, index)
    said += anchoring_sentence(subjects, index)
    said += [
        f"{result.subject} answers {number(result.value, 0)} of {result.n} items by itself."
        for result in index.of(ANSWERED, "main")
        if result.value
    ]
    return [*said, *silent]


def _best(scored: Sequence[Line]) -> str:
    """Who is ahead; methods of the same value are named together."""
    highest = scored[0].figures[MAIN].value
    if len(scored) == 1:
        return f"{scored[0].label} is the only method: F1@k with the raters"
    level = [line.label for line in scored if line.figures[MAIN].value == highest]
    who = f"{level[0]} has"
    if len(level) > 1:
        who = f"{', '.join(level[:-1])} and {level[-1]} have, level with each other,"
    return f"Of {len(scored)} methods, {who} the highest F1@k with the raters"


def _reference(best: Line, index: ResultIndex) -> str:
    ceiling = index.get(MAIN, HUMAN_REFERENCE, "held_out")
    if ceiling is None or ceiling.value is None or best.normalised is None or best.normalised.value is None:
        reason = ceiling.reason if ceiling is not None and ceiling.value is None else "no_value"
        return f"How well raters agree with each other is not known here ({(reason or '').replace('_', ' ')})."
    share = best.normalised
    ends = "" if share.low is None or share.high is None else f" [{100 * share.low:.0f}, {100 * share.high:.0f}]"
    return (
        f"Held against one rater at a time, it reaches {100 * (share.value or 0.0):.0f}{ends} % of what the other "
        f"raters reach ({figure(ceiling)})."
    )


def _against(best: Line, rival: Line, name: str, index: ResultIndex) -> str:
    """Best minus rival; a pair is computed once, in the order of the subjects."""
    first, second = best.subject.name, rival.subject.name
    result = index.get(MAIN, f"{first} minus {second}", "difference")
    turned = index.get(MAIN, f"{second} minus {first}", "difference")
    if result is None and turned is not None and turned.value is not None:
        low, high = (None, None) if turned.low is None or turned.high is None else (-turned.high, -turned.low)
        other = {"ahead": "behind", "behind": "ahead", "open": "open"}[turned.config["verdict"]]
        config = {**turned.config, "verdict": other}
        result = turned.model_copy(update={"value": -turned.value, "low": low, "high": high, "config": config})
    if result is None or result.value is None:
        return f"It cannot be compared with {name}: no common items."
    return difference_sentence(result, name)


def _detectable(best: Line, rival: Line, index: ResultIndex) -> list[str]:
    """What could have been seen, where the best two are not told apart."""
    for first, second in ((best, rival), (rival, best)):
        pair = f"{first.subject.name} minus {second.subject.name}"
        found, result = index.get(MAIN, pair, "detectable"), index.get(MAIN, pair, "difference")
        if found is not None and found.value is not None and result is not None and result.config["verdict"] == "open":
            return [f"A difference from {number(found.value)} up would be seen in 80 % of such campaigns."]
    return []


def _ranks(scored: Sequence[Line], index: ResultIndex) -> list[str]:
    """Every method's rank with its interval, or nothing where no interval is known."""
    found = [(line.label, one) for line in scored if (one := index.get(MAIN, line.subject.name, "rank"))]
    known = [(label, one) for label, one in found if one.low is not None and one.high is not None]
    if not known:
        return []
    listed = ", ".join(f"{label} {one.value:g} [{one.low:.0f}, {one.high:.0f}]" for label, one in known)
    return [f"Ranks by F1@k with 95 % intervals: {listed}."]


def difference_sentence(result: MetricResult, name: str) -> str:
    """What a `difference` with a value says of its first side, `It`, and the other, `name`.

    The interval that is printed holds together with those of the other pairs, so that it and the verdict are one.
    """
    about = result.config
    p, pairs, value = float(about["p_holm"]), int(about["pairs"]), result.value or 0.0
    corrected = f" after Holm over {pairs} pairs" if pairs > 1 else ""
    detail = f"difference {figure(result, sign=True)}, p {'' if p < 0.001 else '= '}{p_text(p)}{corrected}"
    late = "Not declared beforehand: " if about["family"] == "exploratory" else ""
    first = f"{late}it" if late else "It"
    if about["verdict"] != "open":
        return f"{first} {'beats' if value > 0 else 'falls behind'} {name} ({detail})."
    if about["doubt"] == "few_raters":
        side = "ahead of" if value > 0 else "behind"
        return f"{first} is {side} {name} with these raters ({detail}); so few say nothing about others."
    if about["doubt"] == "test":
        verb = "beats" if value > 0 else "falls behind"
        whether = f"{late}whether" if late else "Whether"
        return f"{whether} it {verb} {name} is open: the interval leaves 0 out, the test does not agree ({detail})."
    said = f"{first} cannot be told apart from {name} ({detail})"
    if about["doubt"] == "interval":
        side = "ahead" if value > 0 else "behind"
        return f"{said}: {side} by the test, which takes the raters as they are, and not surely so with others."
    return f"{said}."


def anchoring_sentence(subjects: Sequence[Subject], index: ResultIndex) -> list[str]:
    """What seeing an attribution did to raters' F1@k with it: one sentence, or none where one arm has labels."""
    names = short_names(subjects)
    found = [one for one in index.of(MAIN, ANCHORING) if one.value is not None and one.subject in names]
    if not found:
        return [f"Anchoring: not known, {one.config['problem']}." for one in index.of(MAIN, ANCHORING) if one.reason]
    shown = [one for one in found if one.config["shown"]]
    chosen = shown or [max(found, key=lambda one: abs(one.value or 0.0))]
    raters = chosen[0].config["raters"]
    listed = ", ".join(f"{names[one.subject]} {figure(one, sign=True)}" for one in chosen)
    what = f"the method that was shown: {listed}" if shown else f"most for {listed} (which one was shown is not known)"
    return [
        f"Anchoring, F1@k with raters who saw an attribution less F1@k with raters who saw none, over {chosen[0].n} "
        f"items and {raters['assisted']} and {raters['blind']} raters; {what}."
    ]


def notes(index: ResultIndex) -> list[str]:
    """What a reader must know before believing a number."""
    evaluation = index.get(EVALUATION, "items")
    return list(evaluation.config["notes"]) if evaluation is not None else []


def title(metric: str) -> str:
    """One line on what a registered metric says, the name itself for any other."""
    return METRICS.get(metric).title if metric in METRICS else metric
