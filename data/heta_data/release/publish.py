"""What publishing a release means: the files, where each goes, and the metadata, all prepared offline. Nothing is sent.

Hugging Face: the folder is a dataset repository as it stands, its card is the repository's. Zenodo knows no folders, so
that the bundle goes there as one archive beside its metadata.
Source: Zenodo's deposition metadata, https://developers.zenodo.org/#representation.
"""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from heta.errors import ConfigError
from heta_data.errors import ReleaseBlocked
from heta_data.release.card import BANNER, SUMMARY
from heta_data.release.check import check_release
from heta_data.release.manifest import Manifest, sha256
from heta_data.whole import written_whole

Place = Literal["hub", "zenodo"]
_LICENCES = {
    "CC-BY-4.0": "cc-by-4.0",
    "CC0-1.0": "cc-zero",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
}
"""Zenodo's own identifiers of licences."""
_DAY_ONE = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP archive can hold: the same bundle gives the same archive."""


@dataclass(frozen=True)
class Sending:
    """What would be sent."""

    to: Place
    files: tuple[tuple[str, int, str], ...]
    """Name there, bytes, sha256."""
    prepared: tuple[Path, ...]
    """Files that were written for it."""
    command: str
    """What sends it, with a token of one's own."""
    missing: tuple[str, ...]
    """What the place asks for and the release does not say."""


def prepare(bundle: Path, to: Place, *, repository: str | None = None, out: Path | None = None) -> Sending:
    """Check a bundle and prepare what would be sent; the same bundle gives the same files.

    Args:
        bundle: the release.
        to: `hub` or `zenodo`.
        repository: on the hub, as `owner/name`.
        out: folder for what is prepared, for Zenodo (default: beside the release).

    Raises:
        ReleaseBlocked: the check finds problems. ConfigError: no repository to send to.
    """
    manifest, problems = check_release(bundle)
    if problems or manifest is None:
        raise ReleaseBlocked(problems)
    if to == "hub":
        return _hub(bundle, manifest, repository)
    return _zenodo(bundle, manifest, out or bundle.parent / "zenodo")


def _hub(bundle: Path, manifest: Manifest, repository: str | None) -> Sending:
    if repository is None or repository.count("/") != 1 or not all(repository.split("/")):
        raise ConfigError(f"--repository: got {repository!r}, expected owner/name of a dataset on the hub")
    files = tuple((name, len(content), sha256(content)) for name, content in _contents(bundle))
    message = f'--commit-message "{manifest.version}"'
    command = f"hf upload {repository} {bundle} . --repo-type dataset {message} --delete '*'"
    return Sending(
        "hub", files, (), f"{command}\nhf repos tag create {repository} {manifest.version} --repo-type dataset", ()
    )


def _zenodo(bundle: Path, manifest: Manifest, out: Path) -> Sending:
    archive, described = out / f"{bundle.name}.zip", out / f"{bundle.name}.json"
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"metadata": _metadata(manifest)}, indent=2, ensure_ascii=False) + "\n"
    with written_whole(described) as file:
        file.write(text.encode("utf-8"))
    with written_whole(archive) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for name, content in _contents(bundle):
            entry = zipfile.ZipInfo(f"{bundle.name}/{name}", _DAY_ONE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(entry, content)
    files = tuple((path.name, path.stat().st_size, sha256(path.read_bytes())) for path in (archive, described))
    missing = [] if manifest.creators else ["[release] creators: Zenodo asks for at least one"]
    missing += [] if manifest.date else ["[release] date: Zenodo takes the day of the upload"]
    if manifest.licence not in _LICENCES:
        missing.append(f"licence {manifest.licence}: choose Zenodo's name for it by hand")
    command = (
        'curl -H "Authorization: Bearer $ZENODO_TOKEN" -H "Content-Type: application/json" '
        f"-d @{described} $ZENODO/api/deposit/depositions, then PUT {archive.name} into its bucket"
    )
    return Sending("zenodo", files, (archive, described), command, tuple(missing))


def _metadata(manifest: Manifest) -> dict[str, Any]:
    licence = _LICENCES.get(manifest.licence)
    return {
        "title": f"{manifest.title} {manifest.version}",
        "upload_type": "dataset",
        "description": f"<p>{SUMMARY}</p>" + (f"<p><b>{BANNER}</b></p>" if manifest.simulated else ""),
        "version": manifest.version,
        "creators": [{"name": name} for name in manifest.creators],
        "keywords": ["token attribution", "interpretability", "human rationales", f"canary {manifest.canary}"],
        "access_right": "open",
        **({"license": licence} if licence else {}),
        **({"publication_date": manifest.date} if manifest.date else {}),
        "notes": f"Content fingerprint {manifest.content_fingerprint}; `heta release check` verifies the folder.",
    }


def _contents(bundle: Path) -> Iterator[tuple[str, bytes]]:
    """Every file by its path below the bundle, in order."""
    for path in sorted(bundle.rglob("*")):
        if path.is_file():
            yield path.relative_to(bundle).as_posix(), path.read_bytes()
