"""ACES task file (YAML): predicates, trigger, windows with their criteria; read as documented, without the package.

Source: Xu et al. 2024, ACES: Automatic Cohort Extraction System, https://github.com/justin13601/ACES
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ....loaders.errors import InputError
from ....loaders.files.regular_file import small_text
from .predicates import Predicate, flag, mapping, placeholder, predicates_of

ANY, RECORD_START, RECORD_END = SPECIAL = ("_ANY_EVENT", "_RECORD_START", "_RECORD_END")
TRIGGER, OWN_START, OWN_END = "trigger", "start", "end"
_PREDICATES = ("predicates", "patient_demographics", "description", "metadata")
_SECTIONS = (*_PREDICATES, "trigger", "windows")
_WINDOW = ("start", "end", "start_inclusive", "end_inclusive", "has", "label", "index_timestamp")
_UNITS = {"w": 604_800, "week": 604_800, "d": 86_400, "day": 86_400, "h": 3_600, "hr": 3_600, "hour": 3_600,
          "m": 60, "min": 60, "minute": 60, "s": 1, "sec": 1, "second": 1}  # fmt: skip
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*,?\s*")
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)$")
_BOUND = re.compile(r"(?P<base>[A-Za-z_]\w*(?:\.(?:start|end))?)\s*(?:(?P<how>->|<-|\+|-)\s*(?P<what>.+))?")
_RANGE = re.compile(r"[(\[]\s*(None|\d+)\s*,\s*(None|\d+)\s*[)\]]")
LARGEST = 1_000_000
_LONGEST_DAYS = 73_050


@dataclass(frozen=True)
class Bound:
    """One end of a window: base (trigger, start, end, WINDOW.start, WINDOW.end), then a step.

    step: how far from it in time; or event, the next (`ahead`) or last moment of a predicate. base None: the record's end.
    """

    base: str | None = None
    step: timedelta = timedelta(0)
    event: str | None = None
    ahead: bool = True


@dataclass(frozen=True)
class AcesWindow:
    """Window: its two bounds, and how often predicates come in it: has[predicate] = (least, most), None: any number."""

    start: Bound
    end: Bound
    start_inclusive: bool
    end_inclusive: bool
    has: Mapping[str, tuple[int | None, int | None]]


@dataclass(frozen=True)
class AcesTask:
    """ACES task: for each moment of the trigger its windows; the label is whether a predicate comes in one of them.

    windows: in an order in which each refers to those before it. label: window and predicate. index: window and bound (start,
    end) that is the prediction's moment. demographics: predicates of the patient, who must be all of them.
    """

    name: str
    predicates: Mapping[str, Predicate]
    trigger: str
    windows: Mapping[str, AcesWindow]
    label: tuple[str, str]
    index: tuple[str, str]
    doc: str = ""
    demographics: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The task in one line."""
        window, label = self.label
        return f"{self.name} (ACES): {label} in window {window}, index: {'.'.join(self.index)}, for each {self.trigger}"

    def check(self, label_type: str) -> None:
        """Refuse another label than yes and no."""
        if label_type != "boolean":
            raise InputError(
                "an ACES task says yes or no", f"[task] target, {self.name}", label_type, "boolean", 'kind = "binary"'
            )


def read_aces(path: Path, predicates: Path | None = None) -> AcesTask:
    """A task file of ACES.

    Args: predicates: a file of predicates and patient_demographics, which take the place of the task's of the same name.
    Raises: InputError for a file that is none; for a predicate without its codes (`???`), an unknown name, a window that refers
        to itself.
    """
    return parse_aces(_yaml(path), path.stem, None if predicates is None else _yaml(predicates))


def _yaml(path: Path) -> object:
    import yaml

    text = small_text(path, "task file", LARGEST)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = path if mark is None else f"{path} line {mark.line + 1}"
        raise InputError("not a YAML file that can be read", where, fix="mend it") from None


def parse_aces(table: object, name: str, mapped: object = None) -> AcesTask:
    """The same, from what YAML read. mapped: of the file of predicates."""
    at = f"ACES task {name}"
    read = mapping(table, at, _SECTIONS)
    beside = mapping(mapped or {}, f"{at}, its predicates", _PREDICATES)
    predicates, demographics = predicates_of(read, beside, at)
    if read.get("trigger") is None or placeholder(read["trigger"]):
        raise InputError("no trigger", at, expected="trigger: a predicate", fix="say what a prediction is made for")
    trigger = str(read["trigger"])
    names = {*predicates, *SPECIAL}
    for one, predicate in predicates.items():
        for part in predicate.parts:
            _named(part, names, f"{at} predicates.{one}")
    _no_circle({one: predicate.parts for one, predicate in predicates.items()}, f"{at} predicates")
    parts = {part for predicate in predicates.values() for part in predicate.parts}
    still = {one for one, predicate in predicates.items() if predicate.static}
    if idle := sorted(still - parts - {*demographics}):
        raise InputError("a static predicate that nothing asks for", f"{at} predicates", ", ".join(idle),
                         "patient_demographics, or an expression", "write it under patient_demographics")  # fmt: skip
    given = mapping(read.get("windows"), f"{at} windows")
    found = {str(one): mapping(what, f"{at} windows.{one}", _WINDOW) for one, what in given.items()}
    moving = names - still
    _named(trigger, moving, f"{at} trigger", still)
    windows = {one: _window(what, moving, still, f"{at} windows.{one}") for one, what in found.items()}
    label = _one_of(found, "label", at)
    _named(label[1], moving, f"{at} windows.{label[0]} label", still)
    index = _one_of(found, "index_timestamp", at)
    if index[1] not in (OWN_START, OWN_END) or getattr(windows[index[0]], index[1]).base is None:
        raise InputError("no moment of the prediction", f"{at} windows.{index[0]} index_timestamp", index[1],
                         "start or end, where it is not NULL", "name the other one")  # fmt: skip
    doc = str(read.get("description") or "").strip()
    return AcesTask(name, predicates, trigger, _in_order(windows, at), label, index, doc, demographics)


