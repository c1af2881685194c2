"""The arm `reveal`: first blind, then with heat, both answers kept; and raters drawn into arms."""

from pathlib import Path

import pytest

from helpers.campaigns import METHOD, campaign_folder, queue_client, simple_items, write_folder
from heta.errors import ConfigError
from heta_annotation.campaign.answers import QuarantinedAnnotation
from heta_annotation.campaign.ledger import open_existing
from heta_annotation.campaign.plan import plan
from heta_annotation.campaign.progress import campaign_status
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.settings import CampaignSettings
from heta_annotation.campaign.simulate import simulate
from heta_annotation.campaign.tasks import units_region
from heta_annotation.studio import local
from heta_data.jsonl import read_records
from heta_data.records import Arm, TokenLabels
from heta_data.workspace import Workspace

ARM: Arm = "reveal"


def test_one_list_of_raters_is_drawn_into_the_arms() -> None:
    names = tuple(f"a{number:02d}" for number in range(1, 8))
    drawn = [CampaignSettings(raters=names, seed=seed) for seed in range(20)]
    for settings in drawn:
        blind, assisted = settings.raters_of("blind"), settings.raters_of("assisted")
        # 7 raters: 4 and 3, everybody once.
        assert (len(blind), len(assisted), set(blind) | set(assisted)) == (4, 3, set(names))
    assert len({settings.raters_of("blind") for settings in drawn}) > 10
    assert drawn[0].raters_of("blind") == CampaignSettings(raters=names).raters_of("blind")
    with pytest.raises(ValueError, match="1 raters cannot be drawn into 2 arms"):
        CampaignSettings(raters=("a01",))


def test_nothing_is_shown_at_first(tmp_path: Path) -> None:
    folder = write_folder(Workspace(tmp_path), simple_items(3), 'arms = ["reveal"]\nraters = 1')
    planned = plan(folder)
    assert planned.problems == ()
    (arm,) = planned.arms
    assert all("predictions" not in payload for payload in arm.payloads)
    assert all(task.suggestion is None for task in arm.tasks)
    assert set(arm.revealed) == {item.id for item in planned.items}
    assert METHOD in arm.sees
    # What is revealed has to be there from the beginning.
    bare = write_folder(Workspace(tmp_path / "bare"), simple_items(3), 'arms = ["reveal"]\nraters = 1', attributions={})
    assert "no such attributions" in plan(bare).problems[0]
    with pytest.raises(ConfigError, match="assignment"):
        plan(write_folder(folder, simple_items(3), 'arms = ["reveal"]\nraters = 1\nassignment = "shared"'))


@pytest.mark.server
@pytest.mark.xdist_group("server")
def test_first_and_revised_answers(tmp_path: Path, studio_workspace: Workspace) -> None:
    connection = local.start(studio_workspace, ARM)
    folder = campaign_folder(tmp_path, studio_workspace)
    toml = 'name = "reveal"\narms = ["reveal"]\nkind = "simulated"\nraters = ["s51", "s52"]'
    write_folder(folder, simple_items(3), toml)
    arms = {ARM: connection}
    (first,) = push(folder, arms)
    assert (first.sent, first.predictions) == (6, 0)
    # One rater is done, the other is not.
    client = queue_client(folder, connection, "reveal/s51")
    with open_existing(folder.ledger) as ledger:
        mine = list(ledger.tasks("reveal/s51").values())
    for number, pushed in enumerate(mine):
        client.annotate(pushed.remote or 0, [units_region([number])], seconds=30.0)
    (second,) = push(folder, arms)
    # The 3 items come again, each with the rater's own marks as what the page begins from.
    assert (second.sent, second.present, second.predictions) == (3, 6, 3)
    with open_existing(folder.ledger) as ledger:
        again = list(ledger.tasks("reveal/s51/reveal").values())
        assert ledger.projects(ARM, "reveal")[0].rater == "s51"
    assert [pushed.content["predictions"][0]["result"] for pushed in again] == [[units_region([n])] for n in range(3)]
    assert all("border-bottom" in pushed.content["data"]["units"][0]["html"] for pushed in again)
    client.annotate(again[0].remote or 0, [units_region([1, 2])], seconds=12.0)

    (pulled,) = pull(folder, arms).arms
    assert (pulled.labels, pulled.quarantined) == (4, 0)
    labels = {(label.item_id, label.round): label for label in read_records(folder.labels, TokenLabels)}
    item = again[0].task.item_id
    assert [index for index, mark in enumerate(labels[item, 0].labels) if mark] == [0]
    assert [index for index, mark in enumerate(labels[item, 1].labels) if mark] == [1, 2]
    (status,) = campaign_status(folder, arms)
    # Revisions are counted apart: 3 of 6 first answers.
    assert (status.labels, status.expected, status.revised) == (3, 6, 1)

    # The first answer is changed afterwards: what was revealed stays, and nothing is sent twice.
    client.annotate(mine[0].remote or 0, [units_region([2])], seconds=5.0)
    (third,) = push(folder, arms)
    assert (third.sent, third.present) == (0, 9)
    # Scripts finish both halves, one push after the other.
    simulate(folder, arms)
    assert push(folder, arms)[0].sent == 3
    simulate(folder, arms)
    (pulled,) = pull(folder, arms).arms
    labels = {(r.rater, r.item_id, r.round): r for r in read_records(folder.labels, TokenLabels)}
    assert (len(labels), sum(label.round for label in labels.values())) == (12, 6)
    # The answer that came after the attribution was seen is none of the blind ones; the one before stands.
    assert pulled.quarantined == 1
    (refused,) = read_records(folder.quarantine, QuarantinedAnnotation)
    assert refused.reasons[0].startswith("changed after the reveal")
    assert [index for index, mark in enumerate(labels["s51", item, 0].labels) if mark] == [0]
