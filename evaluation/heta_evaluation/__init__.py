"""Statistics over records: agreement among raters, alignment of methods with raters, the report."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heta_evaluation.agreement.coincidence import krippendorff_alpha
    from heta_evaluation.metrics import METRICS
    from heta_evaluation.report import build_report
    from heta_evaluation.runner import Evaluation, evaluate, evaluate_records
    from heta_evaluation.settings import EvaluateSettings

__all__ = [
    "METRICS",
    "EvaluateSettings",
    "Evaluation",
    "build_report",
    "evaluate",
    "evaluate_records",
    "krippendorff_alpha",
]

# Imported on first use: the package itself stays free of numpy, scipy and pydantic.
_HOMES = {
    "METRICS": "heta_evaluation.metrics",
    "EvaluateSettings": "heta_evaluation.settings",
    "Evaluation": "heta_evaluation.runner",
    "build_report": "heta_evaluation.report",
    "evaluate": "heta_evaluation.runner",
    "evaluate_records": "heta_evaluation.runner",
    "krippendorff_alpha": "heta_evaluation.agreement.coincidence",
}


def __getattr__(name: str) -> Any:
    """Public names, imported from where they live."""
    if name not in _HOMES:
        raise AttributeError(f"module 'heta_evaluation' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
