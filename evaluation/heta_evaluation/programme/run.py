"""The programme, whole: what it will take, step after step on one model after the other, then the document."""

import gc
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import heta
from heta.errors import ConfigError, HetaError
from heta_data.attribute_plan import duration
from heta_data.jsonl import write_records
from heta_data.workspace import Workspace
from heta_evaluation.programme.estimating import PlannedStep, start_clock
from heta_evaluation.programme.ledger import Ledger, StepRecord
from heta_evaluation.programme.sets import FOLDER, Sets, gather
from heta_evaluation.programme.settings import ProgrammeSettings
from heta_evaluation.programme.steps import ModelSteps, Outcome, Progress, Step

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Opens a progress display for one step."""
Say = Callable[[str], None]


@dataclass
class Programme:
    """What a run found and did."""

    planned: list[PlannedStep]
    unknown: tuple[str, ...]
    """Methods whose work is not known, and not part of the estimate."""
    failures: list[str] = field(default_factory=list)
    computed: int = 0
    """Records computed by this run."""
    files: list[Path] = field(default_factory=list)


def run_programme(
    folder: Workspace,
    settings: ProgrammeSettings,
    *,
    items: Path | None = None,
    prompts: Path | None = None,
    dry_run: bool = False,
    say: Say,
    stage: Stage,
) -> Programme:
    """Run the paper's programme into `FOLDER/suite-paper`; what is there already is not computed again.

    Args:
        folder: the working folder; its labels are the ones that count.
        settings: models, methods, preset, labels.
        items: a file of items in place of the folder's own.
        prompts: a file of prompts; None leaves out what is measured on them, and the document says so.
        dry_run: only say what there is to do and how long it will take; nothing is written.
        say: called with lines for people: the plan before anything runs, then what each step came to.
        stage: opens a progress display.

    Raises:
        InputError, ConfigError, UnknownName: something that cannot be used, before anything is written.
        IntegrityError, RecordError: records that do not belong to each other, or cannot be read.
        FolderBusy: another process writes here.
    """
    methods = settings.create_methods()
    sets = gather(folder, items, prompts, settings)
    models = _Models(settings.device)
    if dry_run:
        return _plan(sets, settings, methods, models, say)
    with Workspace(folder.root / FOLDER).lock():
        programme = _plan(sets, settings, methods, models, say)
        sets.place()
        ledger = Ledger(sets.root)
        for name in settings.models:
            steps = ModelSteps(sets, settings, methods, models.get(name), None)
            for step in steps.all():
                _go(step, steps.model.identity.name, ledger, programme, say, stage)
        from heta_evaluation.programme.document import write_document

        programme.files = write_document(sets, settings, methods, ledger, programme.planned)
    return programme


class _Models:
    """Loads models; at most one is in memory."""

    def __init__(self, device: str | None) -> None:
        self.device = device
        self.name: str | None = None
        self.loaded: heta.LoadedModel | None = None

    def get(self, name: str) -> heta.LoadedModel:
        """The model of that name."""
        if self.loaded is None or self.name != name:
            self.loaded = None
            gc.collect()
            self.loaded, self.name = heta.load_model(name, device=self.device), name
        return self.loaded


def _plan(sets: Sets, settings: ProgrammeSettings, methods: list[heta.Method], models: _Models, say: Say) -> Programme:
    """Time each model, and say what there is to do."""
    ledger = Ledger(sets.root, writing=False) if sets.root.exists() else None
    planned: list[PlannedStep] = []
    unknown: dict[str, None] = {}
    for name in settings.models:
        loaded = models.get(name)
        steps = ModelSteps(sets, settings, methods, loaded, start_clock(loaded, sets.everything()))
        model = loaded.identity.name
        if any(one.model == model for one in planned):
            raise ConfigError(f"--model {name}: two models are called {model!r}, and files go by it; rename a folder")
        if steps.clock is not None:
            unknown |= dict.fromkeys(steps.clock.unknown(steps.methods))
        for step in steps.all():
            done = ledger is not None and ledger.done(step.name, model, step.digest())
            planned.append(PlannedStep(model, step.name, step.title, 0.0 if done else step.estimate, done))
    total = sum(one.seconds for one in planned)
    prompts = f"{len(sets.prompts)} prompts" if sets.prompts else "no prompts"
    say(
        f"plan: {sets.declared} items ({len(sets.items)} with both segment orders), {prompts}, {len(methods)} methods, "
        f"{len(settings.models)} model{'s'[: len(settings.models) > 1]}, preset {settings.preset or 'none'}"
    )
    for one in planned:
        state = "there already" if one.done else f"about {duration(one.seconds)}" if one.seconds >= 1 else "moments"
        say(f"  {one.model}: {one.title}: {state}")
    say(f"estimate: {duration(total)} in all at most (timed on the longest text; searches with the most they may take)")
    if unknown:
        say(f"  not estimated: {', '.join(unknown)}")
    return Programme(planned, tuple(unknown))


def _go(step: Step, model: str, ledger: Ledger, programme: Programme, say: Say, stage: Stage) -> None:
    """One step, unless it was finished from exactly the same before; a failure is kept, and the next step goes on."""
    digest = step.digest()
    done = ledger.done(step.name, model, digest)
    if done and not step.always:
        return
    estimated = next((one.seconds for one in programme.planned if (one.name, one.model) == (step.name, model)), None)
    if not done:
        ledger.add(StepRecord(step=step.name, model=model, digest=digest, status="begun", estimated=estimated))
    began = time.perf_counter()
    try:
        with stage(f"{model}: {step.title}") as progress:
            outcome = step.run(progress)
    except HetaError as error:
        outcome = Outcome(failures=[str(error)])
    seconds = time.perf_counter() - began
    if done and not outcome.failures and not outcome.computed:
        return
    if outcome.results or not outcome.failures:
        write_records(ledger.results_path(step.name, model), outcome.results)
    ledger.add(
        StepRecord(
            step=step.name,
            model=model,
            digest=digest,
            status="failed" if outcome.failures else "done",
            estimated=estimated,
            seconds=round(seconds, 3),
            failures=tuple(outcome.failures),
            note=outcome.note,
            computed=outcome.computed,
        )
    )
    programme.computed += outcome.computed
    programme.failures += [f"{model}, {step.title}: {reason}" for reason in outcome.failures]
    say(f"{model}: {step.title}: {duration(seconds)}{f', {outcome.note}' if outcome.note else ''}")
