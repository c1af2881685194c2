"""Estimates against tensors that are really alive, and batches that shrink where memory ran out."""

import logging
import math
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from helpers import oracles
from helpers.tiny_models import EAGER, FAMILIES, PROMPT, TARGET, tiny_model
from heta import Budget, LoadedModel, create_method, prepare
from heta.budget import parse_memory
from heta.errors import ConfigError, HetaError, OutOfMemory
from heta.memory import RowCost, _batches, budget_tokens, is_out_of_memory, row_cost, run_rows
from heta.passes import BasePass, base_pass, suffix_logits
from heta.perturbation import Perturbation, chosen_log_probs, perturbed_log_probs

Tensor = torch.Tensor

# A cached token or the logits cost nothing, so that a row from `start` on takes `length - start` tokens.
PLAIN = RowCost(token=1, cached=0, logits=0)


class Alive(TorchDispatchMode):
    """Counts the bytes of all tensors made inside that are alive at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.peak, self._now = 0, 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and (storage := leaf.untyped_storage())._cdata not in self._known:
                self._known.add(storage._cdata)
                self._now += storage.nbytes()
                self.peak = max(self.peak, self._now)
                weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())
        return result

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._now -= size


def peak(model: LoadedModel, base: BasePass, start: int, rows: int, backward: bool) -> int:
    suffix = base.embeddings[:, start:].repeat(rows, 1, 1)
    with Alive() as alive, torch.set_grad_enabled(backward):
        log_prob = chosen_log_probs(
            base, suffix_logits(model, base, start, suffix.requires_grad_(backward)).log_softmax(-1)
        )
        if backward:
            torch.autograd.grad(log_prob.sum(), suffix)
    return alive.peak


def base_of(family: str = "llama", dtype: str = "float64") -> BasePass:
    return prepare(tiny_model(family, dtype=dtype), PROMPT, TARGET).base


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_estimate_of_a_row_is_near_what_is_alive(family: str, backward: bool) -> None:
    model, base = tiny_model(family, dtype="float32"), base_of(family, "float32")
    cost = row_cost(model, base, backward=backward)
    for start in (1, 10, base.read[0]):
        # What a further row adds; the batch's masks and position ids are no row's.
        real = (peak(model, base, start, 60, backward) - peak(model, base, start, 20, backward)) / 40
        # Outside the attention interface every row has a mask of its own, and experts hold copies of what they read.
        least = 0.4 if family in (*EAGER, "gpt_oss") else 0.95
        assert least <= cost.bytes(start, base.length) / real <= 2.6, (start, real)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_a_row_grows_no_faster_than_its_length(family: str, backward: bool) -> None:
    # A mask of its own would add 300 * 300 * 4 bytes to a row, more than all the rest of it.
    model = tiny_model(family, dtype="float32")
    base = base_pass(model, [2 + 7 * index % 350 for index in range(300)], [299], [5])
    cost = row_cost(model, base, backward=backward)
    for start in (1, 150, 298):
        real = (peak(model, base, start, 8, backward) - peak(model, base, start, 4, backward)) / 4
        assert 0.95 <= cost.bytes(start, 300) / real <= 2.6, (start, real)


def test_the_mask_is_shared_only_while_a_pass_runs() -> None:
    # GPT-2: norms of the Llama type round to float32 inside.
    model = tiny_model("gpt2")
    seen: list[str] = []

    def entered(*_: object) -> None:
        seen.append(model.module.config._attn_implementation)
        raise RuntimeError("no")

    handle = model.module.register_forward_pre_hook(entered)
    base = base_of("gpt2")
    try:
        with pytest.raises(RuntimeError, match="no"):
            suffix_logits(model, base, 3, base.embeddings[:, 3:])
    finally:
        handle.remove()
    assert seen == ["heta_shared_mask"]
    assert model.module.config._attn_implementation == "sdpa"
    with oracles.eager(model):
        plain = suffix_logits(model, base, 3, base.embeddings[:, 3:])
        assert model.module.config._attn_implementation == "eager"
    torch.testing.assert_close(plain.log_softmax(-1)[0], base.log_probs, atol=1e-9, rtol=0)


def test_a_row_in_tokens() -> None:
    cost = RowCost(token=100, cached=10, logits=250)
    # (12 - 4) * 100 + 4 * 10 + 250 = 1090 bytes: 10.9 tokens.
    assert cost.bytes(4, 12) == 1090
    assert cost.tokens(4, 12) == 11


def test_a_prefix_is_kept_once_for_all_rows() -> None:
    # 100 rows of the last position behind a prefix of 59, two layers. Copies of keys and values for every row of both
    # layers, and as much again once they are joined with the row's own, would be four times what one layer needs.
    model = tiny_model("gpt2", dtype="float32")
    base = base_pass(model, [2 + 7 * index % 350 for index in range(60)], [59], [5])
    keys = base.keys_values[0][0]
    one_layer = 100 * 2 * 59 * keys.shape[1] * keys.shape[3] * keys.element_size()
    assert one_layer < peak(model, base, 59, 100, False) < 1.5 * one_layer


class Recorder:
    """A `run` that gives each row's number, and fails where a batch is larger than `limit`."""

    def __init__(self, limit: int = 10**9, error: RuntimeError | None = None) -> None:
        self.limit, self.error = limit, error or torch.OutOfMemoryError("CUDA out of memory")
        self.batches: list[tuple[list[int], int]] = []
        self.tried: list[int] = []

    def __call__(self, rows: list[int], start: int) -> Tensor:
        self.tried.append(len(rows))
        if len(rows) > self.limit:
            raise self.error
        self.batches.append((rows, start))
        return torch.tensor([[row, 10 * row] for row in rows])


