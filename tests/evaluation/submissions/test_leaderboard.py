"""The leaderboard: places that the differences bear out, and no leaderboard without blind labels by people."""

import re
from pathlib import Path

import pytest

from helpers.submissions import Scorer, make_release, noise, noisy, perfect, write_submission
from heta.errors import HetaError, InputError
from heta_data.submission.bundle import Release, open_release
from heta_data.submission.loading import load_submission
from heta_evaluation.report.material import Material
from heta_evaluation.submissions.leaderboard import board_lines, load_folder, render_leaderboard, write_leaderboard
from heta_evaluation.submissions.places import places
from heta_evaluation.submissions.scoring import Scoring, read_reference, score_submissions

DRAWS = 1_000
"""Fewer leave no p small enough to settle any of 21 pairs."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("folder"), methods=1)


@pytest.fixture(scope="module")
def release(bundle: Path) -> Release:
    return open_release(bundle)


def board(release: Release, folder: Path, scorers: dict[str, Scorer]) -> Scoring:
    submissions = [
        load_submission(write_submission(folder / f"{name}.jsonl", release.root, scorer, method=name), release)
        for name, scorer in scorers.items()
    ]
    return score_submissions(read_reference(release), submissions, draws=DRAWS)


@pytest.fixture(scope="module")
def scoring(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Scoring:
    exact = perfect(release.root)
    scorers = {"second": noise(), "exact": exact, "twin": lambda item: exact(item) * 2}
    return board(release, tmp_path_factory.mktemp("submissions"), scorers)


def text(page: str) -> str:
    """What is read on the page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]).split())


def test_equal_submissions_share_their_place(scoring: Scoring) -> None:
    material = Material(figures=scoring.index.all(), lines=board_lines(scoring))
    found = {material.by_name[name].label: str(one) for name, one in places(material).items()}
    assert found == {"exact": "1–2", "twin": "1–2", "method_00": "3", "second": "4"}
    page = text(render_leaderboard(scoring))
    assert "First place is open between exact and twin." in page
    assert "Leaderboard: lamps 1.0.0" in page and "SIMULATED" not in page
    assert "3 submissions and 1 method of the release, scored on lamps 1.0.0: 40 items, labels by 5 raters." in page


def test_one_that_is_settled_against_all_is_first(release: Release, tmp_path: Path) -> None:
    scoring = board(release, tmp_path, {"exact": perfect(release.root), "noise": noise()})
    page = text(render_leaderboard(scoring))
    assert "First is exact: interval and test, corrected for all pairs, agree on that" in page
    alone = score_submissions(read_reference(release, beside="nothing"), scoring.submissions[:1], draws=100)
    assert "One method alone has no place." in text(render_leaderboard(alone))


def test_cost_version_and_benchmark_are_told(scoring: Scoring, release: Release) -> None:
    page = text(render_leaderboard(scoring))
    assert "not told 32 0.30" in page  # 12 s over 40 items, of which 8 have no gold
    for told in (
        release.manifest_sha256,
        release.manifest.content_fingerprint,
        "own/model-1b",
        "1,000 bootstrap draws",
    ):
        assert told in page


def test_the_same_submissions_give_the_same_bytes(scoring: Scoring, tmp_path: Path) -> None:
    path = write_leaderboard(scoring, tmp_path / "out" / "page.html")
    assert path.read_text(encoding="utf-8") == render_leaderboard(scoring)


def test_what_a_stranger_wrote_stays_text(release: Release, tmp_path: Path) -> None:
    odd = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    path = write_submission(tmp_path / "s.jsonl", release.root, noise(), hardware=odd, method_version="</style>")
    scoring = score_submissions(read_reference(release), [load_submission(path, release)], draws=100)
    page = render_leaderboard(scoring)
    assert "<script" not in page and "<img" not in page and page.count("</style>") == 1
    assert "default-src 'none'; style-src 'unsafe-inline'" in page


def test_names_are_told_apart(release: Release, tmp_path: Path) -> None:
    paths = [
        write_submission(tmp_path / "a.jsonl", release.root, noise(1)),
        write_submission(tmp_path / "b.jsonl", release.root, noise(2), method_version="2"),
        write_submission(tmp_path / "c.jsonl", release.root, noise(3), method_version="2"),
        write_submission(tmp_path / "d.jsonl", release.root, noise(4), method="random"),
    ]
    submissions = [load_submission(path, release) for path in paths]
    scoring = score_submissions(read_reference(release), submissions, draws=100)
    labels = {line.label for line in board_lines(scoring)}
    hashes = [submission.config_hash for submission in submissions]
    assert {"ours 1", f"ours 2 [{hashes[1]}]", f"ours 2 [{hashes[2]}]", "random 1", "random"} < labels
    assert len(labels) == len(board_lines(scoring))


def test_without_blind_labels_by_people_there_is_no_leaderboard(tmp_path: Path) -> None:
    release = open_release(make_release(tmp_path / "folder", kind="simulated", methods=1))
    path = write_submission(tmp_path / "s.jsonl", release.root, noisy(release.root, 3.0))
    submission = load_submission(path, release)
    with pytest.raises(InputError, match="no labels by human raters in arm blind; there are 200 simulated/blind"):
        score_submissions(read_reference(release), [submission], draws=100)
    scoring = score_submissions(read_reference(release), [submission], draws=100, kinds=("simulated",))
    page = render_leaderboard(scoring)
    assert "<h1>Trial of the tools, no leaderboard: lamps 1.0.0</h1>" in page
    assert "<title>SIMULATED LABELS · lamps 1.0.0 · trial of the tools, no leaderboard</title>" in page
    captions = re.findall(r'<p class="caption".*?</p>|<figcaption>.*?</figcaption>', page, flags=re.DOTALL)
    assert len(captions) >= 6
    for caption in captions:
        assert 'class="alarm">SIMULATED LABELS</strong>' in caption and "Labels: simulated raters" in caption


def test_a_folder_is_read_whole_or_refused(release: Release, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name the folder of the submissions"):
        load_folder(tmp_path / "none", release)
    with pytest.raises(InputError, match="holds no submission"):
        load_folder(tmp_path, release)
    write_submission(tmp_path / "b.jsonl", bundle, noise(), method="b")
    write_submission(tmp_path / "a.jsonl", bundle, noise(), method="a")
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    submissions, ignored = load_folder(tmp_path, release)
    assert ([one.header.method for one in submissions], ignored) == (["a", "b"], ["notes.txt"])
    write_submission(tmp_path / "c.jsonl", bundle, noise(), version="2.0.0")
    (tmp_path / "d.jsonl").write_bytes(b"PK\x03\x04")
    with pytest.raises(HetaError, match="2 of 4 submissions do not fit") as caught:
        load_folder(tmp_path, release)
    assert "c.jsonl: does not fit" in str(caught.value) and "d.jsonl: is compressed (zip)" in str(caught.value)
