"""Losses of a source: cells, rows, samples, columns and names that a load could not use: how many, of what form, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .cells.number_words import Reason

SHARE = 0.05
FEW = 5
"""A source may lose a twentieth of its cells, and a handful of them whatever their share, before the load ends."""

MISSING = "left missing"
UNSAID = "missing, as their word says"
TEXT = "kept as text"
IMPOSSIBLE = "left missing, as impossible"
REJECTED = "rejected"

KINDS = ("cells", "rows", "samples", "columns", "names")
"""What `accept` may hold."""


@dataclass(frozen=True)
class Loss:
    """What a source lost of one kind, in one place.

    kind: cells, rows, samples, columns or names. where: the column, or what else the file calls the place; "" for all of it.
    lost, of: how many of how many. why: the commonest reason, with the form of a cell and what to do.
    ends: whether the load must not go on without the user's leave (`accept`).
    said: what became of them, in words; "left missing", "kept as text", "left missing, as impossible".
    """

    kind: str
    where: str
    lost: int
    of: int
    why: Reason
    ends: bool = False
    said: str = MISSING

    def __str__(self) -> str:
        """One line for the screen: no cell is quoted, its form is.

        Example:
            >>> why = Reason("a decimal comma", "9,9", "write points")
            >>> print(Loss("cells", "crp", 6, 12, why))
            crp: 6 of 12 cells left missing (9,9: a decimal comma; write points)
        """
        place = f"{self.where}: " if self.where else ""
        form = f"{self.why.form}: " if self.why.form else ""
        return f"{place}{self.lost:,} of {self.of:,} {self.kind} {self.said} ({form}{self.why.cause}; {self.why.fix})"


def too_many(lost: int, of: int) -> bool:
    """Whether a load must not lose so many without the user's leave.

    Example:
        >>> too_many(4, 4), too_many(5, 100), too_many(6, 100)
        (False, False, True)
    """
    return lost >= FEW and lost > SHARE * max(of, 1)


def beyond(losses: Iterable[Loss], cells: int, accept: Collection[str]) -> list[Loss]:
    """The losses with which a load must end: each that says so itself, and missing cells that are too many together.

    Args:
        cells: how many the source holds. accept: kinds that the user lets go.
    """
    ends = [loss for loss in losses if loss.ends and loss.kind not in accept]
    missing = [loss for loss in losses if loss.kind == "cells" and loss.said == MISSING]
    lost = sum(loss.lost for loss in missing)
    if "cells" not in accept and too_many(lost, cells):
        ends += [loss for loss in missing if loss not in ends]
    return ends


def table(losses: tuple[Loss, ...]) -> list[dict[str, object]]:
    """The losses for JSON."""
    return [
        {"kind": one.kind, "where": one.where, "lost": one.lost, "of": one.of, "form": one.why.form,
         "cause": one.why.cause, "fix": one.why.fix, "said": one.said, "ends": one.ends}
        for one in losses
    ]  # fmt: skip


def from_table(rows: list[dict[str, object]]) -> tuple[Loss, ...]:
    """What `table` wrote."""
    return tuple(
        Loss(
            str(row["kind"]), str(row["where"]), int(str(row["lost"])), int(str(row["of"])),
            Reason(str(row["cause"]), str(row["form"]), str(row["fix"])), bool(row["ends"]), str(row["said"]),
        )
        for row in rows
    )  # fmt: skip
