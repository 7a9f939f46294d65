"""Index rows and labels against a second implementation that walks through each patient in plain Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from timelines import at, moments, timelines

from clinome.graphs.prediction_tasks.code_set import CodeSet
from clinome.graphs.prediction_tasks.index_rows import index_rows
from clinome.graphs.prediction_tasks.labels import with_task
from clinome.graphs.prediction_tasks.records import Records
from clinome.graphs.prediction_tasks.task import EVER, IndexRule, PredictionTask, Target, Window

A, B, DIED, OTHER = "ICD9CM:428.0", "ICD9CM:410.1", "MEDS:MEDS_DEATH", "DRUG:x"
DAY, INF = timedelta(days=1), float("inf")
days = st.integers(0, 9)
events = st.tuples(
    days, st.sampled_from([A, A, B, OTHER, OTHER]), st.one_of(st.none(), st.integers(0, 4), st.just(INF))
).map(lambda e: (e[0], e[1], e[0] if e[2] is None else e[0] + e[2]))
visits = st.tuples(days, st.one_of(st.none(), st.integers(0, 5))).map(
    lambda v: (v[0], None if v[1] is None else v[0] + v[1])
)
person = st.fixed_dictionaries(
    {
        "events": st.lists(events, max_size=5), "visits": st.lists(visits, max_size=4),
        "from": st.one_of(st.none(), st.integers(0, 3)), "until": st.one_of(st.none(), st.integers(3, 14)),
        "died": st.one_of(st.none(), st.none(), st.tuples(days, st.booleans())), "asked": st.lists(days, max_size=4, unique=True),
    }
)  # fmt: skip
windows = st.builds(
    Window, gap=st.sampled_from([0, 0, 1, 2]).map(lambda d: d * DAY), horizon=st.sampled_from([1, 3, 6]).map(lambda d: d * DAY),
    until=st.sampled_from(["horizon", "horizon", "stay_end"]), clean=st.sampled_from([None, 2 * DAY, EVER]),
    history=st.sampled_from([0, 0, 2]).map(lambda d: d * DAY), observed=st.sampled_from(["stated", "last_record"]),
)  # fmt: skip
targets = st.sampled_from(
    [
        Target("codes", {"target": CodeSet.of([A])}), Target("codes", {"target": CodeSet.of([A])}, or_death=True),
        Target("codes", {"a": CodeSet.of([A]), "b": CodeSet.of([B])}), Target("death"), Target("visit"),
    ]
)  # fmt: skip


class Patient:
    """One patient's record, asked by hand."""

    def __init__(self, one: dict[str, Any]) -> None:
        self.events = [(d, c, d if k == INF else k) for d, c, k in one["events"]]
        self.begins, self.until = one["from"], one["until"]
        day, whole = one["died"] or (None, False)
        self.died: int | None = day
        self.over: int | None = None if day is None else day + whole
        self.stays = self.merged([(f"v{i}", a, b) for i, (a, b) in enumerate(one["visits"])])
        self.all_visits = {f"v{i}": (a, b) for i, (a, b) in enumerate(one["visits"])}
        times = [d for d, *_ in one["events"]] + [d for v in one["visits"] for d in v if d is not None]
        times += [] if self.died is None else [self.died]
        self.first: int | None = min(times, default=None)
        self.last: int | None = max(times, default=None)

    @staticmethod
    def merged(visits: list[tuple[str, int, int | None]]) -> list[tuple[str, int, int | None]]:
        groups: list[list[tuple[str, int, int | None]]] = [[v] for v in visits]

        def meet(x: tuple[str, int, int | None], y: tuple[str, int, int | None]) -> bool:
            x_end, y_end = x[1] if x[2] is None else x[2], y[1] if y[2] is None else y[2]
            return x[1] == y[1] or (x[1] < y_end and y[1] < x_end)

        joined = True
        while joined:
            joined = False
            for i, g in enumerate(groups):
                for h in groups[i + 1 :]:
                    if any(meet(x, y) for x in g for y in h):
                        g.extend(h)
                        groups.remove(h)
                        joined = True
                        break
                if joined:
                    break
        made = []
        for g in groups:
            longest = min(g, key=lambda v: (0 if v[2] is None else v[1] - v[2], v[1], v[0]))
            ends = [v[2] for v in g if v[2] is not None]
            made.append((longest[0], min(v[1] for v in g), max(ends) if ends else None))
        return sorted(made, key=lambda s: s[1])

    def stay(self, t: int, visit: str | None) -> tuple[int, int | None] | None:
        for id, a, b in self.stays:
            if id == visit:
                return a, b
        if visit in self.all_visits:
            return self.all_visits[visit]
        around = [(a, b) for _, a, b in self.stays if a <= t]
        return next(((a, b) for a, b in around[-1:] if b is None or b > t), None)

    def label(self, t: int, visit: str | None, task: PredictionTask) -> Any:
        """True, False, a class, None: unknown, or "out": not asked."""
        window, target = task.window, task.target
        gap, horizon = window.gap // DAY, (window.horizon or timedelta()) // DAY
        stay = self.stay(t, visit)
        if self.died is not None and self.over is not None and self.died <= t:
            there = stay is not None and stay[1] is not None and stay[1] > t and self.over > t
            if not there:
                return "out"
        if window.until == "stay_end" and (stay is None or (stay[1] is not None and stay[1] <= t)):
            return "out"
        begins = self.begins if self.begins is not None else self.first
        if window.history and (begins is None or begins > t - window.history // DAY):
            return "out"
        mine = [(d, c, k) for d, c, k in self.events if c in {x for s in target.classes.values() for x in s.codes}]
        begun = False
        if window.clean is not None:
            low = -1 if window.clean == EVER else t - window.clean // DAY
            if any(low <= d <= t and k <= t for d, _, k in mine):
                return "out"
            begun = any(low <= d <= t for d, _, k in mine)
        start = t + gap
        end: int | None = start + horizon
        if window.until == "stay_end":
            assert stay is not None
            end = None if stay[1] is None else min(start + horizon, stay[1])
        if begun or end is None:
            return None
        if gap and self.died is not None and self.died <= start:
            return None
        if gap and window.clean is not None and any(t < d <= start for d, *_ in mine):
            return None
        dies = self.died is not None and self.over is not None and self.died <= end and self.over > start
        found = sorted(((d, list(target.classes).index(n), n) for d, c, _ in mine for n, s in target.classes.items()
                        if c in s.codes and start < d <= end))  # fmt: skip
        again = [a for id, a, _ in self.stays if start < a <= end or (a == start and visit is not None and id != visit)]
        happens = {"codes": bool(found), "death": dies, "visit": bool(again)}[target.event] or (
            target.or_death and dies
        )
        seen = self.last if window.observed == "last_record" else self.until
        if not happens and not dies and seen is not None and seen < end:
            return None
        if len(target.classes) < 2:
            return happens
        return found[0][2] if found else "none"

    def time_to(self, t: int, task: PredictionTask) -> Any:
        """(days, event), None: unknown, "out"."""
        window, target = task.window, task.target
        first = self.label(t, None, replace(task, window=replace(window, horizon=99 * DAY)))
        if first == "out":
            return "out"
        mine = [(d, k) for d, c, k in self.events if c in {x for s in target.classes.values() for x in s.codes}]
        if window.clean is not None:
            low = -1 if window.clean == EVER else t - window.clean // DAY
            if any(low <= d <= t for d, k in mine):
                return None
        dying = None if self.died is None else self.died if self.died > t else self.over
        later = {
            "codes": [d for d, _ in mine if d > t], "visit": [a for _, a, _ in self.stays if a > t], "death": [],
        }[target.event]  # fmt: skip
        ends = [dying] if dying is not None else []
        happens = min([*later, *(ends if target.or_death or target.event == "death" else [])], default=None)
        stated = self.until if window.observed == "stated" else None
        seen = stated if stated is not None else max([x for x in (self.last, dying) if x is not None], default=None)
        if seen is None:
            return None
        until = min(
            [
                seen,
                t + (window.horizon or timedelta()) // DAY,
                *([] if target.or_death or target.event == "death" else ends),
            ]
        )
        return (happens - t, 1) if happens is not None and happens <= until else (until - t, 0)


def study(people: list[dict[str, Any]], folder: Path) -> Records:
    names = [f"p{i}" for i in range(len(people))]
    told = [(n, d, c, k) for n, one in zip(names, people, strict=True) for d, c, k in one["events"]]
    told += [
        (n, one["died"][0], DIED, one["died"][0] + one["died"][1])
        for n, one in zip(names, people, strict=True)
        if one["died"]
    ]
    told += [("other", 1, A, 1), ("other", 1, B, 1), ("other", 1, OTHER, 1)]
    stays = [(f"{n}/v{i}", n, *v) for n, one in zip(names, people, strict=True) for i, v in enumerate(one["visits"])]
    seen = [(n, one["from"], one["until"]) for n, one in zip(names, people, strict=True)]
    return Records(
        timelines(folder, events=told, visits=[*stays, ("other/v", "other", 1, 2)], people=seen), lenient=True
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(person, min_size=1, max_size=4), windows, targets, st.booleans())
def test_labels(people: list[dict[str, Any]], window: Window, target: Target, named: bool) -> None:
    window = window if target.event == "codes" else replace(window, clean=None)
    task = PredictionTask("t", target, window)
    kind = "categorical" if len(target.classes) > 1 else "boolean"
    with TemporaryDirectory() as folder:
        records = study(people, Path(folder))
        asked = []
        for i, one in enumerate(people):
            asked += [(f"p{i}", d, f"p{i}/v0" if named and one["visits"] else None) for d in one["asked"]]
        made = with_task(moments(*asked), task, records, kind)
    got = {(s, t): label for s, t, label in made.rows.select("subject_id", "prediction_time", "label").iter_rows()}
    want = {}
    for s, d, visit in asked:
        label = Patient(people[int(s[1:])]).label(d, None if visit is None else "v0", task)
        if label != "out":
            want[s, at(d)] = label
    assert got == want


@settings(max_examples=40, deadline=None)
@given(st.lists(person, min_size=1, max_size=4), windows, targets)
def test_durations(people: list[dict[str, Any]], window: Window, target: Target) -> None:
    clean = window.clean if target.event == "codes" else None
    window = replace(window, gap=timedelta(), until="horizon", clean=clean)
    target = target if len(target.classes) < 2 else Target("visit")
    task = PredictionTask("t", target, window if target.event == "codes" else replace(window, clean=None))
    with TemporaryDirectory() as folder:
        records = study(people, Path(folder))
        asked = [(f"p{i}", d, None) for i, one in enumerate(people) for d in one["asked"]]
        made = with_task(moments(*asked), task, records, "time_to_event")
    columns = ("subject_id", "prediction_time", "duration_days", "event")
    got = {(s, t): None if e is None or x is None else (x, e) for s, t, x, e in made.rows.select(columns).iter_rows()}
    found = {(s, at(d)): Patient(people[int(s[1:])]).time_to(d, task) for s, d, _ in asked}
    assert got == {key: one for key, one in found.items() if one != "out"}


@settings(max_examples=40, deadline=None)
@given(st.lists(person, min_size=1, max_size=4), st.sampled_from(["end", "start", "every", "first"]), st.integers(0, 2))
def test_index_rows(people: list[dict[str, Any]], at_: str, plus: int) -> None:
    rules = {
        "end": IndexRule(), "start": IndexRule("visits", "start", plus=plus * DAY), "first": IndexRule("visits", "end", first=True),
        "every": IndexRule("visits", "start", plus=plus * DAY, every=DAY),
    }  # fmt: skip
    with TemporaryDirectory() as folder:
        names = pl.Series([f"p{i}" for i in range(len(people))])
        rows, _ = index_rows(rules[at_], study(people, Path(folder)), names)
    want: dict[Any, str] = {}
    for i, one in enumerate(people):
        for id, a, b in Patient(one).stays:
            moments_: Any = {
                "end": [b], "first": [b], "start": [a + plus] if plus == 0 or b is None or b > a + plus else [],
                "every": [] if b is None else range(a + plus, b),
            }[at_]  # fmt: skip
            for t in moments_:
                if t is not None and not (at_ == "first" and any(s == f"p{i}" for s, _ in want)):
                    want.setdefault((f"p{i}", at(t)), f"p{i}/{id}")
    if at_ == "first":  # stays are in the order of their beginnings, and of their ends
        firsts = [min((k for k in want if k[0] == s), default=None) for s in names]
        want = {k: want[k] for k in firsts if k is not None}
    assert {(s, t): v for s, t, v in rows.iter_rows()} == want
