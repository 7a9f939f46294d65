"""Section of a study file, as an inspection proposes it; and what it could not decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """One section: name (`omics.rna`), keys in their order, why (comments above it).

    ready: whether it loads as it stands; one that does not is written as a comment.
    """

    name: str
    keys: Mapping[str, Any]
    why: tuple[str, ...] = ()
    ready: bool = True


@dataclass(frozen=True)
class Answer:
    """What a look at some files gave: sections, and questions: what could not be decided, and what to do about it."""

    sections: tuple[Section, ...] = ()
    questions: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class People:
    """Whom a folder is about, as far as its files say it.

    subjects, samples: ids of [patients] and [samples]; None where the study has no such section.
    """

    subjects: frozenset[str] | None = None
    samples: frozenset[str] | None = None
    whole: bool = True

    @property
    def known(self) -> bool:
        """Whether the study has [patients]."""
        return self.subjects is not None
