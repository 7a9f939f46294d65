"""Patients and samples of a folder: which table is one row a patient, which one row a sample, and how files join."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..errors import ClinomeError
from ..files.column_types import named_like_an_id
from ..identifiers.curie import is_curie
from ..identifiers.genes import GeneTable
from ..specs import Patients
from ..subjects.barcodes import finder
from ..subjects.id_forms import forms, joined_by
from ..subjects.patients import read_patients
from ..tables import SAMPLES, Known, in_layout
from .file_head import Column, Head
from .layers import Whose, as_matrix, is_maf, pairs, suffixes
from .names import BATCH, CLINICAL, COLLECTED, ID, SAMPLE, SITE, SUBJECT, VISIT, namespace, one_form, plain_name, words
from .records.formats import is_timeline
from .records.hourly import is_hourly
from .section import Section

_HALF = 0.5
_VARYING = 0.3
_COUNTER = re.compile(r"column_\d+|unnamed_\d+|index|x|v1|nr|no|row|row_?(number|names?)|sn|serial(_no)?|#?")
"""Names of a column that may count the rows; column_0 is one without a name."""
_MOSTLY = 0.9
_RARE = 0.05
_LOOKED_AT = 300
_FEW_PROPERTIES = 2
_DIGITS = 3
_CALLED = ((SUBJECT, 3.0), (SAMPLE, 1.5), (VISIT, 0.5), (ID, 1.0))
_FEATURES = ("ensembl", "cpg", "mirbase", "hgnc", "chebi", "hmdb", "uniprot")
_LAST_SEEN = ("last_contact", "last_contact_date", "last_followup", "last_followup_date", "last_follow_up", "last_seen", "observed_until",
              "last_visit", "date_last_contact", "end_of_observation", "observation_end")  # fmt: skip


@dataclass(frozen=True)
class PatientsTable:
    """A table of one row a patient.

    id: its column of ids. ids: all that were seen. properties: the other columns; varying: those that differ between
    the rows of one id, and so belong to none of them.
    """

    head: Head
    id: str
    ids: frozenset[str]
    properties: tuple[str, ...]
    varying: tuple[str, ...]
    layered: bool

    @property
    def repeated(self) -> bool:
        """Whether an id has several rows."""
        return not self.head.column(self.id).unique


def whose_among(subjects: Iterable[str], samples: Mapping[str, str] | None = None) -> Whose:
    """Whose an id is among these, by the loaders' own rule: TCGA barcodes are cut, letters composed."""
    table = None
    if samples is not None:
        owners = pl.DataFrame({"sample_id": [*samples], "subject_id": [*samples.values()]})
        table = in_layout(owners, SAMPLES)  # type: ignore[arg-type]
    return finder(Known(frozenset(subjects), table, GeneTable.empty()))


def id_columns(head: Head) -> list[Column]:
    """Columns that may hold ids: called so, or different in every row."""
    found = []
    for name in _plain_columns(head):
        column = head.column(name)
        called = any(pattern.search(plain_name(name)) for pattern in (SUBJECT, SAMPLE, VISIT, ID))
        if column.filled and (called or (column.unique and not column.date and (not column.number or column.whole))):
            found.append(column)
    return found


def _plain_columns(head: Head) -> list[str]:
    """Its columns but the features of a wide table."""
    out = {name for names in suffixes(head).values() for name in names}
    return [name for name in head.frame.columns if name not in out]


def patients_tables(heads: Sequence[Head]) -> list[PatientsTable]:
    """The tables that may be [patients], the likeliest first: their ids are called so, or measurements carry them.

    A table whose only ids are the numbers of its rows is one where there is no other.
    """
    made = [table for head in heads if head.header for table in _tables_of(head)]
    used = {id(head): _id_sets(head) for head in heads if _measures(head)}
    scored = []
    for i, table in enumerate(made):
        sets = [found for key, found in used.items() if key != id(table.head)]
        score, likely = _score(table, sets)
        if likely:
            scored.append((score, -i, table))
    if not scored and not used:
        scored = [
            (0.0, -i, t)
            for i, t in enumerate(made)
            if is_row_number(t.head, t.id) and len(t.properties) > _FEW_PROPERTIES
        ]
    return [table for _, _, table in sorted(scored, key=lambda one: one[:2], reverse=True)]


