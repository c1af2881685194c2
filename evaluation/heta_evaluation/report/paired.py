"""What a recorded paired difference says, and the same difference turned round."""

from typing import Any, NamedTuple

from heta_data.records import MetricResult

SURE = 0.05
_TEXTS = {
    "few_raters": "open: clear with these raters, too few to speak for others",
    "interval": "open: the test leaves 0 out, the interval does not",
    "test": "open: the interval leaves 0 out, the test does not",
    "both": "open: not told apart",
    "none": "open: no interval or no test",
}
_TURNED = {"ahead": "behind", "behind": "ahead"}


class Paired(NamedTuple):
    """What a paired difference, first minus second, says."""

    decision: str
    """`ahead`: the first one's values are higher; `behind`: lower; `open`."""
    doubt: str | None
    """Why it is open: `few_raters`, `interval` or `test` (that one alone does not leave 0 out), `both`, `none`."""

    @property
    def settled(self) -> bool:
        """Whether interval and test, corrected for all pairs, agree on a difference."""
        return self.decision != "open"

    @property
    def text(self) -> str:
        """In a few words."""
        if self.doubt is not None:
            return _TEXTS[self.doubt]
        return "first is higher" if self.decision == "ahead" else "second is higher"


def paired(result: MetricResult) -> Paired:
    """The record's own `config.verdict` and `config.doubt`; where it has none, from its interval and Holm's p.

    A difference counts as settled where the 95 % interval leaves 0 out, p after Holm is below 0.05, and the record has
    no note that its raters are too few to speak for others.
    """
    config: dict[str, Any] = result.config
    if config.get("verdict") in ("ahead", "behind", "open"):
        decision = str(config["verdict"])
        doubt = str(config.get("doubt") or "both") if decision == "open" else None
        return Paired(decision, doubt if doubt is None or doubt in _TEXTS else "both")
    p = config.get("p_holm")
    if result.value is None or result.low is None or result.high is None or p is None:
        return Paired("open", "none")
    clear, sure = result.low > 0 or result.high < 0, float(p) < SURE
    if not (clear and sure):
        return Paired("open", "test" if clear else "interval" if sure else "both")
    if "note" in config:
        return Paired("open", "few_raters")
    return Paired("ahead" if result.value > 0 else "behind", None)


def turned(result: MetricResult) -> MetricResult:
    """A paired difference the other way round, second minus first."""
    first, _, second = result.subject.partition(" minus ")
    low, high = (None, None) if result.low is None or result.high is None else (-result.high, -result.low)
    value = None if result.value is None else -result.value
    config = dict(result.config)
    if config.get("verdict") in _TURNED:
        config["verdict"] = _TURNED[config["verdict"]]
    if isinstance(ends := config.get("alone"), list) and len(ends) == 2:
        config["alone"] = [-ends[1], -ends[0]]
    update = {"subject": f"{second} minus {first}", "value": value, "low": low, "high": high, "config": config}
    return result.model_copy(update=update)
