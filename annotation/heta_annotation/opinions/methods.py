"""Which attributions stand behind the methods that are asked about, and each method's top words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heta_annotation.campaign.attributions import choose_attributions
from heta_annotation.campaign.settings import CampaignSettings
from heta_annotation.campaign.tasks import top_units, unit_scores
from heta_annotation.opinions.settings import AskSettings, Spec
from heta_data.opinions import ShownMethod
from heta_data.records import AttributionRecord, Item
from heta_data.workspace import Workspace


@dataclass(frozen=True)
class Tops:
    """One method's top words of every item."""

    text: str
    """The method as the options name it."""
    shown: ShownMethod
    units: Mapping[str, tuple[int, ...]]
    """Item id -> indices of its words, sorted."""


def top_words(
    workspace: Workspace, settings: AskSettings, campaign: CampaignSettings, items: Sequence[Item]
) -> tuple[dict[str, Tops], list[str]]:
    """Every method's top words, by the method's name in the options, and everything that is wrong, one line each.

    Every method has the same number of words of an item: the share is one of the item's words, not of the method's.
    """
    found: dict[str, Tops] = {}
    problems: list[str] = []
    behind: dict[ShownMethod, str] = {}
    for spec in settings.specs:
        records, wrong = _attributions(workspace, spec, campaign, items)
        problems += wrong
        if wrong or not records:
            continue
        shown = _shown(next(iter(records.values())))
        if spec.model is not None and shown.model != spec.model:
            problems.append(f"method {spec.text}: {spec.method} uses no model; leave out @{spec.model}")
        elif shown in behind:
            problems.append(f"methods {behind[shown]} and {spec.text} are the same attributions ({shown.name})")
        else:
            behind[shown] = spec.text
            found[spec.text] = Tops(spec.text, shown, _units(records, settings, items))
    return found, problems


def _attributions(
    workspace: Workspace, spec: Spec, campaign: CampaignSettings, items: Sequence[Item]
) -> tuple[Mapping[str, AttributionRecord], list[str]]:
    """As an assisted arm would choose them. What [campaign] says of its own method counts for that method only."""
    chosen = campaign.model_copy(
        update={
            "method": spec.method,
            "config": spec.config or (campaign.config if spec.method == campaign.method else None),
            "model": spec.model or campaign.model,
        }
    )
    return choose_attributions(
        workspace,
        chosen,
        {item.id: len(item.prompt) for item in items},
        shown_by="the ask",
        naming=f"as {spec.method}-<config>@<model> by --methods, or by revision and policy under [campaign]",
    )


def _units(
    records: Mapping[str, AttributionRecord], settings: AskSettings, items: Sequence[Item]
) -> dict[str, tuple[int, ...]]:
    return {
        item.id: top_units(item, unit_scores(item, records[item.id]), settings.share, settings.seed) for item in items
    }


def _shown(record: AttributionRecord) -> ShownMethod:
    return ShownMethod(
        method=record.method,
        model=record.model,
        model_revision=record.model_revision,
        config_hash=record.config_hash,
    )