def _measures(head: Head) -> bool:
    """Whether its ids are those of whom something was measured: a layer, or records."""
    if is_maf(head) or is_timeline(head) or is_hourly(head) or pairs(head, None) or as_matrix(head) is not None:
        return True
    return any(c.distinct < _HALF * c.filled and SUBJECT.search(plain_name(c.name)) for c in id_columns(head))


def is_split(head: Head) -> bool:
    """Whether it lists who trains and who is held out."""
    names = {plain_name(name) for name in head.names}
    if {"fold", "subject_id", "split"} <= names:
        return True
    return (
        len(names) <= 5
        and "train" in names
        and bool(names & {"val", "test", "valid", "validation", "held_out", "tuning"})
    )


def is_transposed(head: Head) -> bool:
    """Whether its columns are called like patients, and hold their words: a clinical table turned on its side."""
    names = [name for name in head.names if name][1:]
    words_there = sum(name not in head.numeric for name in head.frame.columns[1:])
    numbered = sum(sum(letter.isdigit() for letter in name) >= _DIGITS for name in names)
    return (
        len(names) > _DIGITS and one_form(names) and numbered > _HALF * len(names) and words_there > _HALF * len(names)
    )


def _tables_of(head: Head) -> list[PatientsTable]:
    layered = bool(suffixes(head))
    if (
        is_maf(head)
        or is_timeline(head)
        or is_split(head)
        or is_transposed(head)
        or (not layered and as_matrix(head) is not None)
    ):
        return []
    columns = _plain_columns(head)
    found = id_columns(head)
    subjects = any(SUBJECT.search(plain_name(c.name)) and c.distinct > max(2, _RARE * c.filled) for c in found)
    made = []
    for column in found:
        rest = [name for name in columns if name != column.name]
        mostly = column.filled >= _MOSTLY * head.frame.height and column.distinct >= _HALF * column.filled
        other = subjects and not SUBJECT.search(
            plain_name(column.name)
        )  # the rows are visits, slides or samples of those
        if not rest or not mostly or other or _names_features(column):
            continue
        varying = [] if column.unique else _varying(head, column.name, rest)
        if len(varying) > max(1, _VARYING * len(rest)) or (not column.unique and _visits(head, column.name)):
            continue
        kept = tuple(name for name in rest if name not in varying)
        made.append(PatientsTable(head, column.name, head.ids(column.name), kept, tuple(varying), layered))
    return made


def _names_features(column: Column) -> bool:
    """Whether its cells name genes or terms, not people."""
    some = column.cells.drop_nulls().head(_LOOKED_AT)
    return namespace(some.to_list()) in _FEATURES or bool(is_curie(some).sum() > _HALF * some.len())


def _visits(head: Head, id: str) -> bool:
    """Whether its rows are visits of the ids, not slides or lines of them."""
    return any(VISIT.search(plain_name(n)) and n != id and head.column(n).unique for n in _plain_columns(head))


def _varying(head: Head, id: str, columns: Sequence[str]) -> list[str]:
    """The columns of which an id has several values."""
    most = head.frame.group_by(id).agg(pl.col(columns).n_unique()).select(pl.col(columns).max()).row(0)
    return [name for name, n in zip(columns, most, strict=True) if n > 1]


def _id_sets(head: Head) -> list[list[str]]:
    """The sets of names in a file that may be ids of its samples."""

    def some(name: str) -> list[str]:
        return [*head.ids(name)][:_LOOKED_AT]

    if not head.header:
        return [some(name) for name in head.frame.columns[:3]]
    sets = [some(column.name) for column in id_columns(head)]
    if is_maf(head):
        sets += [some(name) for name in head.frame.columns if name.lower() == "tumor_sample_barcode"]
    elif len(head.frame.columns) > _LOOKED_AT // 30:
        sets += [[name for name in head.names if name][1 : _LOOKED_AT + 1]]
        sets += [some(head.frame.columns[0])] if head.frame.columns[0] not in head.numeric else []
    return sets


def _score(table: PatientsTable, measured: Sequence[Sequence[Sequence[str]]]) -> tuple[float, bool]:
    """How likely a table is [patients], and whether it is at all.

    measured: of each file of measurements the sets of names that may be its ids.
    """
    whose = whose_among(table.ids)
    joined = sum(
        any(sum(whose(i) is not None for i in ids) >= _HALF * len(ids) > 0 for ids in sets) for sets in measured
    )
    name = plain_name(table.id)
    called = next((score for pattern, score in _CALLED if pattern.search(name)), 0.0)
    file = 1.5 if set(words(table.head.path.name)) & set(CLINICAL) else 0.0
    if is_row_number(table.head, table.id):
        return 0.0, False
    score = called + file + 2.0 * joined + min(1.0, len(table.properties) / 20) - (0.5 if table.repeated else 0.0)
    return score, called >= 1.5 or bool(file) or bool(joined)


