"""Checks of the user's own model: the engine's short cuts against plain computations, for a few tokens.

The plain computations use no cache, no batches and no finite differences.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from heta.attention import capture_error
from heta.curvature.options import CurvatureOptions
from heta.curvature.probes import rademacher
from heta.doctor import Finding, ModelCheck, Patient, finding
from heta.methods.base import create_method
from heta.model import LoadedModel
from heta.passes import BasePass, suffix_logits, suffix_start

Tensor = torch.Tensor

_NATS = 1e-3
"""Rounding of float32 over a model's depth stays well below; a wrong mask or position is far above."""
_FAMILY = "this model's family is not computed right here: use another model, and report this with its name"
_ODD_TEXTS = (
    "The stairs, isn't it? 3.14",
    "  two  blanks\tand\n\nlines ",
    "cafe\u0301 na\u00efve \u00e9",
    "\u6771\u4eac \u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0e44\u0e17\u0e22",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7",
    "<s> </s> <|im_start|> [INST] <unk>",
)


def _tokenizer(patient: Patient) -> Iterator[Finding]:
    """Offsets must tile a text in order, and no special token may come out of literal text."""
    model = patient.model
    special = {index for index, token in model.tokenizer.added_tokens_decoder.items() if token.special}
    texts = [*_ODD_TEXTS, " ".join(model.tokenizer.all_special_tokens) or "none"]
    broken, read = [], []
    for text in texts:
        coded = model.encoder.encode(text, add_special_tokens=False)
        if not _tiles(coded.offsets, len(text)):
            broken.append(text)
        if special & set(coded.ids):
            read.append(text)
    for name, bad in (("offsets rebuild the text", broken), ("literal text stays literal", read)):
        figure = f"{len(texts) - len(bad)} of {len(texts)} texts" + (f"; not {bad[0]!r}" if bad else "")
        remedy = "scores may stand at wrong places: use a model with a byte-level or plain BPE tokenizer"
        yield finding(name, not bad, figure, "all", remedy=remedy)


def _tiles(offsets: list[tuple[int, int]], length: int) -> bool:
    covered = 0
    for start, end in offsets:
        # Pieces of one character share its place, so they may overlap, but never leave a gap.
        if start > covered or end < covered:
            return False
        covered = end
    return covered == length


def _cached(patient: Patient) -> Finding:
    """Passes over the prefix cache against one full pass without any cache."""
    model, base = patient.model, patient.prepared.base
    full = _plain(model, base, base.embeddings)
    worst = 0.0
    for position in patient.some_positions:
        start = suffix_start(base, position)
        with model.lock, torch.no_grad():
            logits = suffix_logits(model, base, start, base.embeddings[:, start:])
        worst = max(worst, _distance(logits[0].double().log_softmax(-1), full))
    return finding("cached = uncached", worst <= _NATS, f"{worst:.1e} nats apart", f"<= {_NATS:g}", remedy=_FAMILY)


def _batched(patient: Patient) -> Finding:
    """Masked rows run together against each alone."""
    model, base, where = patient.model, patient.prepared.base, patient.some_positions
    start = suffix_start(base, where[0])
    rows = base.embeddings[:, start:].repeat(len(where), 1, 1)
    for row, position in enumerate(where):
        rows[row, position - start] = 0
    with model.lock, torch.no_grad():
        together = suffix_logits(model, base, start, rows).double().log_softmax(-1)
        alone = [suffix_logits(model, base, start, row[None])[0].double().log_softmax(-1) for row in rows]
    worst = max(_distance(one, other) for one, other in zip(together, alone, strict=True))
    return finding("batched = single", worst <= _NATS, f"{worst:.1e} nats apart", f"<= {_NATS:g}", remedy=_FAMILY)


def _captured(patient: Patient) -> Finding:
    """The pass that records attention against the model's own log-probabilities."""
    worst = capture_error(patient.model, patient.prepared.base)
    remedy = f"methods with a transition are wrong (kl and gradient_x_input work): {_FAMILY}"
    return finding("transition captured", worst <= _NATS, f"{worst:.1e} nats apart", f"<= {_NATS:g}", remedy=remedy)


def _information(patient: Patient) -> Finding:
    """I of a few tokens against one full pass each."""
    model, base = patient.model, patient.prepared.base
    before = _plain(model, base, base.embeddings)
    plain = []
    for position in patient.some_positions:
        masked = base.embeddings.clone()
        masked[0, position] = 0
        after = _plain(model, base, masked)
        plain.append(float((before.exp() * (before - after)).sum()))
    fast = patient.prepared.information()[patient.some_positions]
    worst = float(np.abs(fast - plain).max() / max(plain))
    return finding(
        "information = plain passes", worst <= 1e-2, f"{worst:.1e} of the largest", "<= 0.01", remedy=_FAMILY
    )


def _curvature(patient: Patient) -> Finding:
    """S of a few tokens by finite differences against second derivatives by double backward, with the same probe."""
    prepared = patient.prepared
    exact = [_double_backward(patient.model, prepared.base, position) for position in patient.some_positions]
    values, _ = prepared.curvature(CurvatureOptions(probes=1))
    quick = values[patient.some_positions]
    worst = float(np.abs(quick - exact).max() / max(exact))
    return finding(
        "curvature = double backward", worst <= 0.05, f"{worst:.1e} of the largest", "<= 0.05", remedy=_FAMILY
    )


def _deterministic(patient: Patient) -> Finding:
    """The same prompt twice, each from the beginning, under one seed."""
    method = create_method("heta_fast", probes=1, seed=7)
    first, second = (patient.prepare().attribute(method).scores for _ in range(2))
    worst = float(np.abs(first - second).max() / first.max())
    remedy = "fix the number of threads (OMP_NUM_THREADS=1), or set torch.use_deterministic_algorithms(True)"
    return finding("same seed, same scores", worst <= 1e-5, f"{worst:.1e} of the largest", "<= 1e-05", remedy=remedy)


def _plain(model: LoadedModel, base: BasePass, embeddings: Tensor) -> Tensor:
    """Log-probabilities `[step, vocab]` of one full pass without a cache, float64."""
    with model.lock, torch.no_grad():
        logits: Tensor = model.module(inputs_embeds=embeddings.clone(), use_cache=False).logits[0, list(base.read)]
    return logits.double().log_softmax(-1)


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def _double_backward(model: LoadedModel, base: BasePass, position: int) -> float:
    """|| H_ii r ||_1 with the first probe that the engine draws here; fused attention has no second derivative."""
    block = base.embeddings[0, position].clone().requires_grad_(True)
    rows = base.embeddings[0].clone()
    whole = rows.index_put((torch.tensor([position]),), block[None])[None]
    with model.lock, sdpa_kernel(SDPBackend.MATH):
        logits = model.module(inputs_embeds=whole, use_cache=False).logits[0, list(base.read)]
        log_prob = logits.log_softmax(-1).gather(-1, base.target_ids[:, None]).sum()
        (slope,) = torch.autograd.grad(log_prob, block, create_graph=True)
        probe = rademacher(0, position, 1, len(block))[0].to(block)
        (product,) = torch.autograd.grad(slope @ probe, block)
    return float(product.double().abs().sum())


tokenizer = ModelCheck(_tokenizer)
cached = ModelCheck(_cached)
batched = ModelCheck(_batched)
captured = ModelCheck(_captured)
information = ModelCheck(_information)
curvature = ModelCheck(_curvature)
deterministic = ModelCheck(_deterministic)
