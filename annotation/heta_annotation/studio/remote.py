"""A server that is not ours: where its raters' log-ins are kept, and its address, so that no other is taken for it."""

import json
from pathlib import Path

from heta.errors import ConfigError
from heta_annotation.errors import LabelStudioError
from heta_annotation.studio.connection import EXTERNAL, URL_VARIABLE, Connection
from heta_annotation.studio.server import ServerFolder, write_secret
from heta_data.workspace import Workspace


def remote_folder(workspace: Workspace) -> ServerFolder:
    """Where the log-ins of raters on a server that is not ours are kept."""
    return ServerFolder(workspace.studio / EXTERNAL)


def _address_file(folder: ServerFolder) -> Path:
    return folder.root / "address.json"


def remember_address(workspace: Workspace, connection: Connection) -> ServerFolder:
    """Make the folder, and write the server's address down with the first accounts.

    Raises:
        ConfigError: another server's address is written down.
    """
    refuse_another(workspace, connection)
    folder = remote_folder(workspace)
    folder.make()
    if not _address_file(folder).exists():
        write_secret(_address_file(folder), {"url": connection.url})
    return folder


def refuse_another(workspace: Workspace, connection: Connection) -> None:
    """Refuse a server that is not the one on which this folder's raters have their accounts.

    Raises:
        ConfigError: it is another one. LabelStudioError: the file that says so cannot be read.
    """
    file = _address_file(remote_folder(workspace))
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))["url"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LabelStudioError(f"{file}: cannot be read ({error}); restore it, or move it away") from None
    if kept != connection.url:
        raise ConfigError(
            f"{URL_VARIABLE}: got {connection.url!r}, and this folder's raters have their accounts on {kept!r}; set it "
            f"back or, where that very server has moved, change the address in {file}"
        )
