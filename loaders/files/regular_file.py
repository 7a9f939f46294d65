"""Regular files: what is read is a file on a disk, no device, pipe or link in a circle, and no bomb when it is unpacked."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import InputError

LARGE, RATIO = 2**30, 200
"""What unpacks to more bytes than LARGE and to more than RATIO times its size is a bomb: tables of numbers shrink to a
tenth, hardly one to a hundredth."""
LINE = 2**26
"""Bytes; a row of a million cells has a tenth of it."""
_STEP = 2**24


def check_regular(path: Path) -> Path:
    """The path, if a file lies there that can be read to its end. It is not opened.

    Raises: InputError for what is missing, a folder, a device, a pipe, a socket, or a link that leads to itself.
    Example:
        >>> check_regular(Path("/dev/null"))
        Traceback (most recent call last):
        ...
        clinome.loaders.errors.InputError: null: not a file; got 'a device'; expected a file on a disk. Fix: name a file.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise InputError("no such file", path, fix="correct the path; it is relative to the study file") from None
    except (OSError, ValueError) as error:
        got = getattr(error, "strerror", None) or "no path"
        raise InputError("this file cannot be read", path.name[-80:], got, "a readable file", "name a file") from None
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(mode):
        got = kinds.get(stat.S_IFMT(mode), "a device")
        raise InputError("not a file", path.name, got, "a file on a disk", "name a file")
    return path


def small_text(path: Path, what: str, most: int) -> str:
    """The text of a small file that a study names, without a byte order mark.

    Args: what: it is, for messages: "task file". most: bytes.
    Raises: InputError for one that is not there, no regular file, larger, or not UTF-8.
    Example: small_text(Path("task.toml"), "task file", 1_000_000)
    """
    if not os.path.exists(path):
        raise InputError(f"no such {what}", path, fix="correct the path; it is relative to the study file")
    if check_regular(path).stat().st_size > most:
        expected, fix = f"at most {most:,} bytes", f"name the {what}, or shorten it"
        raise InputError(f"too large for a {what}", path, expected=expected, fix=fix)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"a {what} that is not UTF-8", path, fix="save it as UTF-8") from None


def check_lines(path: Path, data: bytes) -> None:
    """Raises: InputError for text with a line longer than twice LINE: no table has one, and nothing reads it in time."""
    for first in range(0, len(data) - LINE, LINE):
        if data.find(b"\n", first, first + LINE) < 0 and data.find(b"\r", first, first + LINE) < 0:
            got, fix = f"{LINE:,} bytes without a line end", "check how the file was made; a row is one line"
            raise InputError("a line that is too long", path, got, "a table of rows", fix)


def gunzip(path: Path, data: bytes) -> bytes:
    """The content of a gzipped file. Raises: InputError for a bomb; what `gzip` raises for a broken one."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return _within(file, path, len(data))


def member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of a zip archive. Raises: InputError for a bomb."""
    with archive.open(name) as file:
        return _within(file, path, os.path.getsize(path))


def text_lines(path: Path) -> Iterator[bytes]:
    """The lines of a text, plain, gzipped, or in a zip of one file, one after the other: it is never held as a whole.

    Raises: InputError for what is missing, no regular file, broken, a bomb, or has a line that no text has.
    """
    check_regular(path)
    packed, read = path.stat().st_size, 0
    try:
        with path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            file = _unpacked(path, raw, start)
            while line := file.readline(LINE + 1):
                read += len(line)
                if len(line) > LINE or read > max(LARGE, RATIO * packed):
                    raise InputError(
                        "lines or a size that no text has", path, expected="lines of text", fix="look into it"
                    )
                yield line.rstrip(b"\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        got, expected = type(error).__name__, "a whole .gz, or a .zip of one file"
        raise InputError("cannot be unpacked", path, got, expected, "fetch it again") from None


def _unpacked(path: Path, raw: IO[bytes], start: bytes) -> IO[bytes] | gzip.GzipFile:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)
    if start != b"PK\x03\x04":
        return raw
    archive = zipfile.ZipFile(raw)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise InputError("a zip of several files", path, len(names), "one file", "unpack it and name the file")
    return archive.open(names[0])


def _within(file: IO[bytes] | gzip.GzipFile, path: Path, packed: int) -> bytes:
    """All of it, part by part: a header may say another size than what comes."""
    out, most = bytearray(), max(LARGE, RATIO * packed)
    while part := file.read(_STEP):
        out += part
        if len(out) > most:
            what, fix = (
                f"unpacks to more than {RATIO} times its size",
                "unpack it, look into it, and name what comes out",
            )
            raise InputError(what, path, expected="a packed table", fix=fix)
    return bytes(out)
