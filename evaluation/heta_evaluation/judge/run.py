"""Asking: every planned call ends in one status, and nothing is asked again whose answer is known."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heta.errors import InputError
from heta_data.attribution_files import read_attributions
from heta_data.jsonl import read_records, write_records
from heta_data.judgments import JudgeTask, Judgment, Status
from heta_data.records import AttributionRecord, Item
from heta_data.workspace import Workspace
from heta_evaluation.judge.calls import Call, CallPlan, Form, plan_calls
from heta_evaluation.judge.ledger import JudgeLedger, Known
from heta_evaluation.judge.limits import Budget, Pace
from heta_evaluation.judge.probe import probe
from heta_evaluation.judge.replies import Completion, NoCompletion, Verdict, judge_completion, read_completion
from heta_evaluation.judge.rubric import Rubric, load_rubric
from heta_evaluation.judge.settings import Endpoint, JudgeSettings
from heta_evaluation.judge.wire import Reply, Wire

Progress = Callable[[int, int], None]
"""Told (calls that have ended, calls)."""
FINAL: frozenset[Status] = frozenset({"ok", "length", "parse_error", "schema_error"})
"""What the model itself made of the question, so that asking again tells nothing new. Refusals, errors and what was not
sent are asked again by the next run."""


@dataclass(frozen=True)
class JudgeRun:
    """A run after it ended."""

    judgments: tuple[Judgment, ...]
    """One a planned call, by task, item, order and repeat."""
    plan: CallPlan
    asked: int
    """Calls that this run sent; the others were known."""
    requests: int
    """Requests over all runs."""
    spent: float
    """Over all runs, as the budget counts it: what cannot be known counts with the most that it can be."""
    unanswered: int
    """Requests of all runs that never got a reply."""
    form: Form
    evidence: tuple[str, ...]


def run_judge(
    workspace: Workspace, settings: JudgeSettings, endpoint: Endpoint, *, progress: Progress | None = None
) -> JudgeRun:
    """Ask everything that is not known yet and write `judgments.jsonl`. Holds the folder; goes on where it stopped.

    Args:
        workspace: the folder.
        settings: what is asked.
        endpoint: who answers.
        progress: called as calls end.

    Raises:
        InputError, ConfigError: no items, no rubric, a method that is not there.
        JudgeError: the endpoint cannot be used, or the ledger is another version's.
    """
    rubrics = load_rubrics(workspace, settings)
    items, attributions = read_material(workspace, settings)
    with workspace.lock(), JudgeLedger(workspace.judge_ledger) as ledger:
        run = _Run(settings, endpoint, ledger)
        plan, asked, evidence, form = asyncio.run(
            run.everything(
                lambda form: plan_calls(settings, endpoint.name, form, rubrics, items, attributions), progress
            )
        )
        judgments = judge_calls(plan.calls, ledger.known(), settings)
        write_records(workspace.judgments, judgments)
        spent, requests, unanswered = ledger.spent()
    return JudgeRun(tuple(judgments), plan, asked, requests, spent, unanswered, form, tuple(evidence))


def load_rubrics(workspace: Workspace, settings: JudgeSettings) -> dict[JudgeTask, Rubric]:
    """The rubric of each pass."""
    return {task: load_rubric(workspace, settings, task) for task in settings.passes}


def read_material(workspace: Workspace, settings: JudgeSettings) -> tuple[list[Item], list[AttributionRecord]]:
    """Items, and attributions where methods are compared.

    Raises:
        InputError: there are no items yet.
    """
    if not workspace.items.exists():
        raise InputError(f"{workspace.items}: no such file; build items first (heta data build)")
    items = list(read_records(workspace.items, Item))
    return items, list(read_attributions(workspace)) if "prefer" in settings.passes else []


@dataclass(frozen=True)
class _Run:
    settings: JudgeSettings
    endpoint: Endpoint
    ledger: JudgeLedger

    async def everything(
        self, make_plan: Callable[[Form], CallPlan], progress: Progress | None
    ) -> tuple[CallPlan, int, list[str], Form]:
        settings = self.settings
        async with Wire(self.endpoint, timeout=settings.timeout, connections=settings.concurrency) as wire:
            form = self.ledger.form(self.endpoint.name, settings.model)
            if form is None or (settings.form is not None and form.rung != settings.form):
                form, evidence = await probe(settings, wire.send)
                self.ledger.note_form(self.endpoint.name, settings.model, form, evidence)
            plan = make_plan(form)
            calls = list(plan.calls)
            self.ledger.add_calls(calls)
            known = self.ledger.known()
            open_ = [call for call in calls if not _settled(call, known.get(call.key))]
            spent, requests, _ = self.ledger.spent()
            asking = _Asking(
                settings,
                self.ledger,
                wire,
                Pace(settings.requests_per_minute, settings.tokens_per_minute),
                Budget(settings.max_cost, settings.max_calls, spent=spent, sent=requests),
            )
            asked = await asking.all(open_, len(calls), progress)
        return plan, asked, self.ledger.evidence(self.endpoint.name, settings.model), form


@dataclass(frozen=True)
class _Asking:
    settings: JudgeSettings
    ledger: JudgeLedger
    wire: Wire
    pace: Pace
    budget: Budget

    async def all(self, calls: Sequence[Call], total: int, progress: Progress | None) -> int:
        """Ask them all, so many at a time; how many were sent."""
        queue = iter(calls)
        ended, sent = total - len(calls), 0

        async def worker() -> None:
            nonlocal ended, sent
            for call in queue:
                was_sent = await self._ask(call)  # before the sum: others count while this one waits
                sent += was_sent
                ended += 1
                if progress is not None:
                    progress(ended, total)

        if progress is not None:
            progress(ended, total)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.settings.concurrency, max(1, len(calls)))):
                group.create_task(worker())
        return sent

    async def _ask(self, call: Call) -> bool:
        """One call, sent again where that may help; whether it was sent at all."""
        sent_tokens, reply_tokens = call.most_tokens
        price = self.settings.price
        bound = price.cost(sent_tokens, reply_tokens) if price else 0.0
        # Another wait for every call, and the same at every run.
        jitter = random.Random(call.key)  # noqa: S311 - no secret
        for attempt in range(self.settings.retries + 1):
            if not await self.budget.reserve(bound):
                return attempt > 0
            await self.pace.wait(sent_tokens + reply_tokens)
            number = self.ledger.begin(call.key, bound)
            reply = await self.wire.send(call.request)
            cost = self._cost(reply, bound)
            self.ledger.end(number, reply, cost)
            await self.budget.settle(bound, cost)
            if not reply.may_pass or attempt == self.settings.retries:
                return True
            backoff = min(60.0, self.settings.retry_wait * 2.0**attempt * (0.5 + jitter.random()))
            wait = max(reply.retry_after or 0.0, backoff)
            if wait > self.settings.patience:
                return True
            if reply.retry_after is not None:
                self.pace.pause(wait)
            else:
                await asyncio.sleep(wait)
        return True

    def _cost(self, reply: Reply, bound: float) -> float:
        """What the budget counts: the price of the usage, and the most it can be where that is not known."""
        price = self.settings.price
        if price is None or not reply.may_have_cost:
            return 0.0
        usage = _usage(reply)
        return bound if usage is None else price.cost(*usage)


def _usage(reply: Reply) -> tuple[int, int] | None:
    if not reply.complete:
        return None
    try:
        found = read_completion(reply.body)
    except NoCompletion:
        return None
    if found.prompt_tokens is None or found.completion_tokens is None:
        return None
    return found.prompt_tokens, found.completion_tokens


def _settled(call: Call, known: Known | None) -> bool:
    return known is not None and known.reply is not None and read_reply(call, known.reply)[0].status in FINAL


def read_reply(call: Call, reply: Reply) -> tuple[Verdict, Completion]:
    """The verdict of a reply that is kept; reading it again needs no call."""
    if not reply.complete:
        status, reason = reply.failed()
        return Verdict(status, reason), Completion()
    try:
        found = read_completion(reply.body)
    except NoCompletion as error:
        return Verdict("api_error", str(error)), Completion()
    return judge_completion(call.task, found, call.n_units), found


def judge_calls(calls: Sequence[Call], known: Mapping[str, Known], settings: JudgeSettings) -> list[Judgment]:
    """One record a call, from what the ledger holds."""
    records = [_judgment(call, known.get(call.key), settings) for call in calls]
    return sorted(records, key=lambda one: (one.task, one.item_id, [m.name for m in one.shown], one.canary, one.repeat))


def _judgment(call: Call, known: Known | None, settings: JudgeSettings) -> Judgment:
    reply = known.reply if known else None
    if known is None:
        verdict, found = Verdict("skipped_budget", "not sent: it could have cost more than is left"), Completion()
    elif reply is None:
        verdict, found = (
            Verdict("api_error", "a run ended while it was in flight; the next one asks again"),
            Completion(),
        )
    else:
        verdict, found = read_reply(call, reply)
    usage = None if found.prompt_tokens is None or found.completion_tokens is None else found
    price = settings.price
    return Judgment(
        key=call.key,
        task=call.task,
        item_id=call.item_id,
        shown=call.shown,
        k=call.k,
        judge=settings.model,
        rubric=call.rubric,
        rubric_hash=call.rubric_hash,
        repeat=call.repeat,
        planted=call.planted,
        status=verdict.status,
        reason=verdict.reason,
        units=verdict.units,
        cannot_tell=verdict.cannot_tell,
        choice=verdict.choice,
        reply=reply.body.decode("utf-8", "replace") if reply is not None and reply.body else None,
        model=found.model,
        prompt_tokens=found.prompt_tokens,
        completion_tokens=found.completion_tokens,
        cost=price.cost(usage.prompt_tokens or 0, usage.completion_tokens or 0) if price and usage else None,
        seconds=reply.seconds if reply else None,
        attempts=known.requests if known else 0,
    )
