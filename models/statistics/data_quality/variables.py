"""Numeric variables of a study, properties of patients and values of codes: impossible ones, missing codes, outliers, units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from .finding import CHECK, NOTE, SERIOUS, Checked, Finding, ids
from .study_data import StudyData

PLAUSIBLE = {"age": (0.0, 120.0), "bmi": (5.0, 150.0)}
"""Word in a name -> the values that can be."""
NEVER_NEGATIVE = {"age", "bmi", "height", "weight", "count", "duration", "dose", "stay", "los", "length"}
"""Words in a name of what is never below zero."""
MISSING_CODES = (
    *(-1.0, -7.0, -8.0, -9.0),
    *(sign * float(digit * length) for digit in "789" for length in range(2, 7) for sign in (-1, 1)),
)
"""Numbers that stand for "missing" in other people's files: −9, 99, 999, −999, 888, … and −1."""
FEWEST = 20
"""Values below which a variable is not judged."""
OUTLIER = 8.0
"""Robust standard deviations (median, MAD; of the logarithm where that is nearer) from which a value is an outlier."""
SEPARATED, RATIO = 4.0, 2.0
"""Ashman's D, and the ratio of medians, from which a variable has values of two magnitudes."""

_BINS = 30
_HISTOGRAM = {"kind": pl.String, "name": pl.String, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}


@dataclass(frozen=True)
class Variable:
    """Values of one property or code. kind: property or code. x: (n,) finite. subjects: (n,) whose they are."""

    kind: str
    name: str
    x: np.ndarray
    subjects: np.ndarray

    def who(self, chosen: np.ndarray) -> tuple[str, ...]:
        """Whose the chosen values are."""
        return ids(pl.Series(self.subjects[chosen], dtype=pl.String))

    @property
    def words(self) -> set[str]:
        return set(self.name.lower().replace("-", "_").replace(" ", "_").replace(".", "_").split("_"))


def variables(data: StudyData) -> Iterator[Variable]:
    """Every numeric property, and every code that has values, by name."""
    subjects = data.patients["subject_id"].to_numpy()
    for column in data.patients:
        if column.dtype.is_numeric():
            x = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            yield Variable("property", column.name, x[np.isfinite(x)], subjects[np.isfinite(x)])
    if data.events is None:
        return
    measured = (
        data.events.select("code", "subject_id", pl.col("numeric_value").fill_nan(None)).drop_nulls().sort("code")
    )
    code, x = measured["code"], measured["numeric_value"].to_numpy()
    whose = measured["subject_id"].to_numpy()
    finite = np.isfinite(x)
    starts = np.flatnonzero(code.ne(code.shift(1)).fill_null(True).to_numpy())
    for first, last in zip(starts, np.append(starts, len(code))[1:], strict=True):
        inside = np.arange(first, last)[finite[first:last]]
        yield Variable("code", str(code[int(first)]), x[inside], whose[inside])


def numeric_values(data: StudyData) -> Checked:
    """Impossible values, numbers that stand for missing, outliers, and two magnitudes in one variable; a line each."""
    findings: list[Finding] = []
    lines, histograms = [], [pl.DataFrame(schema=_HISTOGRAM)]
    for variable in variables(data):
        x = variable.x
        if len(x) < FEWEST:
            lines.append(_line(variable, np.zeros(len(x), dtype=bool)))
            continue
        coded = missing_codes(x)
        rest = ~np.isin(x, list(coded))
        findings += _coded(variable, coded)
        wrong = rest & _impossible(variable, x[rest])
        findings += _outside(variable, wrong, x[rest])
        rest &= ~wrong
        far = np.zeros(len(x), dtype=bool)
        if rest.sum() >= FEWEST:
            findings += _magnitudes(variable, x[rest])
            far[rest] = outliers(x[rest])
        if far.any():
            who = variable.who(far)
            facts = {"kind": variable.kind, "values": int(far.sum()), "of": len(x), "patients": len(who)}
            findings.append(Finding("values", "outliers", NOTE, variable.name, facts, who))
        lines.append(_line(variable, far))
        if len(np.unique(x)) > 2:
            histograms.append(_histogram(variable))
    if data.events is not None:
        findings += several_units(data.events)
    schema = {"kind": pl.String, "name": pl.String, "n": pl.Int64, "low": pl.Float64, "median": pl.Float64, "high": pl.Float64,
              "outliers": pl.Int64}  # fmt: skip
    return Checked(
        tuple(findings), {"variables": pl.DataFrame(lines, schema=schema), "histograms": pl.concat(histograms)}
    )


