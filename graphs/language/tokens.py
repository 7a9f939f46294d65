"""Tokens of Cypher: words, names in backticks, strings, numbers, parameters, signs; each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...loaders.errors import InputError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<quoted>`(?:[^`]|``)*`)
    | (?P<param>\$(?:\w+|`(?:[^`]|``)*`))
    | (?P<sign><=|>=|<>|=~|\|\||\.\.|::|[^\w\s.]|\.(?!\d))
    | (?P<number>0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+(?![\d.])|(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>\w+)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`]|``)*`|(?P<comment>//[^\n]*|/\*.*?\*/)", re.DOTALL
)


@dataclass(frozen=True)
class Token:
    """kind: word, quoted, string, number, param, sign, or end. text: as it stands; start, end: where."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The text in capitals where it may be a keyword, else as it stands."""
        return self.text.upper() if self.kind == "word" else self.text

    @property
    def name(self) -> str:
        """The name that it is: without backticks, without the $ of a parameter."""
        text = self.text.removeprefix("$") if self.kind == "param" else self.text
        return text[1:-1].replace("``", "`") if text.startswith("`") else text


def without_comments(text: str) -> str:
    """The same text with spaces in place of its comments: every place in it stays where it was.

    Example:
        >>> without_comments("RETURN 1 /* one */ AS x // end")
        'RETURN 1           AS x       '
    """

    def blank(match: re.Match[str]) -> str:
        if match.group("comment") is None:
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return _COMMENT.sub(blank, text)


def tokens(text: str) -> list[Token]:
    """The tokens of a text without comments, and one of kind `end`.

    Raises: InputError for a quote that is not closed.
    """
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.group() in "'\"`\\":
            raise InputError("the query cannot be run", f"query, {place(text, at)}", fix="close the quote")
        at = match.end()
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), match.start(), at))
    return [*found, Token("end", "", len(text), len(text))]


def place(text: str, at: int) -> str:
    """Where in a text, as a person counts: `line 2, column 7`."""
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"
