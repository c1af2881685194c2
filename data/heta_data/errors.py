"""Errors of records and releases; the tree's root is in `heta.errors`."""

from collections.abc import Sequence

from heta.errors import HetaError


class RecordError(HetaError, ValueError):
    """A line of a record file cannot be read: `path:line:field: what is wrong`."""


class IntegrityError(HetaError):
    """Records contradict each other or their hashes: a duplicate or dangling id, a changed file."""


class FolderBusy(HetaError):
    """Another process writes to this working folder."""


class Misaligned(HetaError):
    """Outside work does not fit the items it is about; carries every place, one line each."""

    def __init__(self, what: str, issues: Sequence[str]) -> None:
        self.issues = tuple(issues)
        super().__init__(
            f"{len(self.issues)} place(s) where the file does not fit; {what}:\n"
            + "\n".join(f"  - {issue}" for issue in self.issues)
        )


class ReleaseBlocked(HetaError):
    """A release cannot be built or fails its check; carries every problem, one breadcrumb line each."""

    def __init__(self, issues: Sequence[str]) -> None:
        self.issues = tuple(issues)
        super().__init__(f"{len(self.issues)} problem(s):\n" + "\n".join(f"  - {issue}" for issue in self.issues))