def is_row_number(head: Head, name: str) -> bool:
    """Whether a column counts the rows: no id that any other file could use."""
    column = head.column(name)
    if not (column.unique and column.whole) or not _COUNTER.fullmatch(plain_name(name)):
        return False
    values = column.cells.cast(pl.Float64, strict=False).cast(pl.Int64)
    return bool((values.diff().drop_nulls() == 1).all()) and values[0] in (0, 1)


def patients_section(table: PatientsTable, path: str) -> Section:
    """`[patients]` of a table."""
    keys: dict[str, object] = {"path": path, "id": table.id}
    why = [f"{len(table.ids):,} patients{'' if table.head.whole else ' or more'}, {len(table.properties)} columns"]
    if table.varying or table.layered:
        keys["keep"] = [name for name in table.properties if not is_row_number(table.head, name)]
    if table.varying:
        why.append(
            f"several rows a patient: left out of `keep` is what differs between them ({_listed(table.varying)})"
        )
    for name in table.properties:
        if plain_name(name) in _LAST_SEEN and table.head.column(name).date:
            keys["observed_until"] = name
            break
    keys |= table.head.dialect
    keys |= (names := categorical(table.head, table.properties))
    if names:
        why.append("`categorical` are whole numbers that are called like names: take out what counts or measures")
    if is_row_number(table.head, table.id):
        why.append("the file has no ids: the number of the row stands for one")
    return Section("patients", keys, tuple(why))


def categorical(head: Head, names: Iterable[str]) -> dict[str, list[str]]:
    """The key `categorical`: of these columns the whole numbers that are names by what the column is called; {} without any.

    A column of two values stays: it says yes and no, or is an outcome.
    """
    called = [n for n in names if named_like_an_id(n) and head.column(n).whole and head.column(n).distinct > 2]
    return {"categorical": called} if called else {}


