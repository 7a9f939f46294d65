"""Prediction task: when a prediction is made, what counts as the outcome, in which window; one frozen, checked value.

```
 history, clean period |  gap  |  horizon
-----------------------*-------(=========]------> time
       inputs          ^ index: the prediction's moment, where the fence stands
```
What was known at the index decides who is in; what comes after it decides the label, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ...loaders.errors import InputError
from .code_set import CodeSet

NONE = timedelta(0)
EVER = timedelta.max
"""A clean period that reaches back to the beginning of the record."""
VISITS, OBSERVATION, STAYS, EVENTS = INDEX_OF = ("visits", "observation", "stays", "events")
START, END, FIRST, EACH = INDEX_AT = ("start", "end", "first", "each")
CODED, DEATH_EVENT, VISIT, LONG_STAY, LABEL, STAY_CODES, VALUE, SEPSIS3 = TARGETS = (
    "codes", "death", "visit", "long_stay", "label", "codes_of_stay", "value", "sepsis3",
)  # fmt: skip
OF_STAY = (LABEL, LONG_STAY, STAY_CODES)
"""Targets that are asked of the stay as a whole, and have no window of their own."""
FIRST_VALUE, LAST_VALUE, LOWEST, HIGHEST, MEAN = PICKS = ("first", "last", "lowest", "highest", "mean")
NO_CLASS = "none"
HORIZON, STAY_END = UNTIL = ("horizon", "stay_end")
BOOLEANS, NUMERIC = "booleans", "numeric"
STATED, LAST_RECORD = OBSERVED = ("stated", "last_record")
SOFA_LOWEST, SOFA_ZERO = BASELINES = ("lowest", "zero")
"""Over what SOFA rises in Sepsis-3: its lowest of the window so far, or 0, which Singer takes for those without an earlier
failure of organs."""
INFECTION = ("antibiotics", "cultures")
"""What Sepsis-3 may be told the codes of, in place of those that are recognised: its classes."""


@dataclass(frozen=True)
class IndexRule:
    """Index rule: the moments at which predictions are made, where no cohort query says so.

    of: visits; the observation period of each patient; stays (visits, in a study without visits the observation);
        events of `events`. Visits of one patient that overlap are one stay.
    at: start or end; of events first or each, when it was known.
    plus: so long after the start; only who is still there then. every: again and again from then on, while the stay lasts.
    kinds: of visits that count; () all. first: each patient's first moment only.
    earlier: only stays before which so many others of the patient began.
    """

    of: str = VISITS
    at: str = END
    plus: timedelta = NONE
    every: timedelta | None = None
    kinds: tuple[str, ...] = ()
    events: CodeSet | None = None
    first: bool = False
    earlier: int = 0

    def __post_init__(self) -> None:
        _word(self.of, INDEX_OF, "[index] of")
        _word(self.at, (FIRST, EACH) if self.of == EVENTS else (START, END), "[index] at")
        if (self.of == EVENTS) != (self.events is not None):
            raise _wrong("[index] codes", None, 'codes go with of = "events"', "write both, or none")
        if self.of in (OBSERVATION, STAYS) and self.at == END:
            raise _wrong("[index] at", self.at, "start", "what ends an observation is not known before it ends")
        if (self.plus or self.every) and self.at != START:
            raise _wrong("[index] plus_hours, every_hours", None, 'at = "start"', "count from the start")
        if self.plus < NONE or (self.every is not None and self.every < timedelta(minutes=1)):
            raise _wrong("[index] plus_hours, every_hours", None, "hours after the start", "make them larger")
        if self.earlier < 0 or (self.earlier and self.of in (OBSERVATION, EVENTS)):
            raise _wrong("[index] earlier_visits", self.earlier, "0 or more, of visits", "leave it out")


@dataclass(frozen=True)
class RollUp:
    """Roll-up: every code under what it belongs to, each of these a label of its own.

    level: code (the code itself), category (of ICD what stands before the dot, else the code itself), or the prefix of a
        vocabulary of groups that the study's knowledge leads up to (CCS, CCSR, PHECODE, MONDO).
    patients: a label is what so many patients hold, as known at their last prediction. most: of these the commonest.
    """

    level: str = "category"
    patients: int = 20
    most: int = 50

    def __post_init__(self) -> None:
        if self.patients < 1 or self.most < 2:
            raise _wrong("[target] patients, most", (self.patients, self.most), "1 or more, and 2 or more", "raise it")


@dataclass(frozen=True)
class Reading:
    """Reading: which of the values in the window is the outcome, and against what it is held.

    pick: first, last, lowest, highest, mean. change: less the last value known at the index (the baseline).
    low, high: as a boolean, whether it lies in low <= value <= high. outside: only rows whose baseline does not.
    baseline: how old it may be; None: of any age.
    """

    pick: str = FIRST_VALUE
    change: bool = False
    low: float | None = None
    high: float | None = None
    outside: bool = False
    baseline: timedelta | None = None

    def __post_init__(self) -> None:
        _word(self.pick, PICKS, "[target] pick")
        bounds = self.low is not None or self.high is not None
        if self.change and (bounds or self.outside):
            raise _wrong("[target] change", True, "a change, or bounds of the value", "leave one of them out")
        if self.outside and not bounds:
            raise _wrong("[target] outside", True, "value_min or value_max beside it", "say where the target lies")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise _wrong("[target] value_min, value_max", self.low, "no more than value_max", "exchange them")

    @property
    def compares(self) -> bool:
        """Whether a row needs a value before the index."""
        return self.change or self.outside


@dataclass(frozen=True)
class Target:
    """Target: the outcome.

    event: codes (an event of `classes`, one set of codes, or of several the first), death, visit (another visit begins),
        long_stay (the stay lasts longer than `stay`), label (what the source says of the stay in an event of `classes`,
        whatever its time), codes_of_stay (what is coded in the stay, and was not known at the index), value (a number
        measured in the window), sepsis3 (suspected infection beside a rise of SOFA).
    kinds: of visits that count. or_death: death counts as the outcome too.
    roll_up: of codes, as several labels at once. reading: of a value. baseline: of sepsis3, over what SOFA rises.
    """

    event: str
    classes: Mapping[str, CodeSet] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    stay: timedelta | None = None
    or_death: bool = False
    roll_up: RollUp | None = None
    reading: Reading | None = None
    baseline: str = SOFA_LOWEST

    def __post_init__(self) -> None:
        _word(self.event, TARGETS, "[target] event")
        _word(self.baseline, BASELINES, "[target] baseline")
        infection = self.event == SEPSIS3
        if (self.baseline != SOFA_LOWEST or set(self.classes) & set(INFECTION)) and not infection:
            raise _wrong(
                "[target] antibiotics, cultures, baseline", None, 'event = "sepsis3" beside it', "leave it out"
            )
        if infection and set(self.classes) - set(INFECTION):
            raise _wrong("[target] codes", None, "antibiotics and cultures", "name these, or leave the codes out")
        if self.roll_up is not None and (self.event not in (CODED, STAY_CODES) or len(self.classes) > 1):
            raise _wrong("[target] level", self.roll_up.level, "one set of codes, or all of them", "leave out classes")
        if (self.event == VALUE) != (self.reading is not None):
            raise _wrong("[target] pick", None, 'what is picked, with event = "value" alone', "leave it out")
        coded = self.event in (CODED, LABEL, STAY_CODES, VALUE)
        if not infection and coded != bool(self.classes) and self.roll_up is None:
            fix = 'target = {codes = ["ICD9CM:428"]}, or of a task {task = "first_onset", codes = ["ICD9CM:428"]}'
            raise _wrong("[target] codes", None, "codes with event codes or label, and only there", fix)
        if (self.event == LONG_STAY) != (self.stay is not None):
            raise _wrong("[target] days", None, "days with a long stay, and only there", "days = 7")
        if self.stay is not None and self.stay <= NONE:
            raise _wrong("[target] days", self.stay / timedelta(days=1), "more than 0", "days = 7")
        if self.or_death and (self.event in (DEATH_EVENT, VALUE, *OF_STAY) or self.roll_up is not None):
            raise _wrong("[target] or_death", True, "an outcome that death may come before", "leave it out")
        if {NO_CLASS, DEATH_EVENT} & set(self.classes) and len(self.classes) > 1:
            raise _wrong("[target] classes", None, f"other names than {NO_CLASS} and {DEATH_EVENT}", "rename it")
        if self.event in (LABEL, VALUE) and len(self.classes) > 1:
            raise _wrong("[target] classes", len(self.classes), f"one set of codes of a {self.event}", "name one")

    @property
    def several(self) -> bool:
        """Whether it can be several labels at once."""
        return self.roll_up is not None or (self.event in (CODED, STAY_CODES) and len(self.classes) > 1)


@dataclass(frozen=True)
class Window:
    """Window: where the outcome is looked for, and what must be known before.

    The window is (index + gap, index + gap + horizon]; the start of a visit counts from its first moment on.
    until: horizon, or stay_end: the end of the stay that the index lies in (with a horizon whichever comes first).
    clean: no outcome for so long before the index, as far as was known then; EVER; None: prevalent, earlier ones do not matter.
    history: the record reaches back so far at the index.
    observed: when a patient's observation ends: as stated (`observed_until`), or with the last record.
    """

    gap: timedelta = NONE
    horizon: timedelta | None = None
    until: str = HORIZON
    clean: timedelta | None = None
    history: timedelta = NONE
    observed: str = STATED

    def __post_init__(self) -> None:
        _word(self.until, UNTIL, "[window] until")
        _word(self.observed, OBSERVED, "[window] observed")
        for name in ("gap", "history"):
            if getattr(self, name) < NONE:
                raise _wrong(f"[window] {name}", None, "0 or more", "the fence stands at the index")
        if self.horizon is not None and self.horizon <= NONE:
            raise _wrong("[window] horizon", None, "more than 0", "horizon_days = 30")
        if self.clean is not None and self.clean <= NONE:
            raise _wrong("[window] clean_days", None, 'more than 0, or "ever"', "leave it out: prevalent")


@dataclass(frozen=True)
class PredictionTask:
    """Prediction task: what `[task] target` means.

    name: of its file. doc: what it asks, and how it keeps from conditioning on the future.
    Example:
        >>> PredictionTask("died", Target("death"), Window(horizon=timedelta(days=30))).words
        'died: death within 30 days of the index, predicted at the end of visits'
    """

    name: str
    target: Target
    window: Window = field(default_factory=Window)
    index: IndexRule = field(default_factory=IndexRule)
    doc: str = ""

    def __post_init__(self) -> None:
        at, target, window = self.name, self.target, self.window
        spans = window.gap or window.horizon or window.until != HORIZON or window.clean
        if target.event in OF_STAY and spans:
            raise InputError(
                "no window: it is asked of the stay as a whole",
                at,
                None,
                "no gap, horizon or clean period",
                "leave them out",
            )
        if target.event not in (CODED, SEPSIS3) and window.clean is not None:
            raise InputError("no clean period", at, target.event, "a target of codes", "leave clean_days out")

    @property
    def in_days(self) -> bool:
        """Whether it counts hours or days, which a clock that is only an order does not have."""
        return self.target.event != STAY_CODES or bool(self.index.plus or self.index.every or self.window.history)

    def check(self, label_type: str) -> None:
        """Refuse a label that this target cannot give. label_type: boolean, booleans, categorical, numeric or time_to_event."""
        target, window, at = self.target, self.window, f"[task] target, {self.name}"
        bounded = window.horizon is not None or window.until == STAY_END or target.event in OF_STAY
        if label_type == BOOLEANS and not target.several:
            raise InputError("one label, where several are asked", at, target.event, "classes, or a level of codes",
                             'target = "next_visit_diagnoses", or kind = "binary"')  # fmt: skip
        if label_type == NUMERIC and target.event != VALUE:
            raise InputError("no number from this target", at, target.event, 'event = "value"',
                             'target = {task = "lab_value", codes = ["LOINC:2160-0"]}, or let the cohort query return the label')  # fmt: skip
        if target.event == VALUE:
            _check_value(target, label_type, at)
        if label_type in ("boolean", BOOLEANS, NUMERIC) and not bounded:
            raise InputError(
                "how long after the prediction it counts is not said",
                at,
                None,
                "horizon_days",
                "write horizon_days = 365 (or another number) below it in [task]",
            )
        if label_type == "categorical" and not (target.event == CODED and bounded):
            raise InputError(
                "no classes within a horizon",
                at,
                None,
                "classes",
                'target = {classes = {stroke = ["ICD10CM:I63"], …}} and horizon_days',
            )
        if label_type == "time_to_event" and (target.event in OF_STAY or window.gap or window.until == STAY_END):
            raise InputError(
                "no time to an event", at, target.event, "codes, death or a visit, without a gap", 'kind = "binary"'
            )
        if label_type not in ("boolean", BOOLEANS, "categorical", NUMERIC, "time_to_event"):
            raise InputError("no label of this kind from a target", at, label_type, "binary, multiclass, multilabel, "
                             "regression or survival", "let the cohort query return the label")  # fmt: skip
        if label_type not in ("categorical", BOOLEANS) and target.several:
            fix = 'kind = "multilabel"' + ("" if target.roll_up or target.event == STAY_CODES else ', or "multiclass"')
            raise InputError("several labels or classes", at, len(target.classes) or "a level", "one set of codes", fix)

    @property
    def words(self) -> str:
        """The task in one line."""
        window, target = self.window, self.target
        what = {
            CODED: " or ".join(one.words for one in target.classes.values()), DEATH_EVENT: "death", VISIT: "another visit",
            LONG_STAY: f"a stay of more than {_days(target.stay)}", LABEL: "what the source says of the stay",
            STAY_CODES: " or ".join(one.words for one in target.classes.values()), VALUE: self._value,
            SEPSIS3: "sepsis (Sepsis-3: suspected infection and a rise of SOFA by 2)",
        }[target.event]  # fmt: skip
        if target.roll_up is not None:
            what = f"{what or 'every diagnosis'} by {target.roll_up.level}, several at once"
        what += ", coded in the stay and not known at the index" if target.event == STAY_CODES else ""
        what += " or death" if target.or_death else ""
        within = "" if window.horizon is None else f" within {_days(window.horizon)} of the index"
        within += " until the stay ends" if window.until == STAY_END else ""
        parts = [f"{self.name}: {what}{within}"]
        parts += [f"after a gap of {_days(window.gap)}"] if window.gap else []
        parts += (
            ["first ever known" if window.clean == EVER else f"none in {_days(window.clean)} before"]
            if window.clean
            else []
        )
        parts += [f"predicted at {self._when}"]
        return ", ".join(parts)

    @property
    def _value(self) -> str:
        reading = self.target.reading or Reading()
        what = f"the {reading.pick} value of {' or '.join(one.words for one in self.target.classes.values())}"
        what += " less the last one known at the index" if reading.change else ""
        what += f" of at least {reading.low:g}" if reading.low is not None else ""
        return what + (f" of at most {reading.high:g}" if reading.high is not None else "")

    @property
    def _when(self) -> str:
        index = self.index
        what = index.events.words if index.events is not None else index.of
        moment = f"the {index.at} of {what}"
        moment += f" + {_days(index.plus)}" if index.plus else ""
        return moment + (f", every {_days(index.every)}" if index.every else "")


def _check_value(target: Target, label_type: str, at: str) -> None:
    assert target.reading is not None
    bounds = target.reading.low is not None or target.reading.high is not None
    if label_type not in ("boolean", NUMERIC) or bounds != (label_type == "boolean"):
        got = "bounds" if bounds else "no bounds"
        fix = "value_min or value_max with binary, none of them with regression"
        raise InputError("a value is a number, or within bounds yes or no", at, got, 'kind = "regression" or "binary"', fix)  # fmt: skip


def _days(span: timedelta | None) -> str:
    """
    Example:
        >>> _days(timedelta(hours=6)), _days(timedelta(days=30))
        ('6 hours', '30 days')
    """
    span = span or NONE
    hours = span / timedelta(hours=1)
    number, unit = (hours, "hour") if hours % 24 else (hours / 24, "day")
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def _word(got: str, known: tuple[str, ...], where: str) -> None:
    if got not in known:
        raise _wrong(where, got, "one of " + ", ".join(known), "write one of these")


def _wrong(where: str, got: object, expected: str, fix: str) -> InputError:
    return InputError("a prediction task that cannot be", where, got, expected, fix)
