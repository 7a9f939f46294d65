"""Prose of a methods text: paragraphs under headings, and the references that their sentences cite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clinome.reports.publication.methods.references import reference


class Prose:
    """A text that grows sentence by sentence; what is cited on the way is listed at its end.

    Example:
        >>> text = Prose()
        >>> text.head("Comparisons")
        >>> text.say("P values were corrected", cite=("Holm 1979",))
        >>> text.markdown().splitlines()[2]
        'P values were corrected (Holm 1979).'
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._cited: list[str] = []
        self._open: list[str] = []

    def head(self, title: str) -> None:
        """Begin a section; one of which nothing is said does not stand there."""
        self.paragraph()
        if self._parts and self._parts[-1].startswith("## "):
            self._parts.pop()
        self._parts.append(f"## {title}")

    def say(self, sentence: str, cite: Iterable[str] = ()) -> None:
        """A sentence, without its full stop; and what it cites."""
        self._open.append(sentence + self.cited(cite) + ".")

    def cited(self, keys: Iterable[str]) -> str:
        """` (A 2000; B 2001)`, to stand inside a sentence; noted for the list."""
        keys = list(dict.fromkeys(keys))
        self._cited += [key for key in keys if key not in self._cited]
        return f" ({'; '.join(keys)})" if keys else ""

    def paragraph(self) -> None:
        """End the paragraph."""
        if self._open:
            self._parts.append(" ".join(self._open))
        self._open = []

    def block(self, markdown: str) -> None:
        """A list, a table or code as it is."""
        self.paragraph()
        self._parts.append(markdown)

    def markdown(self) -> str:
        """The whole text, the references in the order of the alphabet."""
        self.head("References")
        if self._cited:
            self._parts.append("\n".join(f"- {reference(key)}" for key in sorted(self._cited, key=str.lower)))
        else:
            self._parts.pop()
        return "\n\n".join(self._parts) + "\n"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
