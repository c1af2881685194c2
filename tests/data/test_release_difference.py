"""`heta release diff`, and version numbers that must fit what changed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.sample_records import fill_folder, make_gold, make_item
from heta_data.cli.release import release
from heta_data.errors import RecordError, ReleaseBlocked
from heta_data.jsonl import read_records, write_records
from heta_data.records import AttributionRecord, GoldLabels, Item, TokenLabels
from heta_data.release import build_release, check_release, compare_releases
from heta_data.release.difference import next_version, step_between
from heta_data.workspace import Workspace


def turn_a_label(folder: Workspace) -> None:
    """One rater marked another word, and gold was made again."""
    first, *rest = read_records(folder.labels, TokenLabels)
    turned = (1 - first.labels[0], *first.labels[1:])
    write_records(folder.labels, [first.model_copy(update={"labels": turned}), *rest])
    golds = []
    for gold in read_records(folder.gold, GoldLabels):
        if gold.item_id == first.item_id:
            share = (0.5, *gold.probability[1:])
            gold = gold.model_copy(update={"probability": share, "source": "aggregated"})
        golds.append(gold)
    write_records(folder.gold, golds)


def add_an_item(folder: Workspace) -> None:
    write_records(folder.items, [*read_records(folder.items, Item), make_item(9)])


def add_a_method(folder: Workspace) -> None:
    path = folder.attribution_file("tiny", "kl", "0" * 8)
    rows = list(read_records(path, AttributionRecord))
    more = [row.model_copy(update={"config_hash": "1" * 8}) for row in rows]
    write_records(folder.attribution_file("tiny", "kl", "1" * 8), more)


def take_a_rater_back(folder: Workspace) -> None:
    kept = [one for one in read_records(folder.labels, TokenLabels) if one.rater != "a02"]
    write_records(folder.labels, kept)
    write_records(folder.gold, [make_gold(make_item(number), n_raters=1) for number in (1, 2, 3)])


def another_title(folder: Workspace) -> None:
    folder.config.write_text('[release]\ntitle = "Lamps"\n', encoding="utf-8")


def nothing(folder: Workspace) -> None:
    """The same again."""


CHANGES: dict[str, tuple[Callable[[Workspace], None], str, str]] = {
    "a label is another": (turn_a_label, "2.0.0", "labels: 1 changed; gold: 1 changed"),
    "an item more": (add_an_item, "1.1.0", "items: 1 added"),
    "a method more": (add_a_method, "1.1.0", "attributions: 3 added"),
    "another title": (another_title, "1.0.1", "what is said of it: title"),
    "nothing": (nothing, "1.0.0", ""),
}


@pytest.mark.parametrize("case", CHANGES)
def test_the_number_must_fit_what_changed(tmp_path: Path, case: str) -> None:
    change, least, said = CHANGES[case]
    folder = fill_folder(tmp_path / "folder")
    old = build_release(folder, "1.0.0").path
    change(folder)
    too_small = {"2.0.0": "1.9.0", "1.1.0": "1.0.7", "1.0.1": None, "1.0.0": None}[least]
    if too_small:
        with pytest.raises(
            ReleaseBlocked, match=f"version {too_small} after 1.0.0: .*next version is {least} or above"
        ):
            build_release(folder, too_small)
        assert not (folder.releases / too_small).exists()
    chosen = "1.0.1" if least == "1.0.0" else least
    new = build_release(folder, chosen).path
    found = compare_releases(old, new)
    assert ("; ".join(found.lines()), found.problem) == (said, None)
    assert next_version("1.0.0", found.needed) == least
    history = check_release(new).manifest.history  # type: ignore[union-attr]
    assert [entry.version for entry in history] == ["1.0.0", chosen]
    assert "; ".join(history[1].changes) == said
    assert check_release(new).problems == ()
    # The same inputs and the same version before give the same bytes.
    assert build_release(folder, chosen).unchanged


def test_answers_that_were_taken_back_are_gone_and_told(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "folder")
    old = build_release(folder, "1.0.0").path
    take_a_rater_back(folder)
    new = build_release(folder, "2.0.0").path
    found = compare_releases(old, new)
    assert found.tables["labels"].removed == 3
    assert (found.needed, found.step) == ("major", "major")
    assert "a02" not in (new / "data/labels/labels.jsonl").read_text()


def test_steps() -> None:
    assert step_between("1.2.3", "1.2.3") == "none"
    assert step_between("1.2.3", "1.2.4") == "patch"
    assert step_between("1.2.3", "1.3.0") == "minor"
    assert step_between("1.9.9", "10.0.0") == "major"
    assert step_between("1.10.0", "1.9.0") is None


def test_the_command(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "folder")
    old = build_release(folder, "1.0.0").path
    other = fill_folder(tmp_path / "other")
    turn_a_label(other)
    wrong = build_release(other, "1.0.1").path  # without the version before beside it nothing forbids this number
    told = CliRunner().invoke(release, ["diff", str(old), str(wrong)])
    assert told.exit_code == 1
    assert isinstance(told.exception, ReleaseBlocked)
    assert "the next version is 2.0.0 or above" in str(told.exception)
    machine = CliRunner().invoke(release, ["diff", str(old), str(wrong), "--json"])
    report = json.loads(machine.output)
    assert (machine.exit_code, report["needed"], report["step"]) == (1, "major", "patch")
    assert report["tables"]["labels"] == {"added": 0, "removed": 0, "changed": 1, "major": 1}
    same = CliRunner().invoke(release, ["diff", str(old), str(old)])
    assert same.exit_code == 0
    assert same.output.splitlines()[0] == "1.0.0 -> 1.0.0: the same rows, and the same is said of them"


def test_what_is_no_release_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="name the folder of a release") as error:
        compare_releases(tmp_path, tmp_path)
    assert "\n" not in str(error.value)
