"""Label Studio's environment: a real venv and a real pip, on a package of the right name that holds nothing."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from heta.errors import ConfigError
from heta_annotation.errors import InstallFailed
from heta_annotation.studio import connection, environment

VERSION = connection.VERSION
INSTALL = """
from heta_annotation.studio.environment import ready_environment
print(ready_environment(lambda stage, detail="": print(stage, flush=True)).root)
"""


def wheel(folder: Path, version: str = VERSION) -> None:
    """A wheel named label-studio of a few bytes, so that installing takes seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"label_studio-{version}.dist-info"
    with zipfile.ZipFile(folder / f"label_studio-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("label_studio/__init__.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: label-studio\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip that sees nothing but the folder which comes back."""
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HETA_LABEL_STUDIO", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    (tmp_path / "wheels").mkdir()
    return tmp_path / "wheels"


def own_root(tmp_path: Path) -> Path:
    return tmp_path / "cache" / f"label-studio-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"


def installer(environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", INSTALL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(environ)
    )


def test_a_failed_install_says_why_and_the_next_begins_afresh(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Settings that would make pip install elsewhere do not count; where packages come from does.
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PIP_USER", "1")
    with pytest.raises(InstallFailed, match=r"(?s)install with pip.*No matching distribution found for label-studio"):
        environment.ready_environment()
    assert not environment.is_ready()
    (own_root(tmp_path) / "left over").touch()

    wheel(offline)
    made = environment.ready_environment()
    assert environment.installed_version(made) == VERSION
    assert environment.is_ready()
    assert not (own_root(tmp_path) / "left over").exists() and not (tmp_path / "elsewhere").exists()
    log = own_root(tmp_path).with_name(f"{own_root(tmp_path).name}.log")
    assert "Successfully installed label-studio" in log.read_text()

    # This Label Studio holds nothing, so no database comes of it.
    with pytest.raises(InstallFailed, match=r"(?s)database could not be made.*label_studio\.server"):
        environment.ready_template(made)
    assert not list((tmp_path / "cache").glob("*.sqlite3"))


def test_killed_then_two_at_once_install_once(offline: Path, tmp_path: Path) -> None:
    wheel(offline)
    killed = installer(os.environ)
    deadline = time.monotonic() + 120
    while not (own_root(tmp_path) / "pyvenv.cfg").exists():
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (own_root(tmp_path) / ".complete").exists()

    both = [installer(os.environ), installer(os.environ)]
    said = [child.communicate(timeout=300) for child in both]
    assert [child.returncode for child in both] == [0, 0], said
    stages = sorted("installing" in out for out, _ in said)
    # One installs, the other waits and finds it done; or came when it was done already.
    assert stages == [False, True], said
    assert environment.installed_version(environment.Environment(own_root(tmp_path))) == VERSION


def test_named_environment_without_label_studio_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for root in (tmp_path, Path(sys.prefix)):
        monkeypatch.setenv("HETA_LABEL_STUDIO", str(root))
        with pytest.raises(ConfigError, match=f"^HETA_LABEL_STUDIO: .*needed is {VERSION}.*$") as raised:
            environment.ready_environment()
        assert "\n" not in str(raised.value)


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    wheel(tmp_path, "1.20.0")
    with zipfile.ZipFile(tmp_path / "label_studio-1.20.0-py3-none-any.whl") as archive:
        archive.extractall(site)
    monkeypatch.setenv("HETA_LABEL_STUDIO", str(tmp_path / "env"))
    with pytest.raises(ConfigError, match=r"holds Label Studio 1\.20\.0, needed is"):
        environment.ready_environment()


def test_nothing_of_the_users_settings_reaches_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Label Studio reads each of these, also without a prefix.
    leaks = ("HOST", "PORT", "DEBUG", "USERNAME", "CI", "SECRET_KEY", "LABEL_STUDIO_HOST", "HEARTEX_PORT", "DJANGO_DB")
    for name in (*leaks, "https_proxy", "PYTHONPATH", "OPENAI_API_KEY", "fflag_feat_x"):
        monkeypatch.setenv(name, "leaked")
    environ = environment.server_environ(tmp_path)
    assert "leaked" not in environ.values()
    assert environ["LABEL_STUDIO_SENTRY_DSN"] == environ["LABEL_STUDIO_FRONTEND_SENTRY_DSN"] == ""
    for off in ("COLLECT_ANALYTICS", "LATEST_VERSION_CHECK"):
        assert environ[f"LABEL_STUDIO_{off}"] == "false"
