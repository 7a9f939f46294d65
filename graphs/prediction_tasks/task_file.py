"""Task file: a prediction task by its name in the library, as a TOML file beside the study, or written in the study."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...loaders.errors import InputError
from ...loaders.files.regular_file import small_text
from ..query.params import convert
from .aces.task import LARGEST, AcesTask, read_aces
from .code_set import CodeSet, read_code_set
from .task import (
    CODED,
    END,
    EVER,
    INFECTION,
    SOFA_LOWEST,
    VALUE,
    VISITS,
    IndexRule,
    PredictionTask,
    Reading,
    RollUp,
    Target,
    Window,
)

WHERE = "[task] target"
SECTIONS = ("doc", "params", "index", "target", "window")
_CODES = {
    "codes": "list",
    "file": "text",
    "descendants": "bool",
    "maps": "bool",
    "value_min": "float",
    "value_max": "float",
}
_INDEX = {"of": "text", "at": "text", "plus_hours": "float", "every_hours": "float", "kinds": "list", "first": "bool",
          "earlier_visits": "float", "codes": "list", "file": "text", "descendants": "bool", "maps": "bool"}  # fmt: skip
_ROLL_UP = {"level": "text", "patients": "float", "most": "float"}
_READING = {"pick": "text", "change": "bool", "outside": "bool", "baseline_days": "any"}
_TARGET = {**_CODES, "event": "text", "classes": "any", "kinds": "list", "days": "float", "or_death": "bool",
           "antibiotics": "list", "cultures": "list", "baseline": "text", **_ROLL_UP, **_READING}  # fmt: skip
_WINDOW = {"gap_days": "float", "gap_hours": "float", "horizon_days": "float", "horizon_hours": "float", "until": "text",
           "clean_days": "any", "history_days": "float", "observed": "text"}  # fmt: skip
BESIDE = ("gap_days", "horizon_days")
"""What `[task]` says of any target, beside it."""
_INLINE = {**_TARGET, **{name: kind for name, kind in _WINDOW.items() if name not in BESIDE}}


def find_task(
    target: str | Mapping[str, Any], base: Path, *, gap_days: float | None = None, horizon_days: float | None = None
) -> PredictionTask:
    """The prediction task that `[task] target` names.

    Args:
        target: a name in the library, a .toml file; a table {task = NAME, …} with its parameters; or a table {codes = […], …}.
        base: the study's folder, to which paths are relative.
        gap_days, horizon_days: of `[task]`, in place of the task's own.
    Raises: InputError for what is none of these: what, where, expected, fix.
    Example:
        >>> find_task("readmission", Path(), horizon_days=7).window.horizon.days
        7
    """
    if isinstance(target, str):
        task = _named(target, {}, base)
    elif "task" in target:
        given = {name: value for name, value in target.items() if name != "task"}
        task = _named(_value(target["task"], "text", f"{WHERE} task"), given, base)
    else:
        task = _inline(target, base)
    window = task.window
    if gap_days is not None:
        window = replace(window, gap=_span(gap_days, 0, "[task] gap_days"))
    if horizon_days is not None:
        window = replace(window, horizon=_span(horizon_days, 0, "[task] horizon_days"))
    return replace(task, window=window)


def read_target(
    target: str | Mapping[str, Any], base: Path, *, gap_days: float | None = None, horizon_days: float | None = None
) -> PredictionTask | AcesTask:
    """The same, or the ACES task of a .yaml file, which has windows of its own.

    Args, Raises: as `find_task`.
    """
    path = target if isinstance(target, str) else target.get("task")
    if not isinstance(path, str) or not path.endswith((".yaml", ".yml")):
        return find_task(target, base, gap_days=gap_days, horizon_days=horizon_days)
    predicates = None if isinstance(target, str) else target.get("predicates")
    params = not isinstance(target, str) and not {*target} <= {"task", "predicates"}
    if params or gap_days is not None or horizon_days is not None:
        fix = "leave out parameters, gap_days and horizon_days"
        raise InputError("an ACES task has windows of its own", WHERE, None, "task, and a file of predicates", fix)
    return read_aces(
        base / path, None if predicates is None else base / _value(predicates, "text", f"{WHERE} predicates")
    )


def library() -> dict[str, str]:
    """The tasks that Clinome brings: name -> what it asks."""
    return {name: str(_toml(text, name).get("doc", "")).strip() for name, text in _library().items()}


@cache
def _library() -> dict[str, str]:
    folder = files("clinome") / "graphs" / "prediction_tasks" / "library"
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    return {one.name.removesuffix(".toml"): one.read_text(encoding="utf-8") for one in found}


def _named(name: str, given: Mapping[str, Any], base: Path) -> PredictionTask:
    known = _library()
    if name in known:
        return parse(_toml(known[name], name), name, given, base)
    if not name.endswith(".toml"):
        near = get_close_matches(name, known, n=1, cutoff=0.4)
        expected = f"one of {', '.join(known)}; a .toml file; or {{codes = […]}}"
        raise InputError(
            "no such prediction task",
            WHERE,
            name,
            expected,
            f"did you mean {near[0]!r}?" if near else "name one of these",
        )
    path = base / name
    text = small_text(path, "task file", LARGEST)
    return parse(_toml(text, path.name), path.stem, given, base)


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"not a TOML file that can be read: {error}", where, fix="mend the line that it names"
        ) from None


def parse(table: Mapping[str, Any], name: str, given: Mapping[str, Any], base: Path) -> PredictionTask:
    """A task from its table, as TOML would read it.

    Args:
        given: its parameters, in place of the defaults in its `[params]`; "$NAME" in the file stands for one.
        base: the study's folder: files of codes lie there.
    Raises: InputError for a key, a word or a value that cannot be.
    """
    _known(table, dict.fromkeys(SECTIONS), f"task {name}")
    params = _params(_section(table, "params", name), given, name)
    made = {one: _filled(_section(table, one, name), params, name) for one in ("index", "target", "window")}
    at = f"task {name}"
    return PredictionTask(
        name, _target(made["target"], f"{at} [target]", base), _window(made["window"], f"{at} [window]"),
        _index(made["index"], f"{at} [index]", base), str(table.get("doc", "")).strip(),
    )  # fmt: skip


def _inline(table: Mapping[str, Any], base: Path) -> PredictionTask:
    """A target written in the study: index at the end of each visit, unless a cohort query says when."""
    _known(table, {"task": "text", **_INLINE}, WHERE)
    asked = {name: value for name, value in table.items() if name in _TARGET}
    target = _target({"event": CODED, **asked}, WHERE, base)
    window = _window({name: value for name, value in table.items() if name in _WINDOW}, WHERE)
    return PredictionTask("target", target, window, IndexRule(VISITS, END))


def _target(table: Mapping[str, Any], where: str, base: Path) -> Target:
    _known(table, _TARGET, where)
    read = {name: _value(value, _TARGET[name], f"{where} {name}") for name, value in table.items()}
    classes: dict[str, CodeSet] = {}
    if "classes" in read:
        if not isinstance(read["classes"], Mapping) or {"codes", "file"} & set(read):
            raise InputError(
                "classes are a table",
                f"{where} classes",
                None,
                'classes = {stroke = ["ICD10CM:I63"], …}',
                "write it so, without codes",
            )
        shared = {name: read[name] for name in _CODES if name in read}
        for name, one in read["classes"].items():
            own = one if isinstance(one, Mapping) else {"codes": one}
            _known(own, _CODES, f"{where} classes.{name}")
            classes[name] = _code_set({**shared, **own}, f"{where} classes.{name}", base)
    elif read.get("codes") or read.get("file"):
        bounds = () if read.get("event") == VALUE else ("value_min", "value_max")
        named = ("codes", "file", "descendants", "maps", *bounds)
        classes["target"] = _code_set({name: read[name] for name in named if name in read}, where, base)
    for name in INFECTION:
        if read.get(name):
            classes[name] = _code_set({"codes": read[name], "descendants": True}, f"{where} {name}", base)
    stay = _span(read["days"], 0, f"{where} days") if "days" in read else None
    return Target(
        read.get("event", CODED), classes, tuple(read.get("kinds", ())), stay, read.get("or_death", False),
        _roll_up(read), _reading(read, where), read.get("baseline", SOFA_LOWEST),
    )  # fmt: skip


def _roll_up(read: Mapping[str, Any]) -> RollUp | None:
    given = {name: read[name] for name in _ROLL_UP if name in read}
    if "level" not in given:
        if given:
            raise InputError("labels without a level", WHERE, next(iter(given)), "level", 'level = "category"')
        return None
    return RollUp(given["level"], **{name: int(given[name]) for name in ("patients", "most") if name in given})


def _reading(read: Mapping[str, Any], where: str) -> Reading | None:
    if read.get("event") != VALUE:
        if given := [name for name in _READING if name in read]:
            raise InputError("a reading is of a value", f"{where} {given[0]}", None, 'event = "value"', "leave it out")
        return None
    age = read.get("baseline_days", "ever")
    baseline = None if age == "ever" else _span(_value(age, "float", f"{where} baseline_days"), 0, where)
    more = {name: read[name] for name in ("pick", "change", "outside") if name in read}
    return Reading(low=read.get("value_min"), high=read.get("value_max"), baseline=baseline, **more)


def _code_set(table: Mapping[str, Any], where: str, base: Path) -> CodeSet:
    read = {name: _value(value, _CODES[name], f"{where} {name}") for name, value in table.items()}
    codes = [_value(one, "text", f"{where} codes") for one in read.get("codes", ())]
    more = {"maps": read.get("maps", False), "low": read.get("value_min"), "high": read.get("value_max")}
    down = read.get("descendants", False)
    if not read.get("file"):
        return CodeSet.of(codes, descendants=down, **more)
    if codes:
        raise InputError("codes and a file of codes", where, None, "one of them", "add the codes to the file")
    return read_code_set(base / read["file"], down, **more)


def _index(table: Mapping[str, Any], where: str, base: Path) -> IndexRule:
    _known(table, _INDEX, where)
    read = {name: _value(value, _INDEX[name], f"{where} {name}") for name, value in table.items()}
    events = None
    if read.get("codes") or read.get("file"):
        events = _code_set(
            {name: read[name] for name in ("codes", "file", "descendants", "maps") if name in read}, where, base
        )
    every = _span(0, read["every_hours"], f"{where} every_hours") if read.get("every_hours") else None
    return IndexRule(
        read.get("of", VISITS), read.get("at", END), _span(0, read.get("plus_hours", 0.0), f"{where} plus_hours"), every,
        tuple(read.get("kinds", ())), events, read.get("first", False), int(read.get("earlier_visits", 0)),
    )  # fmt: skip


def _window(table: Mapping[str, Any], where: str) -> Window:
    _known(table, _WINDOW, where)
    read = {name: _value(value, _WINDOW[name], f"{where} {name}") for name, value in table.items()}

    def span(name: str) -> timedelta:
        return _span(read.get(f"{name}_days", 0.0), read.get(f"{name}_hours", 0.0), f"{where} {name}")

    clean = read.get("clean_days")
    ever = (
        EVER
        if clean == "ever"
        else None
        if clean in (None, "")
        else _span(_value(clean, "float", f"{where} clean_days"), 0, where)
    )
    horizon = span("horizon") if {"horizon_days", "horizon_hours"} & set(read) else None
    more = {name: read[name] for name in ("until", "observed") if name in read}
    return Window(span("gap"), horizon, clean=ever, history=span("history"), **more)


def _params(defaults: Mapping[str, Any], given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The file's parameters with what was given, each of its default's type."""
    for one in given:
        if one not in defaults:
            near = get_close_matches(one, defaults, n=1, cutoff=0.4)
            fix = f"did you mean {near[0]!r}?" if near else "leave it out"
            raise InputError("an unknown parameter", f"{WHERE}, {name}", one, ", ".join(defaults) or "none", fix)
    kinds: list[tuple[type, str]] = [(bool, "bool"), (int, "float"), (float, "float"), (list, "list"), (str, "text")]
    read = dict(defaults)
    for one, value in given.items():
        kind = next((word for of, word in kinds if isinstance(defaults[one], of)), "any")
        loose = one in ("clean_days", "baseline_days")  # days, or "ever"
        read[one] = _value(value, "any" if loose else kind, f"{WHERE}, {name} {one}")
    return read


