"""Small inputs of curated items."""

from pathlib import Path

import pytest

from helpers.curated_inputs import write_books, write_sciq


@pytest.fixture
def sciq(tmp_path: Path) -> Path:
    return write_sciq(tmp_path / "train.json")


@pytest.fixture
def books(tmp_path: Path) -> Path:
    return write_books(tmp_path / "books")
