"""The hash over what an evaluation reads: tells whether its results are still those of the folder."""

from collections.abc import Iterable

from heta_data.records import AttributionRecord, Item, Record, TokenLabels, content_hash


def inputs_fingerprint(
    items: Iterable[Item], labels: Iterable[TokenLabels], attributions: Iterable[AttributionRecord]
) -> str:
    """Content hash over everything an evaluation reads, without measured times: 16 hexadecimal digits.

    Items count in the order of their file; the order of labels and of attributions does not count.
    """
    return inputs_hash(_prints(items), _prints(labels), _prints(attributions))


def inputs_hash(items: Iterable[str], labels: Iterable[str], attributions: Iterable[str]) -> str:
    """The same from the records' own fingerprints, items in the order of their file."""
    return content_hash([list(items), sorted(labels), sorted(attributions)])


def _prints(records: Iterable[Record]) -> list[str]:
    return [record.fingerprint() for record in records]