def test_rows_run_once_and_come_back_in_order() -> None:
    base = base_of()
    length = base.length
    starts, removed = [7, 3, 3, 5, 0, 6, 3], [0, 0, 2, 0, 0, 2, 0]
    recorder = Recorder()
    got = run_rows(base, PLAIN, starts, 2 * length, recorder, removed=removed)
    assert got.tolist() == [[row, 10 * row] for row in range(7)]
    # By how many positions they lack, then by start; batches from the first row's start. Length 22, two rows at most
    # fit into 44 tokens, and a pass costs 44 / 4 more. Of those that lack none, starting at 0, 3, 3, 5 and 7, least is
    # 22 + 2 * 19 + 2 * 17 = 94 tokens; two at a time from the front would take 2 * 22 + 2 * 19 + 15 = 97.
    assert length == 22
    assert recorder.batches == [([4], 0), ([1, 6], 3), ([3, 0], 5), ([2, 5], 3)]


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 21), min_size=1, max_size=7), st.integers(1, 80))
def test_batches_compute_least(starts: list[int], budget: int) -> None:
    begins = sorted(starts)

    def tokens(sizes: Sequence[int]) -> float:
        """Of a plan, passes at their own price included; infinite where a batch of several rows passes the budget."""
        total, done = 0.0, 0
        for size in sizes:
            batch = size * (22 - begins[done])
            total += math.inf if size > 1 and batch > budget else batch + budget / 4
            done += size
        return total

    def plans(left: int) -> Iterator[list[int]]:
        if left == 0:
            yield []
        for size in range(1, left + 1):
            yield from ([size, *rest] for rest in plans(left - size))

    chosen = _batches(begins, [22] * len(begins), PLAIN, budget)
    assert sum(chosen) == len(begins)
    assert tokens(chosen) == pytest.approx(min(tokens(plan) for plan in plans(len(begins))))


def test_a_row_starts_no_later_than_what_is_read() -> None:
    base = base_of()
    last = base.read[0]
    recorder = Recorder()
    run_rows(base, PLAIN, [last + 2, last, last - 1], 10**6, recorder, removed=[0, 1, 2])
    # With one position gone, the first that is read stands one earlier.
    assert [start for _, start in recorder.batches] == [last, last - 1, last - 2]


