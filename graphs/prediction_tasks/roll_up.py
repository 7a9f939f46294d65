"""Roll-up of codes: diagnoses under their categories or groups, each of which is a label; and which labels are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from ...loaders.errors import InputError
from ...loaders.identifiers.code_structure import chain, parent
from .code_set import code_links, study_codes
from .records import Records
from .task import RollUp, Target

CODE, CATEGORY = "code", "category"
GROUPS = {"code": pl.String, "class": pl.String}


def groups_of(target: Target, records: Records) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """code, class: which codes of the study make which label; and in words how many have none.

    Returns: (GROUPS, notes). A code may be of several classes.
    Raises: InputError where no code of the study is of any.
    """
    tables = records.tables
    if target.roll_up is None:
        rows = [(code, name) for name, one in target.classes.items() for code in sorted(one.expand(tables))]
        missing = next((one for one in target.classes.values() if not one.expand(tables)), None)
        if missing is not None and not records.lenient:
            raise missing.missing(tables)
        return pl.DataFrame(rows, schema=GROUPS, orient="row"), ()
    given = next(iter(target.classes.values()), None)
    codes = study_codes(tables, ("Diagnosis",)) if given is None else given.expand(tables)
    level = target.roll_up.level
    found = {code: [code if level == CODE else category(code)] for code in sorted(codes)}
    if level not in (CODE, CATEGORY):
        found = _in_groups(sorted(codes), level, code_links(tables))
    rows = [(code, one) for code, classes in found.items() for one in classes]
    if not rows and not records.lenient:
        if not codes:
            fix = "name codes, or another target"
            raise InputError("no diagnoses in this study", "[task] target", None, "events of diagnoses", fix)
        what, fix = (
            f"no code of this study leads up to {level}",
            f'add knowledge that holds {level}, or level = "category"',
        )
        raise InputError(what, "[task] target, level", level, "code, category, or a vocabulary of groups", fix)
    alone = frozenset(code for code, classes in found.items() if not classes)
    lost = records.of_codes(alone, pl.lit(True)) if alone else pl.DataFrame()
    few = f"{lost.height:,} diagnoses, of {lost['code'].n_unique():,} codes," if lost.height else ""
    return pl.DataFrame(rows, schema=GROUPS, orient="row"), (
        f"{few} have no {level}, and make no label",
    ) if few else ()


def _in_groups(codes: Sequence[str], level: str, links: pl.DataFrame) -> dict[str, list[str]]:
    """code -> its groups: the nearest that lie above it; else the one in which all the codes below it lie."""
    up = links.filter(~pl.col("subject").str.starts_with(f"{level}:"))
    above: dict[str, list[str]] = dict(up.group_by("subject").agg("object").iter_rows())
    below: dict[str, set[str]] = {}
    for code, group in up.filter(pl.col("object").str.starts_with(f"{level}:")).select("subject", "object").iter_rows():
        for one in chain(code):
            below.setdefault(one, set()).add(group)
    return {code: _above(code, level, above) or _only(below.get(code, set())) for code in codes}


def _only(groups: set[str]) -> list[str]:
    return sorted(groups) if len(groups) == 1 else []


def _above(code: str, level: str, above: Mapping[str, list[str]]) -> list[str]:
    found: set[str] = set()
    seen, waiting = {code}, [code]
    while waiting:
        one = waiting.pop()
        if one.startswith(f"{level}:"):
            found.add(one)  # the nearest group counts, not what lies above it
            continue
        up = parent(one)
        fresh = {*above.get(one, ()), *([up] if up else [])} - seen
        seen |= fresh
        waiting += fresh
    return sorted(found)


def category(code: str) -> str:
    """The category of a code of ICD, what stands before its dot; of any other vocabulary the code itself.

    Example:
        >>> category("ICD9CM:428.21"), category("SNOMED:44054006")
        ('ICD9CM:428', 'SNOMED:44054006')
    """
    if not code.startswith("ICD"):
        return code
    return next((one for one in (code, *chain(code)) if "." not in one), code)


def asked_labels(events: pl.DataFrame, index: pl.DataFrame, roll_up: RollUp) -> tuple[list[str], tuple[str, ...]]:
    """The labels that are asked: what enough patients hold, as known at their last prediction; no outcome decides it.

    Args:
        events: subject_id, known_time, class. index: subject_id, prediction_time.
    Raises: InputError where fewer than two are left.
    """
    last = index.group_by("subject_id").agg(pl.col("prediction_time").max())
    held = events.join(last, on="subject_id").filter(pl.col("known_time") <= pl.col("prediction_time"))
    counts = held.group_by("class").agg(n=pl.col("subject_id").n_unique()).sort("n", "class", descending=[True, False])
    enough = counts.filter(pl.col("n") >= roll_up.patients)
    kept = sorted(enough["class"].head(roll_up.most))
    if len(kept) < 2:
        got = f"{enough.height} held by {roll_up.patients} patients or more"
        expected = f"two; the commonest are held by {', '.join(map(str, counts['n'].head(3))) or 'nobody'}"
        raise InputError("too few labels", "[task] target, patients", got, expected,
                         "lower patients, or take a higher level")  # fmt: skip
    said = f"{len(kept)} labels are asked: those that {roll_up.patients} patients or more hold, as known at their last prediction"
    more = enough.height - len(kept)
    return kept, (said + (f", the commonest; {more} more are not" if more else ""),)
