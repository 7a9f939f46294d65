"""Outcome words: by which words a name or a text gives away what shall be predicted."""

from __future__ import annotations

import re
from collections.abc import Iterable

FAMILIES = {
    "death": ("death", "dead", "died", "deceased", "expired", "mortality", "dod", "survival", "survived", "vital", "alive"),
    "readmission": ("readmission", "readmissions", "readmitted", "readmit", "rehospitalisation", "rehospitalization",
                    "rehospitalised", "rehospitalized"),
    "discharge": ("discharge", "discharged", "disposition"),
    "stay": ("los", "stay"),
    "sepsis": ("sepsis", "septic", "septicaemia", "septicemia"),
    "recurrence": ("recurrence", "recurred", "relapse", "relapsed"),
    "progression": ("progression", "progressed", "pfs", "dfs"),
}  # fmt: skip
"""Words that tell the same outcome, whichever of them a study uses for it."""
ALWAYS = ("label", "outcome", "censored", "censorship")
"""Words of an outcome's column, whatever it is about."""
EARLIER = frozenset(("prior", "previous", "previously", "history", "past", "before", "earlier", "family", "last"))
"""Words by which a name says that it is about what came before."""
_SHORT = 4
_SAYS_NOTHING = frozenset(
    ("label", "outcome", "event", "days", "within", "status", "class", "type", "value", "after", "true", "false", "time",
     "unknown", "other", "none", "high", "normal", "positive", "negative", "patient", "visit", "date", "group", "with",
     "without", "observed", "until", "clock", "start", "index", "first", "next", "later", "back")
)  # fmt: skip


def tokens(name: str) -> frozenset[str]:
    """The words of a name, in small letters.

    Example:
        >>> sorted(tokens("dischargeDisposition_id"))
        ['discharge', 'disposition', 'id']
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[a-z]+", apart.lower()))


def words_of(names: Iterable[str]) -> frozenset[str]:
    """The words that give an outcome away which goes by these names: of a column, a property, a class.

    Example:
        >>> "expired" in words_of(["hospital_mortality"])
        True
    """
    own = frozenset(token for name in names for token in tokens(name))
    told = {word for family in FAMILIES.values() if own & set(family) for word in family}
    return frozenset(told | {word for word in own - _SAYS_NOTHING if len(word) >= _SHORT})


def families_of(names: Iterable[str]) -> frozenset[str]:
    """The families of words in these names."""
    own = frozenset(token for name in names for token in tokens(name))
    return frozenset(name for name, family in FAMILIES.items() if own & set(family))


def named(name: str, words: Iterable[str]) -> str | None:
    """The word by which a name gives the outcome away; None where it does not, or is about what came before."""
    found = tokens(name)
    return None if found & EARLIER else min(found & frozenset(words), default=None)
