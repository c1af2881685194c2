"""Options by name."""

import pytest

from heta import METHODS, create_method
from heta.errors import ConfigError
from heta.presets import PRESETS, preset_of, preset_options


@pytest.mark.parametrize("preset", PRESETS)
def test_every_method_has_options_under_every_preset(preset: str) -> None:
    assert set(PRESETS[preset]) <= set(METHODS)  # type: ignore[index]
    for name in METHODS:
        method = create_method(name, **preset_options(preset, name))
        assert preset in method.config["preset"].split(", ")


def test_config_names_the_preset_and_the_hash_does_not_hang_on_it() -> None:
    assert create_method("lime").config["preset"] == "quick"
    assert create_method("kl").config["preset"] == "quick, source"
    assert create_method("kl", mask="drop").config["preset"] == "own"
    assert create_method("heta").config["preset"] == "own"
    assert preset_of(create_method("heta", curvature="one_pass")) == "quick"
    # The hash that records of `kl` have had before there were presets.
    assert create_method("kl").config_hash == create_method("kl", mask="zero").config_hash == "38ee88b5"


def test_an_unknown_preset() -> None:
    with pytest.raises(ConfigError, match="preset is 'quik'; did you mean 'quick'"):
        preset_options("quik", "kl")
