"""A private PostgreSQL from the system's packages, and a Label Studio on it: only where HETA_TEST_POSTGRES=1.

The first run migrates Label Studio's database (1 to 3 minutes) and keeps a dump of it in the cache for later ones.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.own_server import OwnServer, own_server

if TYPE_CHECKING:
    from heta_annotation.studio.environment import Environment

NAME = "labelstudio"
# Nothing here has to survive a power cut.
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL, on loopback and on a socket in a folder of its own."""

    programs: Path
    port: int
    password: str

    @property
    def version(self) -> str:
        """The major one."""
        said = subprocess.run([self.programs / "postgres", "--version"], capture_output=True, text=True, check=True)
        return said.stdout.split()[2].partition(".")[0]

    def variables(self) -> dict[str, str]:
        """What Label Studio is told."""
        told = {"USER": NAME, "PASSWORD": self.password, "NAME": NAME, "HOST": "127.0.0.1", "PORT": str(self.port)}
        return {"DJANGO_DB": "default", **{f"POSTGRE_{key}": value for key, value in told.items()}}

    def run(self, program: str, *arguments: str | Path) -> None:
        """One of PostgreSQL's own programs, on the database."""
        where = ("--host", "127.0.0.1", "--port", str(self.port), "--username", NAME, "--no-password")
        done = subprocess.run(
            [self.programs / program, *where, *arguments],
            env={"PGPASSWORD": self.password, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]


def find_programs() -> Path | None:
    """The folder with initdb and postgres: Debian keeps it outside of PATH."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


@contextmanager
def postgres(programs: Path) -> Iterator[Postgres]:
    """Run one in a new folder, as somebody else where we are root: PostgreSQL refuses to run as root."""
    from heta_annotation.studio.server import free_port

    # Not pytest's: another user has to get in.
    folder = Path(tempfile.mkdtemp(prefix="heta-postgres-"))
    owner = next((user for user in pwd.getpwall() if user.pw_name in ("postgres", "nobody")), None)
    other = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 and owner else {}
    if other and owner:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    started = Postgres(programs, free_port(), secrets.token_urlsafe(12))
    secret, data = folder / "password", folder / "data"
    secret.write_text(started.password)
    secret.chmod(0o644)  # within a folder that nobody else can enter

    def run(program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [programs / program, *arguments], cwd=folder, capture_output=True, text=True, env={"LC_ALL": "C"}, **other
        )
        assert done.returncode == 0, done.stdout + done.stderr

    options = [f"port={started.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", *CARELESS]
    try:
        run(
            "initdb", "--pgdata", data, "--username", NAME, "--pwfile", secret, "--auth", "scram-sha-256",
            "--encoding", "UTF8", "--no-sync",
        )  # fmt: skip
        run(
            "pg_ctl", "start", "--wait", "--silent", "--pgdata", data, "--log", folder / "log",
            "--options", " ".join(f"-c {option}" for option in options),
        )  # fmt: skip
        started.run("createdb", NAME)
        yield started
    finally:
        if (data / "postmaster.pid").exists():
            run("pg_ctl", "stop", "--mode", "immediate", "--wait", "--silent", "--pgdata", data)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(studio_environment: "Environment", tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    """A plain Label Studio on PostgreSQL."""
    if os.environ.get("HETA_TEST_POSTGRES") != "1":
        pytest.skip("takes minutes: set HETA_TEST_POSTGRES=1 to have Label Studio on PostgreSQL tested")
    programs = find_programs()
    if programs is None:
        what = "no PostgreSQL on this machine: install your system's package, on Debian `postgresql`"
        if os.environ.get("HETA_TEST_REQUIRE_ALL") == "1":
            pytest.fail(what, pytrace=False)
        pytest.skip(what)
    data = tmp_path_factory.mktemp("lead-server-on-postgres")
    with postgres(programs) as database:
        migrate(studio_environment, database, data)
        with own_server(studio_environment, data, database.variables()) as server:
            yield server


def migrate(environment: "Environment", database: Postgres, data: Path) -> None:
    """Label Studio's tables without an account, from the cache where they were made before."""
    from heta_annotation.studio.connection import VERSION
    from heta_annotation.studio.environment import cache_folder, server_environ

    dump = cache_folder() / f"label-studio-{VERSION}-template-postgres{database.version}.sql"
    if dump.exists():
        database.run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, NAME)
        return
    # `version` migrates, prints and ends.
    done = subprocess.run(
        environment.command("version"),
        env=server_environ(data) | database.variables(),
        cwd=data,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    made = dump.with_suffix(f".{os.getpid()}.tmp")
    database.run("pg_dump", "--no-owner", "--file", made, NAME)
    made.replace(dump)
