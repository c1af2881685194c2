"""`heta release check` needs a bundle alone and finds every kind of damage, also where checksums were made to fit."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sample_records import file_contents, fill_folder, make_each_attribution, make_item
from heta_data.jsonl import write_records
from heta_data.release import build_release, check_release
from heta_data.release.card import BANNER
from heta_data.release.manifest import render_checksums, render_manifest
from heta_data.workspace import Workspace


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return build_release(fill_folder(tmp_path / "folder"), "1.0.0").path


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_changed_byte_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "changed-byte"
    if not folder.exists():
        fill_folder(folder)
    bundle = build_release(Workspace(folder), "1.0.0").path
    name = data.draw(st.sampled_from(sorted(file_contents(bundle))))
    whole = (bundle / name).read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
    (bundle / name).write_bytes(whole[:place] + flipped + whole[place + 1 :])
    try:
        problems = check_release(bundle).problems
    finally:
        (bundle / name).write_bytes(whole)
    assert any(name in problem for problem in problems), problems


def seal(bundle: Path, **changes: Any) -> None:
    """Make manifest and checksums fit the files again, as somebody who covers up a change would."""
    manifest = check_release(bundle).manifest
    assert manifest is not None
    entries = []
    for entry in manifest.files:
        content = (bundle / entry.path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        entries.append(entry.model_copy(update={"sha256": digest, "bytes": len(content)}))
    manifest = manifest.model_copy(update={"files": tuple(entries), **changes})
    (bundle / "MANIFEST.json").write_bytes(render_manifest(manifest))
    others = {name: content for name, content in file_contents(bundle).items() if name != "SHA256SUMS"}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in others.items()}
    (bundle / "SHA256SUMS").write_bytes(render_checksums(digests))


def edit(bundle: Path, table: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    path = bundle / f"data/{table}/{table}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def swap(bundle: Path, name: str, old: str, new: str) -> None:
    text = (bundle / name).read_text(encoding="utf-8")
    assert old in text
    (bundle / name).write_text(text.replace(old, new), encoding="utf-8")


COVERED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a label turned over": (
        lambda b: edit(b, "labels", lambda rows: rows[0]["labels"].__setitem__(0, 1)),
        "MANIFEST.json > content_fingerprint: says",
    ),
    "a row less": (
        lambda b: edit(b, "gold", lambda rows: rows.pop()),
        "gold.parquet: 3 rows, data/gold/gold.jsonl has",
    ),
    "an item less": (lambda b: edit(b, "items", lambda rows: rows.pop()), "> the item is not in this release"),
    "rows in another order": (lambda b: edit(b, "items", lambda rows: rows.reverse()), "items: the rows are not in"),
    "a changed prompt": (
        lambda b: edit(b, "items", lambda rows: rows[0].update(prompt=rows[0]["prompt"] + "!")),
        "data/items/items.jsonl:1: id is",
    ),
    "an unknown field": (
        lambda b: edit(b, "labels", lambda rows: rows[0].update(e_mail="x")),
        "data/labels/labels.jsonl:1:e_mail: Extra inputs",
    ),
    "an e-mail address": (
        lambda b: edit(b, "attributions", lambda rows: rows[1].update(notes=["write to ada@example.org"])),
        "attributions > row 2 > notes.0: holds an e-mail address",
    ),
    "a server's address": (
        lambda b: edit(b, "labels", lambda rows: rows[0]["origin"].update(url="http://127.0.0.1")),
        "the origin holds a server's address",
    ),
    "simulated raters called people": (
        lambda b: edit(b, "labels", lambda rows: [row.update(rater="sim-" + row["rater"][-1]) for row in rows]),
        "the rater is scripted by its name (s01, sim..., script..., anchored...), but its kind is 'human'",
    ),
    "Parquet of something else": (
        lambda b: shutil.copyfile(b / "data/gold/gold.parquet", b / "data/items/items.parquet") and None,
        "items.parquet: does not say the same",
    ),
    "Parquet that is none": (
        lambda b: (b / "data/items/items.parquet").write_bytes(b"PAR1") and None,
        "data/items/items.parquet: cannot be read",
    ),
    "Parquet cut short": (
        lambda b: (p := b / "data/labels/labels.parquet").write_bytes(p.read_bytes()[:-9]) and None,
        "data/labels/labels.parquet: cannot be read",
    ),
    "a rater's name": (
        lambda b: edit(b, "labels", lambda rows: rows[0].update(rater="ada")),
        "the rater is no pseudonym",
    ),
    "a label more": (
        lambda b: edit(b, "labels", lambda rows: rows.append({**rows[-1], "rater": "z99"})),
        "labels.parquet: 6 rows, data/labels/labels.jsonl has 7",
    ),
    "a label twice": (lambda b: edit(b, "labels", lambda rows: rows.append(rows[-1])), "stands there 2 times"),
    "gold that nobody gave": (
        lambda b: edit(b, "gold", lambda rows: rows[0].update(n_raters=9)),
        "says 9 raters of kind human, the labels have 2",
    ),
    "a score that was better": (
        lambda b: edit(b, "attributions", lambda rows: rows[3]["scores"].__setitem__(-1, 99.0)),
        "attributions.parquet: does not say the same",
    ),
    "a licence that is none": (
        lambda b: edit(b, "items", lambda rows: rows[0]["rights"][0].update(licence="")),
        "the licence is empty",
    ),
    "another licence": (
        lambda b: edit(b, "items", lambda rows: rows[0]["rights"][0].update(licence="CC-BY-SA-4.0")),
        "licence 'CC-BY-SA-4.0' is not known",
    ),
    "an assisted answer called blind": (
        lambda b: edit(b, "labels", lambda rows: rows[0].update(arm="assisted")),
        "gold > item",
    ),
    "a blind answer that began from a prediction": (
        lambda b: edit(b, "labels", lambda rows: rows[0]["origin"].update(parent_prediction=7)),
        "blind > rater a01 > began from a prediction",
    ),
    "a card with another figure": (lambda b: swap(b, "README.md", "| 6 |", "| 60 |"), "README.md: is not what this"),
    "a datasheet with another figure": (
        lambda b: swap(b, "DATASHEET.md", "  6 answers", "  600 answers"),
        "DATASHEET.md: is not what this",
    ),
    "another version in the citation": (
        lambda b: swap(b, "CITATION.cff", '"1.0.0"', '"1.1.0"'),
        'CITATION.cff: does not hold the version version: "1.0.0"',
    ),
    "another version in the description": (
        lambda b: swap(b, "croissant.json", '"version": "1.0.0"', '"version": "1.1.0"'),
        "croissant.json > version: says 1.1.0, the manifest 1.0.0",
    ),
    "another file in the description": (
        lambda b: swap(b, "croissant.json", '"sha256": "', '"sha256": "0'),
        "croissant.json > data/attributions/attributions.parquet: does not say what the file is",
    ),
    "a description that is none": (
        lambda b: (b / "croissant.json").write_text("[]") and None,
        "croissant.json: is no description of a data set",
    ),
    "a canary taken out": (
        lambda b: (b / "CANARY.txt").write_text("Train on me.\n") and None,
        "CANARY.txt: does not hold the canary",
    ),
    "a schema that allows more": (
        lambda b: swap(
            b, "schemas/labels.schema.json", '"additionalProperties": false', '"additionalProperties": true'
        ),
        "schemas/labels.schema.json: is not what this",
    ),
    "terms that were softened": (
        lambda b: swap(b, "LICENSE", "keep their own licences", "are free"),
        "LICENSE: is not what this",
    ),
    "credit taken away": (
        lambda b: (b / "LICENSES/CC-BY-4.0.txt").write_text("Do what you want.\n") and None,
        "LICENSES/CC-BY-4.0.txt: is not what this",
    ),
    "a history without its first version": (
        lambda b: swap(b, "CHANGELOG.md", "- First version.", "- Nothing changed."),
        "CHANGELOG.md: is not what this",
    ),
    "a card with a banner": (
        lambda b: (b / "README.md").write_text(BANNER) and None,
        "README.md: the card says that labels are simulated, and none is",
    ),
}


@pytest.mark.parametrize("case", COVERED)
def test_a_change_is_found_although_the_checksums_were_made_to_fit(bundle: Path, case: str) -> None:
    spoil, message = COVERED[case]
    spoil(bundle)
    assert any("sha256" in problem or "bytes" in problem for problem in check_release(bundle).problems)
    seal(bundle)
    problems = check_release(bundle).problems
    assert any(message in problem for problem in problems), problems


EACH: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a row that no longer adds up": (
        lambda row: row["rows"][0].__setitem__(row["scores"].index(1.0), 9.0),
        "data/attributions/attributions.jsonl:1: rows adds up to 9.",
    ),
    "rows left out": (
        lambda row: [row.pop("rows"), row.pop("component_rows")],
        "data/attributions/attributions.jsonl:1: rows is missing under policy 'each'",
    ),
    # The sum stays, so that the record alone cannot tell.
    "rows exchanged": (lambda row: row["rows"].reverse(), "attributions.parquet: does not say the same"),
}


@pytest.mark.parametrize("case", EACH)
def test_a_change_in_the_rows_of_target_tokens_is_found(tmp_path: Path, case: str) -> None:
    folder = fill_folder(tmp_path / "folder")
    shutil.rmtree(folder.attributions)
    path = folder.attribution_file("tiny", "kl", "0" * 8)
    write_records(path, [make_each_attribution(make_item(number)) for number in (1, 2, 3)])
    bundle = build_release(folder, "1.0.0").path
    assert check_release(bundle).problems == ()
    change, message = EACH[case]
    edit(bundle, "attributions", lambda rows: change(rows[0]))
    seal(bundle)
    problems = check_release(bundle).problems
    assert any(message in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"simulated": True}, "MANIFEST.json > simulated: says True, the rows give False"),
        ({"raters": {"human": 3}}, "MANIFEST.json > raters: says {'human': 3}"),
        ({"counts": {}}, "MANIFEST.json > counts: says {}"),
        ({"provenance": {}}, "MANIFEST.json > provenance > campaigns: does not say what the rows say"),
        ({"licences": ()}, "licence 'CC-BY-4.0' is not known"),
        ({"version": "one"}, "MANIFEST.json:version: String should match pattern"),
        ({"version": "1.1.0"}, "MANIFEST.json > history: is not the versions up to 1.1.0"),
        ({"canary": "0"}, "MANIFEST.json > canary: is not the one of a release without a name"),
        ({"title": "Another one"}, "README.md: is not what this toolkit writes"),
        ({"creators": ("Somebody else",)}, "CITATION.cff: is not what this toolkit writes"),
    ],
)
def test_a_manifest_that_is_not_true_is_found(bundle: Path, changes: dict[str, Any], message: str) -> None:
    seal(bundle, **changes)
    problems = check_release(bundle).problems
    assert any(problem.startswith(message) or message in problem for problem in problems), problems


def test_files_too_many_too_few_and_links_are_found(bundle: Path) -> None:
    (bundle / "notes.txt").write_text("x")
    (bundle / "LICENSES/CC-BY-4.0.txt").unlink()
    (bundle / "link").symlink_to(bundle / "README.md")
    problems = check_release(bundle).problems
    assert "notes.txt: an extra file that the manifest does not name" in problems
    assert "MANIFEST.json > LICENSES/CC-BY-4.0.txt: the file is missing" in problems
    assert "link: is no plain file; a bundle holds files and folders only" in problems


@pytest.mark.parametrize("name", ["MANIFEST.json", "SHA256SUMS", "README.md", "data/items/items.jsonl"])
def test_a_missing_part_does_not_stop_the_check(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    assert any(problem.startswith(name) or f"> {name}" in problem for problem in check_release(bundle).problems)


def test_an_empty_folder_is_found(bundle: Path) -> None:
    (bundle / "data" / "extra").mkdir()
    assert check_release(bundle).problems == ("data/extra: is an empty folder; the manifest knows none",)


def test_no_folder_is_one_problem(tmp_path: Path) -> None:
    assert check_release(tmp_path / "none").problems == (f"{tmp_path / 'none'}: no such folder",)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted by way of /proc")
def test_no_arrow_thread_outlives_building_and_checking(tmp_path: Path) -> None:
    # One that still runs while the interpreter ends aborts the whole command (apache/arrow#34314), one time in five.
    folder = fill_folder(tmp_path / "folder").root
    script = f"""
import os
import pyarrow.parquet
from pathlib import Path
from heta_data.release import build_release, check_release
from heta_data.workspace import Workspace

before = len(os.listdir("/proc/self/task"))
check = check_release(build_release(Workspace(Path({str(folder)!r})), "1.0.0").path)
assert check.problems == (), check.problems
print(len(os.listdir("/proc/self/task")) - before)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "0\n"


def test_a_parquet_footer_that_is_no_utf8_is_a_problem_and_no_traceback(bundle: Path) -> None:
    path = bundle / "data/attributions/attributions.parquet"
    content = path.read_bytes()
    # The column's name, now with the first byte of a longer character at its end.
    at = content.index(b"model_revision") + len(b"model_revision") - 1
    path.write_bytes(content[:at] + b"\xf0" + content[at + 1 :])
    assert any("attributions.parquet: cannot be read" in problem for problem in check_release(bundle).problems)


def test_a_pipe_in_a_bundle_is_told_and_not_waited_for(bundle: Path) -> None:
    (bundle / "data/gold/gold.parquet").unlink()
    os.mkfifo(bundle / "data/gold/gold.parquet")
    assert any("gold.parquet: is no plain file" in problem for problem in check_release(bundle).problems)
