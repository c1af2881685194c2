"""One method on one prepared prompt: its scores checked, and everything that is known of them put together."""

import sys
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from heta.errors import ConfigError, NumericalError
from heta.methods.base import Method
from heta.records import Attribution

if TYPE_CHECKING:
    import torch

    from heta.prepared import Prepared

Array = NDArray[np.float64]


def attribute(prepared: "Prepared", method: Method) -> Attribution:
    """See `Prepared.attribute`."""
    if method.needs_model and prepared.model is None:
        raise ConfigError(f"method {method.name!r} needs a model; give one to prepare()")
    if not method.contrastive and prepared.choice.foil is not None:
        raise ConfigError(
            f"method {method.name!r} reads what is the same for the target and the foil {prepared.choice.foil!r}; leave"
            " the foil out, or take a method that follows the prediction, such as kl or gradient_x_input"
        )
    if method.unit == "word":
        prepared.check_words()
    model = prepared.model if method.needs_model else None
    gpu = model.device if model is not None and model.device.type == "cuda" else None
    if gpu is not None:
        import torch

        torch.cuda.reset_peak_memory_stats(gpu)
    with prepared.bill() as bill:
        result = method.score(prepared)
        target = None if model is None else prepared.target
    # Methods of other packages may compute in float32; sums over rows and records are float64.
    components = {name: np.asarray(values, dtype=np.float64) for name, values in result.components.items()}
    scores = np.asarray(result.scores, dtype=np.float64)
    parts = {"score": scores, **components}
    for name, values in parts.items():
        _check(prepared, method, name, values)
    by_token = method.unit == "token"
    return Attribution(
        method=method.name,
        signed=method.signed,
        model=None if model is None else model.identity,
        unit=method.unit,
        prompt=prepared.prompt,
        spans=prepared.unit_spans(method.unit),
        scored=_scored(prepared, method),
        scores=_total(scores),
        target=target,
        token_ids=prepared.encoding.prompt_ids if by_token else None,
        components={name: _total(values) for name, values in components.items()},
        rows={name: values for name, values in parts.items() if values.ndim == 2},
        config=method.config,
        config_hash=method.config_hash,
        seconds=bill.seconds,
        peak_memory=_peak_memory(gpu),
        notes=(*_circumstances(prepared, method, parts), *result.notes),
        chat=None if model is None else prepared.chat,
    )


def _circumstances(prepared: "Prepared", method: Method, parts: dict[str, Array]) -> tuple[str, ...]:
    """What a reader of the scores alone could not see: rows behind sums, a scored first token, the foil's chances."""
    notes = []
    if any(values.ndim == 2 for values in parts.values()):
        steps = len(prepared.explained.target_ids)
        notes.append(
            f"policy each: scores and components are sums over {steps} target token(s), whose rows are in `rows`"
        )
    if method.needs_model and prepared.model is not None and not prepared.model.exclude_first:
        notes.append("no BOS token in front: the prompt's first token is scored, where attention sinks")
    if method.needs_model and (foil := prepared.explained.foil_ids) is not None:
        base = prepared.base
        target, other = (float(base.log_probs[0, int(token)]) for token in (base.target_ids[0], foil[0]))
        notes.append(
            f"log p {target:.3f} of the target's token, {other:.3f} of the foil's: a lead of {target - other:+.3f} nats"
        )
        given = prepared.target_text, prepared.choice.foil or ""
        if given[0][:1].isspace() != given[1][:1].isspace():
            notes.append("of target and foil only one begins with a blank: is that meant?")
    return tuple(notes)


def _scored(prepared: "Prepared", method: Method) -> NDArray[np.bool_]:
    if method.unit == "token":
        return prepared.encoding.scored
    if not method.needs_model:
        return prepared.words_scored
    # A word whose tokens are all unscored, e.g. the first one without a BOS token, has no score either.
    return np.array([bool(positions) for positions in prepared.unit_positions(method.unit)], dtype=np.bool_)


def _total(values: Array) -> Array:
    """`[pos]`: rows of single target tokens are summed."""
    return cast(Array, values.sum(0)) if values.ndim == 2 else values


def _check(prepared: "Prepared", method: Method, name: str, values: Array) -> None:
    bad = np.flatnonzero(~np.isfinite(_total(values)))
    if len(bad):
        spans = prepared.unit_spans(method.unit)
        start, end = spans[int(bad[0])]
        dtype = "no model" if prepared.model is None else str(prepared.model.dtype)
        raise NumericalError(
            f"{method.name}: {name} of {len(bad)} unit(s) is not finite, first at [{start}, {end}) "
            f"{prepared.prompt[start:end]!r} ({dtype}); try float64 or a smaller prompt"
        )


def _peak_memory(gpu: "torch.device | None") -> int | None:
    """Bytes: that accelerator's peak since the method began, or the process's resident peak."""
    if gpu is not None:
        import torch

        return int(torch.cuda.max_memory_allocated(gpu))
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
