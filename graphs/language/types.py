"""Types of Cypher's values, and what each of its functions returns: what can be known before a query runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

INSTANTS = ("DATE", "LOCAL DATETIME", "ZONED DATETIME", "LOCAL TIME", "ZONED TIME")
"""Moments and days. Those of two types are not comparable: Cypher says null."""
NUMBERS = ("INTEGER", "FLOAT")
SCALARS = ("BOOLEAN", "STRING", *NUMBERS, *INSTANTS, "DURATION")


@dataclass(frozen=True)
class Type:
    """What is known of a value.

    name: as Cypher's valueType() says, without NOT NULL; ANY: nothing is known; NULL: it is null.
    of: labels of a NODE, types of a RELATIONSHIP; none: any.
    inner: of a LIST, its items'. fields: of a MAP, its keys'; closed: it has no others.
    """

    name: str
    of: frozenset[str] = frozenset()
    inner: Type | None = None
    fields: Mapping[str, Type] = field(default_factory=dict, hash=False)
    closed: bool = False


ANY, NULL, BOOLEAN, INTEGER, FLOAT, STRING = map(Type, ("ANY", "NULL", "BOOLEAN", "INTEGER", "FLOAT", "STRING"))
DURATION, PATH = Type("DURATION"), Type("PATH")


def list_of(inner: Type) -> Type:
    return Type("LIST", inner=inner)


def item(type: Type) -> Type:
    """What a list of this type holds."""
    return type.inner or ANY if type.name == "LIST" else NULL if type.name == "NULL" else ANY


def joined(types: Iterable[Type]) -> Type:
    """What is known of a value that is of one of these types."""
    found = [type for type in types if type.name != "NULL"]
    if not found:
        return NULL
    names = {type.name for type in found}
    if len(names) > 1:
        return FLOAT if names <= set(NUMBERS) else ANY
    first = found[0]
    if first.name in ("NODE", "RELATIONSHIP"):
        return Type(
            first.name, frozenset() if any(not t.of for t in found) else frozenset().union(*(t.of for t in found))
        )
    if first.name == "LIST":
        return list_of(joined(item(type) for type in found))
    if first.name == "MAP":
        return first if len(found) == 1 else Type("MAP")
    return first


def of_value(value: Any) -> Type:
    """The type of a parameter's value.

    Example:
        >>> of_value([1, 2]).inner.name, of_value(datetime(2020, 1, 1)).name
        ('INTEGER', 'LOCAL DATETIME')
    """
    match value:
        case None:
            return NULL
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case float():
            return FLOAT
        case str():
            return STRING
        case datetime():  # parameters are naive: a zone is taken off before they are sent
            return Type("LOCAL DATETIME")
        case date():
            return Type("DATE")
        case time():
            return Type("ZONED TIME" if value.tzinfo else "LOCAL TIME")
        case timedelta():
            return DURATION
        case list() | tuple() | set() | frozenset():
            return list_of(joined(map(of_value, value)))
        case dict():
            return Type("MAP", fields={str(key): of_value(item) for key, item in value.items()}, closed=True)
        case _:
            return ANY


def of_store(name: str) -> Type:
    """The type that a store's valueType() names.

    Example:
        >>> of_store("STRING NOT NULL").name, of_store("LIST<STRING NOT NULL> NOT NULL").inner.name
        ('STRING', 'STRING')
    """
    name = name.removesuffix(" NOT NULL")
    if name.startswith("LIST<"):
        return list_of(of_store(name[5:-1]))
    return Type(name) if name in (*SCALARS, "NULL", "MAP") else ANY


COMPONENTS = {
    "DATE": {"year", "quarter", "month", "week", "weekyear", "dayofquarter", "ordinalday", "day", "weekday", "dayofweek"},
    "LOCAL TIME": {"hour", "minute", "second", "millisecond", "microsecond", "nanosecond"},
    "DURATION": {
        "years", "quarters", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds",
        "nanoseconds", "quartersofyear", "monthsofquarter", "monthsofyear", "daysofweek", "minutesofhour",
        "secondsofminute", "millisecondsofsecond", "microsecondsofsecond", "nanosecondsofsecond",
    },
}  # fmt: skip
_ZONE = {"timezone", "offset", "offsetminutes", "offsetseconds"}
COMPONENTS["LOCAL DATETIME"] = COMPONENTS["DATE"] | COMPONENTS["LOCAL TIME"]
COMPONENTS["ZONED TIME"] = COMPONENTS["LOCAL TIME"] | _ZONE
COMPONENTS["ZONED DATETIME"] = COMPONENTS["LOCAL DATETIME"] | _ZONE | {"epochseconds", "epochmillis"}
"""Type -> what can stand behind a dot, in small letters."""

AGGREGATES = frozenset(
    ("count", "sum", "avg", "min", "max", "collect", "stdev", "stdevp", "percentilecont", "percentiledisc")
)
_SAME = object()  # the type of the first argument
_ITEM = object()  # of its items
_JOIN = object()  # of all arguments together
_MAP = Type("MAP")
_TEXTS = list_of(STRING)
FUNCTIONS: dict[str, object] = {
    **dict.fromkeys(
        ["acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "cot", "coth", "degrees", "e", "exp", "floor", "haversin", "log", "log10", "pi", "radians", "rand", "round", "sin", "sinh", "sqrt", "tan", "tanh", "stdev", "stdevp", "percentilecont", "tofloat", "tofloatornull", "point.distance"], FLOAT),
    **dict.fromkeys(
        ["sign", "size", "length", "char_length", "character_length", "tointeger", "tointegerornull", "timestamp", "count", "id"], INTEGER),
    **dict.fromkeys(
        ["tostring", "tostringornull", "toupper", "tolower", "upper", "lower", "trim", "btrim", "ltrim", "rtrim", "left", "right", "substring", "replace", "normalize", "type", "elementid", "valuetype", "randomuuid"], STRING),
    **dict.fromkeys(["toboolean", "tobooleanornull", "isempty", "isnan", "exists", "point.withinbbox"], BOOLEAN),
    **dict.fromkeys(["abs", "tail", "reverse", "sum", "min", "max", "percentiledisc", "nullif"], _SAME),
    **dict.fromkeys(("head", "last"), _ITEM),
    "avg": FLOAT, "collect": list_of(ANY), "coalesce": _JOIN, "split": _TEXTS, "keys": _TEXTS, "labels": _TEXTS, "range": list_of(INTEGER),
    "tointegerlist": list_of(INTEGER), "tofloatlist": list_of(FLOAT), "tostringlist": _TEXTS,
    "tobooleanlist": list_of(BOOLEAN), "nodes": list_of(Type("NODE")), "relationships": list_of(Type("RELATIONSHIP")),
    "startnode": Type("NODE"), "endnode": Type("NODE"), "properties": _MAP, "point": ANY,
    **{f"{name}{of}": Type(type)
       for name, type in (("date", "DATE"), ("datetime", "ZONED DATETIME"), ("localdatetime", "LOCAL DATETIME"),
                          ("time", "ZONED TIME"), ("localtime", "LOCAL TIME"))
       for of in ("", ".truncate", ".realtime", ".statement", ".transaction")},
    "datetime.fromepoch": Type("ZONED DATETIME"), "datetime.fromepochmillis": Type("ZONED DATETIME"),
    **dict.fromkeys(
        ("duration", "duration.between", "duration.inmonths", "duration.indays", "duration.inseconds"), DURATION),
}  # fmt: skip
"""Every function of Cypher 5 that is no plug-in's, by its name in small letters."""


def returned(name: str, args: list[Type]) -> Type:
    """What a function returns for arguments of these types; ANY of one that is not known."""
    rule = FUNCTIONS.get(name, ANY)
    first = args[0] if args else ANY
    if name in ("avg", "sum") and first.name == "DURATION":
        return DURATION
    if name == "collect":
        return list_of(first)
    if rule is _SAME:
        return first
    if rule is _ITEM:
        return item(first)
    if rule is _JOIN:
        return joined(args)
    assert isinstance(rule, Type)
    return rule
