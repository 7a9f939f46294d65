"""Whether somebody's own code is the same as last time."""

from __future__ import annotations

import hashlib
import inspect


def written(cls: type) -> str:
    """A class by its name and a hash of its source; the name alone where there is no source (a prompt, a compiled one).

    Example:
        >>> from fractions import Fraction
        >>> written(Fraction).split("@")[0]
        'fractions.Fraction'
    """
    name = f"{cls.__module__}.{cls.__qualname__}"
    try:
        return f"{name}@{hashlib.sha256(inspect.getsource(cls).encode()).hexdigest()[:12]}"
    except (OSError, TypeError):
        return name
