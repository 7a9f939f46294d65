"""Files of a folder: which are looked at, which are papers, and which no loader reads."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from .names import words

DEEP, MANY = 3, 1_000
"""Folders below the folder, and files, that are looked at."""
_PAPERS = frozenset((
    "md", "rst", "html", "htm", "pdf", "doc", "docx", "log", "py", "r", "rmd", "ipynb", "toml", "yaml", "yml", "cypher", "sh", "sql",
    "png", "svg", "jpg", "jpeg", "bib", "xml", "css", "js", "lock", "ini", "cfg",
))  # fmt: skip
_PAPER_NAMES = frozenset((
    "readme", "license", "licence", "licenses", "copying", "source", "changelog", "citation", "sha256sums", "md5sums", "md5", "checksums",
    "manifest", "rejects", "notice", "metagraph",
))  # fmt: skip
_NOT_READ = {
    "bcf": "BCF: not read; VCF, MAF, patient–gene pairs and 0/1 matrices are",
    **dict.fromkeys(("h5", "hdf5"), "HDF5 without the form of AnnData: not read; write its tables as csv with a column of patient ids"),
    **dict.fromkeys(("json", "jsonl", "ndjson"), "JSON that is no FHIR: not read"),
    **dict.fromkeys(("loom", "mtx"), "not read; write it as h5ad"),
    **dict.fromkeys(("rds", "rda", "rdata"), "a file of R: not read; write its tables as csv"),
    **dict.fromkeys(("sas7bdat", "xpt", "dta", "sav"), "a file of a statistics program: not read; write it as csv or Parquet"),
    **dict.fromkeys(
        ("pkl", "pickle", "npy", "npz", "pt", "mat", "feather", "arrow"), "arrays or objects of a program: not read; write them as csv or Parquet"
    ),
    **dict.fromkeys(("bam", "cram", "sam", "fastq", "fq", "bed", "gtf", "gff", "idat", "cel"), "raw data: not read; a matrix made from it is"),
    **dict.fromkeys(("tar", "tgz", "7z", "rar", "bz2", "xz", "zst"), "an archive or a compression that is not read: unpack it, or write it as .gz"),
}  # fmt: skip
_OWN = (".graph", ".tables")
_PACKED = (".gz", ".zip")


def files_of(folder: Path) -> list[Path]:
    """The files below a folder, three folders deep; hidden ones, and what Clinome itself wrote, apart."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        at = Path(root)
        deep = len(at.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if deep < DEEP and not _skipped(at / name))
        found += [at / name for name in sorted(names) if not name.startswith(".") and (at / name).is_file()]
        if len(found) > MANY:
            break
    return found[:MANY]


def _skipped(folder: Path) -> bool:
    name = folder.name
    runs = name == "runs" and any(True for _ in folder.glob("*/snapshot"))
    return name.startswith((".", "__")) or name.endswith(_OWN) or name == "case_lists" or runs


def ending(path: Path) -> str:
    """What a file's name ends on, in small letters, its compression apart.

    Example:
        >>> ending(Path("rna.TSV.gz"))
        'tsv'
    """
    name = path.name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return name.rpartition(".")[2] if "." in name else ""


def stem(path: Path) -> str:
    """A file's name without its endings, in small letters."""
    return path.name.lower().split(".")[0]


def is_paper(path: Path) -> bool:
    """Whether it is something to read or to run, and no data; cBioPortal's meta files too."""
    return ending(path) in _PAPERS or stem(path) in _PAPER_NAMES or stem(path).startswith("meta_")


def why_not_read(path: Path) -> str | None:
    """Why no loader reads a file of this ending; None where one may."""
    return _NOT_READ.get(ending(path))


def section_name(path: Path) -> str:
    """A short name for a section from a file's.

    Example:
        >>> section_name(Path("data_timeline_treatment.txt"))
        'timeline_treatment'
    """
    first = path.name.split(".")[0]
    said = [
        w
        for w in words(first if len(first) > 2 else path.name)
        if w not in ("data", "the") and not re.fullmatch(r"\d+", w)
    ]
    return "_".join(said)[:30] or "source"


def grouped(unread: Mapping[str, str]) -> list[str]:
    """What is said of files that are not in the study: those of one reason in one line.

    Example:
        >>> grouped({"a.rds": "a file of R", "b.rds": "a file of R", "c.rds": "a file of R", "d.rds": "a file of R", "x": "else"})
        ['a.rds, b.rds and 2 more: a file of R', 'x: else']
    """
    by_reason: dict[str, list[str]] = {}
    for path, why in unread.items():
        by_reason.setdefault(why, []).append(path)
    return [
        f"{', '.join(paths) if len(paths) < 4 else f'{paths[0]}, {paths[1]} and {len(paths) - 2} more'}: {why}" for why, paths in by_reason.items()
    ]  # fmt: skip
