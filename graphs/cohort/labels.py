"""Labels of a cohort: what its query returned, in the form that learners take; what cannot be one is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import polars.selectors as cs

from ...loaders.errors import InputError
from ...loaders.files.cells.forms import form
from ...loaders.files.cells.number_words import means_missing

WHERE = "cohort query"
_FEW_VALUES = 3
HAPPENED = frozenset(
    ("1", "true", "yes", "y", "deceased", "dead", "died", "death", "event", "progressed", "progression", "recurred",
     "recurrence", "relapsed", "relapse", "recurred/progressed", "metastasized", "positive", "present")
)  # fmt: skip
NOT_HAPPENED = frozenset(
    ("0", "false", "no", "n", "living", "alive", "censored", "no event", "progression free", "progressionfree",
     "disease free", "diseasefree", "recurrence free", "relapse free", "event free", "not progressed", "no recurrence",
     "no relapse", "no progression", "negative", "absent")
)  # fmt: skip
"""Words, in small letters, of something that happened or is so, and of its contrary."""
BOOLEAN, BOOLEANS, CATEGORICAL, NUMERIC, NUMBERS, TIME_TO_EVENT, GROUPS = LABEL_TYPES = (
    "boolean", "booleans", "categorical", "numeric", "numbers", "time_to_event", "groups",
)  # fmt: skip
"""What a label can be; booleans and numbers are several at once, numeric is MEDS's `float_value` or `integer_value`; groups are
categories that only judge: a row without one stays, and the column need not be there."""
COMPETING = "competing"
"""Of time to event: whether follow-up ended with another event, after which this one cannot come."""
Label = str | tuple[str, ...]
"""A column, or of booleans and numbers several."""


@dataclass(frozen=True)
class Labelled:
    """Rows with a label, and what was done to it.

    patients: how many have a label. unlabelled: rows without one. no_risk: rows with a label and no time at risk.
    """

    rows: pl.DataFrame
    classes: tuple[str, ...]
    patients: int
    unlabelled: int
    no_risk: int = 0
    notes: tuple[str, ...] = ()


def with_label(
    rows: pl.DataFrame, label_type: str, label: Label, happened: object = None, *, must_occur: bool = True
) -> Labelled:
    """Rows with `label` (boolean: 0 or 1; booleans: a list of those that are so; categorical: text; numeric: float; numbers: a list of floats, null where one is not known), or `duration_days` and `event` (time_to_event: 0 or 1), and `competing` where it is there.

    Args:
        rows: what the query returned, in any column order.
        label_type: one of LABEL_TYPES (`Task.label_type`, after MEDS).
        label: the column that holds the label, of booleans and numbers the columns, one a label; of time_to_event the event's column.
        happened: the value that means that the event happened, or that a boolean label is so; None: the values say it
            themselves. must_occur: that no row has it is an error; of patients to predict it may be so.
    Raises: InputError for a column that is not there, and for values that the label cannot be.
    Example:
        >>> with_label(pl.DataFrame({"subject_id": ["a", "b"], "label": ["no", "yes"]}), "boolean", "label").notes
        ("label: 'no' is 0, 'yes' is 1",)
    """
    if label_type not in LABEL_TYPES:
        raise ValueError(f"label type: got {label_type!r}; expected one of {', '.join(LABEL_TYPES)}")
    rows = rows.with_columns(cs.float().fill_nan(None))
    if label_type == GROUPS:
        return _groups(rows, _one(label))
    if label_type == BOOLEANS:
        return _booleans(rows, (label,) if isinstance(label, str) else label)
    if label_type == NUMBERS:
        return _numbers(rows, (label,) if isinstance(label, str) else label)
    label = _one(label)
    if label_type == TIME_TO_EVENT:
        return _time_to_event(rows, label if label in rows.columns else "event", happened, must_occur)
    _need(rows, label, f"a {label_type} task needs a label")
    known = rows.filter(pl.col(label).is_not_null()).rename({label: "label"} if label != "label" else {})
    counts = known["subject_id"].n_unique(), rows.height - known.height
    if label_type == CATEGORICAL:
        text = _as_text(known["label"])
        return Labelled(known.with_columns(text), tuple(sorted(text.unique())), *counts)
    if label_type == NUMERIC:
        number, notes = _number(known["label"])
        return Labelled(known.with_columns(number), (), *counts, notes=notes)
    zero_one, notes = _binary(known["label"]) if happened is None else _event(known["label"], happened, must_occur)
    sure = known.with_columns(zero_one).drop_nulls("label")
    counts = sure["subject_id"].n_unique(), rows.height - sure.height
    return Labelled(sure, ("0", "1"), *counts, notes=notes)


def _groups(rows: pl.DataFrame, label: str) -> Labelled:
    """All rows, with their known group as text, null where there is none; without the column nobody has one.

    Raises: InputError where the study names a column that is not there.
    """
    if label != "label":
        _need(rows, label, "the study names a column of known groups")
    found = with_any_label(rows, CATEGORICAL, label)
    return replace(found, patients=rows["subject_id"].n_unique(), unlabelled=0)


def with_any_label(rows: pl.DataFrame, label_type: str, label: Label, happened: object = None) -> Labelled:
    """All rows, labelled where the query gave a label: for a model that predicts them, and is judged where it can be.

    Args: as `with_label`. Without a label column nobody is labelled; without time at risk a row is not.
    Returns: label, or duration_days and event, null where there is none.
    Raises: InputError for values that the label cannot be.
    """
    labels = {label} if isinstance(label, str) else set(label)
    event = _one(label) if label_type == TIME_TO_EVENT and labels <= set(rows.columns) else "event"
    named = {"duration_days", event} if label_type == TIME_TO_EVENT else labels
    label_type = CATEGORICAL if label_type == GROUPS else label_type
    types: dict[str, Any] = {
        CATEGORICAL: pl.String,
        NUMERIC: pl.Float64,
        BOOLEANS: pl.List(pl.String),
        NUMBERS: pl.List(pl.Float64),
    }
    kept: dict[str, Any] = {"label": types.get(label_type, pl.Int64)}
    if label_type == TIME_TO_EVENT:
        kept = {"duration_days": pl.Float64, "event": pl.Int64}
    numbered = rows.with_row_index("_row")
    found = Labelled(numbered.select("_row").clear(), (), 0, rows.height)
    if named <= set(rows.columns):
        found = with_label(numbered, label_type, label, happened, must_occur=False)
    rest = numbered.join(found.rows, on="_row", how="anti").drop((named | set(kept)) & set(rows.columns))
    if COMPETING in found.rows.columns:
        rest = rest.drop(COMPETING)
    every = pl.concat([pl.DataFrame(schema=kept), found.rows, rest], how="diagonal").sort("_row").drop("_row")
    return replace(found, rows=every)


def with_listed(rows: pl.DataFrame, classes: Sequence[str], keep: bool) -> Labelled:
    """Rows whose `label` is already a list of those of `classes` that are so; null: not known, left out unless `keep`."""
    known = rows.drop_nulls("label")
    made = rows if keep else known
    return Labelled(made, tuple(classes), known["subject_id"].n_unique(), rows.height - known.height)


def _one(label: Label) -> str:
    if isinstance(label, str):
        return label
    raise ValueError(f"label: got {len(label)} columns; expected one")


def _booleans(rows: pl.DataFrame, labels: Sequence[str]) -> Labelled:
    """Several boolean columns as one: which of them are so. A row in which one is not known has no label.

    Raises: InputError as of a boolean.
    """
    for label in labels:
        _need(rows, label, "a multilabel task needs its labels")
    known = rows.drop_nulls(list(labels))
    each: list[pl.Series] = []
    notes: list[str] = []
    for label in labels:
        zero_one, said = _binary(known[label])
        each.append(zero_one.alias(label))
        notes += said
    names = [[label for label, one in zip(labels, row, strict=True) if one] for row in zip(*each, strict=True)]
    kept = known.drop([*labels, *({"label"} & set(known.columns))])
    made = kept.with_columns(pl.Series("label", names, pl.List(pl.String)))
    found = made["subject_id"].n_unique(), rows.height - known.height
    return Labelled(made, tuple(labels), *found, notes=tuple(notes))


def _numbers(rows: pl.DataFrame, labels: Sequence[str]) -> Labelled:
    """Several columns of numbers as one of lists. A row in which none is known has no label; one that is not known stays so.

    Raises: InputError as of a number.
    """
    for label in labels:
        _need(rows, label, "a responses task needs its endpoints")
    each: list[pl.Series] = []
    for label in labels:
        _number(rows[label].drop_nulls())
        each.append(rows[label].cast(pl.Float64).fill_nan(None).alias(label))
    known = rows.filter(pl.any_horizontal(pl.col(label).is_not_null() for label in labels))
    values = pl.DataFrame(each).filter(pl.any_horizontal(pl.all().is_not_null()))
    kept = known.drop([*labels, *({"label"} & set(known.columns))])
    made = kept.with_columns(values.select(label=pl.concat_list(pl.all())))
    return Labelled(made, tuple(labels), made["subject_id"].n_unique(), rows.height - known.height)


def _time_to_event(rows: pl.DataFrame, event: str, happened: object, must_occur: bool) -> Labelled:
    _need(rows, event, "survival needs event")
    _need(rows, "duration_days", "survival needs duration_days")
    if not (rows["duration_days"].dtype.is_numeric() or rows["duration_days"].dtype == pl.Null):
        raise InputError(
            "a duration that is no number",
            WHERE,
            str(rows["duration_days"].dtype),
            "days as a number",
            "return a number: toFloat(p.days) AS duration_days",
        )
    if event != "event" and "event" in rows.columns:
        fix = 'say label = "event" in [task], or let the query return one of them'
        raise InputError("two columns could tell the event", WHERE, f"{event}, event", "one of them", fix)
    known = rows.filter(pl.col("duration_days").is_not_null() & pl.col(event).is_not_null())
    known = known.rename({event: "event"} if event != "event" else {})
    zero_one, notes = _binary(known["event"]) if happened is None else _event(known["event"], happened, must_occur)
    known = known.with_columns(zero_one, pl.col("duration_days").cast(pl.Float64)).drop_nulls("event")
    risk = known.filter(pl.col("duration_days") > 0)
    counts = known["subject_id"].n_unique(), rows.height - known.height, known.height - risk.height
    return Labelled(_competing(risk), (), *counts, notes)


def _competing(rows: pl.DataFrame) -> pl.DataFrame:
    """`competing` as 0 and 1, where the query returns it: follow-up ended with what leaves the event no chance (death).

    Raises: InputError for a value that is neither, and for a row that ends with the event too.
    """
    if COMPETING not in rows.columns:
        return rows
    zero_one, _ = _binary(rows[COMPETING])
    if empty := zero_one.null_count():
        fix = "return false where it did not come first: coalesce(p.died, false) AS competing"
        raise InputError(
            "not said whether the competing event came first", WHERE, f"{empty:,} rows", "0 or 1 in every row", fix
        )
    rows = rows.with_columns(zero_one.cast(pl.Int64))
    if both := rows.filter((pl.col("event") == 1) & (pl.col(COMPETING) == 1)).height:
        raise InputError(
            "the event and its competing one both end follow-up", WHERE, f"{both:,} rows", "the first of them in a row",
            "CASE WHEN the event came first THEN false ELSE … END AS competing",
        )  # fmt: skip
    return rows


def _need(rows: pl.DataFrame, column: str, what: str) -> None:
    if column not in rows.columns:
        raise InputError(what, WHERE, ", ".join(rows.columns), f"a column {column}", f"RETURN … AS {column}")


def _event(values: pl.Series, happened: object, must_occur: bool) -> tuple[pl.Series, tuple[str, ...]]:
    """The event as 0 and 1: 1 where it has the value `happened`, 0 where it has its contrary, else null: not known.

    The contrary is 0, false, a word that says so (Alive), or of two values the other, if that is not a word for nothing.
    Raises: InputError where no row has the value, and the values do not say by themselves what happened.
    """
    text = _as_text(values)
    found = sorted(text.unique())
    wanted = str(int(happened)) if isinstance(happened, float) and happened.is_integer() else str(happened)
    wanted = wanted.lower() if isinstance(happened, bool) else wanted
    meant = {word: direction(word) for word in found}
    nothing = {word for word in found if means_missing(word)}
    if not found or (wanted not in found and not must_occur):
        return text.replace_strict(meant or {"": None}, default=None, return_dtype=pl.Int64), _notes(values.name, meant)
    if wanted not in found:
        if wanted == "1" and {word for word, way in meant.items() if way is None} <= nothing and 1 in meant.values():
            return text.replace_strict(meant, return_dtype=pl.Int64), _notes(values.name, meant)
        raise InputError(
            f"{happened!r} is no value of {values.name}", WHERE,
            ", ".join(map(repr, found)) if len(found) <= _FEW_VALUES else f"{len(found)} different ones",
            "one of them", "give the one that means 1: params = {happened = …} or {positive = …}",
        )  # fmt: skip
    others = [word for word in found if word != wanted and word not in nothing]
    alone = others[0] if len(others) == 1 and direction(others[0]) != 1 else None
    contrary = {word for word in others if word == alone or meant[word] == 0}
    ways = {word: 1 if word == wanted else 0 if word in contrary else None for word in found}
    return text.replace_strict(ways, return_dtype=pl.Int64), _notes(values.name, ways)


def _notes(name: str, ways: Mapping[str, int | None]) -> tuple[str, ...]:
    """How words were read; nothing where they are 0 and 1."""
    if set(ways) <= {"0", "1"}:
        return ()
    said = (f"{text!r} is {'not known' if way is None else way}" for text, way in ways.items())
    return (f"{name}: " + ", ".join(said),)


def _binary(values: pl.Series) -> tuple[pl.Series, tuple[str, ...]]:
    """The values as 0 and 1: booleans, 0 and 1, or words that have a direction of their own; never by the alphabet."""
    if values.dtype in (pl.Boolean, pl.Null):
        return values.cast(pl.Int64), ()
    found = sorted(values.unique().to_list())
    if values.dtype.is_numeric() and set(found) <= {0, 1}:
        return values.cast(pl.Int64), ()
    meant = {text: direction(text) for text in found} if values.dtype == pl.String else {}
    if meant and None not in meant.values():
        return values.replace_strict(meant, return_dtype=pl.Int64), _notes(values.name, meant)
    if len(found) <= _FEW_VALUES and values.dtype == pl.String:
        one, other = _which(meant)
        raise InputError(
            f"{values.name}: which of its texts is 1 is not known", WHERE, ", ".join(map(repr, found)),
            "true and false, 0 and 1, or words such as yes and no, DECEASED and LIVING",
            f"say so in the query: CASE p.status WHEN {one!r} THEN 1 WHEN {other!r} THEN 0 END AS {values.name}"
            + ('; of classes without a direction: kind = "multiclass"' if values.name == "label" else ""),
        )  # fmt: skip
    raise InputError(
        f"{values.name} has {len(found)} different values", WHERE, str(values.dtype), "true and false, 0 and 1, or two words",
        "compare it in the query, for example v.readmitted = '<30' AS label; or use kind = \"multiclass\"",
    )  # fmt: skip


def _number(values: pl.Series) -> tuple[pl.Series, tuple[str, ...]]:
    """The values as float64; what is no finite number is refused, never read as one or left out."""
    where = {
        "what": f"{values.name} is no number",
        "where": WHERE,
        "expected": "a number in every row that has a label",
    }
    if values.dtype == pl.String:
        forms = Counter(form(text) for text in values if not _reads_as_number(text))
        shown = ", ".join(f"{count:,} as {one}" for one, count in forms.most_common(_FEW_VALUES))
        got = f"text: {shown}" if shown else "text, which reads as numbers"
        fix = 'a word for nothing: name it in `missing` of its source; classes: kind = "multiclass"'
        raise InputError(**where, got=got, fix=fix if shown else f"toFloat(…) AS {values.name}")
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        fix = 'kind = "binary"' if values.dtype == pl.Boolean else f"return one number a row AS {values.name}"
        raise InputError(**where, got=str(values.dtype), fix=fix)
    number = values.cast(pl.Float64)
    if endless := int(number.is_infinite().sum()):
        raise InputError(f"{values.name} is infinite", WHERE, f"{endless:,} rows", "finite numbers",
                         "correct them, or leave these rows out in the query")  # fmt: skip
    few = number.n_unique() <= 2 and len(number) > 2
    return number, (
        f'{values.name} has no more than two different numbers: kind = "binary" may be meant',
    ) if few else ()


def _reads_as_number(text: str) -> bool:
    try:
        return bool(float(text) == float(text))
    except ValueError:
        return False


def _which(meant: Mapping[str, int | None]) -> tuple[str, str]:
    """Two of these texts as an example of what a query would say: those whose direction is known, if there are some."""
    one = next((text for text, way in meant.items() if way == 1), None)
    other = next((text for text, way in meant.items() if way == 0), None)
    rest = [text for text in meant if text not in (one, other)]
    one = one or rest.pop()
    return one, other or (rest.pop() if rest else "…")


def direction(text: str) -> int | None:
    """1 where a word says that something is so or happened, 0 where it says the contrary, None where neither is sure.

    cBioPortal writes the number before the word, `1:DECEASED`: it counts.
    Example:
        >>> [direction(text) for text in ("1:DECEASED", "Living", "progression free", "grade 2")]
        [1, 0, 0, None]
    """
    number, colon, word = text.strip().casefold().rpartition(":")
    word = " ".join(word.replace("_", " ").replace("-", " ").split())
    said = 1 if word in HAPPENED else 0 if word in NOT_HAPPENED else None
    if not colon:
        return said
    prefix = {"0": 0, "1": 1}.get(number.strip())
    return prefix if prefix is not None and said in (None, prefix) else None


def _as_text(values: pl.Series) -> pl.Series:
    """Class names; whole numbers without a decimal point, whatever the store made of them."""
    if values.dtype.is_float() and (values == values.round()).all():
        values = values.cast(pl.Int64)
    if values.dtype.is_nested() or values.dtype.is_temporal():
        raise InputError(
            "a label that is no class",
            WHERE,
            str(values.dtype),
            "text, a number or a boolean",
            "return one value a patient AS label",
        )
    return values.cast(pl.String)
