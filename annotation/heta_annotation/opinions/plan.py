"""What an ask will be, worked out before anything is sent, with everything that is wrong with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from heta.errors import HetaError
from heta_annotation.campaign.guideline import Guideline, bundled_guideline, load_consent
from heta_annotation.campaign.ledger import open_existing
from heta_annotation.campaign.settings import CampaignSettings, load_settings
from heta_annotation.campaign.tasks import draw_items
from heta_annotation.opinions.deals import Deal, Place, deal_answers, deal_preferences
from heta_annotation.opinions.methods import top_words
from heta_annotation.opinions.pages import answer_data, prefer_data
from heta_annotation.opinions.questions import Question
from heta_annotation.opinions.settings import AskSettings
from heta_data.compose import label_units
from heta_data.jsonl import collect_records
from heta_data.opinions import ShownMethod
from heta_data.records import Item, content_hash
from heta_data.workspace import Workspace


class AskBlocked(HetaError):
    """An ask cannot be sent; carries every problem, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(f"nothing can be asked: {self.problems[0]}")
        else:
            listed = "\n".join(f"  - {problem}" for problem in self.problems)
            super().__init__(f"nothing can be asked, {len(self.problems)} problems:\n{listed}")


@dataclass(frozen=True)
class AskPlan:
    """An ask before it is sent."""

    settings: AskSettings
    name: str
    """Of the campaign; stands in the projects' titles."""
    hash: str
    """Over the settings, the texts that raters read, and who is shown what."""
    guideline: Guideline
    consent: Guideline | None
    """What raters agree to first; None where the campaign's settings name no text."""
    questions: Mapping[str, tuple[Question, ...]]
    """By rater, in the order in which they are asked."""
    payloads: Mapping[str, dict[str, Any]] = field(repr=False)
    """By uid: what Label Studio is sent."""
    methods: Mapping[str, ShownMethod]
    """By the name in the settings: which attributions are behind it."""
    same: Mapping[tuple[str, str], int]
    """Two methods -> items of which both show the same words, which nobody is asked."""
    problems: tuple[str, ...]

    @property
    def total(self) -> int:
        """Questions to all raters."""
        return sum(len(mine) for mine in self.questions.values())

    @property
    def items(self) -> int:
        """Items that somebody is asked about."""
        return len({question.item_id for mine in self.questions.values() for question in mine})

    def details(self) -> dict[str, Any]:
        """What the summary needs to know of the plan, as JSON."""
        return {
            "methods": {name: shown.model_dump(mode="json") for name, shown in self.methods.items()},
            "same": [[*pair, count] for pair, count in self.same.items()],
        }

    def check(self) -> None:
        """Refuse an ask that cannot be sent.

        Raises:
            AskBlocked: with every problem.
        """
        if self.problems:
            raise AskBlocked(self.problems)


def plan_ask(workspace: Workspace, settings: AskSettings) -> AskPlan:
    """Work out the ask. Writes nothing and asks no server.

    Raises:
        ConfigError: heta.toml or the consent text that it names cannot be read. Other problems are collected in the
            plan.
    """
    campaign = load_settings(workspace)
    items, unread = _read_items(workspace, settings, campaign)
    problems = [*settings.problems(), *_busy(workspace, settings, campaign), *unread]
    tops, wrong = top_words(workspace, settings, campaign, items) if items else ({}, [])
    problems += wrong
    found = Deal({}, {})
    if not problems:
        found = (deal_preferences if settings.asked == "prefer" else deal_answers)(settings, items, tops)
        if not found.dealt:
            problems.append("the methods show the same words of every item: there is nothing to compare")
    guideline = bundled_guideline(settings.asked)
    shown = {rater: [_document(place) for place in mine] for rater, mine in found.dealt.items()}
    consent = load_consent(workspace, campaign)
    texts = {"guideline": guideline.hash} | ({"consent": consent.hash} if consent else {})
    hash_ = content_hash({"ask": settings.document(), **texts, "shown": shown})
    questions: dict[str, tuple[Question, ...]] = {}
    payloads: dict[str, dict[str, Any]] = {}
    for rater, mine in found.dealt.items():
        questions[rater] = tuple(_question(settings, rater, place, hash_) for place in mine)
        for question, place in zip(questions[rater], mine, strict=True):
            payloads[question.uid] = {"data": {"uid": question.uid, **_page_data(place)}}
    return AskPlan(
        settings=settings,
        name=campaign.name,
        hash=hash_,
        guideline=guideline,
        consent=consent,
        questions=questions,
        payloads=payloads,
        methods={name: one.shown for name, one in tops.items()},
        same=found.same,
        problems=tuple(problems),
    )


def _read_items(
    workspace: Workspace, settings: AskSettings, campaign: CampaignSettings
) -> tuple[tuple[Item, ...], list[str]]:
    """The items to ask about: all, or those that a campaign of the same seed and limit would draw."""
    if not workspace.items.exists():
        return (), [f"{workspace.items}: no such file; `heta data build` makes it"]
    there, problems = collect_records(workspace.items, Item)
    if not there and not problems:
        problems = [f"{workspace.items}: holds no item"]
    twice = [item for item, count in Counter(item.id for item in there).items() if count > 1]
    problems += [f"{workspace.items}: item {item} stands there twice" for item in twice]
    if settings.limit is not None and settings.limit < 1:
        return (), problems  # named among the problems of the settings
    drawn, _ = draw_items(there, campaign.model_copy(update={"limit": settings.limit, "seed": settings.seed}))
    problems += [f"item {item.id}: has no word to show" for item in drawn if not label_units(item)]
    return tuple(item for item in drawn if label_units(item)), problems


def _busy(workspace: Workspace, settings: AskSettings, campaign: CampaignSettings) -> list[str]:
    """Raters who do something else in this folder, and so do not come to these texts and methods with fresh eyes."""
    does: dict[str, str] = {}
    pushed = False
    if workspace.ledger.exists():
        with open_existing(workspace.ledger) as ledger:
            does = {rater.pseudonym: rater.does for rater in ledger.everybody() if rater.arm != settings.asked}
            pushed = ledger.campaign() is not None
    if not pushed and workspace.table("campaign"):
        for arm in campaign.arms:
            does = {**dict.fromkeys(campaign.raters_of(arm), f"is to label in arm {arm}"), **does}
    return [
        f"rater {name} {does[name]}: whoever knows these texts and their answers, or what a method marks in them, "
        "cannot judge methods by them; take another pseudonym"
        for name in settings.raters
        if name in does
    ]


def _question(settings: AskSettings, rater: str, place: Place, ask_hash: str) -> Question:
    return Question(
        uid=content_hash({"ask": ask_hash, "rater": rater, "shown": _document(place)}),
        asked=settings.asked,
        item_id=place.item.id,
        rater=rater,
        shown=tuple(tops.shown for tops in place.methods),
        selected=tuple(tops.units[place.item.id] for tops in place.methods),
        k=len(place.methods[0].units[place.item.id]),
        ask_hash=ask_hash,
        isolation="organisation",
    )


def _document(place: Place) -> dict[str, Any]:
    return {
        "item": place.item.id,
        "methods": [tops.shown.model_dump(mode="json") for tops in place.methods],
        "units": [list(tops.units[place.item.id]) for tops in place.methods],
    }


def _page_data(place: Place) -> dict[str, Any]:
    units = [tops.units[place.item.id] for tops in place.methods]
    return answer_data(place.item, units[0]) if len(units) == 1 else prefer_data(place.item, units[0], units[1])
