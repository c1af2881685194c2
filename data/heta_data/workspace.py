"""The working folder of one benchmark: where each file lies, its settings, and its lock.

my-benchmark/  heta.toml  items.jsonl  attributions/<model>/<method>-<config8>.jsonl  campaign.sqlite
labels.jsonl  opinions.jsonl  judgments.jsonl  judge.sqlite  campaign_gold.jsonl  gold.jsonl  agreement.jsonl
results.jsonl  report.html  faithfulness/<model>/<subject>-<settings8>.jsonl  faithfulness.jsonl  studio/
releases/<version>/
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from heta.errors import ConfigError, suggest
from heta_data.errors import FolderBusy
from heta_data.record_base import content_hash

TABLES = ("attribute", "campaign", "evaluate", "faithfulness", "judge", "release")
S = TypeVar("S", bound=BaseModel)


PRIVATE_VARIABLE = "HETA_PRIVATE"


def private_folder(root: Path) -> Path | None:
    """Where log-ins, tokens and servers' databases of a working folder lie if HETA_PRIVATE names a place; else None.

    So a working folder can be passed on as it is. The name holds a hash of the folder's path: moved, it has no servers.
    """
    place = os.environ.get(PRIVATE_VARIABLE, "").strip()
    if not place:
        return None
    where = root.absolute().resolve()
    return Path(place).expanduser().absolute() / f"{where.name}-{content_hash(str(where), 8)}" / "studio"


class Workspace:
    """Paths and settings of a working folder. Nothing is created until something is written."""

    def __init__(self, root: Path | str = ".") -> None:
        self.root = Path(root)
        self.config = self.root / "heta.toml"
        self.items = self.root / "items.jsonl"
        self.attributions = self.root / "attributions"
        self.ledger = self.root / "campaign.sqlite"
        self.labels = self.root / "labels.jsonl"
        self.quarantine = self.root / "quarantine.jsonl"
        self.opinions = self.root / "opinions.jsonl"
        self.judgments = self.root / "judgments.jsonl"
        self.judge_ledger = self.root / "judge.sqlite"
        self.gold = self.root / "gold.jsonl"
        self.campaign_gold = self.root / "campaign_gold.jsonl"
        self.agreement = self.root / "agreement.jsonl"
        self.results = self.root / "results.jsonl"
        self.report = self.root / "report.html"
        self.faithfulness = self.root / "faithfulness"
        self.faithfulness_summary = self.root / "faithfulness.jsonl"
        self.studio = private_folder(self.root) or self.root / "studio"
        self.releases = self.root / "releases"

    def attribution_file(self, model: str, method: str, config_hash: str) -> Path:
        """Where one method's records for one model lie; path separators in hub ids become `--`.

        Raises:
            ConfigError: the model's name is no name for a folder.
        """
        folder = model.replace("/", "--").replace("\\", "--")
        if not folder.strip(". "):
            raise ConfigError(f"model name {model!r} is no name for a folder: give the model's own name or full path")
        return self.attributions / folder / f"{method}-{config_hash}.jsonl"

    def table(self, name: str) -> dict[str, Any]:
        """The table `[name]` of heta.toml as written, empty where there is none.

        Raises:
            ConfigError: heta.toml is no TOML or has a table that nobody reads.
        """
        try:
            parsed = tomllib.loads(self.config.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self.config}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.config}: {error}") from None
        for key in parsed:
            if key not in TABLES:
                raise ConfigError(
                    f"{self.config}:{key}: unknown table{suggest(key, TABLES)}; allowed: {', '.join(TABLES)}"
                )
        table = parsed.get(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{self.config}:{name}: got a value, expected a table [{name}]")
        return table

    def settings(self, name: str, model: type[S], overrides: Mapping[str, object | None]) -> S:
        """Settings of one table: `overrides` that are not None (flags, environment) over heta.toml over defaults.

        Raises:
            ConfigError: an unknown key or a value that does not fit, by `heta.toml:table.key` or by option name.
        """
        given = {key: value for key, value in overrides.items() if value is not None}
        table = self.table(name)
        try:
            return model.model_validate({**table, **given})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join((name, *map(str, first["loc"])))
            top = str(first["loc"][0]) if first["loc"] else ""
            place = f"--{top.replace('_', '-')}" if top in given else f"{self.config}:{key}"
            message = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
                known = list(model.model_fields)
                message = f"unknown key{suggest(top, known)}; allowed: {', '.join(known)}"
            elif first["type"] not in ("extra_forbidden", "missing") and first["loc"]:
                message = f"{message} (got {first['input']!r})"
            raise ConfigError(f"{place}: {message}") from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for writing; one writer at a time, released by the system when the process dies.

        Raises:
            FolderBusy: another process (or another `lock()` of this one) holds it.
            ConfigError: the folder cannot be made or written.
        """
        lock = FileLock(self.root / ".heta.lock", timeout=0)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise FolderBusy(
                f"{os.path.abspath(self.root)}: another heta command is writing here; wait for it or stop it"
            ) from None
        except OSError as error:
            raise ConfigError(f"{self.root}: cannot be written: {error.strerror}; choose another folder") from None
        try:
            yield
        finally:
            lock.release()
