"""Which items a submission's model answers: the release's word where it knows the model, else the submitter's.

What a model answers decides which methods are ranked, those of others on the same model too. So nobody may say of a
release's own model what the release does not say, and two submissions must agree on a model that they share.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from heta.errors import InputError
from heta_data.records import WHOLE_ANSWER, AttributionRecord, TargetPart
from heta_data.submission.loading import Submission, told_target

Identity = tuple[str, str, str]
"""Model, revision and tokenizer."""
Answers = Mapping[Identity, Mapping[str, TargetPart]]
"""Model -> item id -> what it answers."""


def released_answers(attributions: Iterable[AttributionRecord], items: Collection[str]) -> Answers:
    """What a release says of models that it has asked for every one of these items."""
    found: dict[Identity, dict[str, TargetPart]] = {}
    for record in attributions:
        if record.target is not None and record.target.policy in WHOLE_ANSWER and record.item_id in items:
            found.setdefault(_model(record), {})[record.item_id] = record.target
    return {model: told for model, told in found.items() if len(told) == len(items)}


def settled_records(
    submissions: Sequence[Submission], items: Collection[str], answers: Answers
) -> list[AttributionRecord]:
    """Records of all submissions for some items, each with the answers that count.

    Args:
        submissions: all different.
        items: ids of those that count.
        answers: what the release says.

    Raises:
        InputError: two submissions tell different answers of one model.
    """
    told: dict[tuple[Identity, str], tuple[bool, Submission]] = {}
    records = []
    for submission in submissions:
        for record in submission.records:
            if record.item_id not in items:
                continue
            model = _model(record)
            if model in answers:
                said = answers[model][record.item_id]
                target = told_target(said.text, said.greedy).model_copy(update={"answered": said.answered})
                record = record.model_copy(update={"target": target})
            elif record.target is not None:
                answered, other = told.setdefault((model, record.item_id), (record.target.answered, submission))
                if answered != record.target.answered:
                    raise InputError(
                        f"{other.path} and {submission.path} disagree whether {record.model} answers item "
                        f"{record.item_id}: one of them must leave greedy out, or name another revision"
                    )
            records.append(record)
    return records


def overruled(submission: Submission, answers: Answers) -> int:
    """Items of which a submission tells another answer of the release's own model than the release."""
    return sum(
        record.target is not None and record.target.answered != said.answered
        for record in submission.records
        if (said := answers.get(_model(record), {}).get(record.item_id)) is not None
    )


def _model(record: AttributionRecord) -> Identity:
    return record.model, record.model_revision, record.tokenizer
