"""Tables of visits and events -> `[records.NAME]` of format csv: whose, when, which columns are codes and numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from ..identifiers.code_shapes import can_be
from .file_head import Column, Head
from .layers import Whose, share_known
from .names import ID, SUBJECT, VISIT, plain_name, words
from .people import categorical, id_columns, is_row_number
from .section import Answer, Section

_ICD10 = re.compile(r"[A-TV-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?")
_ICD9 = re.compile(r"(\d{3}|V\d{2})(\.?\d{1,2})?|E\d{3}(\.?\d)?|\d{1,3}(\.\d{1,2})?")
_LETTERED9 = re.compile(r"V\d{2}(\.?\d{1,2})?|E[89]\d{2}(\.?\d)?")
_CODED = re.compile(r"(^|_)(diag|dx|diagnosis|icd|icd9|icd10|condition|code|codes)(_|\d|$)|^diag|^dx|icd")
_DIAGNOSES = re.compile(r"diag|(^|_)dx|icd|condition")
_CODE = re.compile(r"codes?$|code_?\d+$")
_OTHER_VOCABULARIES = {"loinc": "LOINC", "rxnorm": "RXNORM", "rxcui": "RXNORM", "atc": "ATC", "ndc": "NDC", "cpt": "CPT", "hcpcs": "HCPCS",
                       "snomed": "SNOMED", "phecode": "PHECODE"}  # fmt: skip
_START = ("admitted", "admission_date", "admit_date", "admittime", "admit_time", "start", "start_date", "start_time", "date", "time", "datetime",
          "visit_date", "encounter_date", "admission_time", "event_date", "event_time", "charttime", "timestamp", "visit_start", "admission",
          "visit_start_date", "service_date", "diagnosis_date", "date_of_admission", "arrival", "encounter_start", "measured_at")  # fmt: skip
_END = ("discharged", "discharge_date", "dischtime", "discharge_time", "end", "end_date", "end_time", "stop", "stop_date", "discharge",
        "visit_end", "visit_end_date", "date_of_discharge", "departure", "encounter_end")  # fmt: skip
_KNOWN = (
    "known_time",
    "known",
    "result_time",
    "reported",
    "reported_at",
    "resulted",
    "resulted_at",
    "recorded",
    "recorded_at",
    "posted",
)
_RELATIVE = re.compile(r"(^|_)(days?|hours?|minutes?|offset)(_|$)|(days|hours|minutes)$")
_DOSES = frozenset(("steady", "up", "down"))
_NOTHING = ("No", "no", "NO")
_DRUGS = ("drug", "drug_name", "medication", "medication_name", "agent", "medicine", "drugname")
_SHARE = 0.95
_FEW = 12
_SUBJECT_COMES_AGAIN = 1.02


@dataclass(frozen=True)
class Records:
    """A table of visits or events: its section, the questions, and its columns that become properties of Visit; clock:
    dated, relative, order, "" where it is not read."""

    answer: Answer
    visit: str | None
    kept: tuple[str, ...]
    head: Head
    clock: str


def as_records(head: Head, path: str, take: Callable[[], str], whose: Whose | None) -> Records | None:
    """The table as records; None where it has no subject that comes several times, or nothing that says when.

    A row is a visit where a column numbers visits; codes are known by their form, numbers become values, the rest
    stays with the visit. take: gives the section its name, once it is one.
    """
    subject = _subject(head, whose)
    if subject is None:
        return None
    visit = next(
        (
            c
            for c in id_columns(head)
            if _mostly_unique(c) and c.name != subject.name and VISIT.search(plain_name(c.name))
        ),
        None,
    )
    time, end, known, dated = _times(head)
    if visit is None and time is None:
        return None
    name = take()
    if visit is None and (long := _long(head)):
        return _as_long(head, path, name, subject, time, long)
    keys: dict[str, object] = {"format": "csv", "path": path, "subject": subject.name}
    why, asked = [f"{subject.distinct:,} patients{'' if head.whole else ' or more'}"], []
    if visit is not None:
        keys["visit"] = visit.name
        why.append("a row is a visit")
    if time is not None:
        keys["time"] = time.name
        if not dated:
            keys["unit"] = _unit(time.name)
            asked.append(
                f"[records.{name}] time: {time.name} counts {keys['unit']} from a beginning that the file does not name; `since` may say it"
            )
    elif visit is not None:
        keys["order"] = visit.name
        dates = f" ({head.unordered_dates})" if head.unordered else ""
        asked.append(
            f"[records.{name}] order: no column says when{dates}; the order of {visit.name} is taken for that of the visits: name another column if it is not"
        )
    if end is not None and visit is not None:
        keys["end"] = end.name
    if known is not None:
        keys["known_time"] = known.name
    taken = {str(v) for v in keys.values()}
    rest = [
        head.column(n)
        for n in head.frame.columns
        if n not in taken and not is_row_number(head, n) and head.column(n).filled
    ]
    kept = _columns(head, name, keys, rest, visit is not None, why, asked)
    keys |= head.dialect
    nothing = not visit and not any(keys.get(one) for one in ("codes", "values", "columns"))
    if nothing and not asked:
        return None
    section = Section(f"records.{name}", keys, tuple(why), ready=not nothing)
    clock = "order" if "order" in keys else "relative" if "unit" in keys else "dated"
    return Records(Answer((section,), tuple(asked)), visit.name if visit else None, kept, head, clock)


_TESTS = frozenset(
    (
        "test",
        "code",
        "loinc",
        "item",
        "itemid",
        "lab",
        "parameter",
        "variable",
        "analyte",
        "measurement",
        "name",
        "concept",
    )
)
_UNITS = frozenset(("unit", "units", "valueuom", "uom", "value_unit", "unit_source_value"))
_RESULTS = frozenset(("value", "result", "valuenum", "numeric_value", "value_as_number", "reading"))


def _long(head: Head) -> tuple[str, str] | None:
    """The columns of what was measured and of its value, where each row is one measurement."""
    test = next(
        (
            n
            for n in head.frame.columns
            if plain_name(n) in _TESTS or (_TESTS & {plain_name(n).split("_")[0]} and not head.column(n).unique)
        ),
        None,
    )
    value = next((n for n in head.frame.columns if plain_name(n) in _RESULTS and n in head.numeric), None)
    return None if test is None or value is None or test == value else (test, value)


def _as_long(head: Head, path: str, name: str, subject: Column, time: Column | None, long: tuple[str, str]) -> Records:
    """A long table: the value of a row belongs to its code."""
    test, value = long
    cells = head.frame[test].drop_nulls().cast(pl.String)
    loinc = sum(can_be(code, "LOINC") for code in cells) * 2 > cells.len()
    unit = next((n for n in head.frame.columns if plain_name(n) in _UNITS), None)
    keys: dict[str, object] = {"format": "csv", "path": path, "subject": subject.name}
    keys |= {"time": time.name} if time else {}
    keys |= {"date_order": head.date_order} if head.date_order else {}
    keys |= {"codes": {test: "LOINC" if loinc else "VALUE"}, "value": value} | ({"value_unit": unit} if unit else {})
    why = f"a long table: each row has one measurement ({test}) and its value ({value})"
    asked: tuple[str, ...] = (
        () if loinc else (f"{path}: {why}; VALUE:… is what its names are taken for: name the vocabulary of `codes`",)
    )
    asked += () if time else (f"{path}: {why}; no column of times was found: name `time`, or `order`",)
    return Records(
        Answer((Section(f"records.{name}", keys, (why,), ready=time is not None),), asked),
        None,
        (),
        head,
        "dated" if time else "",
    )


def _mostly_unique(column: Column) -> bool:
    """Whether nearly every row has a value of its own: a few rows may have come twice."""
    return column.distinct >= _SHARE * column.cells.len()


def _subject(head: Head, whose: Whose | None) -> Column | None:
    """The column of patients: its ids are the study's, or it is called so, and they come again."""
    found = []
    for column in id_columns(head):
        again = column.distinct * _SUBJECT_COMES_AGAIN < column.filled
        known = share_known(head.ids(column.name), whose) if whose is not None else 0.0
        called = SUBJECT.search(plain_name(column.name)) is not None
        if (known > 0.5 or (whose is None and called)) and (again or whose is not None):
            found.append((known + called, column))
    return max(found, key=lambda one: one[0])[1] if found else None


