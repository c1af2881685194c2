"""Named settings of every method at once: `quick`, to run all of them, and `source`, as the papers' code has them.

A method that a preset does not name keeps its own defaults there. Every record's config says which preset its options
are those of.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from heta.errors import ConfigError, suggest

if TYPE_CHECKING:
    from heta.methods.base import Method

Preset = Literal["quick", "source"]

PRESETS: Mapping[Preset, Mapping[str, Mapping[str, Any]]] = {
    # One-pass curvature; 256 masks that LIME, KernelSHAP and ContextCite share; ReAGent at most 4 x 75 steps. The
    # defaults of all that is not named are quick.
    "quick": {
        "heta": {"curvature": "one_pass"},
        "heta_balanced": {"curvature": "one_pass"},
        "heta_s": {"curvature": "one_pass"},
        "heta_no_gate": {"curvature": "one_pass"},
    },
    "source": {
        "heta": {"curvature": "low_rank", "rank": 64, "window": 512, "overlap": 0.5, "windows": "isolated"},
        "lime": {"samples": 5000, "design": "sizes"},
        "kernel_shap": {"samples": None, "design": "shapley"},
        "contextcite": {"unit": "sentence", "samples": 64, "paired": False},
        "reagent": {"runs": 8, "steps": 3000},
        "greedy_rationale": {"most": None},
    },
}


def preset_options(preset: str, method: str) -> dict[str, Any]:
    """The options of `method` under `preset`, apart from its defaults.

    Raises:
        ConfigError: no preset has that name.
    """
    for name in get_args(Preset):
        if name == preset:
            return dict(PRESETS[name].get(method, {}))
    raise ConfigError(f"preset is {preset!r}{suggest(preset, PRESETS)}; allowed are {', '.join(PRESETS)}")


def preset_of(method: "Method") -> str:
    """The presets whose options for this method are the ones it has: `quick`, `source`, `quick, source`, or `own`."""
    given = method.options.acting()
    same = [name for name in PRESETS if method.options_class(**preset_options(name, method.name)).acting() == given]
    return ", ".join(same) or "own"
