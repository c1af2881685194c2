"""Releases: the same rows give the same bytes, nothing unfit gets out, and a check on the bundle alone finds it all."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helpers.sample_records import (
    RATERS,
    file_contents,
    fill_folder,
    make_attribution,
    make_gold,
    make_item,
    make_labels,
)
from heta.errors import ConfigError
from heta_data.cli.release import release
from heta_data.errors import FolderBusy, ReleaseBlocked
from heta_data.inputs import inputs_fingerprint
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, Item, MetricResult, RaterKind, Rights, TokenLabels, item_id
from heta_data.release import build_release, check_release
from heta_data.release.card import BANNER
from heta_data.release.licences import KNOWN, incompatible
from heta_data.sealing import seal
from heta_data.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return fill_folder(tmp_path / "folder")


@pytest.fixture
def bundle(workspace: Workspace) -> Path:
    return build_release(workspace, "1.0.0").path


def test_a_bundle_holds_all_tables_and_passes_its_check(bundle: Path) -> None:
    tables = ("items", "labels", "gold", "attributions")
    assert sorted(file_contents(bundle)) == sorted(
        ["LICENSES/CC-BY-4.0.txt", "LICENSE", "MANIFEST.json", "README.md", "SHA256SUMS"]
        + ["CANARY.txt", "CHANGELOG.md", "CITATION.cff", "DATASHEET.md", "croissant.json"]
        + [f"schemas/{name}.schema.json" for name in tables]
        + [f"data/{name}/{name}.{ending}" for name in tables for ending in ("jsonl", "parquet")]
    )
    manifest, problems = check_release(bundle)
    assert problems == ()
    assert manifest is not None
    # 3 items x 2 raters, and 3 items x 2 methods.
    assert manifest.counts == {"items": 3, "labels": 6, "gold": 3, "attributions": 6}
    assert manifest.raters == {"human": 2}
    assert not manifest.simulated
    assert manifest.provenance["models"] == [{"name": "tiny", "revision": "r1", "tokenizer": "T:1"}]
    assert [method["method"] for method in manifest.provenance["methods"]] == ["first_words", "kl"]


def test_sha256sums_is_what_sha256sum_checks(bundle: Path) -> None:
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == len(file_contents(bundle)) - 1
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = fill_folder(tmp_path / "one"), fill_folder(tmp_path / "two")
    for path in (second.items, second.labels, second.gold):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(reversed(lines)))
    one, two = build_release(first, "1.0.0"), build_release(second, "1.0.0")
    assert file_contents(one.path) == file_contents(two.path)
    assert (one.unchanged, build_release(first, "1.0.0").unchanged) == (False, True)


def test_an_existing_version_with_other_content_is_not_touched(workspace: Workspace, bundle: Path) -> None:
    before = file_contents(bundle)
    write_records(workspace.gold, [make_gold(make_item(number)) for number in (1, 2)])
    with pytest.raises(ReleaseBlocked, match=r"1\.0\.0: this version exists with other content .*data/gold/gold.jsonl"):
        build_release(workspace, "1.0.0")
    assert file_contents(bundle) == before
    assert build_release(workspace, "2.0.0").manifest.counts["gold"] == 2
    assert sorted(path.name for path in workspace.releases.iterdir()) == ["1.0.0", "2.0.0"]


def test_measured_fields_stay_and_do_not_change_the_content_fingerprint(tmp_path: Path) -> None:
    one, two = fill_folder(tmp_path / "one"), fill_folder(tmp_path / "two")
    path = two.attribution_file("tiny", "kl", "0" * 8)
    slower = [r.model_copy(update={"seconds": 9.0}) for r in read_records(path, AttributionRecord)]
    write_records(path, slower)
    first, second = build_release(one, "1.0.0"), build_release(two, "1.0.0")
    assert first.manifest.content_fingerprint == second.manifest.content_fingerprint
    name = "data/attributions/attributions.jsonl"
    assert (first.path / name).read_bytes() != (second.path / name).read_bytes()


def test_no_address_or_time_of_a_rater_gets_out(workspace: Workspace, bundle: Path) -> None:
    inside = next(iter(read_records(workspace.labels, TokenLabels)))
    outside = next(iter(read_records(bundle / "data/labels/labels.jsonl", TokenLabels)))
    assert inside.origin is not None
    assert inside.origin.url
    assert outside.origin is not None
    assert (outside.origin.url, outside.origin.created_at, outside.origin.updated_at) == (
        "",
        "2026-01-02",
        "2026-01-02",
    )
    # 12.5 s rounds to the even second.
    assert (inside.seconds, outside.seconds) == (12.5, 12.0)
    assert not any(b"127.0.0.1" in content for content in file_contents(bundle).values())


@pytest.mark.parametrize("kind", ["human", "simulated"])
def test_the_card_says_who_labelled(tmp_path: Path, kind: RaterKind) -> None:
    built = build_release(fill_folder(tmp_path, kind=kind), "1.0.0", name="lamps")
    card = (built.path / "README.md").read_text()
    assert built.path.name == "lamps-1.0.0"
    assert (BANNER in card) == (kind == "simulated") == built.manifest.simulated
    assert ("2 people" in card) == (kind == "human")
    assert "| CC-BY-4.0 | 15 |" in card  # 3 items x (evidence, question, answer, distractor, example)
    assert "path: data/attributions/attributions.parquet" in card


def test_agreement_of_raters_comes_from_the_results(workspace: Workspace) -> None:
    alpha = MetricResult(metric="alpha", subject="raters", value=0.5, low=0.25, high=0.75, n=3, kinds=("human",))
    other = MetricResult(metric="f1", subject="kl", value=0.125, n=3)
    now = inputs_fingerprint(
        read_records(workspace.items, Item),
        read_records(workspace.labels, TokenLabels),
        [r for path in workspace.attributions.glob("*/*.jsonl") for r in read_records(path, AttributionRecord)],
    )
    head = MetricResult(metric="items", subject="evaluation", value=3.0, n=3, config={"inputs": now})
    write_records(workspace.results, seal([head, other, alpha]))
    built = build_release(workspace, "1.0.0")
    assert built.manifest.agreement == (alpha,)
    assert "| alpha | 0.500 | 0.250 to 0.750 | 3 | human |" in (built.path / "README.md").read_text()


def test_the_datasets_library_loads_every_table(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="pip install heta-bench[dev] brings the datasets library")
    datasets.disable_progress_bars()
    for table in ("items", "labels", "gold", "attributions"):
        loaded = datasets.load_dataset(str(bundle), table, split="full", cache_dir=str(tmp_path / "cache"))
        rows = [json.loads(line) for line in (bundle / f"data/{table}/{table}.jsonl").read_text().splitlines()]
        assert len(loaded) == len(rows)
        for row, expected in zip(loaded, rows, strict=True):
            for name in ("config", "versions"):
                if name in expected:
                    assert json.loads(row.pop(name)) == expected.pop(name)
            if "components" in expected:
                parts = {part["name"]: part["values"] for part in row.pop("components")}
                assert parts == expected.pop("components")
            assert row == expected


def change_items(change: Callable[[dict[str, Any]], None]) -> Callable[[Workspace], None]:
    def apply(workspace: Workspace) -> None:
        data = json.loads(workspace.items.read_text().splitlines()[0])
        change(data)
        data["id"] = item_id(data)
        write_records(workspace.items, [Item.model_validate(data)])

    return apply


def set_rights(*rights: tuple[str, str]) -> Callable[[Workspace], None]:
    rows = [Rights(field=field, licence=licence, source="test").model_dump() for field, licence in rights]
    return change_items(lambda data: data.update(rights=rows))


def change_labels(**changes: Any) -> Callable[[Workspace], None]:
    def apply(workspace: Workspace) -> None:
        first, *rest = read_records(workspace.labels, TokenLabels)
        write_records(workspace.labels, [first.model_copy(update=changes), *rest])

    return apply


def change_attribution(change: Callable[[AttributionRecord], AttributionRecord]) -> Callable[[Workspace], None]:
    def apply(workspace: Workspace) -> None:
        path = workspace.attribution_file("tiny", "kl", "0" * 8)
        first, *rest = read_records(path, AttributionRecord)
        write_records(path, [change(first), *rest])

    return apply


def without_tokens(record: AttributionRecord) -> AttributionRecord:
    """Token units of which none stands for the third word."""
    spans = [*zip(record.starts, record.ends, strict=True)]
    starts, ends = zip(*(span for span in spans if span != spans[2]), strict=True)
    keep = [value for position, value in enumerate(record.scores) if position != 2]
    return record.model_copy(
        update={"unit": "token", "starts": starts, "ends": ends, "scores": tuple(keep), "components": {}}
    )


def other_target(record: AttributionRecord) -> AttributionRecord:
    assert record.target is not None
    return record.model_copy(update={"target": record.target.model_copy(update={"text": " purple"})})


ALL = ("evidence", "distractor", "question", "example")
BLOCKERS: dict[str, tuple[Callable[[Workspace], None], str]] = {
    "no licence for a segment": (
        set_rights(("evidence", "MIT"), ("question", "MIT"), ("example", "MIT")),
        "(sample:row-1) > rights: no licence for the distractor",
    ),
    "empty licence": (set_rights(*((f, "MIT") for f in ALL), ("answer", " ")), "rights > answer: the licence is empty"),
    "unknown licence": (set_rights(*((f, "Mine-1.0") for f in ALL)), "licence 'Mine-1.0' is not known"),
    "NC with SA": (
        set_rights(("evidence", "CC-BY-NC-3.0"), *((f, "CC-BY-SA-3.0") for f in ALL[1:])),
        "CC-BY-NC-3.0 and CC-BY-SA-3.0 in one prompt",
    ),
    "e-mail in an item": (
        change_items(lambda d: d.update(group="ada@example.org")),
        "items > row 1 > group: holds an e-",
    ),
    "e-mail as rater": (change_labels(rater="a07@campaign.invalid"), "the rater is no pseudonym"),
    "name as rater": (change_labels(rater="ada"), "the rater is no pseudonym"),
    "scripted rater not marked": (
        change_labels(rater="sim-1"),
        "the rater is scripted by its name (s01, sim..., script..., anchored...), but its kind is 'human'",
    ),
    "two kinds of one rater": (change_labels(kind="judge"), "rater a01: of several kinds at once (human, judge)"),
    "labels of no item": (
        change_labels(item_id="0" * 16),
        "item 0000000000000000 > blind > rater a01 > the item is not",
    ),
    "units that are no words": (change_labels(starts=(0,), ends=(2,), labels=(1,)), "unit [0, 2) is no word of the"),
    "unknown segmentation": (change_labels(segmentation="word/0"), "segmentation 'word/0' cannot be rebuilt"),
    "words called sentences": (change_labels(segmentation="sentence/1"), "is no sentence of the prompt"),
    "labels twice": (
        lambda w: write_records(w.labels, [*(rows := list(read_records(w.labels, TokenLabels))), rows[0]]),
        "rater a01: stands there 2 times",
    ),
    "gold of simulated raters called human": (
        lambda w: write_records(
            w.labels, [make_labels(make_item(n), r, kind="simulated") for n in (1, 2, 3) for r in ("sim-1", "sim-2")]
        ),
        "says kind 'human', but no such rater answered the item in arm blind",
    ),
    "gold of more raters than are marked": (
        lambda w: write_records(w.gold, [make_gold(make_item(1), n_raters=3)]),
        "says 3 raters of kind human, the labels have 2",
    ),
    "attribution of no item": (
        change_attribution(lambda r: r.model_copy(update={"item_id": "f" * 16})),
        "attributions > item ffffffffffffffff > kl > tiny > the item is not in this release",
    ),
    "words behind the prompt": (
        change_attribution(lambda r: r.model_copy(update={"ends": (*r.ends[:-1], 9999)})),
        "a word ends behind the prompt",
    ),
    "words that are none": (
        change_attribution(lambda r: r.model_copy(update={"starts": (1, *r.starts[1:])})),
        "word [1, 3) is no word of the prompt",
    ),
    "text without a token": (change_attribution(without_tokens), "no token stands for the word ["),
    "another target": (change_attribution(other_target), "the target is ' purple', the item's ' violet'"),
    "no labels": (lambda w: w.labels.unlink(), "labels: the table is missing or empty: collect labels"),
    "no attributions": (lambda w: shutil.rmtree(w.attributions), "attributions: the table is missing or empty"),
    "broken line": (lambda w: w.gold.write_text("{\n"), "gold.jsonl:1: not JSON"),
    "unknown licence of the labels": (
        lambda w: w.config.write_text("[release]\nlicence = 'Mine-1.0'\n") and None,
        "heta.toml > release > licence: 'Mine-1.0' is not known",
    ),
}


@pytest.mark.parametrize("case", BLOCKERS)
def test_nothing_unfit_is_released(workspace: Workspace, case: str) -> None:
    spoil, message = BLOCKERS[case]
    spoil(workspace)
    with pytest.raises(ReleaseBlocked) as caught:
        build_release(workspace, "1.0.0")
    assert any(message in issue for issue in caught.value.issues), caught.value.issues
    assert not workspace.releases.exists() or not any(workspace.releases.iterdir())


def test_all_problems_come_at_once(workspace: Workspace) -> None:
    change_labels(rater="ada")(workspace)
    change_attribution(other_target)(workspace)
    workspace.gold.unlink()
    with pytest.raises(ReleaseBlocked) as caught:
        build_release(workspace, "1.0.0")
    assert len(caught.value.issues) == 3


def test_a_licence_of_ones_own_is_named_with_its_address(workspace: Workspace) -> None:
    set_rights(*((field, "Mine-1.0") for field in ALL))(workspace)
    workspace.config.write_text("[release.licences]\n'Mine-1.0' = 'https://example.org/mine'\n")
    item = next(iter(read_records(workspace.items, Item)))
    write_records(workspace.labels, [make_labels(item, rater) for rater in RATERS])
    write_records(workspace.gold, [make_gold(item)])
    shutil.rmtree(workspace.attributions)
    write_records(workspace.attribution_file("tiny", "kl", "0" * 8), [make_attribution(item)])
    built = build_release(workspace, "1.0.0")
    assert "https://example.org/mine" in (built.path / "LICENSES/Mine-1.0.txt").read_text()
    # The bundle knows its own licences: it needs no settings to be checked.
    assert check_release(built.path).problems == ()


# The folder, the settings and the commands.


def test_a_killed_build_leaves_nothing_behind(workspace: Workspace) -> None:
    leftover = workspace.releases / ".building-abc" / "data"
    leftover.mkdir(parents=True)
    build_release(workspace, "1.0.0")
    assert [path.name for path in workspace.releases.iterdir()] == ["1.0.0"]


def test_one_writer_at_a_time(workspace: Workspace) -> None:
    with workspace.lock(), pytest.raises(FolderBusy):
        build_release(workspace, "1.0.0")


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "../1.0.0", ""])
def test_a_version_has_three_numbers(workspace: Workspace, version: str) -> None:
    with pytest.raises(ConfigError, match=r"not of the form MAJOR\.MINOR\.PATCH"):
        build_release(workspace, version)


@pytest.mark.parametrize("name", ["../x", "", "A b"])
def test_a_name_fits_into_a_file_name(workspace: Workspace, name: str) -> None:
    with pytest.raises(ConfigError, match="--name: String should match pattern"):
        build_release(workspace, "1.0.0", name=name)


def test_the_commands_build_and_check(workspace: Workspace) -> None:
    runner = CliRunner()
    built = runner.invoke(release, ["build", "1.0.0", "-C", str(workspace.root), "--json"], catch_exceptions=False)
    report = json.loads(built.stdout)
    assert (report["unchanged"], report["simulated"], report["counts"]["labels"]) == (False, False, 6)
    good = runner.invoke(release, ["check", report["path"]], catch_exceptions=False)
    assert good.stdout.startswith(f"{report['path']}: whole (22 files; 3 items, 6 labels")
    (Path(report["path"]) / "README.md").write_text("")
    bad = runner.invoke(release, ["check", report["path"], "--json"], catch_exceptions=False)
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["ok"] is False
    with pytest.raises(ReleaseBlocked, match=r"README\.md: 0 bytes, the manifest says"):
        runner.invoke(release, ["check", report["path"]], catch_exceptions=False)


def test_the_command_shouts_when_labels_are_simulated(tmp_path: Path) -> None:
    fill_folder(tmp_path, kind="simulated")
    built = CliRunner().invoke(release, ["build", "1.0.0", "-C", str(tmp_path)], catch_exceptions=False)
    assert "SIMULATED" in built.stdout


@pytest.mark.parametrize(
    ("licences", "clash"),
    [
        (("CC-BY-NC-3.0", "CC-BY-SA-3.0"), ("CC-BY-NC-3.0", "CC-BY-SA-3.0")),
        (("CC-BY-NC-SA-4.0", "CC-BY-SA-4.0", "MIT"), ("CC-BY-NC-SA-4.0", "CC-BY-SA-4.0")),
        (("CC-BY-NC-3.0", "CC-BY-NC-SA-4.0"), None),
        (("CC-BY-NC-3.0", "public-domain-us", "CC-BY-4.0"), None),
        (("CC-BY-SA-4.0", "CC-BY-4.0"), None),
    ],
)
def test_which_licences_clash(licences: tuple[str, ...], clash: tuple[str, str] | None) -> None:
    assert incompatible(licences) == clash
    assert all(licence in KNOWN for licence in licences)


def test_a_model_with_a_version_behind_an_at_sign_is_no_address(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "folder")
    shutil.rmtree(folder.attributions / "tiny")
    rows = [make_attribution(make_item(number), method="kl", model="org/model@v1.0") for number in (1, 2, 3)]
    write_records(folder.attribution_file("tiny", "kl", "0" * 8), rows)
    assert check_release(build_release(folder, "1.0.0").path).problems == ()
