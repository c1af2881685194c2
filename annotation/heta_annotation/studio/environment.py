"""Label Studio's own Python environment, and a template of its migrated database.

Label Studio pins `openai<2` and exact versions of much else, so it never shares an environment with the toolkit.
Both parts are made once and kept in the cache. Each is used only when finished (the environment has a marker, the
template appears by renaming): a build that died is started afresh.
"""

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from heta.errors import ConfigError
from heta_annotation.errors import InstallFailed
from heta_annotation.studio.building import Report, locked, run_logged, silent, tail
from heta_annotation.studio.connection import VERSION

ENVIRONMENT_VARIABLE = "HETA_LABEL_STUDIO"
CONSTRAINTS = Path(__file__).with_name("label_studio_constraints.txt")
GUARDED = Path(__file__).with_name("guarded_server.py")
DATABASE = "label_studio.sqlite3"
MARKER = ".complete"
KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
# What would make pip install elsewhere than into the environment, or Python look elsewhere.
DIVERTING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN", "VIRTUAL_ENV", "PYTHONHOME")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Environment:
    """A Python environment that holds Label Studio `VERSION`."""

    root: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    def command(self, *arguments: str | Path) -> list[str]:
        """`label-studio ARGUMENTS` as a command that looks at no PYTHON* variable and no current folder."""
        return [str(self.python), "-I", "-X", "utf8", "-m", "label_studio.server", *map(str, arguments)]

    def guarded_command(self, *arguments: str | Path) -> list[str]:
        """The same, with organizations that cannot see into each other: see `guarded_server.py`."""
        return [str(self.python), "-I", "-X", "utf8", str(GUARDED), "label_studio.server", *map(str, arguments)]


def cache_folder() -> Path:
    """Where things that can be made again are kept: HETA_CACHE, else the user's cache folder."""
    from heta.fetch import cache_dir

    return cache_dir().absolute()


def server_environ(data: Path) -> dict[str, str]:
    """The environment variables Label Studio runs with, on the data folder `data`.

    Label Studio reads every setting from LABEL_STUDIO_X, HEARTEX_X and from plain X (HOST, PORT, DEBUG, USERNAME,
    CI ...), so nothing is passed on but what `KEPT` lists; no proxy, so that nothing goes out either.
    """
    ours = {
        "BASE_DATA_DIR": str(data),
        # An empty address turns the error reports to Sentry off, which are on as shipped.
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "ENABLE_LEGACY_API_TOKEN": "true",
        # A task that a rater opens is kept from the others for this long, a day as shipped; then they are told
        # that no task is left. A quarter of an hour is ample for one item.
        "TASK_LOCK_TTL": "900",
        # Pages from elsewhere cannot reach us under a name of their own that they point at loopback.
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "LOG_LEVEL": "WARNING",
    }
    return {
        **{key: os.environ[key] for key in KEPT if key in os.environ},
        **{f"LABEL_STUDIO_{key}": value for key, value in ours.items()},
        # Configuration files are written to and read from the home folder.
        "HOME": str(data),
        # Off as shipped: predictions with unknown labels are then stored or dropped without a word.
        "fflag_feat_utc_210_prediction_validation_15082025": "true",
        # Off as shipped: "3 of 3" below the page then counts the tasks seen since log-in, and not those of the queue.
        "fflag_fix_all_optic_79_task_count_is_wrong_short": "true",
    }


