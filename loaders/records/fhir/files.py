"""FHIR files: bundles, single resources and ndjson, plain or packed -> resources, one after the other."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from ...errors import InputError
from ...files.regular_file import LINE, check_regular, gunzip
from ...files.source_folder import files_within
from ...files.text_table import GZIP, ZIP, read_bytes

ENDINGS = (".json", ".ndjson", ".jsonl")
PACKED = (".gz", ".zip")
_LINES = (".ndjson", ".jsonl")
_ENTRY = re.compile(r'"entry"\s*:\s*\[')
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False, parse_float=str, parse_int=str, parse_constant=str)
"""Numbers stay as they are written: 4.50 is no float yet, and no number is too long."""

UNTYPED = "a resource, with its resourceType"
"""What a line should have been that is JSON."""

Table = dict[str, Any]


class Entry(NamedTuple):
    """A resource as it stands, and the URL by which its bundle knows it."""

    resource: Table
    full_url: str | None


class Fault(NamedTuple):
    """What is no resource: where, and what was expected there. rest: what follows it in the file is lost too."""

    where: str
    expected: str
    rest: bool = False


def fhir_files(path: Path) -> list[Path]:
    """The files of a source: itself, or in order of name those of a folder that may hold FHIR.

    Raises: InputError where there is none.
    """
    if path.is_dir():
        found = [one for one in files_within(path) if _unpacked(one).endswith(ENDINGS)]
        if not found:
            fix = "name a folder of bundles or of bulk-export files"
            raise InputError("holds no FHIR file", path, expected=".json or .ndjson, also .gz", fix=fix)
        return found
    return [check_regular(path)]


def entries(path: Path) -> Iterator[Entry | Fault]:
    """Every resource of a file, of a bundle those within it. One resource is held at a time, of a bundle also its text.

    Raises: InputError for what is no file. What is in it and cannot be read is a Fault.
    """
    check_regular(path)
    for value in _lines(path) if _is_lines(path) else _document(path):
        if isinstance(value, Fault):
            yield value
        else:
            yield from _resources(value, None, 0)


def _resources(value: Any, full_url: str | None, depth: int) -> Iterator[Entry]:
    """The resource itself, or what its bundle holds. A value that is none (a manifest of an export) is left aside."""
    if isinstance(value, list):
        for one in value:
            yield from _resources(one, None, depth)
    if not isinstance(value, dict):
        return
    if value.get("resourceType") == "Bundle" and depth < 8:
        inside = value.get("entry")
        for entry in inside if isinstance(inside, list) else ():
            yield from _of_entry(entry, depth + 1)
    elif isinstance(value.get("resourceType"), str):
        yield Entry(value, full_url)


def _of_entry(entry: Any, depth: int) -> Iterator[Entry]:
    if isinstance(entry, dict):
        url = entry.get("fullUrl")
        yield from _resources(entry.get("resource"), url if isinstance(url, str) else None, depth)


def _unpacked(path: Path) -> str:
    name = path.name.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    return name


def _is_lines(path: Path) -> bool:
    """Whether each line is a resource: by the ending and the first line, which of a printed bundle is `{` alone."""
    with path.open("rb") as file:
        if file.read(4) == ZIP:
            return False
    try:
        with _open(path) as lines:
            first, second = lines.readline(LINE).strip(), lines.readline(LINE).strip()
    except (OSError, EOFError, zlib.error):
        return False
    if _unpacked(path).endswith(_LINES):
        return first.removeprefix(b"\xef\xbb\xbf") not in (b"{", b"[")
    try:
        return bool(second) and isinstance(json.loads(first.decode("utf-8-sig")), dict)
    except (ValueError, RecursionError):
        return False


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _lines(path: Path) -> Iterator[Any]:
    """The value of each line that is not empty; one that is broken is a Fault, and the next goes on."""
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(LINE):
                number += 1
                if len(line) == LINE and not line.endswith(b"\n"):
                    while (more := file.readline(LINE)) and not more.endswith(b"\n"):
                        pass
                    yield Fault(f"line {number}", f"a line of less than {LINE:,} bytes")
                elif line.strip():
                    yield _line(line, number)
    except (OSError, EOFError, zlib.error):
        yield Fault(f"after line {number}", "a whole file: fetch it again", rest=True)


def _line(line: bytes, number: int) -> Any:
    try:
        value = _DECODER.decode(line.decode("utf-8-sig").strip())
    except (ValueError, RecursionError):
        return Fault(f"line {number}", "a JSON object")
    typed = isinstance(value, dict) and isinstance(value.get("resourceType"), str)
    return value if typed else Fault(f"line {number}", UNTYPED)


def _document(path: Path) -> Iterator[Any]:
    """The values of a file of JSON; of a bundle its entries, each as a bundle of its own. What is cut is a Fault."""
    try:
        text = _content(path).decode("utf-8-sig")
    except (InputError, OSError, EOFError, zlib.error):
        yield Fault("", "a whole file: fetch it again", rest=True)
        return
    except UnicodeDecodeError:
        yield Fault("", "JSON in UTF-8", rest=True)
        return
    if text.lstrip().startswith("<"):
        yield Fault("", "JSON, not XML", rest=True)
        return
    at = 0
    try:
        begun = _bundle_begun(text)
        if begun is not None:
            yield from _entries_of(text, begun)
            return
        while (at := _skip(text, at)) < len(text):
            value, at = _DECODER.raw_decode(text, at)
            yield value
    except (ValueError, RecursionError) as error:
        place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) and error.doc is text else "its end"
        yield Fault(place, "whole JSON", rest=True)


def _content(path: Path) -> bytes:
    """All of a file, unpacked; a bundle may be one line, however long."""
    data = path.read_bytes()
    if data.startswith(GZIP):
        return gunzip(path, data)
    return read_bytes(path)[0] if data.startswith(ZIP) else data


def _bundle_begun(text: str) -> int | None:
    """Where the entries of a bundle begin; None where the text is none, or says so only behind them."""
    found = _ENTRY.search(text, 0, 1_000_000)
    if found is None:
        return None
    try:
        head = _DECODER.decode(text[: found.start()].rstrip().removesuffix(",") + "}")
    except (ValueError, RecursionError):
        return None  # an entry of something else
    return found.end() if isinstance(head, dict) and head.get("resourceType") == "Bundle" else None


def _entries_of(text: str, at: int) -> Iterator[Any]:
    """Raises: ValueError where the text is no JSON."""
    while text[(at := _skip(text, at)) : at + 1] != "]":
        entry, at = _DECODER.raw_decode(text, at)
        yield {"resourceType": "Bundle", "entry": [entry]}
        at = _skip(text, at)
        if text[at : at + 1] not in (",", "]"):
            raise ValueError("the bundle breaks off")
        at += text[at] == ","
    _DECODER.decode("{" + text[at + 1 :].strip().removeprefix(","))


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
