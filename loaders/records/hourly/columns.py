"""Columns of hourly tables: whose, when, which are names and values, which say an outcome; found where no key says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import InputError
from ...files.cells.clock import check_unit
from ...files.text_table import resolve
from ...identifiers.curie import vocabulary
from .files import STAY, first_columns

if TYPE_CHECKING:
    from ...specs import Column, Records

SUBJECTS = ("patientid", "subjectid", "recordid", "stayid", "icustayid", "patientunitstayid", "hadmid", "encounterid",
            "admissionid", "personid")  # fmt: skip
TIMES = ("time", "hour", "hours", "charttime", "offset", "observationoffset", "hroffset", "timehours",
         "hourssinceadmission", "timesinceadmission")  # fmt: skip
ENDS = ("iculos",)
"""How long the patient has been there when the hour of the row is over (PhysioNet 2019)."""
NAMES = ("parameter", "variable", "item", "itemid", "measurement", "test", "feature", "code", "vital")
VALUES = ("value", "valuenum", "result", "numericvalue")
_OTHER_UNIT = re.compile(r"(?i)min|offset|day|sec")
_OUTCOME = re.compile(
    r"(?i)(?:^|[_ .-])(?:label|labels|target|outcomes?|mortality|death|dead|died|deceased|expired?|survival|survived|los"
    r"|readmi(?:tted|ssion))(?:$|[_ .-])|label$|^mort|(?:length|duration)[_ .-]?of[_ .-]?stay|lengthofstay"
)


@dataclass(frozen=True)
class Layout:
    """Which column plays which part; None where there is none.

    subject: STAY where a file is a stay. names, value, value_unit: of a long table; vocabulary: of its names.
    end: when a row is over. clocks: further columns of times, which are no values. columns: all of the first file.
    where: the first file, for messages.
    """

    where: str
    subject: str
    visit: str | None
    time: str | None
    end: str | None
    known_time: str | None
    names: str | None
    value: str | None
    value_unit: str | None
    vocabulary: str
    unit: str
    clocks: tuple[str, ...]
    columns: frozenset[str] = frozenset()

    @property
    def file_is_stay(self) -> bool:
        return self.subject == STAY

    @property
    def long(self) -> bool:
        return self.names is not None

    @property
    def roles(self) -> tuple[str, ...]:
        """The columns that are no values, as the files call them."""
        found = (
            self.subject,
            self.visit,
            self.time,
            self.end,
            self.known_time,
            self.names,
            self.value,
            self.value_unit,
        )
        return tuple(dict.fromkeys(name for name in found if name is not None))


def layout_of(spec: Records) -> Layout:
    """The parts of the columns: what the section names, else what they are called.

    Raises: InputError for a key that this format does not have, a column that is not there, or none that says when.
    """
    _check(spec)
    columns, where = first_columns(spec)

    def found(named: Column | None, among: tuple[str, ...]) -> str | None:
        if named is not None:
            return resolve(named, columns, where)
        return next((name for one in among for name in columns if spelt(name) == one), None)

    names = found(next(iter(spec.codes), None), NAMES if spec.value is not None else ())
    value = found(spec.value, ())
    if spec.value is None and not spec.values:
        names, value = found(next(iter(spec.codes), None), NAMES), found(None, VALUES)
    if names is None or value is None:
        names, value = None, None
        if spec.codes or spec.value is not None:
            fix = 'name both: codes = {Parameter = "VALUE"}, value = "Value"'
            raise InputError("a long table has a column of names and one of values", where, expected="both", fix=fix)
    end = found(spec.end, ()) if spec.end is not None or spec.time is not None else found(None, ENDS)
    time = found(spec.time, ()) if spec.time is not None or end is not None else found(None, TIMES)
    if time is None and end is None:
        raise InputError("nothing says when", where, expected="a column of hours", fix="name `time`, or `end`")
    subject = found(spec.subject, SUBJECTS)
    if subject is None and not spec.path[0].is_dir():
        raise InputError("no column of patients or stays", where, expected="subject", fix="name `subject`")
    _check_unit(spec, time or end, where)
    taken = {subject, time, end, names, value}
    return Layout(
        where, subject or STAY, found(spec.visit, ()), time, end, found(spec.known_time, ()), names, value,
        found(spec.value_unit, ()), vocabulary(next(iter(spec.codes.values()), "VALUE")), spec.unit or "hours",
        tuple(name for name in columns if spelt(name) in (*TIMES, *ENDS) and name not in taken),
        frozenset(columns),
    )  # fmt: skip


def _check(spec: Records) -> None:
    where = f"[{spec.source}]"
    for key in ("order", "columns", "absent"):
        if getattr(spec, key):
            raise InputError("no key of format hourly", where, key, "time, values, labels, keep", "use format csv")
    if spec.unit is not None:
        check_unit(spec.unit, where)
    if len(spec.codes) > 1:
        raise InputError("a long table has one column of names", where, ", ".join(spec.codes), "one", "take out others")
    both = {*spec.keep, *spec.values} & {*spec.labels} | {*spec.keep} & {*spec.values}
    if both:
        expected = "a column in one of labels, values, keep"
        raise InputError("two parts for one column", where, ", ".join(sorted(both)), expected, "take it out of one")


def _check_unit(spec: Records, column: str | None, where: str) -> None:
    """Numbers are hours, unless their column is called after another unit: then the study says which."""
    if spec.unit is None and column is not None and _OTHER_UNIT.search(column):
        fix = 'say what it counts: unit = "minutes", "hours" or "days"'
        raise InputError("a column of times that may not be hours", where, column, "unit", fix)


def sounds_like_outcome(name: str) -> bool:
    """Whether a column is called like what a study predicts: it is no input unless the study says so.

    Example:
        >>> [sounds_like_outcome(name) for name in ("SepsisLabel", "In-hospital_death", "Length_of_stay", "HR", "Lactate")]
        [True, True, True, False, False]
    """
    return _OUTCOME.search(name) is not None


def spelt(name: str) -> str:
    """A column's name in small letters and digits alone.

    Example:
        >>> spelt("Record ID")
        'recordid'
    """
    return "".join(letter for letter in name.lower() if letter.isalnum())
