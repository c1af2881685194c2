"""What `heta campaign plan` works out, and everything it finds wrong, without any server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.campaigns import CONFIG, METHOD, MODEL, difficult_items, simple_items, write_folder
from helpers.sample_records import make_attribution
from heta.cli import cli
from heta_annotation.campaign.plan import SECONDS_A_WORD, SECONDS_TO_DECIDE, CampaignBlocked, plan
from heta_data.compose import label_units
from heta_data.jsonl import write_records
from heta_data.records import AttributionRecord
from heta_data.workspace import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    return write_folder(Workspace(tmp_path), difficult_items())


def test_counts_of_a_plan(folder: Workspace) -> None:
    planned = plan(folder)
    assert planned.problems == ()
    assert [arm.arm for arm in planned.arms] == ["blind", "assisted"]
    assert all(arm.isolation == "organisation" for arm in planned.arms)
    assert planned.units == sum(len(label_units(item)) for item in difficult_items())
    # 3 items x 3 raters x 2 arms.
    assert planned.labels == 18
    # Every one of the 6 raters reads every word and decides 3 times.
    words = sum(planned.words.values())
    assert planned.hours == pytest.approx(6 * (words * SECONDS_A_WORD + 3 * SECONDS_TO_DECIDE) / 3600)
    assert [queue.name for queue in planned.arms[1].queues] == ["assisted/a04", "assisted/a05", "assisted/a06"]
    assert "nothing" in planned.arms[0].sees
    assert METHOD in planned.arms[1].sees


def test_blind_tasks_are_the_same_whatever_the_attributions_say(folder: Workspace, tmp_path: Path) -> None:
    bare = write_folder(Workspace(tmp_path / "bare"), difficult_items(), attributions={})
    assert list(plan(bare).arms[0].payloads) == list(plan(folder).arms[0].payloads)
    sent = json.dumps(list(plan(folder).arms[0].payloads))
    for trace in (METHOD, MODEL, CONFIG, "prediction", "model_version", "score", "border-bottom", "heat"):
        assert trace not in sent


def test_blind_arm_alone_needs_no_attributions(tmp_path: Path) -> None:
    planned = plan(write_folder(Workspace(tmp_path), difficult_items(), 'arms = ["blind"]', attributions={}))
    assert planned.problems == ()
    assert planned.labels == 9


def test_missing_attributions_are_one_line_with_the_command(tmp_path: Path) -> None:
    planned = plan(write_folder(Workspace(tmp_path), difficult_items(), attributions={}))
    (problem,) = planned.problems
    assert f"heta data attribute -C {tmp_path} --method heta_fast" in problem
    with pytest.raises(CampaignBlocked, match="cannot start: the assisted arm"):
        planned.check()


def test_some_items_without_attribution(tmp_path: Path) -> None:
    items = difficult_items()
    some = {items[0].id: make_attribution(items[0], method=METHOD, model=MODEL)}
    (problem,) = plan(write_folder(Workspace(tmp_path), items, attributions=some)).problems
    assert problem.startswith("2 of 3 items have no attribution by heta_fast")


def test_two_models_must_be_told_apart(folder: Workspace) -> None:
    others = [make_attribution(item, method=METHOD, model="other") for item in difficult_items()]
    write_records(folder.attribution_file("other", METHOD, CONFIG), others)
    (problem,) = plan(folder).problems
    assert "model other" in problem
    assert "model tiny" in problem
    folder.config.write_text('[campaign]\nmodel = "other"\n')
    planned = plan(folder)
    assert planned.problems == ()
    assert planned.arms[1].tasks[0].suggestion.model == "other"


def with_policy(record: AttributionRecord, policy: str) -> AttributionRecord:
    assert record.target is not None
    return record.model_copy(update={"target": record.target.model_copy(update={"policy": policy}), "seconds": 1.0})


def write_both(folder: Workspace, change: Callable[[AttributionRecord], AttributionRecord]) -> None:
    """Beside each attribution the same one, changed: it stands in the same file, as `heta data attribute` does it."""
    records = [make_attribution(item, method=METHOD, model=MODEL) for item in difficult_items()]
    write_records(folder.attribution_file(MODEL, METHOD, CONFIG), [*records, *map(change, records)])


def test_two_target_policies_are_told_apart_by_policy(folder: Workspace) -> None:
    write_both(
        folder,
        lambda r: with_policy(r, "first").model_copy(update={"scores": tuple(reversed(r.scores)), "components": {}}),
    )
    answer = plan(folder)
    assert answer.problems == ()
    folder.config.write_text('[campaign]\npolicy = "first"\n')
    first = plan(folder)
    assert first.problems == ()
    assert list(first.arms[1].payloads) != list(answer.arms[1].payloads)
    folder.config.write_text('[campaign]\npolicy = "model"\n')
    (problem,) = plan(folder).problems
    assert "for policy model, and there are no such attributions (there are for policy answer, first" in problem
    assert f"heta data attribute -C {folder.root} --method heta_fast --policy model" in problem


def test_two_revisions_are_told_apart_by_revision(folder: Workspace) -> None:
    write_both(folder, lambda r: r.model_copy(update={"model_revision": "r2"}))
    (problem,) = plan(folder).problems
    assert "more than once (revision r1; revision r2): name one by revision under [campaign]" in problem
    folder.config.write_text('[campaign]\nrevision = "r2"\n')
    assert plan(folder).problems == ()


def test_what_no_setting_tells_apart_is_removed(folder: Workspace) -> None:
    write_both(folder, lambda r: r.model_copy(update={"tokenizer": "T:2"}))
    (problem,) = plan(folder).problems
    assert "more than once (tokenizer T:1; tokenizer T:2): remove the records of all but one" in problem


def test_methods_without_a_model_have_no_policy(folder: Workspace) -> None:
    records = [make_attribution(item, method="first_words", model="none") for item in difficult_items()]
    write_records(folder.attribution_file("none", "first_words", CONFIG), records)
    folder.config.write_text('[campaign]\nmethod = "first_words"\npolicy = "first"\n')
    assert plan(folder).problems == ()


def test_methods_whose_names_begin_alike_are_not_mixed_up(folder: Workspace) -> None:
    others = [make_attribution(item, method="heta", model=MODEL) for item in difficult_items()]
    write_records(folder.attribution_file(MODEL, "heta", CONFIG), others)
    assert plan(folder).arms[1].tasks[0].suggestion.method == METHOD


def test_all_problems_at_once(folder: Workspace) -> None:
    lines = folder.items.read_text().splitlines()
    folder.items.write_text("\n".join([lines[0], lines[0], "{broken", lines[1]]) + "\n")
    problems = plan(folder).problems
    assert any("stands there twice" in problem for problem in problems)
    assert any(f"{folder.items}:3" in problem for problem in problems)
    with pytest.raises(CampaignBlocked, match="2 problems"):
        plan(folder).check()


def test_no_items(tmp_path: Path) -> None:
    (problem,) = plan(Workspace(tmp_path)).problems
    assert "heta data build" in problem


def test_campaign_hash_covers_table_guideline_and_items(folder: Workspace, tmp_path: Path) -> None:
    first = plan(folder).campaign_hash
    assert plan(folder).campaign_hash == first
    folder.config.write_text('[campaign]\nname = "other"\n')
    assert plan(folder).campaign_hash != first
    (tmp_path / "rules.md").write_text("# Mark what matters\n")
    folder.config.write_text('[campaign]\nguidelines = "rules.md"\n')
    second = plan(folder).campaign_hash
    (tmp_path / "rules.md").write_text("# Mark everything that matters\n")
    assert plan(folder).campaign_hash not in (first, second)
    folder.config.write_text("[campaign]\n")
    assert plan(folder).campaign_hash == first
    write_folder(folder, [*difficult_items(), *simple_items(1)])
    assert plan(folder).campaign_hash != first


def test_limit_draws_items_and_records_the_probability(tmp_path: Path) -> None:
    planned = plan(write_folder(Workspace(tmp_path), simple_items(8), "limit = 2"))
    assert (len(planned.items), planned.items_there) == (2, 8)
    assert {task.inclusion_probability for arm in planned.arms for task in arm.tasks} == {0.25}
    # Both arms get the same items in the same order, so that they can be compared.
    assert [t.item_id for t in planned.arms[0].tasks] == [t.item_id for t in planned.arms[1].tasks]


def test_notes_say_simulated_and_single_raters(tmp_path: Path) -> None:
    notes = plan(write_folder(Workspace(tmp_path), simple_items(1), 'kind = "simulated"\nraters = 1')).notes
    assert any("simulated" in note for note in notes)
    assert any("one rater per item" in note for note in notes)


def test_command_prints_the_plan_and_fails_with_problems(folder: Workspace) -> None:
    shown = CliRunner().invoke(cli, ["campaign", "plan", "-C", str(folder.root)])
    assert shown.exit_code == 0, shown.output
    for part in ("3 human raters (a01, a02, a03)", "isolation: organisation", "18 expected", "top 15% of the units"):
        assert part in shown.output
    document = json.loads(CliRunner().invoke(cli, ["campaign", "plan", "-C", str(folder.root), "--json"]).output)
    assert document["labels"] == 18
    assert document["problems"] == []
    folder.items.unlink()
    wrong = CliRunner().invoke(cli, ["campaign", "plan", "-C", str(folder.root)])
    assert wrong.exit_code == 1
    assert "problem" in wrong.output
