"""The whole programme through its command, on a random tiny model: plan, resuming, tables, labels, failures."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import heta
from helpers.sample_records import make_labels
from helpers.saved_model import save_tiny_model
from heta.cli import cli
from heta.errors import ConfigError, InputError
from heta_data.attribution_files import read_attributions
from heta_data.compose import compose_item
from heta_data.jsonl import read_records, write_records
from heta_data.records import Item, MetricResult, Rights
from heta_data.workspace import Workspace
from heta_evaluation.alignment.order_study import study_orders
from heta_evaluation.faithfulness.runner import measure
from heta_evaluation.programme import document
from heta_evaluation.programme import settings as sizes
from heta_evaluation.programme.answers import Answers
from heta_evaluation.programme.ledger import Ledger
from heta_evaluation.programme.order import order_figures
from heta_evaluation.programme.sets import gather
from heta_evaluation.programme.settings import ProgrammeSettings

METHODS = ("heta", "heta_m", "discretized_ig")
STEPS = [
    *("answers-items", "answers-prompts", "attribute-items", "attribute-prompts", "attribute-phrasings"),
    *("attribute-single", "order", "alignment", "faithfulness-items", "faithfulness-prompts"),
    *("sensitivity", "decoding", "phrasings"),
]


def short_item(number: int) -> Item:
    """Without worked examples: the tiny model's tokens are bytes."""
    return compose_item(
        source="sample",
        source_id=f"row-{number}",
        group=f"group-{number}",
        split="test",
        language="en",
        evidence=f"Lamp {number} is violet.",
        distractor="Tea is warm.",
        question="Which?",
        answer="violet",
        evidence_first=number % 2 == 0,
        rights=[Rights(field="evidence", licence="CC-BY-4.0", source="test")],
        examples="",
    )


ITEMS = [short_item(1), short_item(2)]
PROMPTS = (
    {"id": "a", "prompt": "I flew to Oslo. I am in", "target": "Norway"},
    {"id": "b", "prompt": "The cat sat on a", "target": "mat"},
)


