"""What is checked: a folder with its labels, or a file; lines and labels that do not fit are findings."""

from pathlib import Path

import pytest

from helpers.checked_items import sound_item
from helpers.sample_records import make_labels
from heta.errors import InputError
from heta_data.checking import read_candidates
from heta_data.items import write_items
from heta_data.jsonl import write_records
from heta_data.workspace import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    items = [sound_item(number) for number in range(4)]
    write_items(workspace, items)
    write_records(workspace.labels, [make_labels(items[0]), make_labels(items[0], rater="a08"), make_labels(items[2])])
    return workspace


def test_a_folder_is_its_items_with_their_labels(folder: Workspace) -> None:
    candidates, problems = read_candidates(folder.root)
    assert problems == []
    assert [[marks.by for marks in one.marks] for one in candidates] == [["a01", "a08"], [], ["a01"], []]
    first, item = candidates[0], sound_item(0)
    assert first.where == f"items.jsonl > item 1 ({item.id})"
    assert first.name == f"item 1 ({item.id})"
    assert (first.row, first.group, first.asked) == ("made up:row-0", "group-0", item.question)
    assert first.evidence_text == item.prompt[slice(item.spans("evidence")[0].start, item.spans("evidence")[0].end)]
    assert first.question_text == f"Question: {item.question}\nAnswer:"
    assert first.roles == ("example", "evidence", "distractor", "question")
    assert first.evidence_first is True


def test_a_file_of_items_has_no_labels(folder: Workspace) -> None:
    candidates, problems = read_candidates(folder.items)
    assert (len(candidates), problems) == (4, [])
    assert all(one.marks == () for one in candidates)


def test_a_line_that_cannot_be_read_is_a_finding_and_the_rest_is_checked(folder: Workspace) -> None:
    lines = folder.items.read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1].replace("Which", "What", 1)  # the id, a hash of the texts, fits no more
    lines.append('{"record": "item"')
    folder.items.write_text("\n".join(lines) + "\n", encoding="utf-8")
    candidates, (finding,) = read_candidates(folder.root)
    assert len(candidates) == 3
    assert (finding.check, finding.severity) == ("records", "error")
    assert [place.partition(": ")[0].rpartition("/")[2] for place in finding.where] == [
        "items.jsonl:2",
        "items.jsonl:5",
    ]


def test_labels_of_no_item_or_of_other_words_are_a_finding(folder: Workspace) -> None:
    item = sound_item(3)
    labels = make_labels(item)
    shifted = labels.model_copy(update={"ends": (labels.ends[0] - 1, *labels.ends[1:])})
    write_records(folder.labels, [make_labels(sound_item(9)), shifted])
    _, (finding,) = read_candidates(folder.root)
    assert (finding.check, finding.severity) == ("records", "error")
    assert finding.where == (
        f"labels > item {sound_item(9).id} > blind > rater a01 > there is no such item",
        f"labels > item {item.id} > blind > rater a01 > "
        f"unit [{labels.starts[0]}, {labels.ends[0] - 1}) is no word of the prompt",
    )


def test_answers_that_do_not_count_are_no_marks(folder: Workspace) -> None:
    labels = make_labels(sound_item(1))
    unsure = labels.model_copy(update={"cannot_tell": True})
    skipped = labels.model_copy(update={"skipped": True, "labels": (0,) * len(labels.labels), "rater": "a08"})
    write_records(folder.labels, [unsure, skipped])
    candidates, problems = read_candidates(folder.root)
    assert problems == []
    assert candidates[1].marks == ()


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir, lambda path: path.write_text("")])
def test_nothing_to_check_is_one_line_that_says_what_to_do(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "items.jsonl"
    make(path)
    with pytest.raises(InputError, match="`heta data build`") as caught:
        read_candidates(path)
    assert "\n" not in str(caught.value)
