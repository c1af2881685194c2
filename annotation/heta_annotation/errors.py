"""Errors of servers and of what is pushed to and pulled from them; the tree's root is in `heta.errors`.

LabelStudioError
  AuthError            the server knows neither the token nor the password
  SignUpRefused        the server makes no account for a rater, or does not open the one there is
  NotFound             no such project, task or annotation on that server
  ServerFailed         it answers with a status of 500 or above
  ServerUnavailable    nothing answers, or it answers as no Label Studio does
    StartFailed        a local server did not come up; the message ends with the last lines of its log
      PortLost         another program took its port while it started
  InstallFailed        Label Studio's own environment cannot be made or used
  ExportError          one annotation cannot be turned into labels
"""

from heta.errors import HetaError


class LabelStudioError(HetaError):
    """Something about Label Studio: a server, its environment, or what it gave back."""


class AuthError(LabelStudioError):
    """The server refuses the token."""


class SignUpRefused(LabelStudioError):
    """The server makes no account for a rater, or does not open the one there is."""


class NotFound(LabelStudioError):
    """The server has no such project, task or annotation."""


class ServerUnavailable(LabelStudioError):
    """No Label Studio answers there."""


class ServerFailed(LabelStudioError):
    """The server stumbled over a call: it answers with a status of 500 or above."""


class StartFailed(ServerUnavailable):
    """A local server did not come up."""


class PortLost(StartFailed):
    """Another program took the port of a local server while that started."""


class InstallFailed(LabelStudioError):
    """The environment that Label Studio runs in cannot be made or used."""


class ExportError(LabelStudioError):
    """An annotation that cannot be turned into labels; says the task, and the region where there is one."""

    def __init__(self, reason: str, *, task: int | str, region: str | None = None) -> None:
        super().__init__(f"task {task}{f', region {region}' if region else ''}: {reason}")
        self.reason = reason
        self.task = task
        self.region = region
