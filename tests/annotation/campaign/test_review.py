"""The lead's project: methods and raters side by side, replaced and never doubled, out of every rater's sight."""

from pathlib import Path

import pytest

from helpers.campaigns import CONFIG, METHOD, MODEL, campaign_folder, simple_items, start_arms, write_folder
from helpers.sample_records import make_attribution
from heta_annotation.campaign.client import CampaignClient
from heta_annotation.campaign.plan import CampaignBlocked
from heta_annotation.campaign.pull import pull
from heta_annotation.campaign.push import push
from heta_annotation.campaign.review import review
from heta_annotation.campaign.simulate import simulate
from heta_annotation.errors import LabelStudioError
from heta_annotation.studio.connection import Connection
from heta_data.jsonl import write_records
from heta_data.records import Arm
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


def test_methods_and_raters_side_by_side(tmp_path: Path, studio_workspace: Workspace, label_studio: Connection) -> None:
    arms: dict[Arm, Connection] = {"blind": start_arms(studio_workspace)["blind"]}
    folder = campaign_folder(tmp_path, studio_workspace)
    items = simple_items(4)
    write_folder(folder, items, 'name = "seen"\narms = ["blind"]\nkind = "simulated"\nraters = ["s31", "s32"]')
    others = [make_attribution(item, method="kl", model=MODEL) for item in items]
    write_records(folder.attribution_file(MODEL, "kl", CONFIG), others)

    first = review(folder, label_studio, [METHOD, "kl"])
    assert (first.sent, first.present) == (4, 0)
    assert first.versions == (f"{METHOD}-{CONFIG}@{MODEL}", f"kl-{CONFIG}@{MODEL}")
    again = review(folder, label_studio, [METHOD, "kl"])
    assert (again.sent, again.present, again.project) == (0, 4, first.project)

    push(folder, arms)
    simulate(folder, arms)
    pull(folder, arms)
    # Every item has two answers now, so that all are replaced; a method that is no longer asked for is gone.
    later = review(folder, label_studio, ["kl"])
    assert (later.sent, later.present) == (4, 0)
    assert later.versions == (
        f"kl-{CONFIG}@{MODEL}",
        "rater s31 (blind simulated)",
        "rater s32 (blind simulated)",
    )
    client = CampaignClient(label_studio)
    assert len(client.tasks(first.project)) == 4
    assert {task: len(found) for task, found in client.predictions(first.project).items()} == dict.fromkeys(
        [task.id for task in client.tasks(first.project)], 3
    )
    with pytest.raises(LabelStudioError, match="arm's server"):
        review(folder, arms["blind"], ["kl"])
    with pytest.raises(CampaignBlocked, match="leave_one_out"):
        review(folder, label_studio, ["leave_one_out"])