def _filled(table: Mapping[str, Any], params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section with its parameters put in; what is an empty text or list is left out."""
    filled: dict[str, Any] = {}
    for key, written in table.items():
        value = written
        if isinstance(written, str) and written.startswith("$"):
            if written[1:] not in params:
                raise InputError(
                    "a parameter that [params] does not declare", f"task {name} {key}", written,
                    ", ".join(params) or None, "declare it with a default",
                )  # fmt: skip
            value = params[written[1:]]
        if value not in ("", []):
            filled[key] = value
    return filled


def _section(table: Mapping[str, Any], name: str, task: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, Mapping):
        raise InputError("a section was expected", f"task {task}", name, f"[{name}]", "put [ ] around its name")
    return found


def _known(table: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.5)
            beside = get_close_matches(key, BESIDE, 1, 0.8) if where == WHERE else []
            if beside:
                raise InputError("unknown key", where, key, f"{beside[0]} in [task], beside target", "move it there")
            raise InputError("unknown key", where, key, near[0] if near else ", ".join(known), "rename or remove it")


def _value(value: Any, kind: str, where: str) -> Any:
    if kind in ("list", "text", "float", "bool"):
        checks: dict[str, Callable[[Any], bool]] = {
            "list": lambda one: isinstance(one, list | tuple), "text": lambda one: isinstance(one, str),
            "float": lambda one: isinstance(one, int | float) and not isinstance(one, bool), "bool": lambda one: isinstance(one, bool),
        }  # fmt: skip
        if not checks[kind](value):
            expected = {"list": "a list", "text": "text", "float": "a number", "bool": "true or false"}[kind]
            raise InputError("not of the right type", where, type(value).__name__, expected, "correct the value")
    return convert(value, kind, where)


def _span(days: float, hours: float, where: str) -> timedelta:
    try:
        return timedelta(days=days, hours=hours)
    except (OverflowError, ValueError):
        raise InputError("no length of time", where, None, "days of up to two hundred years", "correct it") from None
