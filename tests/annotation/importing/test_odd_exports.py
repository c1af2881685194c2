"""Whatever stands in an export, an import reads it, sets it aside or refuses it in one line; and names nobody."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.campaigns import difficult_items
from helpers.exports import PERSON, annotation, passage_of, span_of, task
from helpers.sample_records import file_contents
from heta.errors import HetaError
from heta_annotation.campaign.answers import QuarantinedAnnotation
from heta_annotation.campaign.page import page_data
from heta_annotation.importing.export import parse
from heta_annotation.importing.importer import ImportSettings, import_labels
from heta_data.jsonl import read_records, write_records
from heta_data.records import TokenLabels
from heta_data.workspace import Workspace

ITEM = difficult_items()[0]
TEXT = passage_of(ITEM)
ODD = [None, True, False, 0, 1, 3, -1, 9999, 10**30, 0.5, 1e300, "", "0", "Zoë", "\ud83d", PERSON, f"x {PERSON}, 3"]
OURS = ["important", "labels", "choices", "units", "verdict", "passage", "text", "cannot tell"]
SCALARS = st.sampled_from([*ODD, *OURS])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["start", "end", "text", "labels", "choices", "id", "email", PERSON]), inner)
    ),
    max_leaves=6,
)
REGION_KEYS = st.sampled_from(["id", "from_name", "to_name", "type", "value", "meta"])
SPAN_KEYS = st.sampled_from(["start", "end", "startOffset", "globalOffsets", "text", "labels", "choices"])


@st.composite
def regions(draw: st.DrawFn) -> object:
    """A good region with some of it replaced, or anything at all."""
    if draw(st.integers(0, 4)) == 0:
        return draw(VALUES)
    region: dict[str, Any] = span_of(TEXT, "bees")
    region["value"] = {**region["value"], **draw(st.dictionaries(SPAN_KEYS, VALUES, max_size=2))}
    return {**region, **draw(st.dictionaries(REGION_KEYS, VALUES, max_size=1))}


FIELDS = sorted({*annotation(1, []), "created_username"} - {"id", "result"})


@st.composite
def exports(draw: st.DrawFn) -> list[dict[str, Any]]:
    data = draw(st.sampled_from([{"text": TEXT}, {"prompt": ITEM.prompt}, page_data(ITEM)]))
    changed = draw(st.dictionaries(st.sampled_from([*data, "item_id", "uid", "units", "verdicts"]), VALUES, max_size=1))
    made = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        result = draw(st.lists(regions(), max_size=3) | VALUES)
        changes = draw(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2))
        made.append({**annotation(number, result, draw(st.sampled_from([3, 4]))), **changes})
    beside = draw(st.dictionaries(st.sampled_from(["drafts", "predictions", "meta", "updated_by"]), VALUES, max_size=1))
    plain = task(2, {"text": TEXT}, [annotation(9, [span_of(TEXT, "bees")], 5)])
    return [task(1, {**data, **changed}, made, **beside), plain]


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(exports(), st.sampled_from(["blind", "assisted"]))
def test_any_export_is_read_or_refused(export: list[dict[str, Any]], arm: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Workspace(Path(name))
        write_records(folder.items, [ITEM])
        wanted = ImportSettings(arm, "human", ("important",), target="text")
        before = file_contents(folder.root)
        try:
            done = import_labels(folder, parse(json.dumps(export), "export"), wanted)
        except HetaError as error:
            said = str(error)
            assert "\n" not in said
            after = {path: content for path, content in file_contents(folder.root).items() if path != ".heta.lock"}
            assert after == before
        else:
            said = repr(done)
            labels = list(read_records(folder.labels, TokenLabels))
            aside = list(read_records(folder.quarantine, QuarantinedAnnotation))
            # Every annotation of a task that shows an item is a label or in quarantine, once.
            assert len(labels) + len(aside) == done.annotations
            assert all(q.reasons for q in aside)
            # The good one is always there.
            assert any(record.origin and record.origin.annotation == 9 for record in labels)
            after = file_contents(folder.root)
            import_labels(folder, parse(json.dumps(export), "export"), wanted)
            assert file_contents(folder.root) == after
        written = b"".join(file_contents(folder.root).values()).decode()
        assert PERSON.lower() not in written.lower()
        assert "navy.example" not in said.lower()