def _window(table: Mapping[str, Any], names: set[str], still: set[str], at: str) -> AcesWindow:
    """names: predicates that have moments. still: those of the patient, which have none."""
    bounds = {side: _bound(table.get(side), f"{at} {side}") for side in (OWN_START, OWN_END)}
    for side, bound in bounds.items():
        if bound.event is not None:
            _named(bound.event, names, f"{at} {side}", still)
        if bound.base == side:
            raise InputError(
                "a bound that refers to itself",
                f"{at} {side}",
                None,
                "the other bound, trigger or a window",
                "correct it",
            )
    if {bounds[OWN_START].base, bounds[OWN_END].base} == {OWN_START, OWN_END}:
        raise InputError("two bounds that refer to each other", at, None, "one that stands by itself", "correct it")
    has = {}
    for name, wanted in mapping(table.get("has") or {}, f"{at} has").items():
        _named(str(name), names, f"{at} has", still)
        has[str(name)] = _range(wanted, f"{at} has.{name}")
    left, right = (
        flag(table.get(f"{side}_inclusive"), True, f"{at} {side}_inclusive") for side in (OWN_START, OWN_END)
    )
    return AcesWindow(bounds[OWN_START], bounds[OWN_END], left, right, has)


def _bound(text: object, at: str) -> Bound:
    if text is None:
        return Bound()
    match = _BOUND.fullmatch(str(text).strip())
    if match is None:
        raise InputError(
            "a bound that cannot be read",
            at,
            str(text)[:60],
            "NULL, trigger, WINDOW.end, start + 24h, start -> predicate",
            "write it so",
        )
    base, how, what = match["base"], match["how"], match["what"]
    if how is None:
        return Bound(base)
    if how in ("->", "<-"):
        return Bound(base, event=what.strip(), ahead=how == "->")
    return Bound(base, _span(what, at) * (1 if how == "+" else -1))


def _span(text: str, at: str) -> timedelta:
    """
    Example:
        >>> _span("1 day 12h", "x")
        datetime.timedelta(days=1, seconds=43200)
    """
    text, clock = text.strip().lower(), _CLOCK.search(text.strip())
    told = text if clock is None else text[: clock.start()]
    parts = list(_SPAN.finditer(told))
    units = [part[2] if part[2] in _UNITS else part[2].removesuffix("s") for part in parts]
    seconds = sum(float(part[1]) * _UNITS.get(unit, 0) for part, unit in zip(parts, units, strict=True))
    seconds += 0 if clock is None else int(clock[1]) * 3_600 + int(clock[2]) * 60 + int(clock[3])
    if (
        "".join(part[0] for part in parts) != told
        or any(unit not in _UNITS for unit in units)
        or seconds / 86_400 > _LONGEST_DAYS
    ):
        raise InputError("a length of time that cannot be read", at, text[:40], "24h, 30d, 1 day 12h", "write it so")
    return timedelta(seconds=seconds)


def _range(wanted: object, at: str) -> tuple[int | None, int | None]:
    text = str(tuple(wanted)) if isinstance(wanted, list) else str(wanted)
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise InputError(
            "a count that cannot be read", at, str(wanted)[:40], "(1, None), (None, 0)", "write the least and the most"
        )
    least, most = (None if part == "None" else int(part) for part in match.groups())
    return least, most


def _in_order(windows: Mapping[str, AcesWindow], at: str) -> dict[str, AcesWindow]:
    """The windows, each behind those that it refers to."""
    needs = {
        name: tuple(bound.base.split(".")[0] for bound in (window.start, window.end) if bound.base and "." in bound.base)
        for name, window in windows.items()
    }  # fmt: skip
    for name, window in windows.items():
        for bound in (window.start, window.end):
            known = {
                TRIGGER,
                OWN_START,
                OWN_END,
                *(f"{one}.{side}" for one in windows for side in (OWN_START, OWN_END)),
            }
            if bound.base is not None:
                _named(bound.base, known, f"{at} windows.{name}")
    return {name: windows[name] for name in _no_circle(needs, f"{at} windows")}


def _no_circle(needs: Mapping[str, tuple[str, ...]], at: str) -> list[str]:
    """The names, each behind those that it needs. Raises: InputError where they go round in a circle."""
    done: list[str] = []
    while len(done) < len(needs):
        ready = [
            name
            for name, of in needs.items()
            if name not in done and all(one in done or one not in needs for one in of)
        ]
        if not ready:
            raise InputError(
                "names that refer to each other in a circle", at, None, "one that stands by itself", "correct them"
            )
        done += ready
    return done


def _one_of(windows: Mapping[str, Mapping[str, Any]], key: str, at: str) -> tuple[str, str]:
    found = [(name, str(table[key])) for name, table in windows.items() if not placeholder(table.get(key))]
    if len(found) != 1:
        what = "the predicate that is the outcome" if key == "label" else "start or end, when the prediction is made"
        raise InputError(f"{len(found)} windows with {key}", at, None, "one", f"write {key} in one window: {what}")
    return found[0]


def _named(name: str, known: set[str], at: str, still: set[str] | frozenset[str] = frozenset()) -> None:
    if name in still:
        raise InputError("a predicate of the patient has no moment", at, name, "a predicate of events",
                         "name it in patient_demographics, or in an expression and(…) with one of events")  # fmt: skip
    if name not in known:
        raise InputError("an unknown name", at, name, ", ".join(sorted(known)), "name one of these")
