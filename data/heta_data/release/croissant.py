"""croissant.json: the release as Croissant 1.1 describes data sets, with the terms for responsible use (RAI).

Written by hand: the library that reads Croissant is needed to test this, not to write it.
Source: MLCommons Croissant 1.1, http://mlcommons.org/croissant/1.1; RAI 1.0, http://mlcommons.org/croissant/RAI/1.0.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from heta_data.release.card import ABOUT, BANNER, SUMMARY, kinds_sentence
from heta_data.release.licences import KNOWN
from heta_data.release.manifest import Manifest
from heta_data.release.tables import TABLES, Table, Tables

CROISSANT = "croissant.json"
_CR = "http://mlcommons.org/croissant/"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
            "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
            "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
            "separator", "source", "subField", "transform",
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": _CR,
    "rai": f"{_CR}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
}  # fmt: skip
_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float", "bool": "sc:Boolean"}


def render_croissant(tables: Tables, manifest: Manifest, digests: Mapping[str, str]) -> str:
    """The description as JSON-LD; `digests` are the sha256 of the tables' files, by path."""
    description = SUMMARY + (f" {BANNER}" if manifest.simulated else "")
    licences = [KNOWN[one.id].url if one.id in KNOWN else one.url for one in manifest.licences]
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "@id": manifest.name or "heta-bench-release",
        "conformsTo": [f"{_CR}1.1", f"{_CR}RAI/1.0"],
        "name": manifest.name or "heta-bench-release",
        "alternateName": manifest.title,
        "description": description,
        "version": manifest.version,
        "license": licences,
        "citeAs": _cite(manifest),
        "isLiveDataset": False,
        "keywords": ["token attribution", "interpretability", "human rationales", f"canary {manifest.canary}"],
        "inLanguage": sorted({item.language for item in tables.items}),
        **(
            {"creator": [{"@type": "sc:Person", "name": name} for name in manifest.creators]}
            if manifest.creators
            else {}
        ),
        **({"datePublished": manifest.date} if manifest.date else {}),
        **_responsible(tables, manifest),
        "distribution": [_file(table, digests) for table in TABLES],
        "recordSet": [_record_set(table, tables) for table in TABLES],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _cite(manifest: Manifest) -> str:
    """A BibTeX entry."""
    who = " and ".join(f"{{{name}}}" for name in manifest.creators) or f"{{The makers of {manifest.title}}}"
    year = f", year = {{{manifest.date[:4]}}}" if manifest.date else ""
    return (
        f"@misc{{{manifest.name or 'heta-bench-release'}, author = {{{who}}}, title = {{{manifest.title}}}, "
        f"version = {{{manifest.version}}}{year}}}"
    )


def croissant_problems(text: str, manifest: Manifest, digests: Mapping[str, str]) -> list[str]:
    """What a description says otherwise than the manifest and the files' sha256 do."""
    try:
        said = json.loads(text)
        files = {entry["contentUrl"]: entry["sha256"] for entry in said["distribution"]}
        version = said["version"]
    except (ValueError, KeyError, TypeError) as error:
        return [f"{CROISSANT}: is no description of a data set: {type(error).__name__} {error}"]
    problems = (
        [f"{CROISSANT} > version: says {version}, the manifest {manifest.version}"]
        if version != manifest.version
        else []
    )
    return problems + [
        f"{CROISSANT} > {path}: does not say what the file is"
        for path in sorted(files.keys() | {f"{table.stem}.parquet" for table in TABLES})
        if files.get(path) != digests.get(path)
    ]


def _responsible(tables: Tables, manifest: Manifest) -> dict[str, Any]:
    """RAI terms, from the campaign as it was."""
    people = manifest.raters.get("human", 0)
    facts = tables.facts
    arms = sorted({arm for _, arm in facts.groups})
    answers, items = facts.answers.total(), len(facts.answers)
    models = sorted({name for name, _, _ in facts.models})
    return {
        "rai:dataCollection": (
            "Prompts were composed from licensed texts, evidence beside a distractor and a question; where each text "
            "comes from, and under which licence, stands in the rights of its item."
        ),
        "rai:dataAnnotationProtocol": (
            f"Raters marked the words that a reader needs to know the answer. Arms: {', '.join(arms)}; blind raters "
            f"saw nothing derived from an attribution. Isolation of raters: "
            f"{', '.join(sorted(facts.isolation))}."
        ),
        "rai:dataAnnotationPlatform": "Label Studio, community edition",
        "rai:dataAnnotationAnalysis": (
            "Agreement, with 95 % intervals, stands in MANIFEST.json." if manifest.agreement else "Not computed."
        ),
        "rai:annotationsPerItem": f"{answers / max(items, 1):.2f} answers on average, {items} items",
        "rai:annotatorDemographics": (
            f"{kinds_sentence(facts)} {'Nothing else is recorded of them.' if people else 'None is a person.'}"
        ),
        "rai:machineAnnotationTools": [f"attributions of the language model {name}" for name in models],
        "rai:dataBiases": (
            "In most items the answer stands verbatim in the evidence, so that matching the answer's words is a strong "
            "rival. Few raters carry no claim about other raters."
        ),
        "rai:dataLimitations": (
            "Labels say what people find necessary (plausibility), not what a model used (faithfulness)."
            + (" Simulated labels follow a script and say nothing about people." if manifest.simulated else "")
        ),
        "rai:dataUseCases": (
            "Comparing attribution methods with people's labels; not for training models that are compared here."
        ),
        "rai:personalSensitiveInformation": (
            "Raters go by pseudonyms; times are cut to the day. Every text field is searched for e-mail addresses."
        ),
        "rai:dataReleaseMaintenancePlan": (
            "Versions never change. Answers that a rater takes back are not in later versions."
        ),
    }  # fmt: skip


def _file(table: Table, digests: Mapping[str, str]) -> dict[str, Any]:
    path = f"{table.stem}.parquet"
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": f"The table {table.name}: one row is {ABOUT[table.name]}.",
        "contentUrl": path,
        "encodingFormat": "application/x-parquet",
        "sha256": digests[path],
    }


def _record_set(table: Table, tables: Tables) -> dict[str, Any]:
    from heta_data.release.parquet import schema_of

    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": f"One row is {ABOUT[table.name]}.",
        "field": list(_fields(table, schema_of(table.record_type, tables.facts.unused[table.name]))),
    }


def _fields(table: Table, schema: Any) -> Iterator[dict[str, Any]]:
    """Columns of plain values and lists of them; columns of records are in the Parquet and not described here."""
    import pyarrow as pa

    for column in schema:
        repeated = pa.types.is_list(column.type)
        kind = _TYPES.get(str(column.type.value_type if repeated else column.type))
        if kind is not None:
            yield {
                "@type": "cr:Field",
                "@id": f"{table.name}/{column.name}",
                "name": column.name,
                "dataType": kind,
                **({"isArray": True, "arrayShape": "-1"} if repeated else {}),
                "source": {"fileObject": {"@id": f"{table.stem}.parquet"}, "extract": {"column": column.name}},
            }