def _times(head: Head) -> tuple[Column | None, Column | None, Column | None, bool]:
    """Beginning, end and time of being known, and whether they are dates."""
    columns = [head.column(name) for name in head.frame.columns]
    dated = [c for c in columns if c.date]

    def called(names: tuple[str, ...], among: list[Column]) -> Column | None:
        return next((c for name in names for c in among if plain_name(c.name) == name), None)

    start = called(_START, dated) or next(
        (
            c
            for c in dated
            if not called(_END + _KNOWN, [c]) and "birth" not in c.name.lower() and "dob" not in c.name.lower()
        ),
        None,
    )
    if start is not None:
        return start, called(_END, dated), called(_KNOWN, dated), True
    numbers = [c for c in columns if c.number and _RELATIVE.search(plain_name(c.name)) and not _is_length(c.name)]
    return (numbers[0] if numbers else None), None, None, False


def _is_length(name: str) -> bool:
    """Whether a number of days says how long, not when."""
    said = set(words(name))
    return bool(said & {"in", "length", "los", "stay", "duration", "supply", "to", "survival", "os", "followup"})


def _unit(name: str) -> str:
    said = plain_name(name)
    return "minutes" if "min" in said or "offset" in said else "hours" if "hour" in said else "days"


def _columns(
    head: Head, name: str, keys: dict[str, object], rest: list[Column], visits: bool, why: list[str], asked: list[str]
) -> tuple[str, ...]:
    """Sort the other columns into codes, columns, values and keep."""
    codes = {c.name: vocabulary for c in rest if (vocabulary := _vocabulary(c))}
    doses = {c.name: "DRUG" for c in rest if c.name not in codes and _is_dose(c)}
    if len(doses) > 1:  # a column of one value alone belongs to those beside it
        alone = [
            c
            for c in rest
            if c.name not in codes
            and c.name not in doses
            and (c.values(4) or [])
            and set(c.values(4) or []) <= {*_NOTHING, "Steady", "Up", "Down"}
        ]
        between = _between(head, [*doses])
        doses |= {c.name: "DRUG" for c in alone if c.name in between}
    numbered = [c for c in rest if c.number and c.name not in codes]
    named_like_ids = [c.name for c in numbered if ID.search(plain_name(c.name)) and c.whole]
    outcome = [c.name for c in numbered if (c.values() or []) in (["0", "1"], ["0.0", "1.0"])]
    unsaid = [c.name for c in numbered if c.whole and c.distinct > 2 and _CODE.search(plain_name(c.name))]
    values = {c.name: "" for c in numbered if c.name not in {*named_like_ids, *outcome, *unsaid}}
    if values and codes and not visits:
        asked.append(
            f"[records.{name}] values: {', '.join(values)} stand beside codes: left out; the result of a row's code is `value`, of a visit's row `values`"
        )
        values = {}
    kept = [c.name for c in rest if c.name not in {*codes, *doses, *values, *unsaid} and (not c.unique) and not c.date]
    if unsaid:
        asked.append(
            f'[records.{name}] codes: {", ".join(unsaid)} are called codes, and nothing says of what: left out; with their vocabulary they are read: codes = {{{unsaid[0]} = "SNOMED"}}'
        )
    if codes:
        keys["codes"] = codes
    if doses:
        keys["columns"], keys["absent"] = (
            doses,
            [w for w in _NOTHING if any(w in (head.column(n).values(6) or []) for n in doses)],
        )
        why.append("columns whose cells say steady, up or down are drugs")
        asked.append(
            f"[records.{name}] columns: {len(doses)} columns that say steady, up or down are taken for drugs; a cell that says no is no event"
        )
    if values:
        keys["values"] = values
        asked.append(
            f"[records.{name}] values: numbers become lab tests, known at the visit's time; write their units in, and take out what is known only later"
        )
    if visits and kept:
        keys["keep"] = kept
        keys |= categorical(head, kept)
    if named_like_ids and visits:
        asked.append(
            f"[records.{name}] keep: {', '.join(named_like_ids)} are numbers named like ids: kept as names of something, not measured"
        )
    return tuple(kept) if visits else ()