@pytest.mark.parametrize("budget", [1, 30, 100, 1000])
def test_no_batch_passes_the_budget_but_a_single_row(budget: int) -> None:
    base = base_of()
    cost = row_cost(tiny_model(), base)
    recorder = Recorder()
    run_rows(base, cost, list(range(base.read[0])), budget, recorder)
    for rows, start in recorder.batches:
        assert len(rows) == 1 or len(rows) * cost.bytes(start, base.length) <= budget * cost.token
    assert sorted(row for rows, _ in recorder.batches for row in rows) == list(range(base.read[0]))


def test_batches_shrink_until_they_fit(caplog: pytest.LogCaptureFixture) -> None:
    base = base_of()
    recorder = Recorder(limit=3)
    with caplog.at_level(logging.WARNING, "heta"):
        got = run_rows(base, PLAIN, [2] * 20, 10**6, recorder)
    assert got.tolist() == [[row, 10 * row] for row in range(20)]
    # 20 rows fail, 10 fail, 5 fail, 2 fit and so do all that follow.
    assert recorder.tried == [20, 10, 5, *[2] * 10]
    # 20 tokens a row: 20 rows at first, at last 2.
    assert base.length - 2 == 20
    (record,) = caplog.records
    assert record.getMessage() == "out of memory with 400 tokens in one pass; going on with 50"


def test_no_warning_where_nothing_failed(caplog: pytest.LogCaptureFixture) -> None:
    run_rows(base_of(), PLAIN, [2] * 20, 100, Recorder())
    assert caplog.records == []


def test_a_failed_batch_is_freed_before_the_next() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def run(rows: list[int], start: int) -> Tensor:
        assert not any(reference() is not None for reference in alive), "the failed batch is still there"
        held = torch.zeros(len(rows))
        if len(rows) > 1:
            alive.append(weakref.ref(held))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return held

    assert run_rows(base_of(), PLAIN, [2] * 4, 10**6, run).tolist() == [0, 0, 0, 0]
    assert len(alive) == 2


