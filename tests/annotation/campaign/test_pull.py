"""Pulling: labels whose every span is proved, and reasons for everything that is not labels."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.campaigns import campaign_folder, difficult_items, simple_items, start_arms, words_of, write_folder
from helpers.sample_records import make_labels
from heta_annotation.campaign.answers import QuarantinedAnnotation, Reader, plain_annotation
from heta_annotation.campaign.client import CampaignClient, ProjectState, marker
from heta_annotation.campaign.ledger import CampaignChanged, Ledger, Pushed, Rater, open_existing
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.simulate import answer, simulate
from heta_annotation.campaign.tasks import fingerprint, units_region
from heta_annotation.errors import ServerUnavailable
from heta_annotation.studio.connection import Connection
from heta_data.compose import label_units
from heta_data.jsonl import dump_line, read_records, write_records
from heta_data.records import Arm, Item, TokenLabels
from heta_data.workspace import Workspace

ITEM = difficult_items()[0]
ACCOUNT = 7
RATER = Rater("blind", "a01", "human", ACCOUNT)


@pytest.fixture
def pushed(tmp_path: Path) -> Pushed:
    planned = plan(write_folder(Workspace(tmp_path), [ITEM], "raters = 1"))
    arm = planned.arms[0]
    task, sent = arm.tasks[0], arm.payloads[0]
    return Pushed(task.uid, sent, fingerprint(sent), 11, dump_line(task))


def reader(pushed: Pushed, items: dict[str, Item] | None = None) -> Reader:
    there = {ITEM.id: ITEM} if items is None else items
    return Reader("blind", "blind", 1, tasks={pushed.task.uid: pushed}, raters=[RATER], items=there)


def annotation(**changes: Any) -> dict[str, Any]:
    base = {
        "id": 5,
        "completed_by": ACCOUNT,
        "updated_by": ACCOUNT,
        "result": [units_region([1, 2])],
        "was_cancelled": False,
        "lead_time": 12.5,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "parent_prediction": None,
        "prediction": {"created_ago": "3 minutes"},
    }
    return plain_annotation({**base, **changes})


def read(pushed: Pushed, **changes: Any) -> TokenLabels | QuarantinedAnnotation:
    return reader(pushed).read({"id": 11, "data": pushed.content["data"]}, annotation(**changes))


def test_marked_indices_become_labels_at_proved_offsets(pushed: Pushed) -> None:
    labels = read(pushed)
    assert isinstance(labels, TokenLabels)
    marked = [
        ITEM.prompt[start:end]
        for start, end, label in zip(labels.starts, labels.ends, labels.labels, strict=True)
        if label
    ]
    assert marked == words_of(ITEM)[1:3]
    assert (labels.rater, labels.kind, labels.arm, labels.seconds) == ("a01", "human", "blind", 12.5)
    assert labels.origin is not None
    assert (labels.origin.task, labels.origin.annotation, labels.origin.url) == (11, 5, "local:blind")
    # What changes from export to export ("3 minutes ago") is in neither the label nor its hash.
    assert read(pushed, prediction={"created_ago": "9 hours"}) == labels


def test_empty_cannot_tell_and_skip_are_three_different_answers(pushed: Pushed) -> None:
    verdict = {
        "from_name": "verdict",
        "to_name": "passage",
        "type": "choices",
        "value": {"choices": ["cannot tell"]},
    }
    empty, cannot, skip = read(pushed, result=[]), read(pushed, result=[verdict]), read(pushed, was_cancelled=True)
    assert isinstance(empty, TokenLabels)
    assert isinstance(cannot, TokenLabels)
    assert isinstance(skip, TokenLabels)
    assert (empty.answered, sum(empty.labels)) == (True, 0)
    assert (cannot.answered, cannot.cannot_tell) == (False, True)
    # What was marked before Skip was pressed is no answer.
    assert (skip.answered, skip.skipped, sum(skip.labels)) == (False, True, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"result": [units_region([999])]}, "unknown index: '999'"),
        ({"result": [{**units_region([]), "value": {"choices": ["-1"]}}]}, "unknown index: '-1'"),
        ({"result": [{**units_region([]), "value": {"choices": ["01"]}}]}, "unknown index: '01'"),
        ({"result": [{**units_region([]), "value": {"choices": ["²"]}}]}, "unknown index: '²'"),
        ({"result": [{**units_region([]), "value": {"choices": [1]}}]}, "unknown index: 1"),
        ({"result": [{**units_region([]), "value": {"choices": ["bees"]}}]}, "unknown index: 'bees'"),
        ({"result": [units_region([1, 1])]}, "index twice: 1"),
        ({"result": [{**units_region([1]), "from_name": "verdict"}]}, "unknown choice: '1'"),
        ({"result": [{**units_region([1]), "from_name": "label"}]}, "unknown region: 'label'"),
        ({"result": [{**units_region([1]), "to_name": "text"}]}, "unknown region: 'units'"),
        ({"result": ["1"]}, "unknown region: None"),
        ({"result": [{"from_name": "units", "to_name": "passage", "value": {"start": 0}}]}, "unknown region"),
        ({"result": "12"}, "no list of regions"),
        ({"completed_by": 99, "updated_by": 99}, "unknown rater: account 99"),
        ({"updated_by": 8}, "edited by another: account 8"),
    ],
)
def test_what_no_rater_can_have_made_is_set_aside(pushed: Pushed, changes: dict[str, Any], reason: str) -> None:
    refused = read(pushed, **changes)
    assert isinstance(refused, QuarantinedAnnotation)
    assert any(reason in found for found in refused.reasons), refused.reasons
    assert refused.raw["id"] == 5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parent_prediction": 3}, "pre-annotated: it began from a prediction"),
        ({"parent_annotation": 4}, "copied: it began from an annotation"),
    ],
)
def test_what_did_not_begin_from_the_text_alone_is_no_blind_label(
    pushed: Pushed, changes: dict[str, Any], reason: str
) -> None:
    others = {"annotations": [{"id": 4, "completed_by": {"id": 8}}, {"id": 5, "completed_by": ACCOUNT}]}
    task = {"id": 11, "data": pushed.content["data"], **others}
    refused = reader(pushed).read(task, annotation(**changes))
    assert isinstance(refused, QuarantinedAnnotation)
    (found,) = refused.reasons
    assert reason in found


def test_a_prediction_that_stood_beside_a_blind_answer_is_seen(pushed: Pushed) -> None:
    exported = {"id": 5, "completed_by": ACCOUNT, "prediction": {"id": 3, "result": []}}
    task = {"id": 11, "data": pushed.content["data"], "annotations": [exported]}
    refused = reader(pushed).read(task, annotation())
    assert isinstance(refused, QuarantinedAnnotation)
    assert "stood beside it" in refused.reasons[0]


def test_a_copy_of_ones_own_answer_counts(pushed: Pushed) -> None:
    for others in ([], [{"id": 4, "completed_by": ACCOUNT}]):
        task = {"id": 11, "data": pushed.content["data"], "annotations": others}
        assert isinstance(reader(pushed).read(task, annotation(parent_annotation=4)), TokenLabels)


def test_where_raters_share_a_project_the_author_of_what_was_copied_must_be_known(pushed: Pushed) -> None:
    raters = [RATER, Rater("blind", "a02", "human", 8)]
    shared = Reader("blind", "blind", 1, tasks={pushed.task.uid: pushed}, raters=raters, items={ITEM.id: ITEM})
    refused = shared.read({"id": 11, "data": pushed.content["data"]}, annotation(parent_annotation=4))
    assert isinstance(refused, QuarantinedAnnotation)
    assert "copied" in refused.reasons[0]


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0, 1e300, True, "12"])
def test_an_impossible_working_time_is_none_and_loses_no_label(pushed: Pushed, seconds: object) -> None:
    labels = read(pushed, lead_time=seconds)
    assert isinstance(labels, TokenLabels)
    assert labels.seconds is None


def test_a_reason_quotes_no_more_than_a_line(pushed: Pushed) -> None:
    refused = read(pushed, result=[{**units_region([]), "value": {"choices": ["x" * 100_000]}}])
    assert isinstance(refused, QuarantinedAnnotation)
    assert len(refused.reasons[0]) < 120
    assert len(str(refused.raw)) > 100_000


def test_every_reason_is_given(pushed: Pushed) -> None:
    refused = read(pushed, result=[units_region([999])], updated_by=8)
    assert isinstance(refused, QuarantinedAnnotation)
    assert len(refused.reasons) == 2


def test_tasks_that_are_not_what_was_pushed(pushed: Pushed) -> None:
    data = pushed.content["data"]
    cases = [
        ({"id": 11, "data": {**data, "uid": "other"}}, "foreign task"),
        ({"id": 11, "data": None}, "foreign task"),
        ({"id": 12, "data": data}, "copied task"),
        ({"id": 11, "data": {**data, "answer": "wasps"}}, "changed data"),
    ]
    for task, reason in cases:
        refused = reader(pushed).read(task, annotation())
        assert isinstance(refused, QuarantinedAnnotation)
        assert any(reason in found for found in refused.reasons)


def test_items_that_are_not_what_was_pushed(pushed: Pushed) -> None:
    task = {"id": 11, "data": pushed.content["data"]}
    gone = reader(pushed, {}).read(task, annotation())
    assert isinstance(gone, QuarantinedAnnotation)
    assert "not in items.jsonl" in gone.reasons[0]
    other = reader(pushed, {ITEM.id: difficult_items()[1]}).read(task, annotation())
    assert isinstance(other, QuarantinedAnnotation)
    assert "words" in other.reasons[0]
    # Same number of words at the same offsets, other letters: the words on the page prove it.
    turned = ITEM.model_construct(**{**ITEM.__dict__, "prompt": ITEM.prompt.replace("bees", "wasp")})
    changed = reader(pushed, {ITEM.id: turned}).read(task, annotation())
    assert isinstance(changed, QuarantinedAnnotation)
    assert "words on the page" in changed.reasons[0]


def test_nothing_was_pushed(tmp_path: Path) -> None:
    with pytest.raises(CampaignChanged, match="heta campaign push"):
        pull(Workspace(tmp_path), {})


def begun(folder: Workspace, *arms: Arm) -> None:
    """The ledger of a push that died once it had made the projects of `arms`."""
    planned = plan(folder)
    with Ledger(folder.ledger) as ledger:
        ledger.begin(planned.campaign_hash, planned.settings.model_dump(mode="json"), planned.guideline.text)
        for arm in planned.arms:
            if arm.arm in arms:
                for queue in arm.queues:
                    ledger.add_queue(queue, arm.arm)
                    ledger.set_project(queue.name, 1, "page")


@pytest.mark.parametrize("there", [(), ("blind",)])
def test_a_push_that_died_half_way_leaves_the_labels_alone(tmp_path: Path, there: tuple[Arm, ...]) -> None:
    folder = write_folder(Workspace(tmp_path), [ITEM], "raters = 1")
    begun(folder, *there)
    write_records(folder.labels, [make_labels(ITEM, origin=True)])
    before = folder.labels.read_bytes()
    with pytest.raises(CampaignChanged, match=r"arm .*assisted .*`heta campaign push`"):
        pull(folder, {})
    assert folder.labels.read_bytes() == before


def test_labels_of_other_campaigns_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(Workspace(tmp_path), [ITEM], 'arms = ["blind"]\nraters = 1\nassignment = "shared"')
    begun(folder, "blind")
    other = make_labels(ITEM, origin=True)
    own = other.model_copy(update={"campaign_hash": plan(folder).campaign_hash})
    judged = own.model_copy(update={"origin": None, "rater": "judge-1", "kind": "judge"})
    write_records(folder.labels, [other, own, judged])
    monkeypatch.setattr(CampaignClient, "each_answered", lambda _self, _project: iter(()))
    shown = ProjectState(marker(plan(folder).campaign_hash, "blind"), "page")
    monkeypatch.setattr(CampaignClient, "project", lambda _self, _project: shown)
    connection = Connection("blind", "http://127.0.0.1:1", "token", "server", True)
    # The server has no answer any more: what stays is what did not come from it.
    assert pull(folder, {"blind": connection}).records == 2
    assert list(read_records(folder.labels, TokenLabels)) == [other, judged]


# With real servers


@pytest.fixture(scope="module")
def arms(studio_workspace: Workspace) -> dict[Arm, Connection]:
    return start_arms(studio_workspace)


@pytest.mark.server
@pytest.mark.xdist_group("server")
def test_scripted_raters_label_and_every_label_is_pulled_and_proved(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection]
) -> None:
    items = [*difficult_items(), *simple_items(2)]
    folder = campaign_folder(tmp_path, studio_workspace)
    raters = '{blind = ["s01", "s02", "s03"], assisted = ["s04", "anchored-1"]}'
    write_folder(folder, items, f'name = "pull"\nkind = "simulated"\noverlap = 2\nraters = {raters}')
    push(folder, arms)

    assert [(arm.arm, arm.given, arm.present) for arm in simulate(folder, arms, dry_run=True)] == [
        ("assisted", 10, 0),
        ("blind", 10, 0),
    ]

    class Interrupted(Exception):
        pass

    def stop(_arm: Arm, done: int, _total: int) -> None:
        if done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        simulate(folder, arms, seed=1, progress=stop)
    # Goes on where it stopped, and does not label twice.
    assert [(arm.given, arm.present) for arm in simulate(folder, arms, seed=1)] == [(7, 3), (10, 0)]
    assert [(arm.given, arm.present) for arm in simulate(folder, arms, seed=1)] == [(0, 10), (0, 10)]

    first = pull(folder, arms)
    assert [(arm.arm, arm.labels, arm.quarantined) for arm in first.arms] == [("assisted", 10, 0), ("blind", 10, 0)]
    content = folder.labels.read_bytes()
    labels = list(read_records(folder.labels, TokenLabels))
    assert len(labels) == first.records == 20
    assert {record.kind for record in labels} == {"simulated"}
    by_item = {item.id: item for item in items}
    with open_existing(folder.ledger) as ledger:
        raters_there = {(rater.arm, rater.pseudonym): rater for rater in ledger.raters()}
        tasks = {uid: sent.task for row in ledger.projects() for uid, sent in ledger.tasks(row.queue).items()}
    for record in labels:
        item = by_item[record.item_id]
        assert list(zip(record.starts, record.ends, strict=True)) == list(label_units(item))
        expected, seconds = answer(item, raters_there[record.arm, record.rater], tasks[record.task_uid], 1)
        assert tuple(i for i, label in enumerate(record.labels) if label) == expected
        assert record.seconds == seconds
        assert record.origin is not None
        # Only the rater who says so began from the pre-annotation.
        assert (record.origin.parent_prediction is not None) == record.rater.startswith("anchored")

    pull(folder, arms)
    assert folder.labels.read_bytes() == content
    assert folder.quarantine.read_bytes() == b""
    found = {arm.arm: arm for arm in campaign_status(folder, arms)}
    assert (found["blind"].server, found["blind"].complete, found["blind"].labels) == ("up", 5, 10)
    down = {arm.arm: arm for arm in campaign_status(folder, {"blind": arms["blind"]})}
    assert (down["assisted"].server, down["assisted"].labels) == ("down", 10)
    with pytest.raises(ServerUnavailable, match="heta studio start assisted"):
        pull(folder, {"blind": arms["blind"]})


@pytest.mark.server
@pytest.mark.xdist_group("server")
def test_tampering_with_annotations_is_found_and_nothing_is_lost(
    tmp_path: Path, studio_workspace: Workspace, arms: dict[Arm, Connection]
) -> None:
    folder = campaign_folder(tmp_path, studio_workspace)
    # Who shares a project can change each other's answers.
    toml = 'name = "tampered labels"\narms = ["blind"]\nkind = "simulated"\nraters = ["s90"]\nassignment = "shared"'
    write_folder(folder, simple_items(4), toml)
    blind: dict[Arm, Connection] = {"blind": arms["blind"]}
    push(folder, blind)
    simulate(folder, blind)
    (before,) = pull(folder, blind).arms
    assert (before.labels, before.vanished, before.changed) == (4, (), ())
    judged = next(read_records(folder.labels, TokenLabels)).model_copy(
        update={"origin": None, "rater": "judge-1", "kind": "judge"}
    )
    write_records(folder.labels, [*read_records(folder.labels, TokenLabels), judged])

    with open_existing(folder.ledger) as ledger:
        tasks = [sent.remote for sent in ledger.tasks("blind").values()]
        numbers = sorted(ledger.seen("blind"))
    sdk = arms["blind"].client()  # the administrator, who is no rater
    sdk.annotations.delete(numbers[0])
    sdk.annotations.update(numbers[1], result=[units_region([0])])
    lead = CampaignClient(arms["blind"])
    lead.annotate(tasks[2] or 0, [units_region([1])], seconds=1.0)

    (after,) = pull(folder, blind).arms
    assert after.vanished == (numbers[0],)
    assert after.changed == (numbers[1],)
    assert (after.labels, after.quarantined) == (2, 2)
    refused = [json.loads(line) for line in folder.quarantine.read_text().splitlines()]
    reasons = {record["annotation"]: " ".join(record["reasons"]) for record in refused}
    assert "edited by another" in reasons.pop(numbers[1])
    ((_, by_administrator),) = reasons.items()
    assert "unknown rater" in by_administrator
    labels = list(read_records(folder.labels, TokenLabels))
    # The judge's label did not come from Label Studio and stays.
    assert [record.rater for record in labels].count("judge-1") == 1
    assert len(labels) == 3
    with open_existing(folder.ledger) as ledger:
        assert {raw["id"] for raw in ledger.snapshots("blind")} >= set(numbers)
        assert len([raw for raw in ledger.snapshots("blind") if raw["id"] == numbers[1]]) == 2