def _line(variable: Variable, far: np.ndarray) -> dict[str, object]:
    """Percentiles only where they are of many."""
    known = len(variable.x) >= FEWEST
    low, median, high = np.quantile(variable.x, (0.05, 0.5, 0.95)) if known else (None, None, None)
    return {"kind": variable.kind, "name": variable.name, "n": len(variable.x), "low": low, "median": median, "high": high,
            "outliers": int(far.sum())}  # fmt: skip


def _histogram(variable: Variable) -> pl.DataFrame:
    """Thirty bins from the 1st to the 99th percentile; of whole numbers in whole steps."""
    x = variable.x
    low, high = np.quantile(x, (0.01, 0.99))
    inside = x[(x >= low) & (x <= high)]
    step = np.ceil((high - low + 1) / _BINS)
    whole = bool((inside == np.round(inside)).all())
    edges = (
        np.arange(np.ceil(low) - 0.5, high + step, step)
        if whole
        else np.linspace(low, high if high > low else low + 1, _BINS + 1)
    )
    n, edges = np.histogram(inside, edges)
    about = {
        "kind": [variable.kind] * len(n),
        "name": [variable.name] * len(n),
        "low": edges[:-1],
        "high": edges[1:],
        "n": n,
    }
    return pl.DataFrame(about, schema=_HISTOGRAM)


def missing_codes(x: np.ndarray) -> dict[float, int]:
    """Numbers that most likely stand for "missing" in a variable, and how often each occurs.

    A number of MISSING_CODES that is the only negative one; or that comes at least twice, and lies farther from all other
    values than these lie from one another; or a whole number that comes at least three times beyond all others, which are
    no whole numbers.
    Example:
        >>> missing_codes(np.array([*range(20, 90), 999.0, 999.0]))
        {999.0: 2}
    """
    at, counts = np.unique(x[np.isin(x, MISSING_CODES)], return_counts=True)
    rest = x[~np.isin(x, MISSING_CODES)]
    if not len(at) or len(rest) < FEWEST:
        return {}
    least, most = rest.min(), rest.max()
    spread, whole = most - least, float((rest == np.round(rest)).mean())
    found = {}
    for code, n in zip(at.tolist(), counts.tolist(), strict=True):
        gap = max(code - most, least - code)
        alone = code < 0 <= least
        apart = n >= 2 and gap > spread > 0
        odd = n >= 3 and gap > 0 and whole < 0.1
        if alone or apart or odd:
            found[code] = n
    return found


def _coded(variable: Variable, coded: dict[float, int]) -> Iterator[Finding]:
    for code, n in coded.items():
        who = variable.who(variable.x == code)
        facts = {"kind": variable.kind, "code": code, "values": n, "of": len(variable.x), "patients": len(who)}
        yield Finding("values", "missing_code", SERIOUS, variable.name, facts, who)


def _impossible(variable: Variable, rest: np.ndarray) -> np.ndarray:
    """(n,) bool: values that cannot be, by what the variable's name says it is; `rest` are those that stand for themselves."""
    low, high = next((PLAUSIBLE[word] for word in sorted(variable.words & set(PLAUSIBLE))), (-np.inf, np.inf))
    if variable.words & NEVER_NEGATIVE:
        low = max(low, 0.0)
    if len(rest) and (np.median(rest) > high or np.median(rest) < low):
        low, high = -np.inf, np.inf  # it is measured in something else
    return np.asarray((variable.x < low) | (variable.x > high))


def _outside(variable: Variable, wrong: np.ndarray, rest: np.ndarray) -> Iterator[Finding]:
    if wrong.any():
        who = variable.who(wrong)
        below = int((variable.x[wrong] < 0).sum())
        facts = {
            "kind": variable.kind,
            "values": int(wrong.sum()),
            "of": len(variable.x),
            "negative": below,
            "patients": len(who),
        }
        yield Finding("values", "impossible", SERIOUS, variable.name, facts, who)
    word = next(iter(sorted(variable.words & set(PLAUSIBLE))), None)
    if word == "age" and len(rest) and np.median(rest) > PLAUSIBLE["age"][1]:
        facts = {"kind": variable.kind, "median": float(np.median(rest))}
        yield Finding("values", "age_unit", CHECK, variable.name, facts)


