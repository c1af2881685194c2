"""README.md of a release: a Hugging Face dataset card, one configuration per table, filled from the rows."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from heta_data.release.facts import Facts
from heta_data.release.manifest import Manifest
from heta_data.release.tables import TABLES, Tables

BANNER = "SIMULATED: labels in this release come from scripts, not from people."
SUMMARY = (
    "How much does each word of a prompt matter for what a language model generates next? Each item is a prompt with a "
    "continuation; raters marked the words that a reader needs to see to know the answer, and attribution methods gave "
    "scores to the tokens or words of the prompt."
)
SPLIT = "full"
"""Name of the one split of every table for the `datasets` library; an item's own split is a column."""
ABOUT = {
    "items": "a prompt, its continuation, segments with their roles, and the rights of each text",
    "labels": "one rater's marks on the words of one item",
    "gold": "labels of several raters put together, for one item",
    "attributions": "one method's scores for one item",
}
# Identifiers of the hub; it knows no others of ours.
_HUB = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0",
    "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0", "MIT", "ODC-By-1.0",
}  # fmt: skip
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def render_card(tables: Tables, manifest: Manifest) -> str:
    """The card's text; the same rows and manifest give the same text. The manifest's `files` are not looked at."""
    licences, facts = manifest.licences, tables.facts
    environment = Environment(
        loader=PackageLoader("heta_data.release"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    ids = {licence.id for licence in licences}
    hub = next(iter(ids)).lower() if len(ids) == 1 and ids <= _HUB else "other"
    rows = len(tables.items)
    texts = Counter(right.licence for item in tables.items for right in item.rights)
    return environment.get_template("card.md.j2").render(
        title=manifest.title,
        version=manifest.version,
        canary=manifest.canary,
        summary=SUMMARY,
        banner=BANNER,
        split=SPLIT,
        hub_licence=hub,
        size=next((name for limit, name in _SIZES if rows < limit), "n>1M"),
        languages=sorted({item.language for item in tables.items}),
        tables=[{"name": table.name, "stem": table.stem, "about": ABOUT[table.name]} for table in TABLES],
        kinds_sentence=kinds_sentence(facts),
        item_groups=_count((item.source, item.language, item.split) for item in tables.items),
        label_groups=label_groups(facts),
        labelled=len(facts.labelled),
        gold_methods=sorted(facts.gold_methods),
        gold_arms=sorted(facts.gold_arms),
        gold_kinds=sorted(facts.gold_kinds),
        attribution_groups=sorted(facts.attributions.items()),
        agreement=manifest.agreement,
        licence=manifest.licence,
        licences=[{"licence": licence, "texts": texts[licence.id]} for licence in licences],
        simulated=manifest.simulated,
        counts=manifest.counts,
    )


def kinds_sentence(facts: Facts) -> str:
    """Who the raters are, in one sentence."""
    numbers = Counter(kind for kind, _ in facts.raters)
    names = {"human": "people", "judge": "language-model judges", "simulated": "scripts (simulated raters)"}
    parts = [f"{numbers[kind]} {name}" for kind, name in names.items() if numbers[kind]]
    return f"The raters are {' and '.join(parts)}." if parts else "There are no raters."


def label_groups(facts: Facts) -> list[dict[str, Any]]:
    """Raters and answers of each kind and arm."""
    return [
        {"kind": kind, "arm": arm, "raters": len(facts.group_raters[kind, arm]), **counts}
        for (kind, arm), counts in sorted(facts.groups.items())
    ]


def _count(groups: Iterable[tuple[str, ...]]) -> list[tuple[tuple[str, ...], int]]:
    return sorted(Counter(groups).items())


def _cell(value: str) -> str:
    # A source or method name must not break the table it stands in.
    return " ".join(value.split()).replace("|", "\\|")
