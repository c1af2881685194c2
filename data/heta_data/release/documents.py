"""Every document of a release beside its tables, from rows and manifest; the check renders them again."""

import json
from collections.abc import Mapping
from importlib.metadata import version as installed_version

from jinja2 import Environment, PackageLoader, StrictUndefined

from heta_data.release.card import BANNER, kinds_sentence, label_groups, render_card
from heta_data.release.croissant import CROISSANT, render_croissant
from heta_data.release.facts import Facts
from heta_data.release.licences import notices
from heta_data.release.manifest import CARD, Manifest
from heta_data.release.tables import TABLES, Tables

CANARY = "CANARY.txt"
DATASHEET = "DATASHEET.md"
CITATION = "CITATION.cff"
LICENCE = "LICENSE"
HISTORY = "CHANGELOG.md"
_TEMPLATES = {
    DATASHEET: "datasheet.md.j2",
    CITATION: "citation.cff.j2",
    LICENCE: "licence.j2",
    HISTORY: "changelog.md.j2",
    CANARY: "canary.txt.j2",
}


def render_documents(tables: Tables, manifest: Manifest, digests: Mapping[str, str]) -> dict[str, bytes]:
    """Path -> content of everything that is neither a table nor the manifest nor the checksums.

    Args:
        tables: the rows.
        manifest: its `files` are not looked at.
        digests: sha256 of the tables' files, by path.
    """
    texts = {
        f"LICENSES/{name}": text for name, text in notices(tables.items, manifest.licences, manifest.licence).items()
    }
    texts[CARD] = render_card(tables, manifest)
    texts[CROISSANT] = render_croissant(tables, manifest, digests)
    for name, template in _TEMPLATES.items():
        texts[name] = _render(template, tables, manifest)
    for table in TABLES:
        schema = table.record_type.model_json_schema(mode="validation")
        texts[f"schemas/{table.name}.schema.json"] = (
            json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        )
    return {path: text.encode("utf-8") for path, text in texts.items()}


def same_toolkit(manifest: Manifest) -> bool:
    """Whether this toolkit built the release: then it would write the same documents again."""
    built = manifest.provenance.get("built_with")
    return isinstance(built, dict) and built.get("heta-bench") == installed_version("heta-bench")


def _render(template: str, tables: Tables, manifest: Manifest) -> str:
    environment = Environment(
        loader=PackageLoader("heta_data.release"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text and Markdown
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(
        manifest=manifest,
        banner=BANNER,
        kinds_sentence=kinds_sentence(tables.facts),
        groups=label_groups(tables.facts),
        sources=sorted({item.source for item in tables.items}),
        languages=sorted({item.language for item in tables.items}),
        documents=len({item.group for item in tables.items}),
        raters_each=_raters_each(tables.facts),
        consents=tables.facts.consents,
        days=sorted(tables.facts.days),
    )


def _raters_each(facts: Facts) -> str:
    """How many raters answered an item, from the fewest to the most."""
    numbers = sorted({len(found) for found in facts.answered_by.values()})
    return "none" if not numbers else str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
