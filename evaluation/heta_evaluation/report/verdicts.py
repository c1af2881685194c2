"""What people and language models say of methods themselves, and what such a model is worth, as sheets."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from heta_data.opinions import Opinion
from heta_evaluation.judge.item_means import ItemMean, item_mean
from heta_evaluation.judge.report import JudgeReport
from heta_evaluation.judge.validity import Validity
from heta_evaluation.metrics.base import Value
from heta_evaluation.report.sheets import Heading, Number, Origin, Sheet, SheetRow, headings, known
from heta_evaluation.summary import Banner

_JUDGE = Origin(("judge",), ("blind",), (Banner("JUDGED LABELS", "A language model said this, no person did."),))


def opinion_sheets(opinions: Sequence[Opinion]) -> list[Sheet]:
    """Win rates of every two methods, and what readers answer from a method's words alone."""
    kinds = tuple(sorted({one.kind for one in opinions}))
    scripted = (Banner("SIMULATED LABELS", "Scripts gave these answers, no person did."),) * ("simulated" in kinds)
    origin = Origin(kinds, ("blind",), scripted)
    return known([_win_rates(opinions, origin), _answers(opinions, origin)])


def _win_rates(opinions: Sequence[Opinion], origin: Origin) -> Sheet:
    by_pair: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in opinions:
        if one.task == "prefer":
            first, second = sorted(method.name for method in one.shown)
            better = one.winner
            by_pair[first, second][one.item_id].append(0.5 if better is None else float(better.name == first))
    rows = [SheetRow((f"{first} over {second}", *_mean(found))) for (first, second), found in sorted(by_pair.items())]
    return Sheet(
        "preferences",
        "Preferences",
        "How often people call the first method’s highlighting better; no difference counts a half.",
        headings("Methods", Heading("Win rate", "win_rate"), *_ENDS),
        tuple(rows),
        "Mean over items with a 95 % interval over items; it says nothing about other people.",
        origin,
    )


def _answers(opinions: Sequence[Opinion], origin: Origin) -> Sheet:
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in opinions:
        if one.task == "answer":
            for what, value in (("correct", one.correct), ("f1", one.token_f1), ("gave_up", one.gave_up)):
                found[one.shown[0].name, what][one.item_id].append(float(value or 0))
    rows = [
        SheetRow(
            (
                name,
                *_mean(found[name, "correct"]),
                _figure(item_mean(found[name, "f1"], seed=0).value),
                _figure(item_mean(found[name, "gave_up"], seed=0).value),
            )
        )
        for name in sorted({name for name, _ in found})
    ]
    columns = (Heading("Answer F1", "answer_f1"), Heading("Could not tell", "could_not_tell"))
    return Sheet(
        "answers",
        "Answers from the top words",
        "How often people who see a method’s top words and nothing else give the item’s answer.",
        headings("Method", Heading("Right", "right"), *_ENDS, *columns),
        tuple(rows),
        "",
        origin,
    )


_ENDS = (Heading("Low", "low"), Heading("High", "high"), Heading("Items", "items"))


def judge_sheets(found: JudgeReport) -> list[Sheet]:
    """How a judge’s calls ended, its biases, its preferences and its validity."""
    validity = _validity(found.validity) if found.validity else None
    return known([validity, _biases(found), _judged_preferences(found), _calls(found)])


def _calls(found: JudgeReport) -> Sheet:
    rows = []
    for one in found.failures:
        why = ", ".join(f"{number} {status}" for status, number in one.statuses.items() if status != "ok")
        planned, failed = Number(one.planned, str(one.planned)), Number(one.failed, str(one.failed))
        rows.append(SheetRow((one.what, planned, failed, why or "–")))
    columns = (Heading("Calls", "calls"), Heading("Without a verdict", "failed"), Heading("Why", "why", numeric=False))
    return Sheet(
        "judge-calls",
        "Calls",
        f"How the calls to {found.judge} ended.",
        headings("What", *columns),
        tuple(rows),
        "Failures count for nothing; none is taken for a low score.",
        _JUDGE,
    )


def _biases(found: JudgeReport) -> Sheet:
    rows = [
        SheetRow(
            (
                one.what,
                *_mean_of(ItemMean(one.value, one.low, one.high, one.items)),
                Number(one.unbiased, f"{one.unbiased:g}"),
                "flagged" if one.flagged else "–",
            )
        )
        for one in found.biases
    ]
    columns = (Heading("Unbiased", "unbiased"), Heading("Flag", "flag", numeric=False))
    return Sheet(
        "judge-biases",
        "Biases",
        f"What {found.judge} goes by besides the text, with 99 % intervals over items.",
        headings("Rate", Heading("Measured", "measured"), *_ENDS, *columns),
        tuple(rows),
        "Flagged: surely off by more than 0.1.",
        _JUDGE,
    )


def _judged_preferences(found: JudgeReport) -> Sheet:
    rows = [
        SheetRow(
            (
                f"{one.first} over {one.second}",
                *_mean_of(ItemMean(one.rate, one.low, one.high, one.items)),
                Number(one.inconsistent, str(one.inconsistent)),
                Number(one.missing, str(one.missing)),
            )
        )
        for one in found.preferences
    ]
    columns = (Heading("Contradict", "contradict"), Heading("No verdict", "no_verdict"))
    return Sheet(
        "judge-preferences",
        "Preferences of the judge",
        f"How often {found.judge} calls the first method better, asked in both orders.",
        headings("Methods", Heading("Win rate", "win_rate"), *_ENDS, *columns),
        tuple(rows),
        "Orders that contradict each other count a half.",
        _JUDGE,
    )


def _validity(found: Validity) -> Sheet:
    test = found.substitute
    verdict = {True: "yes", False: "no", None: "not decided"}[test.passes]
    rows: list[tuple[str, Number | str]] = [
        ("F1 with a person", _value(found.f1)),
        ("F1 of people with each other", _value(found.f1_people)),
        ("Spearman with the share of people that marked", _value(found.spearman)),
        ("Alpha of people", _value(found.alpha_people)),
        ("Alpha with the judge as one more", _value(found.alpha_with_judge)),
        (f"Could stand in for an annotator (epsilon {test.epsilon:g})", verdict),
        ("Winning rate", _value(test.winning_rate)),
        ("Average advantage probability", _value(test.advantage)),
    ]
    for score in found.scores:
        fixed = score.corrected
        text = f"{fixed.value:.2f} [{fixed.low:.2f}, {fixed.high:.2f}]"
        rows.append((f"F1@k of {score.subject}, put right by {fixed.labelled} items that people labelled", text))
    return Sheet(
        "judge-validity",
        "Beside people",
        f"{found.judge} on {found.items_both} items that {found.raters} people labelled as well.",
        headings("Figure", Heading("Value", "value")),
        tuple(SheetRow(row) for row in rows),
        "",
        Origin(("human", "judge"), ("blind",), _JUDGE.banners),
    )


def _value(found: Value) -> Number | str:
    return found.reason or "–" if found.value is None else Number(found.value, f"{found.value:.2f}")


def _figure(value: float | None) -> Number | None:
    return None if value is None else Number(value, f"{value:.2f}")


def _mean(by_item: Mapping[str, Sequence[float]]) -> tuple[Number | None, ...]:
    return _mean_of(item_mean(by_item, seed=0))


def _mean_of(found: ItemMean) -> tuple[Number | None, ...]:
    return (*map(_figure, found[:3]), Number(found.items, str(found.items)))
