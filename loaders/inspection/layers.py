"""Omics files of a folder -> `[omics.NAME]`: matrices either way round, layers by suffix, MAF, patient–gene pairs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..identifiers.curie import is_curie
from ..omics.layer import NO_FEATURE
from ..omics.maf import looks_like_maf
from ..omics.text_matrix import ENTREZ, SYMBOL
from .file_head import Head
from .names import CLINICAL, LAYERS, SHORT, SUBJECT, Space, layer_kind, namespace, one_form, plain_name, words
from .section import Answer, Section

Whose = Callable[[str], str | None]
"""Whose an id is: the id as the study knows it, None for nobody's (`subjects.barcodes.finder`)."""
_MATRIX = 5
"""Columns of numbers from which on a table may be a matrix."""
_FEATURES, _WIDE = 3, 60
_SUFFIX = 20
_LOOKED_AT = 200
_DESCRIBING = 4
"""Columns beside its numbers that a matrix may have: names, ids, where a feature lies."""
_WORDY = ("metabolite", "protein", "methylation")


@dataclass(frozen=True)
class Matrix:
    """A table that is a matrix of measurements.

    in_rows: whether samples are its rows. ids: of samples, features: names, both as the file has them, of the head.
    id: the column of the rows' ids. column: the column of the rows' names.
    """

    head: Head
    in_rows: bool
    ids: tuple[str, ...]
    features: tuple[str, ...]
    column: str
    suffix: str | None = None


def is_maf(head: Head) -> bool:
    """Whether it is a MAF, as the loader tells one."""
    return looks_like_maf(head.frame.columns)


def suffixes(head: Head) -> dict[str, list[str]]:
    """Suffixes that cut a wide table into layers: `_rnaseq` -> its columns, where at least twenty end so. Beside such a
    layer a small one counts too.

    Example:
        >>> frame = pl.DataFrame({"id": ["a"], **{f"G{i}A_cnv": ["1"] for i in range(30)}})
        >>> [*suffixes(Head(Path("a"), frame, tuple(frame.columns), True))]
        ['_cnv']
    """
    found: dict[str, list[str]] = {}
    known = {word for all in LAYERS.values() for word in all}
    for name in head.numeric:
        match = re.fullmatch(r"(.+)([_.-])([A-Za-z0-9]+)", name)
        if match and match[3].lower() in known:
            found.setdefault(match[2] + match[3], []).append(name)
    if max(map(len, found.values()), default=0) < _SUFFIX:
        return {}
    return {suffix: names for suffix, names in sorted(found.items()) if len(names) >= _FEATURES}


