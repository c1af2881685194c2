"""A method from another package: installed for real, then listed and run like a built-in one."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "heta-shout"
version = "1.0"

[project.entry-points."heta.methods"]
shout = "heta_shout:Shout"

[project.entry-points."heta.commands"]
shout = "heta_shout:shout"

[project.entry-points."heta.checks"]
shout = "heta_shout:voice"
"""

# The ten-line example of heta/README.md, a command, and a check.
MODULE = '''\
import click
import numpy as np

from heta.doctor import Finding, InstallationCheck
from heta.methods.base import Method, Scores


class Shout(Method):
    """1 for a word in capitals, 0 for every other."""

    name, summary, reference = "shout", "words in capitals", "none"
    unit, needs_model = "word", False

    def score(self, prepared):
        return Scores(np.array([float(prepared.prompt[a:b].isupper()) for a, b in prepared.words]))


@click.command()
def shout():
    """Shout."""
    click.echo("LOUD")


voice = InstallationCheck(lambda: Finding("voice", "ok", "90 dB", ">= 80 dB"))
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the plug-in package."""
    project = tmp_path_factory.mktemp("plugin")
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "heta_shout.py").write_text(MODULE)
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", site, project], check=True, capture_output=True, text=True)
    return site


def run(site: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], env={"PYTHONPATH": str(site)}, check=True, capture_output=True, text=True
    ).stdout


def test_its_method_is_listed_and_scores(site: Path) -> None:
    assert "shout" in run(site, "-m", "heta", "methods")
    code = """
        import heta
        result = heta.attribute(None, "a LOUD word", " x", method="shout")
        print(result.scores.tolist(), result.method)
    """
    assert run(site, "-c", dedent(code)).strip() == "[0.0, 1.0, 0.0] shout"


def test_its_command_is_found(site: Path) -> None:
    assert run(site, "-m", "heta", "shout").strip() == "LOUD"


def test_its_check_is_among_the_doctors(site: Path) -> None:
    code = "from heta.doctor import CHECKS; print(*CHECKS.names()[-2:], CHECKS.get('shout').run().figure)"
    assert run(site, "-c", code).strip() == "disk shout 90 dB"
