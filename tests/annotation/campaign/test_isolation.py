"""What a rater's token opens: their own project, and nothing of anybody else on the same server."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from helpers.campaigns import campaign_folder, project_of, simple_items, start_arms, write_folder
from heta_annotation.campaign.ledger import open_existing
from heta_annotation.campaign.push import push
from heta_annotation.campaign.settings import email_of
from heta_annotation.campaign.simulate import simulate
from heta_annotation.studio.accounts import known_accounts
from heta_annotation.studio.connection import Connection
from heta_data.records import Arm
from heta_data.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]
ARM: Arm = "assisted"
OURS, THEIRS = "s41", "s42"


@pytest.fixture(scope="module")
def connection(studio_workspace: Workspace) -> Connection:
    return start_arms(studio_workspace)[ARM]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, studio_workspace: Workspace, connection: Connection) -> Workspace:
    workspace = campaign_folder(tmp_path_factory.mktemp("isolation"), studio_workspace)
    toml = f'name = "isolation"\narms = ["{ARM}"]\nkind = "simulated"\nraters = ["{OURS}", "{THEIRS}"]'
    write_folder(workspace, simple_items(3), toml)
    push(workspace, {ARM: connection})
    simulate(workspace, {ARM: connection})
    return workspace


@pytest.fixture
def ask(folder: Workspace, connection: Connection) -> Callable[..., httpx.Response]:
    """Requests as the first rater."""
    token = known_accounts(folder, connection.name)[email_of(OURS)].token

    def send(method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Token {token}"}
        return httpx.request(method, f"{connection.url}{path}", headers=headers, timeout=60, trust_env=False, **given)

    return send


def numbers(folder: Workspace, rater: str) -> dict[str, int]:
    """A rater's project, and of its first task the numbers of task, annotation, prediction and view."""
    project = project_of(folder, f"{ARM}/{rater}")
    (path,) = (folder.studio / ARM / "data").glob("*.sqlite3")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        (task,) = database.execute("SELECT MIN(id) FROM task WHERE project_id = ?", (project,)).fetchone()
        found = {"project": project, "task": task}
        for name, table in (("annotation", "task_completion"), ("prediction", "prediction")):
            (found[name],) = database.execute(f"SELECT MIN(id) FROM {table} WHERE task_id = ?", (task,)).fetchone()
        (found["organization"], found["user"]) = database.execute(
            "SELECT active_organization_id, id FROM htx_user WHERE email = ?", (email_of(rater),)
        ).fetchone()
    finally:
        database.close()
    return found


PATHS = [
    "/api/projects/{project}/",
    "/api/projects/{project}/export?exportType=JSON",
    "/api/projects/{project}/exports/",
    "/api/projects/{project}/next/",
    "/api/projects/{project}/tasks/",
    "/api/projects/{project}/summary/",
    "/api/tasks/{task}/",
    "/api/tasks/{task}/annotations/",
    "/api/annotations/{annotation}/",
    "/api/predictions/{prediction}/",
    "/api/organizations/{organization}/memberships",
    "/api/users/{user}/",
]


@pytest.mark.parametrize("path", PATHS)
def test_another_raters_things_answer_404(folder: Workspace, ask: Callable[..., httpx.Response], path: str) -> None:
    theirs = ask("GET", path.format(**numbers(folder, THEIRS)))
    assert theirs.status_code == 404, (theirs.status_code, theirs.text[:200])
    # The same question about one's own things is answered: the paths are right.
    ours = ask("GET", path.format(**numbers(folder, OURS)))
    assert ours.status_code in (200, 404 if "next" in path else 200), (ours.status_code, ours.text[:200])


def test_lists_hold_nothing_of_anybody_else(folder: Workspace, ask: Callable[..., httpx.Response]) -> None:
    ours, theirs = numbers(folder, OURS), numbers(folder, THEIRS)
    assert [user["email"] for user in ask("GET", "/api/users/").json()] == [email_of(OURS)]
    projects = ask("GET", "/api/projects/?page_size=1000").json()["results"]
    assert ours["project"] in [project["id"] for project in projects]
    assert theirs["project"] not in [project["id"] for project in projects]
    for what in ("tasks", "dm/views", "predictions"):
        answer = ask("GET", f"/api/{what}/?project={theirs['project']}")
        found = answer.json() if answer.status_code == 200 else []
        assert not (found.get("tasks") if isinstance(found, dict) else found), (what, answer.text[:200])
    listed = ask("GET", "/api/organizations/").json()
    assert [organization["id"] for organization in listed] == [ours["organization"]]


def test_nobody_changes_what_belongs_to_another(folder: Workspace, ask: Callable[..., httpx.Response]) -> None:
    theirs = numbers(folder, THEIRS)
    attempts = [
        ("PATCH", "/api/annotations/{annotation}/", {"result": []}),
        ("DELETE", "/api/annotations/{annotation}/", None),
        ("PATCH", "/api/tasks/{task}/", {"data": {}}),
        ("DELETE", "/api/tasks/{task}/", None),
        ("POST", "/api/tasks/{task}/annotations/", {"result": []}),
        ("PATCH", "/api/projects/{project}/", {"title": "mine now"}),
        ("DELETE", "/api/projects/{project}/", None),
        ("POST", "/api/projects/{project}/import", [{"text": "x"}]),
        ("POST", "/api/dm/actions?id=delete_tasks&project={project}", {"selectedItems": {"all": True, "excluded": []}}),
    ]
    for method, path, body in attempts:
        answer = ask(method, path.format(**theirs), json=body)
        assert answer.status_code in (403, 404), (method, path, answer.status_code, answer.text[:200])
    assert numbers(folder, THEIRS) == theirs


def test_nobody_moves_into_anothers_organisation(folder: Workspace, ask: Callable[..., httpx.Response]) -> None:
    ours, theirs = numbers(folder, OURS), numbers(folder, THEIRS)
    # As shipped, Label Studio lets every account choose the organisation that it acts in.
    ask("PATCH", f"/api/users/{ours['user']}/", json={"active_organization": theirs["organization"]})
    assert numbers(folder, OURS)["organization"] == ours["organization"]
    assert ask("GET", f"/api/projects/{theirs['project']}/").status_code == 404


def test_a_rater_shared_by_two_pushes_stays_where_they_are(folder: Workspace, connection: Connection) -> None:
    before = numbers(folder, OURS)
    push(folder, {ARM: connection})
    assert numbers(folder, OURS) == before
    with open_existing(folder.ledger) as ledger:
        assert {row.rater for row in ledger.projects(ARM)} == {OURS, THEIRS}


def test_isolation_is_recorded_with_every_label(folder: Workspace, connection: Connection, tmp_path: Path) -> None:
    from heta_annotation.campaign.pull import pull
    from heta_data.jsonl import read_records
    from heta_data.records import TokenLabels

    pull(folder, {ARM: connection})
    assert {label.isolation for label in read_records(folder.labels, TokenLabels)} == {"organisation"}