def as_matrix(head: Head, whose: Whose | None = None, space: Space = namespace) -> Matrix | None:
    """The table as a matrix of features, None where it is none: a clinical table has numbers too, but other names.

    whose: where the study's ids are known, they say which way round it is.
    """
    columns = head.frame.columns
    numeric = [name for name in columns if name in head.numeric]
    other = [name for name in columns if name not in head.numeric]
    if len(numeric) < 2 or len(other) > max(_DESCRIBING, len(numeric) // 20):
        return None
    shown = dict(zip(columns, head.names, strict=True)) if head.header else {}
    labels = _row_labels(head, numeric, other)
    if labels is None:
        return None
    rows = [str(cell).strip() for cell in head.frame[labels].drop_nulls()]
    over = [shown.get(name, "") or name for name in numeric if name != labels]
    in_rows = _in_rows(rows, over, labels, whose, space)
    if in_rows is None:
        return None
    features, ids = (over, rows) if in_rows else (rows, over)
    features = [name for name in features if not re.fullmatch(NO_FEATURE, name)]
    said = layer_kind(head.path.name) is not None
    if not said and (set(words(head.path.name)) & set(CLINICAL) or len(set(features)) < _FEATURES):
        return None
    named = said or space(features) is not None
    told = whose is not None and not in_rows  # the header holds patients
    if not named and not told and (len(over) < _WIDE or not one_form(ids)):
        return None
    if in_rows and len(over) < _MATRIX:
        return None
    return Matrix(head, in_rows, tuple(ids), tuple(features), labels)


def _row_labels(head: Head, numeric: Sequence[str], other: Sequence[str]) -> str | None:
    """The column that says what its rows are."""
    for name in (SYMBOL, ENTREZ):
        if name in head.frame.columns:
            return name
    if other:
        return max(other, key=lambda name: head.column(name).distinct)
    first = head.column(head.frame.columns[0])  # ids that are numbers
    return first.name if first.unique and first.whole else None


def _in_rows(rows: list[str], over: list[str], labels: str, whose: Whose | None, space: Space) -> bool | None:
    """Whether samples are rows: by the study's ids, else by which names are those of features."""
    if labels in (SYMBOL, ENTREZ):
        return False
    if whose is not None:
        down, across = (sum(whose(id) is not None for id in ids[:_LOOKED_AT]) for ids in (rows, over))
        if down or across:
            return down / max(1, len(rows[:_LOOKED_AT])) >= across / max(1, len(over[:_LOOKED_AT]))
    if SUBJECT.search(plain_name(labels)):
        return True
    below, above = space(rows), space(over)
    if below == "entrez" and not set(words(labels)) & {"gene", "entrez", "geneid", "ncbi"}:
        below = None  # numbers of rows, or ids
    if below and above:  # numbers may be ids and genes alike
        return below == "entrez" if "entrez" in (below, above) else True
    if below or above:
        return above is not None
    return not (one_form(over) and not one_form(rows))


def omics_sections(
    matrix: Matrix, path: str, whose: Whose | None, names: NamesTaken, space_of: Space = namespace
) -> Answer:
    """The section of one matrix, its kind by its file's name, its features, and at last its values."""
    head = matrix.head
    said = layer_kind(head.path.name)
    space = space_of(_bare(matrix))
    kind, how = (said, "its file's name") if said else _kind_by_features(space)
    values = _values(matrix)
    questions = []
    if kind is None and space in (None, "entrez", "symbol", "ensembl"):
        kind, how = _kind_by_values(values) if space is not None or matrix.in_rows else (None, "")
        if kind:
            questions.append(
                f"[omics.{{name}}] kind: taken for {kind} by its values alone; correct it if it is another"
            )
    name = names.take(_layer_name(head.path, kind))
    keys: dict[str, object] = {"path": path, "kind": kind or "expression"}
    if whose is None:
        keys["orientation"] = "samples_in_rows" if matrix.in_rows else "samples_in_columns"
        if matrix.in_rows and matrix.column:
            keys["id"] = matrix.column
    features = _features(kind, space)
    if features != "symbol":
        keys["features"] = features
    if matrix.suffix:
        keys["suffix"] = matrix.suffix
    if kind == "expression" and _counts(values):
        keys["scale"] = "log1p"
    if kind is None:
        questions = ["[omics.{name}] kind: neither the file's name nor its features say what it measures; choose one"]
    if features == "symbol" and kind is not None and space is None:
        questions.append(
            "[omics.{name}] features: their names look like no identifiers known here; `opaque` takes them as they are"
        )
        keys["features"] = "opaque" if kind in _WORDY else "symbol"
    around = f"samples in {'rows' if matrix.in_rows else 'columns'}, about {len(matrix.features):,} features" + (
        " or more" if not head.whole and not matrix.in_rows else ""
    )
    why = [f"{around}; kind by {how}" if kind else around]
    if keys.get("scale") == "log1p":
        why.append("large numbers from 0 on, as counts have: log1p before anything else")
    if kind == "mutation":
        why.append("0, WT and empty are not mutated, any other number or word is; NA, NS and NP are not known")
    asked = tuple(q.format(name=name) for q in questions)
    return Answer((Section(f"omics.{name}", keys, tuple(why), ready=kind is not None),), asked)


class NamesTaken:
    """Names of sections, each once: rna, rna_2, …"""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """This name, or the first one after it that is free."""
        free = next(one for one in chain([name], (f"{name}_{k}" for k in count(2))) if one not in self._taken)
        self._taken.add(free)
        return free


def _layer_name(path: Path, kind: str | None) -> str:
    if kind is None:
        return "_".join(words(path.name.split(".")[0]))[:30] or "layer"
    return SHORT.get(kind, kind)


def _bare(matrix: Matrix) -> list[str]:
    return [name.removesuffix(matrix.suffix or "") for name in matrix.features]


def _kind_by_features(space: str | None) -> tuple[str | None, str]:
    kind = {"cpg": "methylation", "mirbase": "mirna", "uniprot": "protein", "chebi": "metabolite", "hmdb": "metabolite"}
    return kind.get(space or ""), "the names of its features"


def _features(kind: str | None, space: str | None) -> str:
    if kind == "mirna":
        return "mirbase" if space in (None, "mirbase", "symbol") else space
    return "opaque" if kind == "response" else space or "symbol"


def _values(matrix: Matrix) -> NDArray[np.float64]:
    """Some of its numbers."""
    head = matrix.head
    wanted = set(matrix.features) if matrix.suffix else None
    names = [
        n for n in head.frame.columns if n in head.numeric and n != matrix.column and (wanted is None or n in wanted)
    ]
    part = head.frame.select(names[:_LOOKED_AT]).head(_LOOKED_AT).select(pl.all().cast(pl.Float64, strict=False))
    values = part.to_numpy().ravel()
    return np.asarray(values[np.isfinite(values)])


def _kind_by_values(values: NDArray[np.float64]) -> tuple[str | None, str]:
    """What numbers alone may tell: 0 and 1 are mutations, -2 to 2 in whole steps copies, 0 to 1 fractions."""
    if not values.size:
        return None, ""
    whole = bool((values == np.round(values)).all())
    low, high = float(values.min()), float(values.max())
    if whole and low >= 0 and high <= 1:
        return "mutation", "its values: 0 and 1"
    if whole and low >= -2 and high <= 2:
        return "copy_number", "its values: whole steps from -2 to 2"
    if low >= 0 and high <= 1:
        return "methylation", "its values: fractions from 0 to 1"
    return "expression", "its values"


def _counts(values: NDArray[np.float64]) -> bool:
    return bool(values.size) and float(values.min()) >= 0 and float(values.max()) > 100


def suffix_sections(head: Head, id: str, path: str, names: NamesTaken, space_of: Space = namespace) -> list[Section]:
    """The layers of a table whose columns are told apart by their suffixes."""
    made = []
    for suffix, columns in suffixes(head).items():
        kind = layer_kind(suffix) or "expression"
        bare = [name.removesuffix(suffix) for name in columns]
        keys: dict[str, object] = {"path": path, "kind": kind, "id": id, "suffix": suffix}
        features = _features(kind, space_of(bare))
        if features != "symbol":
            keys["features"] = features
        matrix = Matrix(head, True, (), tuple(columns), id, suffix)
        if kind == "expression" and _counts(_values(matrix)):
            keys["scale"] = "log1p"
        why = f"the {len(columns):,} columns that end on {suffix}"
        made.append(Section(f"omics.{names.take(SHORT.get(kind, kind))}", keys, (why,)))
    return made


def pairs(head: Head, whose: Whose | None, space: Space = namespace) -> tuple[str | int, str | int] | None:
    """The columns of patient and gene of a table of pairs; None where it is none.

    Each patient comes several times, with names of genes; numbers call the columns where there is no header.
    """
    if not 2 <= head.frame.width <= 4 or head.frame.height < 2:
        return None
    text = [name for name in head.frame.columns if name not in head.numeric]
    if len(text) < 2:
        return None
    for subject, gene in ((text[0], text[1]), (text[1], text[0])):
        ids = head.frame[subject].drop_nulls().unique().to_list()
        known = whose is not None and sum(whose(id) is not None for id in ids[:_LOOKED_AT]) * 2 > len(ids[:_LOOKED_AT])
        likely = known or (
            whose is None and one_form(ids) and not is_curie(pl.Series(ids)).any() and space(ids) is None
        )
        if likely and head.column(subject).distinct < head.frame.height and space(_some(head, gene)) == "symbol":
            at = head.frame.columns.index
            return (subject, gene) if head.header else (at(subject), at(gene))
    return None


def _some(head: Head, column: str) -> list[str]:
    return head.frame[column].drop_nulls().unique(maintain_order=True).head(_LOOKED_AT).to_list()


def share_known(ids: Iterable[str], whose: Whose | None) -> float:
    """How many of these ids are the study's; 1 where whatever comes is known."""
    some = [*dict.fromkeys(ids)][:2_000]
    return 1.0 if whose is None or not some else sum(whose(id) is not None for id in some) / len(some)