def _vocabulary(column: Column) -> str | None:
    """The vocabulary of a column of codes: by its name where that says it, else by the form of its cells."""
    name = plain_name(column.name)
    if any(pattern.search(name) for pattern in (VISIT, SUBJECT, ID)):
        return None
    for word, vocabulary in _OTHER_VOCABULARIES.items():
        if word in name:
            return vocabulary
    if name in _DRUGS and not column.number:
        return "DRUG"
    cells = (
        column.cells.drop_nulls().str.strip_chars().str.to_uppercase().unique(maintain_order=True).head(2_000).to_list()
    )
    if not cells or column.distinct < 3:
        return None
    fits = Counter[str]()
    for cell in cells:
        fits["9"] += _ICD9.fullmatch(cell) is not None
        fits["10"] += _ICD10.fullmatch(cell) is not None
        fits["lettered"] += _LETTERED9.fullmatch(cell) is not None
    called = _CODED.search(name) is not None
    if fits["10"] >= _SHARE * len(cells) and fits["lettered"] < 0.5 * len(cells) and (called or column.distinct > _FEW):
        return "ICD9CM" if "icd9" in name.replace("_", "") else "ICD10CM"
    bare = all(cell.isdigit() for cell in cells) and not _DIAGNOSES.search(name)  # 140 is a vaccine of CVX as well
    if fits["9"] >= _SHARE * len(cells) and not bare and (called or (fits["lettered"] and column.distinct > _FEW)):
        return "ICD9CM"
    return None


def _is_dose(column: Column) -> bool:
    said = {value.lower() for value in column.values(6) or []}
    return bool(said & _DOSES) and said <= _DOSES | {"no"}


def _between(head: Head, names: list[str]) -> set[str]:
    """The columns that stand among these."""
    at = [head.frame.columns.index(name) for name in names]
    return set(head.frame.columns[min(at) : max(at) + 1])
