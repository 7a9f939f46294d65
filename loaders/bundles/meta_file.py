"""cBioPortal's files of `key: value` lines: meta files, case lists, gene panels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..files.delimited import plain
from ..files.text_table import read_bytes

_LARGEST = 32 << 20
LFS_POINTER = b"version https://git-lfs"
"""How a file begins whose content Git LFS has not fetched."""


def read_meta(path: Path) -> Mapping[str, str]:
    """The keys of one file, in small letters, each with its first value; lines of any other form are no keys.

    Raises: InputError where the file is not there, or empty.
    Source: https://docs.cbioportal.org/file-formats/
    Example: read_meta(Path("meta_study.txt"))["cancer_study_identifier"]
    """
    text = plain(read_bytes(path, _LARGEST)[0]).decode("utf-8", errors="replace")
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and not key.lstrip().startswith("#"):
            found.setdefault(key.strip().lower(), value.strip())
    return found


def listed(meta: Mapping[str, str], key: str) -> list[str]:
    """The words of a list that tabs (or commas, or blanks) part: `case_list_ids`, `gene_list`.

    Example:
        >>> listed({"gene_list": "TP53\\tATM"}, "gene_list")
        ['TP53', 'ATM']
    """
    text = meta.get(key, "")
    parts = text.split("\t") if "\t" in text else text.replace(",", " ").split()
    return [one.strip() for one in parts if one.strip()]


def why_absent(path: Path) -> str | None:
    """Why a data file that a meta file names cannot be read; None where it can."""
    if not path.is_file():
        return "is not in the folder"
    try:
        head = plain(read_bytes(path, 4096)[0])
    except InputError as error:
        return error.what
    return "is a Git LFS pointer: `git lfs pull` fetches what it stands for" if head.startswith(LFS_POINTER) else None
