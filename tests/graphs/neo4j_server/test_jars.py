"""Jars as they are pinned, a Java that fits, and what is said where one is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from command import Clinome
from typer.main import get_command

from clinome.cli import server as serving
from clinome.graphs.neo4j_server import jars as neo4j_jars
from clinome.graphs.neo4j_server.jars import RELEASES, ROOTS, Jar, Release
from clinome.graphs.neo4j_server.log_reasons import words
from clinome.loaders.errors import EngineError, UsageError

LOCKS = Path(__file__).resolve().parents[3] / "neo4j" / "jars"


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def without_extra(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As if neither clinome[server] nor a Java nor mvn were installed."""
    monkeypatch.setattr(neo4j_jars, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)


def fake_java(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize("which", RELEASES.values(), ids=RELEASES)
def test_every_jar_is_pinned_and_no_host_is_named(which: Release) -> None:
    assert {f.stem for f in LOCKS.iterdir()} == set(RELEASES)
    jars = neo4j_jars.locked(which)
    assert {f"{root}:{which.version}" for root in ROOTS} < {jar.coordinate for jar in jars}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert len({jar.file for jar in jars}) == len(jars)
    assert len({(jar.group, jar.name, jar.classifier) for jar in jars}) == len(jars)  # one version of each
    assert "/" not in "".join(jar.coordinate for jar in jars)


@pytest.mark.parametrize("which", RELEASES.values(), ids=RELEASES)
def test_what_lies_in_the_cache_is_what_is_pinned(which: Release) -> None:
    folder = neo4j_jars.jars(which)
    assert {f.name for f in folder.iterdir()} == {jar.file for jar in neo4j_jars.locked(which)}
    assert folder == neo4j_jars.jars(which, pytest.fail)  # a second call downloads nothing


def test_a_jar_that_is_another_one_is_refused(tmp_path: Path) -> None:
    small = next(jar for jar in neo4j_jars.locked(RELEASES["5.26"]) if jar.name == "annotations")
    neo4j_jars.fetch([small], tmp_path / "right")
    assert [f.name for f in (tmp_path / "right").iterdir()] == [small.file]
    with pytest.raises(EngineError, match="is not the one that neo4j/jars pins"):
        neo4j_jars.fetch([replace(small, sha256="0" * 64)], tmp_path / "wrong")


def test_a_jar_that_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:9/none\n", encoding="utf-8")
    jar = Jar("org.neo4j", "neo4j", "5.26.30", "", "0" * 64)
    with pytest.raises(EngineError, match=r"org.neo4j:neo4j:5.26.30: could not be downloaded") as told:
        neo4j_jars.fetch([jar], tmp_path / "jars")
    assert "127.0.0.1" not in str(told.value)


def test_without_the_extra_it_says_how_to_get_it(
    clinome: Clinome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_extra(monkeypatch, tmp_path / "nothing")
    ended = clinome("neo4j", "start", "--in", tmp_path)
    assert ended.code == 2
    assert "pip install clinome[server]" in ended.err
    fake_java(tmp_path / "nothing", "21.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ended = clinome("neo4j", "start", "--in", tmp_path)
    assert ended.code == 2
    assert "pip install clinome[server]" in ended.err
    assert not (tmp_path / ".clinome").exists()


def test_a_java_that_fits_is_taken_and_one_that_does_not_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_extra(monkeypatch, tmp_path / "path")
    fake_java(tmp_path / "path", "17.0.9")
    assert neo4j_jars.java(RELEASES["5.26"]) == tmp_path / "path" / "java"
    with pytest.raises(UsageError, match=r"needs Java 21 or 25; found 17"):
        neo4j_jars.java(RELEASES["2026.09"])
    fake_java(tmp_path / "home" / "bin", "1.8.0_392")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert neo4j_jars.java_major(tmp_path / "home" / "bin" / "java") == 8
    assert neo4j_jars.java(RELEASES["5.26"]) == tmp_path / "path" / "java"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "Caused by: x.Errors$NativeIoException: bind(..) failed: Address already in use\nStopped.",
            "its port is taken",
        ),
        ("OpenJDK: insufficient memory for the Java Runtime Environment to continue.", "not enough memory"),
        ("java.lang.OutOfMemoryError: Java heap space", "its heap is too small"),
        ("Unrecognized setting. No declared setting with name: server.nonsense.", "a setting is wrong"),
        ("java.io.IOException: No space left on device", "the disk is full"),
        ("INFO  Starting\nERROR Failed\nCaused by: java.lang.IllegalStateException: it is odd\n\tat x.Y", "it is odd"),
        ("INFO  Started.", "no reason was given"),
    ],
)
def test_a_log_becomes_a_reason(said: str, reason: str) -> None:
    assert reason in words(said.encode())


def test_compose_starts_a_release_of_ours_on_this_machine_only() -> None:
    compose = (LOCKS.parent / "compose.yaml").read_text(encoding="utf-8")
    assert re.findall(r"neo4j:([\d.]+)", compose) == [which.version for which in RELEASES.values()]
    assert re.findall(r'- "(\S+):7687"', compose) == ["127.0.0.1:7687"]


def test_the_page_shows_commands_that_there_are() -> None:
    page = (LOCKS.parents[1] / "docs" / "neo4j.md").read_text(encoding="utf-8")
    verbs = getattr(get_command(serving.app), "commands", {})
    shown = re.findall(r"^clinome neo4j (\w+)([^#\n]*)", page, re.MULTILINE)
    assert {verb for verb, _ in shown} == set(verbs)
    known = {option for verb in verbs.values() for parameter in verb.params for option in parameter.opts}
    assert {word for word in re.findall(r"(?<=[ `])--\w+", page) if word not in ("--detach", "--wait")} <= known
