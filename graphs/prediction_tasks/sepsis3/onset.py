"""Onset of sepsis by Sepsis-3: infection is suspected, and SOFA rises by two points from 48 hours before to 24 hours after.

Infection is suspected where a culture is taken within 24 hours after an antibiotic, or an antibiotic given within 72 hours after
a culture; the earlier of the two is its moment. The onset is the first moment at which SOFA lies two points above its lowest of
that window so far.
Source: Singer et al. 2016, doi:10.1001/jama.2016.0287; the windows: Seymour et al. 2016, doi:10.1001/jama.2016.0288; the rise
over the lowest: ricu, Bennett et al. 2023, doi:10.1093/gigascience/giad041.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from ....loaders.errors import InputError
from ..code_set import CodeSet
from ..records import Records
from ..task import INFECTION, SOFA_LOWEST, SOFA_ZERO
from .roles import roles
from .sofa import RESPIRATION, SYSTEMS, sofa, systems

ANTIBIOTICS, CULTURES = INFECTION
ANTIBIOTIC_FIRST, CULTURE_FIRST = timedelta(hours=24), timedelta(hours=72)
BEFORE, AFTER = timedelta(hours=48), timedelta(hours=24)
RISE = 2
_WHERE = "[task] target, sepsis3"
_GIVEN = 'take a given onset: target = {task = "sepsis_early_warning", codes = ["VALUE:SepsisLabel"]}'


def sepsis_onsets(
    records: Records, given: Mapping[str, CodeSet], baseline: str = SOFA_LOWEST
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Onsets of sepsis, as events, and in words what they rest on.

    Args:
        given: antibiotics, cultures: codes in place of those that are recognised (codes.toml).
        baseline: lowest or zero.
    Returns: subject_id, time, known_time, never, visit_id, class, as `Records.events`; never is true, since nobody notes an
        onset that is computed: it counts from its own time.
    Raises: InputError where the study has no antibiotic, no culture, or nothing of which SOFA is made.
    """
    codes = roles(records.tables, given)
    for role, what, example in ((ANTIBIOTICS, "no antibiotic", "ATC:J01"), (CULTURES, "no culture", "LOINC:600-7")):
        if not codes[role] and not records.lenient:
            fix = f'name their codes: target = {{task = "sepsis3", {role} = ["{example}"]}}; load a source that tells them; or {_GIVEN}'
            raise InputError(
                f"{what} is recorded in this study, so infection is never suspected",
                _WHERE,
                None,
                f"{role} among its events",
                fix,
            )
    suspected = suspicions(_times(records, codes[ANTIBIOTICS]), _times(records, codes[CULTURES]))
    organs = frozenset().union(*(found for role, found in codes.items() if role not in INFECTION))
    events = records.of_codes(organs, pl.lit(True), unit=pl.String, text_value=pl.String)
    scores, unused = sofa(events, codes)
    there = systems(scores)
    if not there and not records.lenient:
        fix = f"load laboratory values, vital signs or catecholamines, with their units; or {_GIVEN}"
        raise InputError("nothing of which SOFA is made is recorded in this study", _WHERE, "; ".join(unused) or None,
                         ", ".join(SYSTEMS), fix)  # fmt: skip
    onsets = rises(scores, suspected, baseline)
    return onsets, (*_said(scores, suspected, onsets, there, bool(codes["ventilation"])), *unused)


def suspicions(antibiotics: pl.DataFrame, cultures: pl.DataFrame) -> pl.DataFrame:
    """Moments of suspected infection, each once and sorted.

    Args: antibiotics, cultures: subject_id, time.
    Returns: subject_id, time.
    """
    first = _followed(antibiotics, cultures, ANTIBIOTIC_FIRST)
    return pl.concat([first, _followed(cultures, antibiotics, CULTURE_FIRST)]).unique().sort("subject_id", "time")


def rises(scores: pl.DataFrame, suspected: pl.DataFrame, baseline: str = SOFA_LOWEST) -> pl.DataFrame:
    """The moments at which SOFA has risen by two points in a window of suspicion, the first of those that follow each other.

    A moment t whose last score two points below was at u lies with it in the window of a suspicion s just if
    t − 24 h <= s <= u + 48 h: so the next suspicion after t − 24 h decides, and no window is laid out.
    Args:
        scores: subject_id, time, sofa, sorted. suspected: subject_id, time, sorted.
    Returns: as `sepsis_onsets`.
    """
    low = pl.when(pl.col("sofa") >= RISE).then("time")
    rows = scores.select("subject_id", "time", "sofa", low=low) if baseline == SOFA_ZERO else _last_lower(scores)
    rows = rows.with_columns(begin=pl.col("time") - AFTER).sort("begin")
    after = suspected.select("subject_id", suspected="time", at="time").sort("at")
    rows = rows.join_asof(
        after, left_on="begin", right_on="at", by="subject_id", strategy="forward", check_sortedness=False
    ).sort("subject_id", "time")  # fmt: skip
    risen = (pl.col("suspected") <= pl.col("low") + BEFORE).fill_null(False)
    rows = rows.with_columns(risen=risen)
    begins = pl.col("risen") & ~pl.col("risen").shift(1, fill_value=False).over("subject_id")
    return rows.filter(begins).select(
        "subject_id", "time", known_time="time", never=pl.lit(True), visit_id=pl.lit(None, pl.String), **{"class": pl.lit("target")},
    )  # fmt: skip


def _last_lower(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores with `low`: when SOFA was last two points lower; null where it never was."""
    highest = int(scores["sofa"].max() or 0)  # type: ignore[arg-type]
    last = {
        level: pl.when(pl.col("sofa") <= level).then("time").forward_fill().over("subject_id")
        for level in range(highest - RISE + 1)
    }
    rows = scores.select("subject_id", "time", "sofa", **{f"_{level}": when for level, when in last.items()})
    low = pl.coalesce(
        pl.lit(None, pl.Datetime("us")), *(pl.when(pl.col("sofa") == level + RISE).then(f"_{level}") for level in last)
    )
    return rows.select("subject_id", "time", "sofa", low=low)


def _times(records: Records, codes: frozenset[str]) -> pl.DataFrame:
    return records.of_codes(codes, pl.lit(True)).select("subject_id", "time").unique().sort("subject_id", "time")


def _followed(first: pl.DataFrame, then: pl.DataFrame, within: timedelta) -> pl.DataFrame:
    """Those of `first` after which one of `then` comes within so long, or at the same moment."""
    later = then.select("subject_id", "time", other="time").sort("time")
    pairs = first.sort("time").join_asof(
        later, on="time", by="subject_id", strategy="forward", tolerance=within, check_sortedness=False
    )
    return pairs.drop_nulls("other").select("subject_id", "time")


def _said(
    scores: pl.DataFrame, suspected: pl.DataFrame, onsets: pl.DataFrame, there: tuple[str, ...], supported: bool
) -> list[str]:
    """What the onsets rest on."""
    each = ", ".join(f"{one} {scores.drop_nulls(one)['subject_id'].n_unique():,}" for one in there)
    missing = [one for one in SYSTEMS if one not in there]
    notes = [
        f"SOFA of {len(there)} of {len(SYSTEMS)} organ systems, by patients: {each}"
        + (f"; nothing is recorded of {', '.join(missing)}, which count as 0" if missing else ""),
        f"{suspected['subject_id'].n_unique():,} patients with a suspicion of infection, {onsets['subject_id'].n_unique():,} of them with sepsis",
    ]
    if RESPIRATION in there and not supported:
        notes.append("no ventilation is recorded: PaO2/FiO2 gives 2 points at the most")
    return notes
