"""`heta data build sample`, `heta data show` and `heta sources`, as typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heta.cli import cli
from heta.errors import InputError
from heta_data.cli import items as commands
from heta_data.errors import FolderBusy, IntegrityError
from heta_data.items import find_items, read_items, write_items
from heta_data.jsonl import read_records
from heta_data.records import Item
from heta_data.sources import SOURCES
from heta_data.sources.sample import ORDERS, sample_items
from heta_data.workspace import Workspace


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with five rows in both orders: ten items."""
    write_items(Workspace(tmp_path), sample_items(orders="both", limit=5))
    return tmp_path


def test_build_writes_what_the_library_gives(tmp_path: Path) -> None:
    result = run("data", "build", "sample", "-C", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert list(read_records(tmp_path / "new" / "items.jsonl", Item)) == sample_items()
    assert f"{len(sample_items())} items written to {tmp_path / 'new' / 'items.jsonl'}" in result.output


def test_build_chooses_rows(tmp_path: Path) -> None:
    options = ("--orders", "both", "--limit", "2", "--language", "en", "--json")
    result = run("data", "build", "sample", "-C", tmp_path, *options)
    assert json.loads(result.stdout) == {"items": 4, "outcome": "written", "file": str(tmp_path / "items.jsonl")}
    items = read_items(tmp_path / "items.jsonl")
    assert items == sample_items(orders="both", limit=2, languages=["en"])
    assert commands.ORDERS == ORDERS


def test_building_again_changes_nothing_and_other_items_need_force(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    assert run("data", "build", "sample", "-C", tmp_path).exit_code == 0
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    again = run("data", "build", "sample", "-C", tmp_path)
    assert "holds these" in again.output
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before

    refused = run("data", "build", "sample", "-C", tmp_path, "--limit", "3")
    assert isinstance(refused.exception, InputError)
    assert "holds other items" in str(refused.exception)
    assert "--force" in str(refused.exception)
    assert "\n" not in str(refused.exception)
    assert file.read_bytes() == before[0]

    assert run("data", "build", "sample", "-C", tmp_path, "--limit", "3", "--force").exit_code == 0
    assert read_items(file) == sample_items(limit=3)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".heta.lock"] == ["items.jsonl"]


def test_a_folder_in_use_an_empty_list_and_equal_ids_are_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    items = sample_items(limit=2)
    with workspace.lock(), pytest.raises(FolderBusy):
        write_items(workspace, items)
    with pytest.raises(InputError, match="no items to write"):
        write_items(workspace, [])
    with pytest.raises(IntegrityError, match="have the same id"):
        write_items(workspace, [items[0], items[1], items[0]])
    assert not workspace.items.exists()


def test_show_prints_every_part_of_one_item(folder: Path) -> None:
    item = read_items(folder / "items.jsonl")[2]
    result = run("data", "show", "3", "-C", folder)
    assert result.exit_code == 0, result.output
    printed = " ".join(result.output.split())
    assert f"item 3 of 10 {item.id}" in printed
    for segment in item.segments:
        text = item.prompt[segment.start : segment.end]
        assert segment.role == "separator" or segment.role in printed
        # The words of a segment follow each other; lines are wrapped.
        assert all(word in printed for word in text.split())
    assert f"target {item.target!r}" in printed
    assert "words that can be marked" in printed
    assert "CC-BY-4.0: evidence, distractor, question, answer" in printed
    assert "\x1b" not in result.output


def test_show_finds_by_number_id_prefix_row_and_all(folder: Path) -> None:
    items = read_items(folder / "items.jsonl")
    assert find_items(items, "10") == [items[9]]
    assert find_items(items, items[4].id) == [items[4]]
    assert find_items(items, items[4].id[:9].upper()) == [items[4]]
    assert find_items(items, items[4].source_id) == [items[4], items[5]]
    assert find_items(items, "all") == items


def test_a_number_beyond_the_items_is_the_beginning_of_an_id(folder: Path) -> None:
    base = read_items(folder / "items.jsonl")[:1]
    item = base[0].model_copy(update={"id": "4711aaaaaaaaaaaa"})
    assert find_items([*base, item], "4711") == [item]


def test_show_without_a_name_lists_a_line_for_each(folder: Path) -> None:
    items = read_items(folder / "items.jsonl")
    lines = run("data", "show", "-C", folder).output.splitlines()
    assert len(lines) == len(items)
    for line, item in zip(lines, items, strict=True):
        assert item.id in line
        assert item.question in line


def test_show_json_gives_the_records(folder: Path) -> None:
    items = read_items(folder / "items.jsonl")
    one = json.loads(run("data", "show", items[0].id, "-C", folder, "--json").stdout)
    assert Item.model_validate_json(json.dumps(one)) == items[0]
    every = json.loads(run("data", "show", "all", "-C", folder, "--json").stdout)
    assert [document["id"] for document in every] == [item.id for item in items]


def test_an_unknown_item_is_one_line_with_the_nearest(folder: Path) -> None:
    items = read_items(folder / "items.jsonl")
    wrong = items[3].id[:-1] + ("0" if items[3].id[-1] != "0" else "1")
    error = run("data", "show", wrong, "-C", folder).exception
    assert isinstance(error, InputError)
    assert f"no item {wrong!r}, the nearest is {items[3].id!r}" in str(error)
    assert "\n" not in str(error)


def test_an_ambiguous_beginning_lists_the_candidates(folder: Path) -> None:
    first = read_items(folder / "items.jsonl")[0]
    twins = [first.model_copy(update={"id": f"abcd{number:012d}"}) for number in (1, 2)]
    with pytest.raises(InputError, match=r"'abcd' is the beginning of 2 ids \(abcd0+1, abcd0+2\)"):
        find_items(twins, "abcd")


def test_show_without_items_says_how_to_build_them(tmp_path: Path) -> None:
    error = run("data", "show", "1", "-C", tmp_path).exception
    assert isinstance(error, InputError)
    assert "build items with `heta data build sample`" in str(error)


def test_sources_are_listed_one_line_each_with_licence_and_reference() -> None:
    lines = run("sources").output.splitlines()
    assert len(lines) == len(SOURCES.names())
    for line, name in zip(lines, SOURCES, strict=True):
        source = SOURCES.get(name)
        assert source.name == name
        assert line.startswith(name)
        assert all(licence in line for licence in source.licences)
        assert source.reference in line
    documents = json.loads(run("sources", "--json").stdout)
    assert [document["name"] for document in documents] == SOURCES.names()
    # Every source says the command that builds its items, and that command exists.
    built = run("data", "build", "--help").output
    for document in documents:
        if document["command"].startswith("heta data build "):
            assert document["command"].split()[3] in built