def installed_version(environment: Environment) -> str | None:
    """Version of Label Studio in that environment, None where there is none or no working Python."""
    # Not `label-studio --version`: that prints and then starts a server on every network interface.
    code = "from importlib.metadata import version; print(version('label-studio'))"
    try:
        asked = subprocess.run(
            [environment.python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=120
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()


def ready_environment(report: Report = silent) -> Environment:
    """The environment to run Label Studio from: HETA_LABEL_STUDIO if set, else ours, installed on first use.

    Raises:
        ConfigError: HETA_LABEL_STUDIO names a folder without Label Studio `VERSION`.
        InstallFailed: the environment could not be made; the message ends with the log's last lines.
    """
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        environment = Environment(Path(named).expanduser().absolute())
        found = installed_version(environment)
        if found != VERSION:
            raise ConfigError(
                f"{ENVIRONMENT_VARIABLE}: {environment.root} holds "
                f"{f'Label Studio {found}' if found else 'no Python environment with Label Studio'}, "
                f"needed is {VERSION}; unset it to have that installed, or `pip install label-studio=={VERSION}` there"
            )
        return environment
    root = _own_root()
    environment = Environment(root)
    if _usable(environment):
        return environment
    with locked(root.with_name(f"{root.name}.lock"), report, "waiting for another process to install") as lock:
        if not _usable(environment):
            _install(environment, lock, report)
    return environment


def is_ready() -> bool:
    """Whether `ready_environment` would answer at once, without installing anything."""
    return bool(os.environ.get(ENVIRONMENT_VARIABLE)) or _usable(Environment(_own_root()))


def environment_at(root: Path, report: Report = silent) -> Environment:
    """The environment at `root` if it still holds `VERSION`, else what `ready_environment` gives."""
    remembered = Environment(root)
    return remembered if installed_version(remembered) == VERSION else ready_environment(report)


def _own_root() -> Path:
    return cache_folder() / f"label-studio-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"


def _usable(environment: Environment) -> bool:
    return (environment.root / MARKER).exists() and installed_version(environment) == VERSION


def _install(environment: Environment, lock: int, report: Report) -> None:
    root = environment.root
    log = root.with_name(f"{root.name}.log")
    log.write_text("", encoding="utf-8")
    if root.exists():
        logger.info("%s is unfinished or broken: made again", root)
        shutil.rmtree(root)
    stage = f"installing Label Studio {VERSION} (once; about 1 GB, 2 to 5 minutes; log: {log})"
    expected = sum("==" in line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines())
    fetched = 0

    def progress(line: str) -> None:
        nonlocal fetched
        # The second word is for packages that the user's index or folder of wheels has as files here.
        if line.startswith(("Collecting ", "Processing ")):
            fetched += 1
            report(stage, f"{fetched} of about {expected} packages")
        elif line.startswith("Installing collected"):
            report(stage, "unpacking")

    # The user's index, proxy and certificates count.
    environ = {key: value for key, value in os.environ.items() if key not in DIVERTING} | {"PIP_USER": "0"}
    quiet = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off")
    pip = (environment.python, "-m", "pip", "install", *quiet, "--constraint", CONSTRAINTS, f"label-studio=={VERSION}")
    report(stage, "making an environment")
    for step, command in (("make an environment", (sys.executable, "-m", "venv", root)), ("install with pip", pip)):
        if run_logged(command, log=log, lock=lock, environ=environ, on_line=progress) != 0:
            raise InstallFailed(f"could not {step} for Label Studio {VERSION}; last lines of {log}:\n{tail(log)}")
    if (found := installed_version(environment)) != VERSION:
        raise InstallFailed(f"pip installed Label Studio {found} where {VERSION} was asked for; see {log}")
    (root / MARKER).write_text(f"{VERSION}\n", encoding="utf-8")


def ready_template(environment: Environment, report: Report = silent) -> Path:
    """A database file of this version with every migration applied and no account, made on first use.

    Raises:
        InstallFailed: the migration failed; the message ends with the log's last lines.
    """
    template = cache_folder() / f"label-studio-{VERSION}-template.sqlite3"
    if template.exists():
        return template
    with locked(template.with_suffix(".lock"), report, "waiting for another process to make the database") as lock:
        if not template.exists():
            _migrate(environment, template, lock, report)
    return template


def _migrate(environment: Environment, template: Path, lock: int, report: Report) -> None:
    log = template.with_suffix(".log")
    log.write_text("", encoding="utf-8")
    report("making Label Studio's database (once; 1 to 3 minutes)")
    # Beside its final place, so that the last step is one renaming on one file system.
    data = template.with_suffix(".building")
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    # `version` migrates, prints and ends; it makes no account and opens no port.
    status = run_logged(environment.command("version"), log=log, lock=lock, environ=server_environ(data))
    if status != 0 or not (data / DATABASE).exists():
        raise InstallFailed(f"Label Studio's database could not be made; last lines of {log}:\n{tail(log)}")
    os.replace(data / DATABASE, template)
    shutil.rmtree(data)
