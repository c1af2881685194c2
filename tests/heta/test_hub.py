"""Models of the hub: fetched where it answers, from its cache where it does not, and told in seconds."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.model_hub import COMMIT
from helpers.saved_model import save_tiny_model
from heta import hub
from heta.errors import ConfigError

STORY = """
import json, logging, os, sys, time
from helpers.model_hub import model_hub
from pathlib import Path

logging.basicConfig(level=logging.WARNING)
waits = []
time.sleep = waits.append
told = []

def load(name, **options):
    from heta import load_model
    from heta.errors import HetaError
    try:
        told.append(load_model(name, **options).identity.revision)
    except HetaError as error:
        told.append(str(error))

with model_hub("our/tiny", Path(sys.argv[1])) as address:
    os.environ["HF_ENDPOINT"] = address
    load("our/tiny")
    load("no/such")
load("our/tiny")
load("our/tiny", revision="other")
load("no/such")
print(json.dumps({"told": told, "waits": waits, "address": address}))
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One process whose hub answers at first and is gone then. Pauses between requests are noted and left out."""
    folder = tmp_path_factory.mktemp("hub")
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", STORY, str(save_tiny_model(folder / "tiny"))],
        env={**os.environ, "HF_HOME": str(folder / "home"), "PYTHONPATH": str(tests)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {**json.loads(done.stdout), "stderr": done.stderr}


def test_a_model_is_fetched_once_and_comes_from_the_cache_where_the_hub_is_gone(story: dict[str, Any]) -> None:
    fetched, unknown, again, *_ = story["told"]
    assert fetched == again == COMMIT
    assert "no/such is not a local folder and is not a valid model identifier" in unknown


def test_what_the_cache_lacks_is_one_line_without_waiting(story: dict[str, Any]) -> None:
    *_, other, unknown = story["told"]
    for name, at, message in (("our/tiny", " at other", other), ("no/such", "", unknown)):
        assert message.startswith(f"cannot load model '{name}': {story['address']} cannot be reached (")
        assert f"does not hold the model{at}; connect, give a folder" in message
        assert "\n" not in message
    # The hub's client would have slept 1 + 2 + 4 + 8 + 8 seconds for each file, and said so.
    assert (story["waits"], story["stderr"]) == ([], "")


def test_an_address_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PATIENCE", 0.1)
    monkeypatch.delenv("HF_HUB_ETAG_TIMEOUT", raising=False)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        said = hub._silence(f"http://127.0.0.1:{silent.getsockname()[1]}")
    # The client's patience ends when ours does; either may be first to say so.
    assert said is not None
    assert said.startswith("does not answer within 0.1 s") or "timed out" in said


def test_the_switch_for_offline_work_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"is not asked \(HF_HUB_OFFLINE is set\)"):
        hub.hub_arguments("no/such", None)


def test_a_name_that_no_hub_can_have() -> None:
    with pytest.raises(ConfigError, match=r"model 'no such' is neither a folder nor a hub id: Repo id must"):
        hub.hub_arguments("no such", None)
