"""Windows as prompts of their own, with the target behind each: the paper's way through a long context."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heta.encode import Encoding
from heta.errors import ConfigError
from heta.windows import Windows, mean_over

if TYPE_CHECKING:
    from heta.prepared import Prepared

Array = NDArray[np.float64]


def in_windows(prepared: "Prepared", windows: Windows, compute: "Callable[[Prepared], Array]") -> Array:
    """`compute` on each window, `[..., pos]`: every token's mean over the windows that hold it."""
    parts = prepared.once(("windows", windows), lambda: _cut(prepared, windows))
    # The token in front of a window is no token of the window.
    values = [compute(part)[..., len(part.encoding.prompt_ids) - len(window) :] for window, part in parts]
    mean = mean_over(len(prepared.encoding.prompt_ids), [window for window, _ in parts], values)
    return prepared.spread(mean[..., prepared.positions])


def _cut(prepared: "Prepared", windows: Windows) -> "list[tuple[range, Prepared]]":
    """The windows that hold a scored token."""
    if prepared.chat is not None:
        raise ConfigError(
            "isolated windows would cut through the chat template; leave chat out, or take windows=restricted"
        )
    coded, parts = prepared.encoding, []
    bos = prepared.model is not None and coded.prompt_ids[0] == prepared.model.bos
    for window in windows.over(len(coded.prompt_ids)):
        scored = coded.scored[window.start : window.stop]
        if not scored.any():
            continue
        # The first token of a prompt is the attention sink: BOS, or else the token before the window, unscored.
        first = 0 if bos else window.start - 1
        lead = slice(first, first + 1) if window.start > 0 else slice(0)
        encoding = Encoding(
            prompt_ids=(*coded.prompt_ids[lead], *coded.prompt_ids[window.start : window.stop]),
            spans=(*coded.spans[lead], *coded.spans[window.start : window.stop]),
            scored=np.concatenate([np.zeros(len(coded.spans[lead]), dtype=np.bool_), scored]),
            target_ids=coded.target_ids,
        )
        parts.append((window, prepared.part(encoding)))
    return parts