def test_a_single_row_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(OutOfMemory, match="one row that takes as much as 20 tokens; shorten the prompt") as caught:
        run_rows(base_of(), PLAIN, [2, 2], 10**6, Recorder(limit=0))
    assert isinstance(caught.value, HetaError)
    assert isinstance(caught.value, MemoryError)
    assert "\n" not in str(caught.value)


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    recorder = Recorder(limit=0, error=RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        run_rows(base_of(), PLAIN, [2, 2], 10**6, recorder)
    assert recorder.tried == [2]


def test_want_of_memory_on_a_cpu_is_known_by_its_words() -> None:
    # 2^50 doubles are 8 PB, more than any address space of 2^48 bytes holds.
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.float64)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("anything"))
    assert is_out_of_memory(RuntimeError("[enforce fail at alloc_cpu.cpp] not enough memory: you tried to allocate"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


def test_the_engine_survives_a_model_that_runs_out(caplog: pytest.LogCaptureFixture) -> None:
    model, base = tiny_model(), base_of()
    rows = [Perturbation((position,), None) for position in range(1, base.read[0])]
    rows += [Perturbation((position,), torch.zeros(base.embeddings.shape[-1])) for position in range(1, base.read[0])]
    want = perturbed_log_probs(model, base, rows, budget=100_000)

    def full(_module: object, _args: object, kwargs: dict[str, Any]) -> None:
        if len(kwargs["inputs_embeds"]) > 3:
            torch.empty(2**50, dtype=torch.float64)

    handle = model.module.register_forward_pre_hook(full, with_kwargs=True)
    try:
        got = perturbed_log_probs(model, base, rows, budget=100_000)
    finally:
        handle.remove()
    torch.testing.assert_close(got, want, atol=1e-9, rtol=0)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING


def test_a_mask_comes_off_the_memory() -> None:
    cost = RowCost(token=100, cached=10, logits=250, pair=5)
    # 8 computed tokens that may look at 12: 480 bytes for the batch's mask, so 1570 for a single row.
    assert cost.mask(4, 12) == 480
    assert budget_tokens(cost, 5480, 4, 12) == 50
    with pytest.raises(OutOfMemory, match="needs about 1570"):
        budget_tokens(cost, 1569, 4, 12)


def test_rows_of_gradients_run_through_the_same_scheduler(caplog: pytest.LogCaptureFixture) -> None:
    model, base = tiny_model(), base_of()
    positions = list(range(1, base.read[0] + 1))
    sizes: list[int] = []

    def run(rows: list[int], start: int) -> Tensor:
        """Gradient of log p(target) in each row's own embedding, 1 % larger than it was."""
        sizes.append(len(rows))
        where = torch.tensor([positions[row] for row in rows])
        block = (1.01 * base.embeddings[0, where]).requires_grad_(True)
        place = (torch.arange(len(rows)), where - start)
        suffix = base.embeddings[:, start:].repeat(len(rows), 1, 1).index_put(place, block)
        log_prob = chosen_log_probs(base, suffix_logits(model, base, start, suffix).log_softmax(-1)).sum(-1)
        if suffix[:, :, 0].numel() > 100:
            # With the whole graph in memory, which the next attempt must not find there.
            torch.empty(2**50)
        (result,) = torch.autograd.grad(log_prob.sum(), block)
        return result

    cost = row_cost(model, base, backward=True)
    alone = run_rows(base, cost, positions, 1, run)
    assert sizes == [1] * len(positions)
    together = run_rows(base, cost, positions, 10**6, run)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-7)
    assert together.shape == (len(positions), base.embeddings.shape[-1])
    assert len(caplog.records) == 1


def test_memory_in_tokens_and_what_is_needed() -> None:
    cost = RowCost(token=100, cached=10, logits=250)
    assert budget_tokens(cost, 5000, 4, 12) == 50
    # A row takes 1090 bytes, 10.9 tokens: it fits into 10 because a single row always runs.
    assert budget_tokens(cost, 1090, 4, 12) == 10
    message = "the budget is 1089 bytes of memory, one row of 8 tokens behind 4 cached ones needs about 1090"
    with pytest.raises(OutOfMemory, match=message):
        budget_tokens(cost, 1089, 4, 12)


def test_prepare_takes_a_memory_budget() -> None:
    model = tiny_model()
    free = prepare(model, PROMPT, TARGET)
    cost = row_cost(model, free.base)
    first, length = free.positions[0], free.base.length
    need = cost.bytes(first, length) + cost.mask(first, length)
    # Two rows more; a budget counts whole tokens.
    tight = prepare(model, PROMPT, TARGET, budget=Budget(memory=need + 2 * cost.bytes(first, length) + cost.token))
    assert tight.base.length == length
    sizes: list[int] = []
    handle = model.module.register_forward_pre_hook(
        lambda _module, _args, kwargs: sizes.append(len(kwargs["inputs_embeds"])), with_kwargs=True
    )
    try:
        want = free.information()
        unbound = max(sizes)
        sizes.clear()
        np.testing.assert_allclose(tight.information(), want, rtol=1e-9, atol=1e-12)
    finally:
        handle.remove()
    # Three of the longest rows fit into what three of them take.
    assert sizes[0] == 3
    assert max(sizes) < unbound
    # A gradient keeps every layer's tensors: more than the budget allows.
    with pytest.raises(OutOfMemory, match=f"the budget is {need} bytes of memory, one row"):
        prepare(model, PROMPT, TARGET, budget=Budget(memory=need)).attribute(create_method("heta", probes=1))
    with pytest.raises(ConfigError, match="a budget of 0 bytes of memory"):
        prepare(model, PROMPT, TARGET, budget=Budget(memory=0))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000000", 1_000_000),
        ("512B", 512),
        ("2GB", 2_000_000_000),
        (" 1.5 gb ", 1_500_000_000),
        ("512mib", 512 * 1024**2),
        ("0.1KB", 100),
        ("3TiB", 3 * 1024**4),
        ("0", 0),
        ("0.9", 0),
    ],
)
def test_a_size_of_memory_is_read(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    "text", ["", "GB", "2XB", "2G", "-1GB", "1e9", "2iB", "nan", "1,5GB", "2GB 3MB", "２GB", "9" * 5000, "2 GB\n1"]
)
def test_what_is_no_size_of_memory(text: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read; give bytes, or a number with KB, .*, e\.g\. 2GB") as caught:
        parse_memory(text)
    assert "\n" not in str(caught.value)
