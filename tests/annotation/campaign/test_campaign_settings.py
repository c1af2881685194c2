"""The table [campaign]: what it takes, and one line for everything it does not."""

from pathlib import Path

import pytest

from heta.errors import ConfigError
from heta_annotation.campaign.settings import CampaignSettings, email_of, load_settings
from heta_data.workspace import Workspace

EXAMPLE = Path(__file__).parents[3] / "annotation" / "campaigns" / "example" / "heta.toml"


def test_defaults_are_two_arms_of_three_raters_who_see_different_arms() -> None:
    settings = CampaignSettings()
    assert settings.arms == ("blind", "assisted")
    # Numbers go on from arm to arm: nobody who saw a suggestion labels the same item blind.
    assert settings.raters_of("blind") == ("a01", "a02", "a03")
    assert settings.raters_of("assisted") == ("a04", "a05", "a06")
    assert settings.overlap_of("blind") == 3
    assert (settings.show, settings.share, settings.kind) == ("preselected", 0.15, "human")
    assert email_of("a01") == "a01@campaign.invalid"


def test_simulated_raters_have_names_of_their_own() -> None:
    settings = CampaignSettings(kind="simulated", raters=1, arms=("assisted",))
    assert settings.raters_of("assisted") == ("s01",)


def test_example_file_is_valid(tmp_path: Path) -> None:
    (tmp_path / "heta.toml").write_bytes(EXAMPLE.read_bytes())
    settings = load_settings(Workspace(tmp_path))
    assert settings.raters_of("assisted") == ("a04", "a05", "a06")


@pytest.mark.parametrize(
    ("toml", "key", "says"),
    [
        ('arm = ["blind"]', "arm", "did you mean 'arms'"),
        ('arms = ["blind", "blind"]', "arms", "each arm once"),
        ('arms = ["sighted"]', "arms", "'blind', 'assisted' or 'reveal'"),
        ("arms = []", "arms", "at least 1"),
        ("raters = 0", "raters", "1 to 99"),
        ("raters = true", "raters", "expected a number"),
        ('raters = "a01"', "raters", "expected a number"),
        ("raters = []", "raters", "at least one pseudonym"),
        ('raters = ["a01"]', "raters", "1 raters cannot be drawn into 2 arms"),
        ('raters = {blind = ["a01"]}', "raters", "the arms are blind, assisted"),
        ('raters = {blind = ["a01"], assisted = ["a01"]}', "raters", "stands there twice"),
        ('raters = {blind = ["Anna Smith"], assisted = ["a02"]}', "raters", "lower-case"),
        ('raters = {blind = ["anna"], assisted = ["a02"]}', "raters", "rater 'anna' is no pseudonym"),
        ('raters = {blind = ["simone1"], assisted = ["a02"]}', "raters", "rater 'simone1' is scripted by its name"),
        ('raters = {blind = ["a01"], asisted = ["a02"]}', "raters", "unknown arm 'asisted'"),
        ('raters = {blind = ["a01"], assisted = ["anchored"]}', "raters", "scripted"),
        ('kind = "simulated"\nraters = {blind = ["anchored"], assisted = ["s02"]}', "raters", "name it under assisted"),
        ("overlap = 4", "overlap", "has 3 raters"),
        ("overlap = 0", "overlap", "greater than or equal to 1"),
        ('show = "both"', "show", "'preselected' or 'heat'"),
        ("share = 0.0", "share", "greater than 0"),
        ("limit = 0", "limit", "greater than or equal to 1"),
        ('config = "xyz"', "config", "pattern"),
        ('name = "ab"', "name", "at least 3"),
        ('kind = "judge"', "kind", "'human' or 'simulated'"),
    ],
)
def test_every_wrong_value_is_one_line_with_its_key(tmp_path: Path, toml: str, key: str, says: str) -> None:
    (tmp_path / "heta.toml").write_text(f"[campaign]\n{toml}\n")
    with pytest.raises(ConfigError) as error:
        load_settings(Workspace(tmp_path))
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'heta.toml'}:campaign.{key}")
    assert says in message
    assert "\n" not in message
