"""The registry: lazy targets, plug-ins, and what it says about unknown names."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from heta import registry
from heta.errors import HetaError, UnknownName
from heta.registry import Registry


def test_a_target_is_imported_only_when_asked_for() -> None:
    things: Registry[object] = Registry("thing", "heta.test", {"good": "json:dumps", "broken": "no.such.module:x"})
    assert things.names() == ["good", "broken"]
    assert things.get("good") is __import__("json").dumps
    with pytest.raises(ModuleNotFoundError):
        things.get("broken")


def test_an_unknown_name_is_answered_with_what_exists_and_the_nearest() -> None:
    things: Registry[object] = Registry("thing", "heta.test", {"alpha": "json:dumps", "beta": "json:loads"})
    with pytest.raises(UnknownName, match=r"unknown thing 'alhpa'; did you mean 'alpha'\?; available: alpha, beta"):
        things.get("alhpa")


def test_two_plugins_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("mine", "json:dumps", "heta.test"), EntryPoint("mine", "json:loads", "heta.test")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    with pytest.raises(HetaError, match="thing 'mine' is registered twice"):
        Registry("thing", "heta.test", {}).names()


def test_a_plugin_may_not_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("alpha", "json:dumps", "heta.test")])
    with pytest.raises(HetaError, match="registered twice"):
        Registry("thing", "heta.test", {"alpha": "json:loads"}).names()


def test_importing_the_packages_imports_nothing_heavy() -> None:
    """`import heta` and its siblings stay cheap: the heavy libraries come with what needs them."""
    code = (
        "import sys, heta, heta_data, heta_evaluation, heta_annotation, heta.cli\n"
        "heavy = {'torch', 'transformers', 'pandas', 'label_studio_sdk', 'openai', 'sklearn', 'scipy', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
