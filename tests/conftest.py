"""Fixtures for the real parts that tests use: data sets, the model, Label Studio, a browser.

Where a part is missing the tests that need it skip and say why; with HETA_TEST_REQUIRE_ALL=1, as in CI, they fail.
"""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest

if TYPE_CHECKING:
    from heta.model import LoadedModel

# Two workers on two cores: torch's own threads would fight each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["helpers.studio_server", "helpers.own_server", "helpers.postgres"]


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where everything is required to be there."""
    if os.environ.get("HETA_TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} (HETA_TEST_REQUIRE_ALL=1 turns this skip into a failure)", pytrace=False)
    pytest.skip(what)


# No test measures time: on a busy machine an example may take any.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets that tests read and the project does not ship."""
    folder = Path(os.environ.get("HETA_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        missing(f"no data sets at {folder}: set HETA_TEST_DATA to a folder with sciq/ and narrativeqa/books/")
    return folder


@pytest.fixture(scope="session")
def smollm2() -> "LoadedModel":
    """SmolLM2-135M-Instruct, loaded once per worker."""
    import heta
    from heta.errors import HetaError

    try:
        return heta.load_model("smollm2")
    except HetaError as error:
        missing(f"SmolLM2 is not there: {error}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that Playwright can drive."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing("no Chromium on this machine: install your system's chromium package")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own server, endpoint or options must not leak into the tests."""
    for name in list(os.environ):
        if name.startswith(("HETA_", "LABEL_STUDIO_", "OPENAI_")) and name not in (
            "HETA_CACHE",
            "HETA_LABEL_STUDIO",
            "HETA_TEST_DATA",
            "HETA_TEST_POSTGRES",
            "HETA_TEST_REQUIRE_ALL",
        ):
            monkeypatch.delenv(name)