def _listed(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")


def further_tables(
    first: PatientsTable, others: Sequence[PatientsTable], paths: Mapping[Path, str]
) -> tuple[list[PatientsTable], list[str]]:
    """Other tables of the same patients: those that the loader joins to the first, and of the rest what to do."""
    joined, questions, seen = [first], [], {first.head.path}
    for table in others:
        if table.head.path in seen or is_row_number(table.head, table.id):
            continue
        common = len(first.ids & table.ids)
        if common < _HALF * min(len(first.ids), len(table.ids)):
            continue
        seen.add(table.head.path)
        new = [name for name in table.properties if name not in first.properties and _is_property(table, name)]
        if not new:
            continue
        if table.id == first.id and joins([*joined, table]):
            joined.append(table)
            continue
        questions.append(
            f"{paths[table.head.path]} has {len(new)} more columns of the same patients ({_listed(new)}): [patients] is one row "
            f"a patient of one form; to have them, join the two by their ids ({first.id}, {table.id}) into one file"
        )
    return joined, questions


def _is_property(table: PatientsTable, name: str) -> bool:
    """Whether a column says something of a patient: no id, no row number, no batch of a sample, not always the same."""
    called = plain_name(name)
    if any(pattern.search(called) for pattern in (ID, SAMPLE, SUBJECT)) or is_row_number(table.head, name):
        return False
    sampled = any(SAMPLE.search(plain_name(other)) for other in table.head.frame.columns)
    return table.head.column(name).distinct > 1 and not (sampled and called in (*BATCH, *SITE, *COLLECTED))


def same_form(first: PatientsTable, others: Sequence[PatientsTable]) -> list[PatientsTable]:
    """Tables of other patients in the same form: parts of one [patients]."""
    found: list[PatientsTable] = []
    for table in others:
        new = table.head is not first.head and table.id == first.id and table.head.names == first.head.names
        if new and not any(table.ids & one.ids or table.head is one.head for one in (first, *found)):
            found.append(table)
    return found


def joins(tables: Sequence[PatientsTable]) -> bool:
    """Whether the loader makes one row a patient of these files, and refuses none of their rows."""
    spec = Patients(tuple(table.head.path for table in tables), id=tables[0].id)
    try:
        loaded = read_patients(spec)
    except ClinomeError:
        return False
    columns = {name for table in tables for name in table.properties} & set(
        loaded.patients.columns if loaded.patients is not None else ()
    )
    if loaded.tally.rejected or loaded.patients is None or not columns:
        return False
    firsts = [
        next((n for n in table.properties if n in columns and table.head.column(n).filled), None) for table in tables
    ]
    if None in firsts:
        return False
    return bool(loaded.patients.select(pl.all_horizontal(pl.col([str(n) for n in firsts]).is_not_null()).any()).item())


def samples_section(
    heads: Sequence[Head], subjects: frozenset[str] | None, used: Sequence[Sequence[str]], paths: Mapping[Path, str]
) -> tuple[Section, dict[str, str]] | None:
    """`[samples]`: the table that says whose the ids of the omics files are, and what each sample's subject is.

    used: ids that omics files carry.
    """
    best: tuple[float, Section, dict[str, str]] | None = None
    for head in heads:
        if not head.header or is_maf(head) or (as_matrix(head) is not None and not suffixes(head)):
            continue
        for sample in id_columns(head):
            if not sample.unique or is_row_number(head, sample.name):
                continue
            ids = head.ids(sample.name)
            hits = sum(1 for names in used if len(ids.intersection(names)) >= _HALF * len(set(names)) > 0)
            subject = _subject(head, sample.name, subjects)
            if not hits or subject is None or (subjects is not None and len(ids & subjects) > _HALF * len(ids)):
                continue
            keys: dict[str, object] = {"path": paths[head.path], "id": sample.name, "subject": subject}
            found = _roles(head, (sample.name, subject))
            keys |= found
            keys |= head.dialect
            why = f"{len(ids):,} samples; the omics files carry their ids"
            owner = dict(zip(head.frame[sample.name].to_list(), head.frame[subject].to_list(), strict=True))
            one = (
                hits + 0.1 * len(found),
                Section("samples", keys, (why,)),
                {str(s): str(p) for s, p in owner.items() if s and p},
            )
            best = one if best is None or one[0] > best[0] else best
    return None if best is None else best[1:]


def _subject(head: Head, sample: str, subjects: frozenset[str] | None) -> str | None:
    for column in id_columns(head):
        if column.name == sample:
            continue
        ids = head.ids(column.name)
        if subjects is None and SUBJECT.search(plain_name(column.name)):
            return column.name
        if subjects is not None and len(ids & subjects) >= _HALF * len(ids) > 0:
            return column.name
    return None


def _roles(head: Head, taken: Sequence[str]) -> dict[str, object]:
    """batch, site and time of samples, by what the columns are called."""
    found: dict[str, object] = {}
    for role, known in (("batch", BATCH), ("site", SITE), ("time", COLLECTED)):
        for name in head.frame.columns:
            column = head.column(name)
            if (
                name not in taken
                and name not in found.values()
                and plain_name(name) in known
                and (role != "time" or column.date)
            ):
                found.setdefault(role, name)
    return found


def unjoined(path: str, ids: Sequence[str], subjects: Iterable[str]) -> str:
    """What is said where a file's ids are nobody's: both forms, and the one change that would join them."""
    known = sorted(subjects)
    change = joined_by(ids, known) or "check whether they name the same people, or name a table of both as [samples]"
    return f"{path}: its ids ({forms(ids) or 'none'}) are not those of [patients] ({forms(known)}): {change}"


def odd_cells(table: PatientsTable) -> list[str]:
    """Columns of numbers with a few cells that are none: what they look like, and what to do."""
    asked = []
    commas = [name for name in table.properties if table.head.column(name).commas]
    if commas:
        asked.append(f"[patients] {_listed(commas)}: numbers with decimal commas are text: write them with points")
    if table.head.unordered:
        asked.append(f"[patients] {table.head.unordered_dates}: until then they are text")
    for name in table.properties:
        odd = table.head.column(name).odd
        if odd:
            asked.append(
                f"[patients] {name} is a number but for {len(odd):,} cells ({forms(odd)}): with them it is text, no time and no "
                "number; name those words in `missing`, or correct the cells"
            )
    return asked


def batches(table: PatientsTable) -> list[str]:
    """Columns of the patients that say where or in which batch they were measured: worth a look, and a split by site."""
    found = [
        n for n in table.properties if plain_name(n) in (*SITE, *BATCH) and 1 < table.head.column(n).distinct < 200
    ]
    return [f'{n} looks like a site or batch: `site = "{n}"` in [evaluate] holds one out at a time' for n in found]
