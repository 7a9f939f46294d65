"""Rewriting of a query: its text, with the pieces that a store reads differently put in other words."""

from __future__ import annotations

from . import syntax as s


class Rewriter:
    """The text of a query, part by part: `made` says what takes the place of one, all else stays as it was written.

    swaps: expressions, by their text, that another name stands for.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.swaps: dict[str, str] = {}

    def made(self, part: s.Part) -> str | None:
        """The text that takes the place of this part; None: it stays."""
        raise NotImplementedError

    def out(self, part: s.Part) -> str:
        """The text of a part, rewritten."""
        if self.swaps and isinstance(part, s.Expression) and (swap := self.swaps.get(self.same(part))):
            return swap
        made = self.made(part)
        return self.kept(part) if made is None else made

    def kept(self, part: s.Part) -> str:
        """Its own text, with its parts rewritten."""
        out, at = "", part.start
        for inner in part.parts():
            out += self.text[at : inner.start] + self.out(inner)
            at = inner.end
        return out + self.text[at : part.end]

    def same(self, part: s.Part) -> str:
        """A piece of text by which two equal expressions are known as such."""
        return " ".join(self.text[part.start : part.end].split())
