"""croissant.json by the library that reads such files: valid, complete, offline, and true to the last byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.sample_records import fill_folder
from heta_data.release import build_release

TABLES = {"items": 3, "labels": 6, "gold": 3, "attributions": 6}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = fill_folder(tmp_path / "folder")
    settings = '[release]\nname = "violet-lamps"\ncreators = ["Ada L.", "The lamp project"]\ndate = "2026-11-02"\n'
    folder.config.write_text(settings, encoding="utf-8")
    return build_release(folder, "1.0.0").path


@pytest.fixture
def mlcroissant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("CROISSANT_CACHE", str(tmp_path / "cache"))
    return pytest.importorskip("mlcroissant", reason="pip install heta-bench[dev] brings mlcroissant")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_table_is_read_as_the_parquet_file_has_it(bundle: Path, mlcroissant: Any) -> None:
    found = mlcroissant.Dataset(jsonld=bundle / "croissant.json")
    assert not found.metadata.ctx.issues.errors
    assert not found.metadata.ctx.issues.warnings
    for table, rows in TABLES.items():
        lines = [json.loads(line) for line in (bundle / f"data/{table}/{table}.jsonl").read_text().splitlines()]
        read = list(found.records(table))
        assert len(read) == rows == len(lines)
        for one, line in zip(read, lines, strict=True):
            assert one[f"{table}/record"].decode() == line["record"]
            if table != "items":
                assert one[f"{table}/item_id"].decode() == line["item_id"]
                assert list(one[f"{table}/starts"]) == line["starts"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_changed_byte_is_not_read(bundle: Path, mlcroissant: Any) -> None:
    path = bundle / "data/items/items.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Exception, match=r"items\.parquet"):
        list(mlcroissant.Dataset(jsonld=bundle / "croissant.json").records("items"))


def test_what_is_said_comes_from_the_campaign(bundle: Path) -> None:
    said = json.loads((bundle / "croissant.json").read_text())
    assert said["conformsTo"] == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
    assert (said["name"], said["version"], said["datePublished"]) == ("violet-lamps", "1.0.0", "2026-11-02")
    assert [one["name"] for one in said["creator"]] == ["Ada L.", "The lamp project"]
    # 6 answers of 2 raters on 3 items
    assert said["rai:annotationsPerItem"] == "2.00 answers on average, 3 items"
    assert said["rai:annotatorDemographics"].startswith("The raters are 2 people.")
    assert said["rai:machineAnnotationTools"] == ["attributions of the language model tiny"]
    cited = (bundle / "CITATION.cff").read_text()
    assert '  - name: "Ada L."\n  - name: "The lamp project"\n' in cited
    assert "date-released: 2026-11-02\n" in cited
    canary = (bundle / "CANARY.txt").read_text().split("heta-bench ")[1].split()[0]
    for name in ("README.md", "croissant.json", "DATASHEET.md", "MANIFEST.json"):
        assert canary in (bundle / name).read_text()
