"""What publishing would send: every file, the same bytes each time, and nothing of a bundle that fails its check."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.sample_records import file_contents, fill_folder
from heta.errors import ConfigError
from heta_data.cli.release import release
from heta_data.errors import ReleaseBlocked
from heta_data.release import build_release, check_release
from heta_data.release.publish import prepare


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = fill_folder(tmp_path / "folder")
    settings = '[release]\nname = "violet-lamps"\ncreators = ["The lamp project"]\ndate = "2026-11-02"\n'
    folder.config.write_text(settings, encoding="utf-8")
    return build_release(folder, "1.0.0").path


def test_the_hub_gets_the_folder_as_it_is(bundle: Path) -> None:
    found = prepare(bundle, "hub", repository="violet/lamps")
    there = file_contents(bundle)
    assert {name: (size, digest) for name, size, digest in found.files} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in there.items()
    }
    assert (found.prepared, found.missing) == ((), ())
    assert found.command.startswith(f"hf upload violet/lamps {bundle} . --repo-type dataset")
    for wrong in (None, "lamps", "a/b/c", "/lamps"):
        with pytest.raises(ConfigError, match="expected owner/name"):
            prepare(bundle, "hub", repository=wrong)


def test_zenodo_gets_an_archive_that_unpacks_to_the_release(bundle: Path, tmp_path: Path) -> None:
    first = prepare(bundle, "zenodo", out=tmp_path / "one")
    second = prepare(bundle, "zenodo", out=tmp_path / "two")
    assert first.files == second.files
    assert sorted(file_contents(tmp_path / "one")) == ["violet-lamps-1.0.0.json", "violet-lamps-1.0.0.zip"]
    archive, described = first.prepared
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    assert file_contents(tmp_path / "unpacked/violet-lamps-1.0.0") == file_contents(bundle)
    assert check_release(tmp_path / "unpacked/violet-lamps-1.0.0").problems == ()
    metadata = json.loads(described.read_text())["metadata"]
    assert (metadata["upload_type"], metadata["license"], metadata["version"]) == ("dataset", "cc-by-4.0", "1.0.0")
    assert metadata["creators"] == [{"name": "The lamp project"}]
    assert "SIMULATED" not in metadata["description"]


def test_what_is_missing_and_that_labels_are_simulated_is_told(tmp_path: Path) -> None:
    bundle = build_release(fill_folder(tmp_path / "folder", kind="simulated"), "1.0.0").path
    found = prepare(bundle, "zenodo")
    assert [one.partition(":")[0] for one in found.missing] == ["[release] creators", "[release] date"]
    assert "SIMULATED" in json.loads(found.prepared[1].read_text())["metadata"]["description"]


def test_a_bundle_that_fails_its_check_is_not_prepared(bundle: Path, tmp_path: Path) -> None:
    (bundle / "CANARY.txt").unlink()
    with pytest.raises(ReleaseBlocked, match=r"CANARY\.txt"):
        prepare(bundle, "zenodo", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_command(bundle: Path) -> None:
    asked = [str(bundle), "--to", "hub", "--repository", "violet/lamps"]
    assert CliRunner().invoke(release, ["publish", *asked]).exit_code == 2  # only a dry run there is
    told = CliRunner().invoke(release, ["publish", *asked, "--dry-run"])
    assert told.exit_code == 0
    assert "Nothing was sent. With a token of your own:\nhf upload violet/lamps" in told.output
    machine = json.loads(CliRunner().invoke(release, ["publish", *asked, "--dry-run", "--json"]).output)
    assert len(machine["files"]) == len(file_contents(bundle))
