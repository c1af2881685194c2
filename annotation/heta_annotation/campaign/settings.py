"""The table [campaign] of heta.toml: who labels what, and what assisted raters see."""

import random
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from heta.records import TargetPolicy
from heta_annotation.campaign.marking import Marking, Unit, marking_of
from heta_data.raters import name_problems
from heta_data.records import Arm, Isolation, ScalePart
from heta_data.scale import MISLEADING, LabelName
from heta_data.workspace import Workspace

ANCHORED = "anchored"
"""Scripted raters of the assisted arm whose pseudonym begins so follow the suggestion; no other reads one."""
Raters = int | tuple[str, ...] | dict[Arm, tuple[str, ...]]
_PREFIX = {"human": "a", "simulated": "s"}


class CampaignSettings(BaseModel):
    """[campaign]: one round of labelling."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=3, max_length=40, pattern=r"^\S.*\S$")] = "campaign"
    """Raters read it, as the title of their project; Label Studio wants 3 characters."""
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)] = ("blind", "assisted")
    server: Literal["local", "external"] = "local"
    """`local`: Label Studio on this machine, one for each arm, from `heta studio start`. `external`: a server of your
    own for all arms, the one of LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, where nobody is kept from seeing what others
    do: isolation is `trust`."""
    kind: Literal["human", "simulated"] = "human"
    """Who the raters are. Goes into every label, and cannot be changed later."""
    raters: Raters = 3
    """Raters per arm: a number (pseudonyms are then given), a list for each arm, or one list from which the seed draws
    who is in which arm."""
    overlap: Annotated[int, Field(ge=1)] | None = None
    """Raters per item; none given: every rater of the arm labels every item."""
    assignment: Literal["own", "shared"] = "own"
    """`own`: who labels what is drawn beforehand, in balanced blocks, and every rater has a project of their own, on a
    local server in an organisation of their own. `shared`: an arm's raters share one project, and whoever comes first
    is served first."""
    controls: str | None = None
    """File of gold items beside heta.toml (JSON Lines of `GoldLabels`): items of the folder whose labels are known,
    hidden among the others; every rater gets them, in a shared project as many raters as any item gets."""
    gold_share: Annotated[float, Field(gt=0, le=0.5)] | None = None
    """Share of gold items in what a rater gets; none given: all that `controls` holds."""
    unit: Unit = "word"
    """What can be marked: words, or whole sentences of evidence and distractor."""
    labels: Annotated[tuple[LabelName, ...], Field(min_length=1, max_length=4)] = ("important",)
    """One label: a unit is marked or not. Several: grades, the lowest first, of which a unit has one at most."""
    misleading: bool = False
    """Whether a unit can also be called misleading: it speaks for another answer."""
    method: Annotated[str, Field(min_length=1)] = "heta_fast"
    """Whose attribution assisted raters see."""
    model: str | None = None
    """On which model; needed where the folder holds the method's attributions for several."""
    config: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")] | None = None
    """Config hash of the method; needed where the folder holds several."""
    revision: str | None = None
    """Of the model; needed where the folder holds the method's attributions for several."""
    policy: TargetPolicy = "answer"
    """Which target was explained, as in [attribute]. Methods that use no model have none."""
    show: Literal["preselected", "heat"] = "preselected"
    """The method's top units already marked, or a coloured line below every unit; never both. In the arm `reveal` it is
    always the lines: what is marked there is the rater's own first answer."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Share of an item's units that is pre-selected, at least one unit."""
    consent: str | None = None
    """Markdown file beside heta.toml that a rater must agree to before anything else; none given: nothing is asked."""
    practice: Annotated[int, Field(ge=0)] = 0
    """Gold items, taken out of `controls`, that a rater labels first, with feedback."""
    pass_mark: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Mean F1 with the known labels of the practice items from which a rater goes on to the campaign."""
    guidelines: str | None = None
    """Markdown file beside heta.toml; none given: the bundled guideline."""
    seed: int = 0
    """Draws the items under `limit` and the order in which they are shown."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Label only so many items, drawn at random."""

    @field_validator("arms")
    @classmethod
    def _each_arm_once(cls, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
        if len(set(arms)) < len(arms):
            raise ValueError("each arm once")
        return arms

    @field_validator("unit", mode="before")
    @classmethod
    def _no_tokens(cls, unit: object) -> object:
        if unit == "token":
            raise ValueError("a token is a model's own, and labels are made for all models: take 'word' or 'sentence'")
        return unit

    @field_validator("labels")
    @classmethod
    def _each_label_once(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) < len(labels):
            raise ValueError("each label once")
        if MISLEADING in labels:
            raise ValueError(f"{MISLEADING!r} is no grade; for it say misleading = true")
        return labels

    @field_validator("raters", mode="before")
    @classmethod
    def _rater_forms(cls, value: object) -> object:
        """One clear message instead of one for every form that it could have been."""
        if isinstance(value, bool) or not isinstance(value, int | list | tuple | Mapping):
            raise ValueError('expected a number, a list of pseudonyms, or {blind = ["a01"], assisted = ["a02"]}')
        if isinstance(value, int):
            if not 1 <= value <= 99:
                raise ValueError("expected 1 to 99 raters per arm")
            return value
        lists = value if isinstance(value, Mapping) else {"": value}
        for arm, names in lists.items():
            if arm not in ("", *get_args(Arm)):
                raise ValueError(f"unknown arm {arm!r}; allowed: {', '.join(get_args(Arm))}")
            if not isinstance(names, list | tuple) or not names:
                raise ValueError("expected a list of at least one pseudonym")
            for name in names:
                if not isinstance(name, str):
                    raise ValueError(f'pseudonym {name!r} must be a string, e.g. "a01"')
        everyone = [name for names in lists.values() for name in names]
        if len(set(everyone)) < len(everyone):
            raise ValueError("a rater stands there twice; one who saw an item in one arm cannot judge it in the other")
        return value

    @field_validator("raters", mode="after")
    @classmethod
    def _raters_fit_arms(cls, value: Raters, info: ValidationInfo) -> Raters:
        if not {"arms", "kind"} <= set(info.data):
            return value  # arms or kind are wrong themselves, and that is what the user is told
        arms, kind = info.data["arms"], info.data["kind"]
        if isinstance(value, tuple) and len(value) < len(arms):
            raise ValueError(f"{len(value)} raters cannot be drawn into {len(arms)} arms")
        if isinstance(value, dict) and set(value) != set(arms):
            raise ValueError(f"lists for {', '.join(value)}, but the arms are {', '.join(arms)}")
        for arm in arms:
            for name in _names(value, arms, kind, arm, seed=0):
                # At once and not at the release, when the labels are made and the name cannot be changed any more.
                if problems := name_problems(name, kind):
                    raise ValueError(f"rater {name!r} {'; '.join(problems)}")
                if name.startswith(ANCHORED) and not (isinstance(value, dict) and arm == "assisted"):
                    raise ValueError(f"{name!r} follows a suggestion: name it under assisted = [...]")
        return value

    @field_validator("overlap", mode="after")
    @classmethod
    def _enough_raters(cls, overlap: int | None, info: ValidationInfo) -> int | None:
        if overlap is None or not {"arms", "kind", "raters"} <= set(info.data):
            return overlap
        for arm in info.data["arms"]:
            names = _names(info.data["raters"], info.data["arms"], info.data["kind"], arm, seed=0)
            if overlap > len(names):
                raise ValueError(f"arm {arm} has {len(names)} raters")
        return overlap

    @model_validator(mode="after")
    def _stages_need_queues_of_their_own(self) -> Self:
        if self.assignment == "shared" and (self.consent is not None or self.practice or "reveal" in self.arms):
            raise ValueError(
                'consent, practice and the arm reveal need assignment = "own": a shared project keeps nobody out'
            )
        if self.practice and self.controls is None:
            raise ValueError("practice needs gold items: name their file as `controls`")
        return self

    @property
    def marking(self) -> Marking:
        """What raters mark, and with which labels."""
        plain = len(self.labels) == 1 and not self.misleading
        return marking_of(self.unit, None if plain else ScalePart(grades=self.labels, misleading=self.misleading))

    def raters_of(self, arm: Arm) -> tuple[str, ...]:
        """Pseudonyms of an arm's raters. Numbered ones go on from arm to arm: nobody labels in two."""
        return _names(self.raters, self.arms, self.kind, arm, self.seed)

    @property
    def isolation(self) -> Isolation:
        """What keeps raters from seeing more than they should."""
        if self.server == "external":
            return "trust"
        return "organisation" if self.assignment == "own" else "server"

    def overlap_of(self, arm: Arm) -> int:
        """Raters per item in that arm."""
        return self.overlap or len(self.raters_of(arm))


def _names(raters: Raters, arms: Sequence[Arm], kind: str, arm: Arm, seed: int) -> tuple[str, ...]:
    if isinstance(raters, dict):
        return raters[arm]
    if isinstance(raters, tuple):
        if len(arms) == 1:
            return raters
        drawn = sorted(raters)
        random.Random(f"arms:{seed}").shuffle(drawn)  # noqa: S311 - a reproducible draw, no secret
        return tuple(sorted(drawn[list(arms).index(arm) :: len(arms)]))
    first = 1 + raters * list(arms).index(arm)
    return tuple(f"{_PREFIX[kind]}{number:02d}" for number in range(first, first + raters))


def load_settings(workspace: Workspace) -> CampaignSettings:
    """The folder's [campaign], defaults where it says nothing.

    Raises:
        ConfigError: an unknown key or a value that does not fit, as `heta.toml:campaign.key`.
    """
    return workspace.settings("campaign", CampaignSettings, {})


def email_of(pseudonym: str) -> str:
    """The address a rater logs in with; `.invalid` can never exist (RFC 2606)."""
    return f"{pseudonym}@campaign.invalid"
