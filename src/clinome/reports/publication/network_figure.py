"""Network of a page: a picture, the same with less for narrow pages, and a part of the page to search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class NetworkFigure:
    """wide, narrow: draw it. html: markup in which no name of the data is anything but text."""

    wide: Callable[[], Figure]
    narrow: Callable[[], Figure]
    html: str
