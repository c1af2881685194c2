"""Figures of other commands are shown only where they are of the items and labels that are there now."""

from pydantic import ValidationError

from heta.errors import InputError
from heta_data.errors import IntegrityError
from heta_data.inputs import inputs_fingerprint
from heta_data.records import MetricResult
from heta_evaluation.faithfulness.results import FAITHFULNESS
from heta_evaluation.faithfulness.settings import FaithfulnessSettings
from heta_evaluation.faithfulness.subjects import items_digest, labels_digest
from heta_evaluation.labels import select_labels
from heta_evaluation.report.files import Extras
from heta_evaluation.results import EVALUATION
from heta_evaluation.runner import Inputs


def check_extras(extras: Extras, inputs: Inputs) -> None:
    """Refuse figures that belong to other items or labels, where they say what they belong to.

    Raises:
        IntegrityError: agreement.jsonl or faithfulness.jsonl was computed from others.
    """
    for one in extras.agreement:
        if one.metric == EVALUATION and "inputs" in one.config:
            current = one.config["inputs"] == inputs_fingerprint(inputs.items, inputs.labels, ())
            _refuse_unless(current, "agreement")
    for one in extras.faithfulness:
        if one.metric == FAITHFULNESS and "inputs" in one.config:
            _refuse_unless(_is_of(one, inputs), "faithfulness")


def _is_of(first: MetricResult, inputs: Inputs) -> bool:
    """Whether a summary is of the first items that are there, and its row of labels of the labels."""
    if first.config["inputs"] != items_digest(inputs.items[: first.n]):
        return False
    if first.config.get("labels") is None:
        return True
    try:
        which = FaithfulnessSettings.model_validate(first.config["settings"]).which_labels
        labels = select_labels(inputs.items, inputs.labels, which)
    except (KeyError, ValidationError, InputError):
        return False  # settings of another version, or none of those labels is left
    return bool(first.config["labels"] == labels_digest(labels))


def _refuse_unless(current: bool, name: str) -> None:
    if not current:
        raise IntegrityError(
            f"{name}.jsonl was computed from other items or labels than are there now: "
            f"run heta evaluate {name} again, or delete it"
        )
