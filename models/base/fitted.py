"""Fitted state by name: saved as plain values, and set again from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self


class Fitted:
    """A class that names all that fitting sets. Values are arrays, numbers, text, None, and lists or dicts of those."""

    fitted: ClassVar[tuple[str, ...]] = ()

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.fitted}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """As if fitted: whatever is asked of it now is answered as by the one that `state` came from."""
        for name in self.fitted:
            setattr(self, name, state[name])
        return self
