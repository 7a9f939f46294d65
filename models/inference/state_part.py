"""State part: a piece of what was read from a model folder, with its place; whatever is asked of it is checked.

A folder may be damaged, or made by somebody who wishes one ill: what is read is trusted in nothing, and every refusal
says where.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Self

import numpy as np


class FormatError(ValueError):
    """A part that is not as it must be. place: where it stands, as keys joined by /."""

    def __init__(self, place: str, got: str, expected: str) -> None:
        self.place, self.got, self.expected = place, got, expected
        super().__init__(f"{place}: got {got}; expected {expected}")


class Part:
    """A value and its place.

    Example:
        >>> Part({"mean": np.zeros(3)}, "scale").keys("mean")["mean"].array("f8", 2)
        Traceback (most recent call last):
        ...
        clinome.models.inference.state_part.FormatError: scale/mean: got float64 (3,); expected float64 (2,)
    """

    def __init__(self, value: Any, place: str) -> None:
        self.value, self.place = value, place

    def wrong(self, expected: str, got: str | None = None) -> FormatError:
        """The error to raise. Of a value only its type is told: it may be a patient's."""
        return FormatError(self.place, got or _kind(self.value), expected)

    def must(self, holds: bool | np.bool_, expected: str, got: str = "something else") -> None:
        if not holds:
            raise self.wrong(expected, got)

    def at(self, value: Any, name: object) -> Part:
        return Part(value, f"{self.place}/{name}")

    def keys(self, *names: str) -> dict[str, Part]:
        """A dict of exactly these keys."""
        if not isinstance(self.value, Mapping) or set(self.value) != set(names):
            found = ", ".join(map(str, list(self.value)[:12])) if isinstance(self.value, Mapping) else _kind(self.value)
            raise self.wrong(f"the keys {', '.join(names)}", found)
        return {name: self.at(self.value[name], name) for name in names}

    def named(self) -> dict[str, Part]:
        """A dict of any names."""
        if not isinstance(self.value, Mapping):
            raise self.wrong("a table of names")
        return {name: self.at(one, name) for name, one in self.value.items()}

    def items(self, count: int | None = None) -> list[Part]:
        if not isinstance(self.value, list | tuple) or (count is not None and len(self.value) != count):
            raise self.wrong("a list" if count is None else f"a list of {count}")
        return [self.at(one, i) for i, one in enumerate(self.value)]

    def array(
        self,
        kind: str,
        *shape: int | None,
        least: float | None = None,
        most: float | None = None,
        within: str = "finite",
    ) -> np.ndarray:
        """An array of this type ("f4", "f8", "i4", "i8", "i1", "b1") and shape (None: any) within bounds.

        within: finite, "inf" (infinite is a value), or "nan" (missing is one; not infinite).
        """
        wanted = np.dtype(kind)
        value = self.value
        fits = isinstance(value, np.ndarray) and value.dtype == wanted and value.ndim == len(shape)
        if not fits or any(n is not None and n != m for n, m in zip(shape, value.shape, strict=True)):
            told = str(tuple("any" if n is None else n for n in shape)).replace("'", "")
            raise self.wrong(f"{wanted} {told}")
        if wanted.kind == "f":
            bad = {"finite": ~np.isfinite(value), "inf": np.isnan(value), "nan": np.isinf(value)}[within]
            self.must(not bad.any(), "finite numbers" if within == "finite" else "numbers", "values that are none")
        self._bounded(value, least, most)
        return np.asarray(value)

    def _bounded(self, value: np.ndarray, least: float | None, most: float | None) -> None:
        if least is not None:
            self.must(not (value < least).any(), f"{least} or more", "less")
        if most is not None:
            self.must(not (value > most).any(), f"at most {most}", "more")

    def integer(self, least: int = 0, most: int = 2**32 - 1) -> int:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
            raise self.wrong(
                f"a whole number from {least} to {most}", None if not isinstance(value, int) else str(value)
            )
        return int(value)

    def number(self, least: float = -math.inf, most: float = math.inf, finite: bool = True) -> float:
        value = self.value
        fits = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not fits or (finite and not math.isfinite(value)) or value < least or value > most:
            raise self.wrong(f"a number from {least} to {most}" if finite else "a number")
        return float(value)

    def all_finite(self) -> None:
        """All numbers inside a part that is not ours to know."""
        if isinstance(self.value, np.ndarray):
            self.must(bool(np.isfinite(self.value).all()), "finite numbers", "values that are none")
        elif isinstance(self.value, float | np.floating):
            self.must(math.isfinite(self.value), "a finite number", "another")
        elif isinstance(self.value, Mapping):
            for one in self.named().values():
                one.all_finite()
        elif isinstance(self.value, list | tuple):
            for one in self.items():
                one.all_finite()

    def flag(self) -> bool:
        if not isinstance(self.value, bool | np.bool_):
            raise self.wrong("true or false")
        return bool(self.value)

    def text(self, known: Collection[str] | None = None) -> str:
        if not isinstance(self.value, str) or (known is not None and self.value not in known):
            raise self.wrong("text" if known is None else f"one of {', '.join(known)}")
        return self.value

    def texts(self, count: int | None = None, *, none: bool = False, unique: bool = True) -> list[Any]:
        """A list of texts, none twice. none: whether None may be among them."""
        values = [one.value for one in self.items(count)]
        for i, one in enumerate(values):
            if not isinstance(one, str) and not (none and one is None):
                raise self.at(one, i).wrong("text")
        self.must(not unique or len(set(values)) == len(values), "no text twice", "one that comes twice")
        return values

    def same(self, other: Any, what: str) -> Self:
        """It is what another part says too."""
        self.must(type(self.value) is type(other) and self.value == other, f"what {what} says")
        return self


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, list | tuple | dict):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__