def make_folder(root: Path) -> Path:
    """A folder with two items and two prompts beside it."""
    write_records(Workspace(root / "folder").items, ITEMS)
    (root / "prompts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in PROMPTS))
    return root / "folder"


@pytest.fixture(scope="module", autouse=True)
def _small(request: pytest.FixtureRequest) -> None:
    """One bundled pair, two draws of noise, one answer: what is measured is the same, only less of it."""
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    small = replace(sizes.QUICK, noise_draws=2, noise_prompts=1, decoding_prompts=1, pairs=2)
    patch.setattr(sizes, "QUICK", small)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(Path(tmp_path_factory.mktemp("models")) / "tiny")


def run(folder: Path, tiny: Path, *more: str) -> Result:
    """The documented command on that folder."""
    methods = [part for name in METHODS for part in ("--methods", name)]
    arguments = ["-C", str(folder), "--model", str(tiny), "--prompts", str(folder.parent / "prompts.jsonl")]
    command = ["evaluate", "suite", "paper", *arguments, "--preset", "quick", *methods, "--resamples", "100", *more]
    return CliRunner().invoke(cli, command, catch_exceptions=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> tuple[Path, Result]:
    folder = make_folder(Path(tmp_path_factory.mktemp("whole")))
    with pytest.MonkeyPatch.context() as patch:
        # One plot stands for all: drawing takes longer than the rest.
        patch.setattr(document, "_PLOTS", document._PLOTS[:1])
        return folder, run(folder, tiny)


@pytest.fixture
def _no_plots(finished: tuple[Path, Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib's plots, which `finished` has."""
    monkeypatch.setattr(document, "_PLOTS", ())


def written(folder: Path) -> dict[str, Any]:
    """Everything that was written, without what was measured of time."""
    found: dict[str, Any] = {}
    for path in sorted((folder / "suite-paper").rglob("*")):
        if not path.is_file() or path.name in (".heta.lock", "steps.jsonl", "paper.md") or path.stem == "cost":
            continue
        content: Any = path.read_bytes()
        if path.parent.name == "plots" and not path.name.startswith("words"):
            continue
        if "attributions" in path.parts:
            records = [json.loads(line) for line in content.splitlines()]
            content = [{**one, "seconds": None, "peak_memory": None} for one in records]
        found[path.relative_to(folder).as_posix()] = content
    return found


def test_the_plan_comes_first_and_a_dry_run_is_nothing_else(tmp_path: Path, tiny: Path) -> None:
    folder = make_folder(tmp_path)
    found = run(folder, tiny, "--dry-run")
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    assert lines[0] == "plan: 2 items (4 with both segment orders), 2 prompts, 3 methods, 1 model, preset quick"
    assert len(lines) == len(STEPS) + 2
    assert re.match(r"estimate: \d+ s in all at most", lines[-1])
    assert not (folder / "suite-paper").exists()
    document = json.loads(run(folder, tiny, "--dry-run", "--json").stdout)
    assert [step["name"] for step in document["steps"]] == STEPS
    assert (document["computed"], document["files"]) == (0, [])


def test_every_table_has_definition_n_model_preset_and_labels(finished: tuple[Path, Result]) -> None:
    folder, found = finished
    assert found.exit_code == 0, found.output
    text = (folder / "suite-paper" / "paper.md").read_text()
    for name in (
        *("dsa", "faithfulness-prompts", "faithfulness-items", "retention-prompts", "retention-items"),
        *("ablations", "robustness", "cost", "answers"),
    ):
        table = (folder / "suite-paper" / "tables" / f"{name}.md").read_text()
        caption = table.splitlines()[0]
        assert "Model: tiny. Preset: quick. No labels." in caption, name
        assert table in text
        assert (folder / "suite-paper" / "tables" / f"{name}.tex").read_text().count(r"\begin{table}") == 1
    for words in (
        "## What this supports",
        "## What it does not support",
        "there are no labels here; DSA takes segments",
        "alignment with labels: there are no labels in the folder (labels.jsonl).",
        "Decoding stability of discretized_ig: too many passes",
        "Sensitivity at other sizes of noise than 0.05",
        "## Time",
    ):
        assert words in text, words
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| heta")]
    assert {"heta", "heta_m"} <= set(rows)
    assert "plots/words-zh-tiny.svg" in text
    assert "plots/dsa-tiny.svg" in text
    assert {path.suffix for path in (folder / "suite-paper" / "plots").glob("dsa-tiny.*")} == {".svg", ".png", ".pdf"}
    svg = (folder / "suite-paper" / "plots" / "words-zh-tiny.svg").read_text()
    assert ">苹</text>" in svg
    assert "heta_m, 苹: " in svg


@pytest.mark.usefixtures("_no_plots")
def test_a_second_run_computes_nothing(finished: tuple[Path, Result], tiny: Path) -> None:
    folder, _ = finished
    before = written(folder)
    again = json.loads(run(folder, tiny, "--json").stdout)
    assert again["computed"] == 0
    assert all(step["done"] for step in again["steps"])
    assert written(folder) == before


@pytest.mark.usefixtures("_no_plots")
def test_broken_off_anywhere_it_goes_on_and_ends_the_same(
    finished: tuple[Path, Result], tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path)
    for point, stop in (("heta_data.attribute.Lane.append", 5), ("heta_evaluation.faithfulness.files.Store.append", 2)):
        with monkeypatch.context() as patch:
            count = _break(patch, point, stop)
            assert run_broken(folder, tiny)
            assert count() > stop
    assert run(folder, tiny).exit_code == 0
    assert written(folder) == written(finished[0])
    text = (folder / "suite-paper" / "paper.md").read_text()
    assert "| done, 1 broken off, whose time is not known |" in text


class Killed(BaseException):
    """What nothing catches, as nothing catches a kill."""


def _break(patch: pytest.MonkeyPatch, target: str, after: int) -> Any:
    """Let a function work `after` times, then end the run there."""
    import importlib

    module, owner, name = target.rsplit(".", 2)
    holder = getattr(importlib.import_module(module), owner)
    whole, calls = getattr(holder, name), []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > after:
            raise Killed
        return whole(*arguments)

    patch.setattr(holder, name, counted)
    return lambda: len(calls)


def run_broken(folder: Path, tiny: Path) -> bool:
    """Whether the run ended where it was broken off."""
    try:
        run(folder, tiny)
    except Killed:
        return True
    return False


def test_figures_are_those_of_the_single_commands(finished: tuple[Path, Result], tiny: Path) -> None:
    folder, _ = finished
    ledger = Ledger(folder / "suite-paper", writing=False)
    study = study_orders(Workspace(folder / "suite-paper" / "items"), draws=100)
    found = {(one.metric, one.variant, one.subject): one for one in ledger.results("order", "tiny")}
    assert study.pairs == 2
    for line in study.lines:
        assert found["dsa", "order_effect", line.subject.name].value == line.effect.value
        assert found["dsa_minus_uniform", "order_averaged", line.subject.name].value == line.averaged.value
    # The same seed and draws: what the command finds on the attributions that are there.
    alone = measure(
        Workspace(folder / "suite-paper" / "prompts"),
        loaded=heta.load_model(str(tiny)),
        metrics=("lds",),
        pi_draws=2,
        resamples=100,
    )
    ours = {(one.variant, one.subject): one.value for one in ledger.results("faithfulness-prompts", "tiny")
            if one.metric == "lds"}  # fmt: skip
    for one in alone.results:
        if one.metric == "lds":
            assert ours[one.variant, one.subject] == one.value


def test_gated_pairs_are_those_answered_in_both_orders_with_the_evidence_alone(finished: tuple[Path, Result]) -> None:
    workspace = Workspace(finished[0] / "suite-paper" / "items")
    items = list(read_records(workspace.items, Item))
    records = read_attributions(workspace)
    settings = ProgrammeSettings(resamples=100).evaluate
    # Row 1 is answered in both orders; row 2 too, but once without its evidence.
    answers = Answers(
        whole={item.id: True for item in items},
        without={item.id: item.source_id == "row-2" and item in ITEMS for item in items},
    )
    found = {(one.variant, one.subject): one for one in order_figures(items, records, answers, settings)
             if one.metric == "dsa"}  # fmt: skip
    kept = [item for item in items if item.source_id == "row-1"]
    some = [one for one in records if one.item_id in {item.id for item in kept}]
    alone = {(one.variant, one.subject): one for one in order_figures(kept, some, Answers(), settings)
             if one.metric == "dsa"}  # fmt: skip
    for (variant, subject), one in alone.items():
        assert found[f"{variant}, gated", subject].value == one.value
        assert found[f"{variant}, gated", subject].n == 1
        assert found[variant, subject].n == 2
    nobody = order_figures(items, records, Answers(), settings)
    assert not [one for one in nobody if "gated" in one.variant]


@pytest.mark.usefixtures("_no_plots")
def test_labels_bring_alignment_and_their_banner(tmp_path: Path, tiny: Path) -> None:
    folder = make_folder(tmp_path)
    labels = [make_labels(item, rater, kind="simulated") for item in ITEMS for rater in ("sim-1", "sim-2")]
    write_records(Workspace(folder).labels, labels)
    settings = ProgrammeSettings(models=(str(tiny),))
    assert "add --kinds simulated" in gather(Workspace(folder), None, None, settings).no_labels
    other = save_tiny_model(tmp_path / "other", seed=1)
    arguments = ["-C", str(folder), "--preset", "quick", "--kinds", "simulated"]
    arguments += ["--model", str(tiny), "--model", str(other)]
    more = ["--methods", "heta_m", "--methods", "answer_match", "--resamples", "100"]
    found = CliRunner().invoke(cli, ["evaluate", "suite", "paper", *arguments, *more], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    text = (folder / "suite-paper" / "paper.md").read_text()
    assert "**SIMULATED LABELS.** Scripts marked these words" in text
    table = (folder / "suite-paper" / "tables" / "alignment.md").read_text()
    assert table.startswith("**SIMULATED LABELS.**")
    # Scripts marked the answer's word, and so does answer_match.
    for model in ("tiny", "other"):
        assert re.search(rf"\| answer_match \| {model} \| 2 \| 1\.00", table)
    dsa = (folder / "suite-paper" / "tables" / "dsa.md").read_text()
    assert "Models: tiny, other." in dsa
    own = [line.split("|")[4] for line in dsa.splitlines() if line.startswith("| heta_m |")]
    assert len(set(own)) == 2  # each model's own figures
    assert "Figures on prompts, sensitivity and decoding stability: no prompts were given" in text
    assert "| raters' labels | tiny |" in (folder / "suite-paper" / "tables" / "faithfulness-items.md").read_text()


@pytest.mark.usefixtures("_no_plots")
def test_a_method_that_cannot_be_used_is_named_and_the_others_go_on(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heta.errors import IncompatibleModel

    def refuse(*_: object) -> None:
        raise IncompatibleModel("no such thing in this model: take another")

    folder = make_folder(tmp_path)
    monkeypatch.setattr("heta.methods.ablations.HetaM.score", refuse)
    found = run(folder, tiny)
    assert found.exit_code == 1
    assert "failed: tiny, attributions: items: heta_m: no such thing in this model: take another" in found.output
    text = (folder / "suite-paper" / "paper.md").read_text()
    assert "- tiny, attributions: prompts: heta_m: no such thing" in text
    dsa = (folder / "suite-paper" / "tables" / "dsa.md").read_text()
    assert "| heta | tiny | 2 |" in dsa
    assert "| heta_m |" not in dsa


def test_other_items_and_unknown_values_are_refused_before_anything_is_written(tmp_path: Path, tiny: Path) -> None:
    folder = make_folder(tmp_path)
    for more, said in (
        (("--methods", "all"), "'all' has them all, name it alone"),
        (("--seed", "-1"), "--seed: Input should be greater than or equal to 0"),
    ):
        with pytest.raises(ConfigError, match=said):
            run(folder, tiny, *more)
    with pytest.raises(ConfigError, match="two models are called 'tiny', and files go by it"):
        run(folder, tiny, "--model", f"{tiny}/", "--dry-run")
    early = CliRunner().invoke(cli, ["evaluate", "suite", "--prompts", "12", "paper", "-C", str(folder)])
    assert (early.exit_code, "--prompts stands before 'paper'" in early.output) == (2, True)
    assert not (folder / "suite-paper").exists()
    with pytest.raises(InputError, match="no such file; build items"):
        gather(Workspace(tmp_path / "nothing"), None, None, ProgrammeSettings())


def test_results_on_disk_are_metric_results(finished: tuple[Path, Result]) -> None:
    for path in (finished[0] / "suite-paper" / "results").rglob("*.jsonl"):
        assert all(one.item_id is None for one in read_records(path, MetricResult))
