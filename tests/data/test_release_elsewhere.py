"""The same release on other machines: built there to the byte, and read there with the lines of the documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.sample_records import file_contents, fill_folder
from heta_data.release import build_release
from heta_data.workspace import Workspace

ROOT = Path(__file__).parents[2]


def test_two_machines_build_the_same_bytes(tmp_path: Path) -> None:
    """Another folder, locale, time zone and seed of Python's hashes change nothing."""
    script = (
        "import sys; from pathlib import Path; from heta_data.workspace import Workspace\n"
        "from heta_data.release import build_release\n"
        "build_release(Workspace(Path(sys.argv[1])), '1.0.0', name='violet-lamps')"
    )
    bundles = []
    for name, environment in (
        ("one", {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"}),
        ("two", {"PYTHONHASHSEED": "2", "TZ": "America/Lima", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"}),
    ):
        folder = fill_folder(tmp_path / name / "folder").root
        subprocess.run(
            [sys.executable, "-c", script, folder.name],
            cwd=folder.parent,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        bundles.append(file_contents(folder / "releases/violet-lamps-1.0.0"))
    assert bundles[0] == bundles[1]
    assert {"MANIFEST.json", "SHA256SUMS", "croissant.json"} < bundles[0].keys()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_documented_lines_load_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("datasets", "mlcroissant"):
        pytest.importorskip(library, reason=f"pip install heta-bench[dev] brings {library}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    build_release(Workspace(fill_folder(tmp_path / "my-benchmark").root), "1.0.0", name="violet-lamps")
    page = (ROOT / "data/docs/releases.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    found: dict[str, object] = {}
    exec(lines, found)
    items, labels, gold = found["items"], found["labels"], found["gold"]
    assert (len(items), len(labels), len(list(gold))) == (3, 6, 3)  # type: ignore[arg-type, call-overload]
