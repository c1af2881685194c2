"""The Hugging Face hub: whether it answers, told in seconds, and its cache where it does not."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

from heta.errors import ConfigError

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds for one answer of the hub; `HF_HUB_ETAG_TIMEOUT` sets others."""


def hub_arguments(name: str, revision: str | None) -> dict[str, Any]:
    """How `from_pretrained` shall get the model `name`: from the hub, or from its cache where the hub does not answer.

    The hub's own client asks six times for every file, with 23 s of waiting in between. So it is asked once before.

    Raises:
        ConfigError: no name of a model on the hub; or the hub does not answer and its cache lacks the model.
    """
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)
    except HFValidationError as error:
        raise ConfigError(f"model {name!r} is neither a folder nor a hub id: {error}") from None
    reason = _silence(constants.ENDPOINT)
    if reason is None:
        return {"revision": revision}
    if not cached:
        at = f" at {revision}" if revision else ""
        raise ConfigError(
            f"cannot load model {name!r}: {constants.ENDPOINT} {reason}, and {constants.HF_HUB_CACHE} does not hold "
            f"the model{at}; connect, give a folder with a saved model, or `heta model get smollm2`"
        )
    logger.info("%s %s: %s is taken from %s", constants.ENDPOINT, reason, name, constants.HF_HUB_CACHE)
    return {"revision": revision, "local_files_only": True}


def hub_commit(name: str, revision: str | None) -> str | None:
    """The commit that `revision` of a model stands for in the hub's cache, or None where that lacks the model."""
    from huggingface_hub import try_to_load_from_cache

    # hub/models--<name>/snapshots/<commit>/config.json
    path = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(path).parent.name if isinstance(path, str) else None


def _silence(address: str) -> str | None:
    """Why nothing answers at `address`, or None where something does, an error included."""
    from huggingface_hub import get_session, is_offline_mode

    if is_offline_mode():
        return "is not asked (HF_HUB_OFFLINE is set)"
    patience = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or PATIENCE)
    said = [f"does not answer within {patience:g} s"]

    def ask() -> None:
        try:
            get_session().head(address, timeout=patience, follow_redirects=False)
        except Exception as error:  # which ones is a matter of the client's version; all are told
            said.append(f"cannot be reached ({' '.join(str(error).split()) or type(error).__name__})")
        else:
            said.append("")

    # In a thread, because looking up a name takes as long as it takes.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    return said[-1] or None
