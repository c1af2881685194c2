"""Consent, practice with feedback, and withdrawal, on a real server, answered through the raters' own accounts."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.campaigns import campaign_folder, project_of, queue_client, simple_items, start_arms, write_folder
from helpers.sample_records import make_gold
from heta.errors import ConfigError
from heta_annotation.campaign.ledger import CampaignChanged, open_existing
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.queues import Phase
from heta_annotation.campaign.stages import admit
from heta_annotation.campaign.tasks import units_region
from heta_annotation.campaign.withdrawal import withdraw
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import read_records, write_records
from heta_data.records import Arm, TokenLabels
from heta_data.workspace import Workspace

ARM: Arm = "blind"
TOML = """name = "stages"
arms = ["blind"]
raters = ["a61", "a62"]
controls = "controls.jsonl"
consent = "consent.md"
practice = 2
pass_mark = 0.6
"""


def staged(workspace: Workspace) -> Workspace:
    items = simple_items(6)
    write_folder(workspace, items, TOML, attributions={})
    write_records(workspace.root / "controls.jsonl", [make_gold(item) for item in items[:3]])
    (workspace.root / "consent.md").write_text("# Taking part\n\nYou may *stop* at any time.\n")
    return workspace


def test_the_plan_takes_practice_items_out_of_the_campaign(tmp_path: Path) -> None:
    planned = plan(staged(Workspace(tmp_path)))
    assert planned.problems == ()
    # 3 known items: 2 for practice, so that 1 is hidden among the 3 that are left.
    assert (len(planned.practice), len(planned.gold), len(planned.items)) == (2, 1, 4)
    assert not {item.id for item in planned.practice} & {item.id for item in planned.items}
    assert planned.consent is not None
    before = planned.campaign_hash
    (tmp_path / "consent.md").write_text("Another text.")
    assert plan(Workspace(tmp_path)).campaign_hash != before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("practice = 2", "practice = 9"), "holds 3 gold items"),
        (('consent = "consent.md"', 'consent = "none.md"'), "none.md"),
        (('controls = "controls.jsonl"', ""), "controls"),
        (("practice = 2", 'practice = 2\nassignment = "shared"'), "assignment"),
    ],
)
def test_stages_that_cannot_be(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    folder = staged(Workspace(tmp_path))
    folder.config.write_text(folder.config.read_text().replace(*change))
    try:
        problems = plan(folder).problems
    except ConfigError as error:
        problems = (str(error),)
    assert any(says in problem for problem in problems), problems


@pytest.fixture(scope="module")
def connection(studio_workspace: Workspace) -> Connection:
    return start_arms(studio_workspace)[ARM]


def answer(folder: Workspace, connection: Connection, queue: str, results: Mapping[str, list[object]]) -> None:
    """Answer each task of a queue by what `results` says for its item id, or for '' where there is one for all."""
    client = queue_client(folder, connection, queue)
    with open_existing(folder.ledger) as ledger:
        remote = {uid: pushed for uid, pushed in ledger.tasks(queue).items()}
    for uid, pushed in remote.items():
        item = "" if "" in results else pushed.task.item_id
        client.annotate(pushed.remote or 0, results[item], seconds=9.0)
        assert uid


def consent(choice: str) -> dict[str, list[object]]:
    region = {"from_name": "consent", "to_name": "passage", "type": "choices", "value": {"choices": [choice]}}
    return {"": [region]}


def titles(folder: Workspace, connection: Connection, rater: str) -> list[str]:
    client = queue_client(folder, connection, f"{ARM}/{rater}")
    return sorted(str(project.title) for project in client.connection.client().projects.list())


def number(folder: Workspace, phase: Phase) -> int:
    with open_existing(folder.ledger) as ledger:
        return len(ledger.projects(ARM, phase))


@pytest.mark.server
@pytest.mark.xdist_group("server")
def test_raters_are_let_in_stage_by_stage_and_can_leave(
    tmp_path: Path, studio_workspace: Workspace, connection: Connection
) -> None:
    folder = staged(campaign_folder(tmp_path, studio_workspace))
    arms = {ARM: connection}

    (first,) = push(folder, arms)
    assert first.waiting == dict.fromkeys(("a61", "a62"), "has not answered the consent page yet")
    assert (first.sent, number(folder, "label"), number(folder, "practice")) == (0, 0, 0)
    assert titles(folder, connection, "a61") == ["stages: please read"]
    # Nothing was labelled yet, and that is no error.
    assert pull(folder, arms).records == 0

    answer(folder, connection, "blind/a61/consent", consent("I agree to take part"))
    answer(folder, connection, "blind/a62/consent", consent("I do not agree"))
    (second,) = push(folder, arms)
    assert second.waiting == {"a61": "practises: 0 of 2 items done", "a62": "does not agree to take part"}

    planned = plan(folder)
    known = {
        item.id: [index for index, label in enumerate(planned.known[item.id].labels) if label]
        for item in planned.practice
    }
    one, two = planned.practice
    # Marks as expected on one item, nothing right on the other: F1 of 1 and 0, mean 0.5, below the pass mark of 0.6.
    wrong = [index for index in range(3) if index not in known[two.id]]
    answer(
        folder,
        connection,
        "blind/a61/practice",
        {one.id: [units_region(known[one.id])], two.id: [units_region(wrong)]},
    )
    (third,) = push(folder, arms)
    assert third.waiting["a61"] == "practice score 0.50, pass mark 0.6; to let in: `heta campaign admit a61`"
    assert titles(folder, connection, "a61") == ["stages: please read", "stages: practice", "stages: your practice"]

    # The lead lets the rater in all the same.
    with open_existing(folder.ledger) as ledger:
        with pytest.raises(CampaignChanged, match="not finished"):
            admit(ledger, "a62")
        admit(ledger, "a61")
    (fourth,) = push(folder, arms)
    assert set(fourth.waiting) == {"a62"}
    assert fourth.sent == 4
    (fifth,) = push(folder, arms)
    assert (fifth.sent, fifth.present, fifth.digest) == (0, 4, fourth.digest)

    answer(folder, connection, "blind/a61", {"": [units_region([0])]})
    (pulled,) = pull(folder, arms).arms
    assert (pulled.labels, pulled.quarantined) == (4, 0)
    labels = list(read_records(folder.labels, TokenLabels))
    assert {label.consent_version for label in labels} == {planned.consent.hash}

    with pytest.raises(CampaignChanged, match="there are: a61, a62"):
        withdraw(folder, arms, "a99")
    project = project_of(folder, "blind/a61")
    gone = withdraw(folder, arms, "a61")
    # 4 labels, 1 consent, 2 practice items.
    assert (gone.labels, gone.annotations) == (4, 7)
    assert withdraw(folder, arms, "a61").labels == 0
    (after,) = pull(folder, arms).arms
    assert (after.annotations, after.vanished) == (0, ())
    assert list(read_records(folder.labels, TokenLabels)) == []
    assert titles(folder, connection, "a61") == []
    with open_existing(folder.ledger) as ledger:
        assert ledger.projects(ARM) == []
        assert ledger.snapshots("blind/a61") == [
            {"id": raw["id"], "withdrawn": True} for raw in ledger.snapshots("blind/a61")
        ]
    (last,) = push(folder, arms)
    assert last.waiting["a61"] == "has withdrawn"
    assert "a61" not in Path(last.logins).read_text()
    assert project not in [
        row.id for row in queue_client(folder, connection, "blind/a61").connection.client().projects.list()
    ]