def outliers(x: np.ndarray) -> np.ndarray:
    """(n,) bool: values farther than OUTLIER robust standard deviations from the median, also on the logarithmic scale.

    None where more than half the values are equal.
    """
    far = _robust_z(x) > OUTLIER
    if far.any() and x.min() >= 0:
        positive = x > 0
        logs = np.full(len(x), 0.0)
        if positive.sum() >= FEWEST:
            logs[positive] = _robust_z(np.log(x[positive]))
        far &= logs > OUTLIER
    return far


def _robust_z(x: np.ndarray) -> np.ndarray:
    middle = np.median(x)
    spread = 1.4826 * np.median(np.abs(x - middle))
    with np.errstate(over="ignore"):  # beyond what a number can hold is far, too
        return np.abs(x - middle) / spread if spread > 0 else np.zeros(len(x))


def two_magnitudes(x: np.ndarray) -> tuple[float, float] | None:
    """(share of the smaller group, ratio of medians) of positive values that fall into two groups on a logarithmic scale.

    Split where the groups differ most (Otsu); they are two where Ashman's D is 4 or more, their medians differ by a factor
    of two or more, at least 1 % and five values lie on either side, and few between. None: one group.
    Source: Otsu 1979, doi:10.1109/TSMC.1979.4310076; Ashman 1994, doi:10.1086/117248.
    """
    log = np.sort(np.log(x[x > 0]))
    n = len(log)
    least = max(5, int(np.ceil(0.01 * n)))
    if n < 2 * FEWEST or len(np.unique(log)) < 10:
        return None
    k = np.arange(least, n - least + 1)
    total, squares = np.append(0.0, np.cumsum(log)), np.append(0.0, np.cumsum(log**2))
    left, right = total[k] / k, (total[-1] - total[k]) / (n - k)
    best = int(np.argmax(k * (n - k) * (right - left) ** 2))
    i, a, b = int(k[best]), float(left[best]), float(right[best])
    spread = [max(s / m - c**2, 1e-12) for s, m, c in ((squares[i], i, a), (squares[-1] - squares[i], n - i, b))]
    distance = np.sqrt(2) * (b - a) / np.sqrt(sum(spread))
    ratio = float(np.exp(np.median(log[i:]) - np.median(log[:i])))
    between = ((log > a + 0.4 * (b - a)) & (log < a + 0.6 * (b - a))).sum()
    if distance < SEPARATED or ratio < RATIO or between > 0.1 * min(i, n - i):
        return None
    return min(i, n - i) / n, ratio


def _magnitudes(variable: Variable, x: np.ndarray) -> Iterator[Finding]:
    found = two_magnitudes(x)
    if found is not None:
        facts = {"kind": variable.kind, "share": found[0], "ratio": found[1], "values": len(x)}
        yield Finding("values", "two_magnitudes", CHECK, variable.name, facts)


def several_units(events: pl.DataFrame) -> Iterator[Finding]:
    """Codes whose values come in more than one unit, of which two have five values or more; one with fewer than one value in
    a hundred of the commonest is to be looked at, not grave."""
    measured = events.filter(pl.col("numeric_value").is_not_null())
    units = measured.with_columns(pl.col("unit").fill_null("")).group_by("code", "unit").agg(
        pl.len().alias("n"), pl.col("numeric_value").median().alias("median")
    )  # fmt: skip
    several = units.filter(pl.col("unit").n_unique().over("code") > 1).sort(
        "code", "n", "unit", descending=[False, True, False]
    )
    for (code,), group in several.group_by("code", maintain_order=True):
        first, second = group["n"][0], group["n"][1]
        common = group.filter(pl.col("n") >= 5)  # what stands once may be anything
        if common.is_empty():
            continue
        facts = {"units": common["unit"].to_list(), "n": common["n"].to_list(), "medians": common["median"].to_list(),
                 "rare": sum(group["n"].to_list()) - sum(common["n"].to_list())}  # fmt: skip
        yield Finding(
            "values", "several_units", SERIOUS if second >= 5 and second >= 0.01 * first else CHECK, str(code), facts
        )
