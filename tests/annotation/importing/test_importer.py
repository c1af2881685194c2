"""A whole import: what becomes of every kind of annotation, what is replaced, and what stays as it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.campaigns import difficult_items, simple_items, words_of, write_folder
from helpers.exports import PERSON, annotation, passage_of, span, span_of, task
from helpers.sample_records import file_contents, make_labels
from helpers.studio_server import one_line
from heta.errors import ConfigError, InputError
from heta_annotation.campaign.answers import QuarantinedAnnotation
from heta_annotation.campaign.client import CampaignClient, ProjectState, marker
from heta_annotation.campaign.ledger import Ledger, Rater
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.tasks import units_region
from heta_annotation.importing import merging
from heta_annotation.importing.export import Task, parse
from heta_annotation.importing.importer import ImportSettings, import_labels
from heta_annotation.importing.outcome import Imported
from heta_annotation.studio.connection import Connection
from heta_data.compose import label_units
from heta_data.errors import IntegrityError
from heta_data.jsonl import read_records, write_records
from heta_data.raters import name_problems
from heta_data.records import Arm, TokenLabels
from heta_data.release.problems import find_problems
from heta_data.release.tables import Tables, publishable
from heta_data.workspace import Workspace
from heta_evaluation.labels import select_labels
from heta_evaluation.settings import EvaluateSettings

ITEMS = [*difficult_items(), *simple_items(2)]
ITEM = ITEMS[0]
TEXT = passage_of(ITEM)
BLIND = ImportSettings("blind", "human", ("important",))
BEES = [span_of(TEXT, "bees")]


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "bench")
    write_records(workspace.items, ITEMS)
    return workspace


def of_item(*annotations: dict[str, Any], number: int = 1, **changes: Any) -> dict[str, Any]:
    """A task that shows the first item."""
    return task(number, {"text": TEXT}, annotations, **changes)


def run(folder: Workspace, *tasks: dict[str, Any], settings: ImportSettings = BLIND) -> Imported:
    """Import as from a file."""
    return import_labels(folder, parse(json.dumps(tasks), "export"), settings)


def labels(folder: Workspace) -> list[TokenLabels]:
    return list(read_records(folder.labels, TokenLabels))


def aside(folder: Workspace) -> list[QuarantinedAnnotation]:
    return list(read_records(folder.quarantine, QuarantinedAnnotation))


def test_spans_become_labels_with_their_origin(folder: Workspace) -> None:
    done = run(folder, of_item(annotation(5, BEES)))
    (record,) = labels(folder)
    assert [word for word, label in zip(words_of(ITEM), record.labels, strict=True) if label] == ["bees"]
    assert list(zip(record.starts, record.ends, strict=True)) == list(label_units(ITEM))
    assert (record.item_id, record.rater, record.kind, record.arm) == (ITEM.id, "r01", "human", "blind")
    assert (record.isolation, record.segmentation, record.seconds) == ("trust", "word/1", 12.5)
    assert (record.answered, record.campaign_hash) == (True, done.campaign_hash)
    assert record.origin is not None
    assert (record.origin.url, record.origin.project, record.origin.task, record.origin.annotation) == (
        "import:project-7",
        7,
        1,
        5,
    )
    assert (record.origin.created_at, record.origin.parent_prediction) == ("2026-01-05T10:00:00.000000Z", None)
    assert name_problems(record.rater, record.kind) == []
    assert (done.tasks, done.matched, done.annotations, done.labels, done.quarantined) == (1, 1, 1, 1, 0)
    assert folder.quarantine.read_bytes() == b""


def test_empty_skipped_and_drafts_are_three_different_things(folder: Workspace) -> None:
    done = run(
        folder,
        of_item(
            annotation(1, [], 3),
            # What was marked before Skip was pressed is no answer, and cannot be wrong either.
            annotation(2, [*BEES, span(TEXT, 0, 9999)], 4, was_cancelled=True),
            drafts=[{"id": 9, "result": BEES, "created_username": PERSON}, 10],
        ),
    )
    empty, skipped = labels(folder)
    assert (empty.answered, empty.skipped, sum(empty.labels)) == (True, False, 0)
    assert (skipped.answered, skipped.skipped, sum(skipped.labels)) == (False, True, 0)
    assert (done.labels, done.empty, done.skipped, done.drafts, done.quarantined) == (1, 1, 1, 2, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"completed_by": None}, "deleted account: nobody is named as its author"),
        ({"completed_by": {"id": None, "email": None}}, "deleted account"),
        ({"updated_by": 4}, "edited by another: "),
        ({"updated_by": {"id": 4, "email": PERSON}}, "edited by another: "),
        ({"parent_prediction": 11}, "pre-annotated: it began from a prediction"),
        ({"prediction": {"id": 11, "result": []}}, "pre-annotated: a prediction stood beside it"),
        ({"parent_annotation": 77}, "copied: it began from an annotation"),
        ({"result": [*BEES, span(TEXT, 0, 9999)]}, "impossible span: "),
        ({"result": [span_of(TEXT, "bees", "sad")]}, "unknown label: 'sad'"),
        ({"result": [span(TEXT, TEXT.index(" ("), TEXT.index(" (") + 2)]}, "no word: "),
        ({"result": None}, "result: no list of regions"),
    ],
)
def test_what_cannot_be_a_label_is_set_aside_with_its_reason(
    folder: Workspace, changes: dict[str, Any], reason: str
) -> None:
    # Another rater's spans tell which label is there.
    good = annotation(2, BEES, 5)
    done = run(folder, of_item({**annotation(1, BEES), **changes}, good))
    (refused,) = aside(folder)
    assert [found for found in refused.reasons if found.startswith(reason)], refused.reasons
    assert (refused.annotation, refused.task, refused.arm, refused.raw["id"]) == (1, 1, "blind", 1)
    assert done.reasons == {reason.split(":")[0]: 1}
    assert (done.labels, done.quarantined, len(labels(folder))) == (1, 1, 1)


def test_every_reason_is_given(folder: Workspace) -> None:
    done = run(folder, of_item(annotation(1, [span(TEXT, 0, 9999)], updated_by=8, parent_prediction=2)))
    (refused,) = aside(folder)
    assert len(refused.reasons) == 3
    assert done.reasons == {"edited by another": 1, "impossible span": 1, "pre-annotated": 1}


def test_predictions_are_what_an_assisted_arm_is_about(folder: Workspace) -> None:
    settings = ImportSettings("assisted", "human", ("important",))
    run(folder, of_item(annotation(1, BEES, parent_prediction=11, prediction={"id": 11})), settings=settings)
    (record,) = labels(folder)
    assert record.origin is not None
    assert record.origin.parent_prediction == 11


def test_a_copy_of_ones_own_annotation_is_ones_own(folder: Workspace) -> None:
    first, own, others = (
        annotation(1, [], 3),
        annotation(2, BEES, 3, parent_annotation=1),
        annotation(3, BEES, 4, parent_annotation=1),
    )
    done = run(folder, of_item(first, own, others))
    assert {q.annotation: q.reasons[0].split(":")[0] for q in aside(folder)} == {1: "superseded", 3: "copied"}
    assert (done.labels, [record.origin and record.origin.annotation for record in labels(folder)]) == (1, [2])


def test_of_several_answers_of_a_rater_the_last_one_counts(folder: Workspace) -> None:
    # 1 and 4 by account 3 for one task, 6 for a copy of that task; 2 by account 4.
    done = run(
        folder,
        of_item(annotation(4, BEES, 3), annotation(2, [], 4), annotation(1, [], 3)),
        of_item(annotation(6, [span_of(TEXT, "hives")], 3), number=2),
    )
    assert sorted((record.rater, record.origin.annotation) for record in labels(folder) if record.origin) == [
        ("r01", 6),
        ("r02", 2),
    ]
    assert {q.annotation: q.reasons for q in aside(folder)} == {
        1: ("superseded: the same rater answered again (6)",),
        4: ("superseded: the same rater answered again (6)",),
    }
    assert done.reasons == {"superseded": 2}


def test_one_number_twice(folder: Workspace) -> None:
    # A file put together of two: the same twice is once, and different content under one number is nobody's.
    again = of_item(annotation(1, BEES, 3), annotation(2, BEES, 4))
    other = of_item(annotation(1, BEES, 3), annotation(2, [], 4))
    done = run(folder, again, other)
    assert (done.repeated, done.labels, done.quarantined) == (1, 1, 2)
    assert [q.annotation for q in aside(folder)] == [2, 2]
    assert all(q.reasons[0].startswith("twice: ") for q in aside(folder))


def test_spans_without_a_word_and_other_regions_are_counted(folder: Workspace) -> None:
    start = TEXT.index(" (")
    stray, rating = span(TEXT, start, start + 2), {"type": "rating", "value": {"rating": 1}}
    done = run(folder, of_item(annotation(1, [*BEES, stray, rating])))
    shift = ITEM.prompt.index(TEXT)
    (found,) = done.stray
    assert (found.task, found.annotation, found.start, found.end) == (1, 1, shift + start, shift + start + 2)
    assert (done.beside, done.unproved, done.labels) == ({"rating": 1}, 0, 1)


def test_tasks_that_show_no_item_are_reported_and_nothing_else(folder: Workspace) -> None:
    foreign = task(2, {"text": "something else"}, [annotation(2, [span("something else", 0, 4, "other")])])
    done = run(folder, of_item(annotation(1, BEES)), foreign, settings=ImportSettings("blind", "human"))
    assert [(found.task, found.annotations) for found in done.unmatched] == [(2, 1)]
    assert (done.tasks, done.matched, done.annotations, aside(folder)) == (2, 1, 1, [])
    before = file_contents(folder.root)
    with pytest.raises(InputError, match=r"none of the 1 tasks shows an item of .* \(task 2: no field holds") as raised:
        run(folder, foreign)
    one_line(raised)
    assert file_contents(folder.root) == before


def test_imported_labels_can_be_evaluated_and_released(folder: Workspace) -> None:
    run(folder, of_item(annotation(1, BEES, 3), annotation(2, [], 4), annotation(3, BEES, 5, was_cancelled=True)))
    selected = select_labels(ITEMS, labels(folder), EvaluateSettings(arms=("blind",)))
    assert [record.rater for record in selected.by_item[ITEM.id]] == ["r01", "r02"]
    tables = Tables(items=list(ITEMS), labels=[publishable(record) for record in labels(folder)])
    assert find_problems(tables, {"CC-BY-4.0"}) == []


# Privacy


def test_nobodys_name_or_address_reaches_any_file(
    folder: Workspace, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    person = {"id": 3, "email": PERSON, "first_name": "Grace", "last_name": "Hopper", "username": "ghopper"}
    comment = {"from_name": "c", "to_name": "text", "type": "textarea", "value": {"text": [f"Grace, {PERSON}"]}}
    everywhere = {"created_username": f" Grace Hopper {PERSON}, 3", "updated_by": person, "last_created_by": person}
    meta = {"meta": {"text": [PERSON]}}
    done = run(
        folder,
        of_item(
            annotation(1, [{**BEES[0], **meta}, comment], person, **everywhere),
            annotation(2, [span(TEXT, 1, 4, said=PERSON), comment, PERSON], {"email": "Hopper@navy.example"}),
            annotation(3, [span(TEXT, 1, 4, PERSON), {**BEES[0], "from_name": PERSON, "id": PERSON}], person),
            annotation(4, [{**BEES[0], "type": PERSON}], 9, updated_by=person, created_at=PERSON),
            annotation(5, PERSON, None, created_username=PERSON),
            drafts=[{"user": PERSON, "result": []}],
            comment_authors=[person],
            completed_by=person,
            updated_by=[{"user_id": 3, "email": PERSON}],
        ),
        task(2, {PERSON: TEXT + "x", "who": PERSON}, [annotation(6, [], person)]),
    )
    assert (done.labels, done.quarantined) == (1, 4)
    written = "".join(content.decode() for content in file_contents(folder.root).values())
    said = capsys.readouterr()
    for text in (written, repr(done), caplog.text, said.out, said.err):
        for secret in ("grace", "hopper", "navy.example", "ghopper"):
            assert secret not in text.lower()


# Raters


def test_a_file_gives_the_pseudonyms(folder: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "raters.csv"
    path.write_text(f"account,pseudonym\n{PERSON},a07\n4,b08\n")
    settings = ImportSettings("blind", "human", ("important",), raters=path)
    person = {"id": 3, "email": PERSON}
    run(folder, of_item(annotation(1, BEES, person), annotation(2, [], 4), annotation(3, [], 5)), settings=settings)
    assert [record.rater for record in labels(folder)] == ["a07", "b08"]
    # An account that is not in the file is no rater: test accounts are left out so.
    assert [q.reasons for q in aside(folder)] == [("unknown rater: the account is not in the file of raters",)]
    with pytest.raises(InputError, match=r"holds none of the 1 accounts of the export; .*by number: 5") as raised:
        run(folder, of_item(annotation(3, [], 5)), settings=settings)
    one_line(raised)


def test_pseudonyms_do_not_collide_with_those_that_are_there(folder: Workspace) -> None:
    write_records(folder.labels, [make_labels(ITEMS[3], "r01", origin=True)])
    run(folder, of_item(annotation(1, [], 3), annotation(2, BEES, 4)))
    # r01 of another campaign is somebody, and nobody knows who.
    assert sorted(record.rater for record in labels(folder)) == ["r01", "r02", "r03"]


def test_an_account_keeps_its_pseudonym_when_others_come_before_it(folder: Workspace) -> None:
    run(folder, of_item(annotation(5, BEES, 9)))
    run(
        folder,
        of_item(annotation(5, BEES, 9), annotation(6, BEES, 3)),
        task(0, {"text": passage_of(ITEMS[1])}, [annotation(4, [], 2)]),
    )
    assert {(r.origin.annotation, r.rater) for r in labels(folder) if r.origin} == {(5, "r01"), (6, "r02"), (4, "r03")}


def test_a_rater_of_two_kinds_is_refused(folder: Workspace, tmp_path: Path) -> None:
    write_records(folder.labels, [make_labels(ITEMS[3], "a07", origin=True)])
    path = tmp_path / "raters.csv"
    path.write_text("account,pseudonym\n3,a07\n")
    with pytest.raises(IntegrityError, match=r"rater 'a07' is human in labels\.jsonl and would be simulated here"):
        run(folder, of_item(annotation(1, [])), settings=ImportSettings("blind", "simulated", ("x",), raters=path))


# Again


def test_importing_again_changes_no_byte(folder: Workspace) -> None:
    export = [of_item(annotation(1, BEES, 3), annotation(2, [span(TEXT, 0, 9999)], 4), annotation(3, [], 3))]
    first = run(folder, *export)
    before = file_contents(folder.root)
    again = run(folder, *export)
    assert file_contents(folder.root) == before
    assert (first.replaced, again.replaced, again.gone, again.changed) == (0, 1, (), ())
    assert first.campaign_hash == again.campaign_hash


def test_other_labels_and_what_others_set_aside_stay(folder: Workspace) -> None:
    others = [make_labels(ITEMS[3], "a01", origin=True), make_labels(ITEMS[3], "judge-1", kind="judge")]
    write_records(folder.labels, others)
    pulled = QuarantinedAnnotation(
        arm="blind", task=9, task_uid=None, annotation=9, rater=None, reasons=("foreign task",), raw={}
    )
    write_records(folder.quarantine, [pulled])
    before = folder.quarantine.read_text()
    run(folder, of_item(annotation(1, BEES), annotation(2, [], None)))
    run(folder, of_item(annotation(1, BEES)), settings=ImportSettings("blind", "human", ("important",), source="two"))
    assert len(labels(folder)) == 4
    assert [record for record in labels(folder) if record in others] == sorted(others, key=lambda r: r.rater)
    assert folder.quarantine.read_text().startswith(before)
    assert [q.annotation for q in aside(folder)] == [9, 2]


def test_more_labels_and_more_items_replace_what_was_there(folder: Workspace) -> None:
    write_records(folder.items, ITEMS[:1])
    first = run(folder, of_item(annotation(1, BEES)))
    second = run(folder, of_item(annotation(1, BEES), annotation(2, [], 4)))
    assert (second.replaced, second.campaign_hash) == (1, first.campaign_hash)
    # The campaign's hash says which items could be labelled; the labels are known by their source all the same.
    write_records(folder.items, ITEMS)
    third = run(folder, of_item(annotation(1, BEES), annotation(2, [], 4)))
    assert third.campaign_hash != first.campaign_hash
    assert (third.replaced, len(labels(folder))) == (2, 2)
    assert {record.campaign_hash for record in labels(folder)} == {third.campaign_hash}


def test_what_is_gone_or_changed_is_recorded(folder: Workspace) -> None:
    whole = of_item(annotation(1, BEES, 3), annotation(2, [], 4), annotation(3, [span(TEXT, 0, 9999)], 5))
    run(folder, whole)
    label = next(record for record in labels(folder) if record.rater == "r01")
    edited = annotation(2, BEES, 4, updated_at="2026-02-01T00:00:00.000000Z")
    done = run(folder, of_item(edited))
    assert (done.gone, done.changed, done.labels) == ((1, 3), (2,), 1)
    gone = {q.annotation: q for q in aside(folder)}
    assert gone[1].raw == label.model_dump(mode="json")
    assert (gone[1].rater, gone[1].reasons) == ("r01", (merging.GONE,))
    assert [reason.split(":")[0] for reason in gone[3].reasons] == ["impossible span", "gone"]
    # It stays recorded, and goes when the annotation is back.
    before = file_contents(folder.root)
    assert run(folder, of_item(edited)).gone == (1, 3)
    assert file_contents(folder.root) == before
    run(folder, whole)
    assert [(q.annotation, len(q.reasons)) for q in aside(folder)] == [(3, 1)]
    assert sorted(record.rater for record in labels(folder)) == ["r01", "r02"]


def test_another_project_of_the_same_number_does_not_replace(folder: Workspace) -> None:
    run(folder, of_item(annotation(1, BEES)))
    before = file_contents(folder.root)
    for other in (annotation(1, BEES, created_at="2020-01-01T00:00:00Z"), annotation(8, BEES)):
        with pytest.raises(IntegrityError, match=r"source 'project-7' was of another project.*--source") as raised:
            run(folder, of_item(other))
        one_line(raised)
    assert file_contents(folder.root) == before


@pytest.mark.parametrize(
    "settings", [ImportSettings("assisted", "human"), ImportSettings("blind", "simulated")], ids=["arm", "kind"]
)
def test_one_annotation_is_not_two_things(folder: Workspace, settings: ImportSettings) -> None:
    run(folder, of_item(annotation(1, BEES)))
    with pytest.raises(IntegrityError, match=r"annotation 1 of source 'project-7' is in labels\.jsonl as human, blind"):
        run(folder, of_item(annotation(1, BEES)), settings=settings)


def test_another_label_of_the_same_annotations_is_another_campaign_by_the_same_raters(folder: Workspace) -> None:
    both = of_item(annotation(1, [*BEES, span_of(TEXT, "hives", "misleading")], 9))
    first = run(folder, both, settings=ImportSettings("blind", "human", ("important",), ("misleading",)))
    second = run(folder, both, settings=ImportSettings("blind", "human", ("misleading",), ("important",)))
    assert first.campaign_hash != second.campaign_hash
    assert [(record.rater, sum(record.labels)) for record in labels(folder)] == [("r01", 1), ("r01", 1)]
    assert len({record.labels for record in labels(folder)}) == 2


def test_a_dry_run_says_the_same_and_writes_nothing(folder: Workspace) -> None:
    export: tuple[Task, ...] = parse(json.dumps([of_item(annotation(1, BEES), annotation(2, [], None))]), "export")
    before = file_contents(folder.root)
    dry = import_labels(folder, export, BLIND, dry_run=True)
    assert file_contents(folder.root) == before
    assert import_labels(folder, export, BLIND) == dry


def test_nothing_is_half_written(folder: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder, of_item(annotation(1, BEES)))
    before = file_contents(folder.root)
    written = merging.write_records

    def full_disk(path: Path, records: Any) -> int:
        if "quarantine" in path.name:
            raise OSError(28, "No space left on device")
        return written(path, records)

    monkeypatch.setattr(merging, "write_records", full_disk)
    with pytest.raises(OSError, match="No space"):
        run(folder, of_item(annotation(1, BEES), annotation(2, [], 4)))
    assert file_contents(folder.root) == before


def test_settings_that_contradict_the_export(folder: Workspace) -> None:
    with pytest.raises(ConfigError, match="several labels"):
        run(
            folder,
            of_item(annotation(1, [*BEES, span_of(TEXT, "hives", "other")])),
            settings=ImportSettings("blind", "human"),
        )
    with pytest.raises(ConfigError, match="--text-key"):
        run(folder, of_item(annotation(1, BEES)), settings=ImportSettings("blind", "human", text_key="prompt"))
    assert {path.name for path in folder.root.iterdir()} <= {"items.jsonl", ".heta.lock"}


# Beside a campaign of the folder's own


def pushed(folder: Workspace) -> dict[Arm, dict[str, dict[str, Any]]]:
    """A ledger as after a push, with account 3 as rater a01 (blind) and 4 as a02; data of the tasks by arm and item."""
    write_folder(folder, ITEMS, 'raters = {blind = ["a01"], assisted = ["a02"]}\nassignment = "shared"')
    planned = plan(folder)
    with Ledger(folder.ledger) as ledger:
        ledger.begin(planned.campaign_hash, planned.settings.model_dump(mode="json"), planned.guideline.text)
        for number, arm in enumerate(planned.arms, start=3):
            ledger.add_tasks(arm.arm, map(arm.write, arm.items))
            for queue in arm.queues:
                ledger.add_queue(queue, arm.arm)
                ledger.set_project(queue.name, number, "page")
            ledger.add_rater(Rater(arm.arm, arm.raters[0], "human", number))
    return {
        arm.arm: {t.item_id: sent["data"] for t, sent in zip(arm.tasks, arm.payloads, strict=True)}
        for arm in planned.arms
    }


def test_raters_of_our_own_campaign_keep_their_names(folder: Workspace) -> None:
    data = pushed(folder)["blind"][ITEM.id]
    done = run(folder, task(1, data, [annotation(1, [units_region([1])], 3), annotation(2, [], 9)]))
    (record,) = labels(folder)
    assert (record.rater, sum(record.labels)) == ("a01", 1)
    assert [q.reasons[0].split(":")[0] for q in aside(folder)] == ["unknown rater"]
    assert done.reasons == {"unknown rater": 1}


@pytest.mark.parametrize(
    ("arm", "kind", "reason"), [("assisted", "human", "other arm"), ("blind", "simulated", "other kind")]
)
def test_our_own_campaign_knows_better(folder: Workspace, arm: Arm, kind: Any, reason: str) -> None:
    data = pushed(folder)["blind"][ITEM.id]
    run(folder, task(1, data, [annotation(1, [], 3)]), settings=ImportSettings(arm, kind))
    assert labels(folder) == []
    assert [found.split(":")[0] for found in aside(folder)[0].reasons] == [reason]


def test_a_pull_keeps_what_was_imported_and_counts_none_of_it(
    folder: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed(folder)
    run(folder, of_item(annotation(1, BEES), annotation(2, [], None)))
    imported = (labels(folder), aside(folder))
    assert [(arm.server, arm.labels) for arm in campaign_status(folder, {})] == [("down", 0), ("down", 0)]
    monkeypatch.setattr(CampaignClient, "each_answered", lambda _self, _project: iter(()))
    campaign = plan(folder).campaign_hash
    shown = ProjectState(f"{marker(campaign, 'blind')} {marker(campaign, 'assisted')}", "page")
    monkeypatch.setattr(CampaignClient, "project", lambda _self, _project: shown)
    connection = Connection("blind", "http://127.0.0.1:1", "token", "server", True)
    assert pull(folder, {"blind": connection, "assisted": connection}).records == 1
    assert (labels(folder), aside(folder)) == imported
