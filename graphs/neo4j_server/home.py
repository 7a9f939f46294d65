"""Home of a server of ours: `.clinome/neo4j` of the working folder, its settings, its password, its record.

conf/neo4j.conf   written at each start; lines of conf/own.conf, if there is one, overrule
data/ import/ plugins/ logs/
password          mode 600, made at the first start
server.json       version, port, memory; while it runs also the process
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...loaders.errors import InputError, UsageError
from ...loaders.files.atomic import write_atomic

if TYPE_CHECKING:
    from filelock import BaseFileLock

USER = "neo4j"
PORT = 7687
HERE = Path(".clinome") / "neo4j"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FOLDERS = ("conf", "data", "import", "logs", "plugins")


@dataclass(frozen=True)
class Record:
    """server.json. heap, pagecache: as Neo4j writes sizes (`512m`, `2g`); pid and created: of the process, 0 without."""

    version: str
    port: int
    heap: str
    pagecache: str
    pid: int = 0
    created: float = 0.0

    @property
    def uri(self) -> str:
        """Where it listens, or would."""
        return f"bolt://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Home:
    """One server's folder.

    Example:
        >>> Home.of(Path("/study")).password_file
        PosixPath('/study/.clinome/neo4j/password')
    """

    path: Path

    @classmethod
    def of(cls, folder: Path) -> Home:
        """The home in this folder, whether it exists or not."""
        return cls(folder.resolve() / HERE)

    @property
    def password_file(self) -> Path:
        return self.path / "password"

    @property
    def console(self) -> Path:
        """What the server said since its last start."""
        return self.path / "logs" / "console.log"

    @property
    def lock(self) -> Path:
        """Held by whoever starts, stops, dumps or restores."""
        return self.path / "clinome.lock"

    def held(self) -> BaseFileLock:
        """The lock, to be held by `with`; whoever holds it may take it again."""
        from filelock import FileLock

        return FileLock(self.lock, is_singleton=True)

    def database(self, name: str) -> Path:
        """Where Neo4j keeps this database: `neo4j`, or `system` with the users."""
        return self.path / "data" / "databases" / name

    def make(self) -> None:
        """Make the folders, readable by their owner only and left alone by git."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        (self.path / ".gitignore").write_text("*\n", encoding="utf-8")
        for name in _FOLDERS:
            (self.path / name).mkdir(exist_ok=True)

    def read(self) -> Record | None:
        """What the last start wrote; None where no server ever was.

        Raises: InputError if the record cannot be read.
        """
        file = self.path / "server.json"
        try:
            return Record(**json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise InputError(
                "not a record of a server", file, fix="stop the server by its process id, and remove this file"
            ) from None

    def write(self, record: Record) -> None:
        """Write server.json, whole or not at all."""
        write_atomic(self.path / "server.json", json.dumps(asdict(record)) + "\n")

    def forget_process(self) -> None:
        """It has stopped."""
        record = self.read()
        if record and record.pid:
            self.write(replace(record, pid=0, created=0.0))

    def password(self) -> str:
        """The password, made where there is none. Letters and digits only: no tool takes it for an option."""
        if not self.password_file.exists():
            new = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(new, "w", encoding="utf-8") as file:
                file.write(secrets.token_hex(20) + "\n")
        return self.password_file.read_text(encoding="utf-8").strip()

    def write_settings(self, record: Record, of_release: Iterable[tuple[str, str]]) -> None:
        """Write conf/neo4j.conf: loopback, no http, no usage report, no query in a log; the release's; own.conf's."""
        settings = {
            "server.default_listen_address": "127.0.0.1",
            "server.bolt.listen_address": f"127.0.0.1:{record.port}",
            "server.http.enabled": "false",
            "server.https.enabled": "false",
            "dbms.usage_report.enabled": "false",
            "db.logs.query.enabled": "OFF",  # queries and parameters name patients
            "db.tx_log.preallocate": "false",  # half a gigabyte for an empty database
            "server.memory.heap.max_size": record.heap,
            "server.memory.pagecache.size": record.pagecache,
        }
        settings |= dict(of_release) | _own(self.path / "conf" / "own.conf")
        lines = ["# Written at each start. Settings of your own: conf/own.conf, the same form.", ""]
        lines += [f"{key}={value}" for key, value in settings.items()]
        (self.path / "conf" / "neo4j.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _own(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    for key, equals, _ in pairs:
        if not equals:
            raise InputError("not a setting", file, key, "key=value", "one setting a line")
    return {key.strip(): value.strip() for key, _, value in pairs}


def credentials(uri: str, folders: Iterable[Path], environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """User and password for a server: the environment's, else those that `clinome neo4j start` keeps for this URI.

    Args:
        uri: `neo4j://…`, `bolt://…`, with or without `+s`.
        folders: where a `.clinome/neo4j` may lie: the working folder, the study's folder.
        environment: holds CLINOME_NEO4J_USER and CLINOME_NEO4J_PASSWORD, both or neither.
    Raises: UsageError if only one of them is set; InputError if there are none for this server.
    """
    user, password = environment.get("CLINOME_NEO4J_USER"), environment.get("CLINOME_NEO4J_PASSWORD")
    if user and password:
        return user, password
    if user or password:
        raise UsageError(
            "CLINOME_NEO4J_USER and CLINOME_NEO4J_PASSWORD: only one is set; expected both or neither.",
            "set the other too, or unset it",
        )
    host, port = _address(uri)
    home = home_of(uri, folders)
    if home is not None:
        return USER, home.password()
    raise InputError(
        "no user and password for this server",
        f"{host}:{port}",
        fix="set CLINOME_NEO4J_USER and CLINOME_NEO4J_PASSWORD, or start one here: clinome neo4j start",
    )


def home_of(uri: str, folders: Iterable[Path]) -> Home | None:
    """The home of the server at this URI, if `clinome neo4j start` started it from one of these folders."""
    host, port = _address(uri)
    for home in map(Home.of, folders if host in _LOOPBACK else ()):
        record = home.read()
        if record and record.port == port and home.password_file.exists():
            return home
    return None


def _address(uri: str) -> tuple[str, int]:
    """Host and port of a URI; never quotes what else stands in it."""
    try:
        parts = urlsplit(uri)
        return parts.hostname or "", parts.port or PORT
    except ValueError:
        raise InputError(
            "not the URI of a server", "store", expected="neo4j://host:port", fix="correct `store` in the study file"
        ) from None
