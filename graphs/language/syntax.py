"""Syntax tree of Cypher: what a query that reads is made of. Every part knows the piece of text that it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, eq=False)
class Part:
    """start, end: the piece of text. Its own parts are found by `parts`."""

    start: int
    end: int

    def parts(self) -> list[Part]:
        """The parts that it is directly made of, in the order of the text."""
        found: list[Part] = []
        for field in fields(self):
            _collect(getattr(self, field.name), found)
        return sorted(found, key=lambda part: (part.start, part.end))

    def walk(self) -> Iterator[Part]:
        """It, and all that it is made of, at any depth."""
        yield self
        for part in self.parts():
            yield from part.walk()


def _collect(value: object, found: list[Part]) -> None:
    if isinstance(value, Part):
        found.append(value)
    elif isinstance(value, tuple):
        for item in value:
            _collect(item, found)


class Expression(Part):
    """What has a value."""


@dataclass(frozen=True, eq=False)
class Literal(Expression):
    """kind: STRING, INTEGER, FLOAT, BOOLEAN or NULL. value: of a string its characters, else the text."""

    kind: str
    value: str


@dataclass(frozen=True, eq=False)
class Parameter(Expression):
    name: str


@dataclass(frozen=True, eq=False)
class Variable(Expression):
    name: str


@dataclass(frozen=True, eq=False)
class Property(Expression):
    """base.name"""

    base: Expression
    name: str


@dataclass(frozen=True, eq=False)
class Index(Expression):
    """base[at]"""

    base: Expression
    at: Expression


@dataclass(frozen=True, eq=False)
class Slice(Expression):
    """base[low..high]"""

    base: Expression
    low: Expression | None
    high: Expression | None


@dataclass(frozen=True, eq=False)
class Call(Expression):
    """name(args): name in small letters, with its namespace; star: count(*)."""

    name: str
    args: tuple[Expression, ...]
    distinct: bool = False
    star: bool = False


@dataclass(frozen=True, eq=False)
class Operation(Expression):
    """One operator, in capitals, between or before its operands: AND, NOT, =, +, IN, IS NULL, STARTS WITH, …"""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class Chain(Expression):
    """a < b <= c: operands, and the operators between them."""

    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class HasLabel(Expression):
    """subject:Label"""

    subject: Expression
    labels: Names


@dataclass(frozen=True, eq=False)
class ListOf(Expression):
    items: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class MapOf(Expression):
    keys: tuple[str, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class MapProjection(Expression):
    """subject {.name, .*, key: value}; names: of the properties, whole: `.*`."""

    subject: Variable
    names: tuple[str, ...]
    whole: bool
    keys: tuple[str, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True, eq=False)
class Comprehension(Expression):
    """[variable IN source WHERE where | result], and all, any, none, single (variable IN source WHERE where)."""

    kind: str
    variable: str
    source: Expression
    where: Expression | None
    result: Expression | None


@dataclass(frozen=True, eq=False)
class Reduce(Expression):
    """reduce(total = first, variable IN source | step)"""

    total: str
    first: Expression
    variable: str
    source: Expression
    step: Expression


@dataclass(frozen=True, eq=False)
class Alternative(Part):
    """WHEN tests THEN result; several tests only where the CASE has a subject."""

    tests: tuple[Expression, ...]
    result: Expression


@dataclass(frozen=True, eq=False)
class Case(Expression):
    subject: Expression | None
    alternatives: tuple[Alternative, ...]
    otherwise: Expression | None


@dataclass(frozen=True, eq=False)
class PatternList(Expression):
    """[pattern WHERE where | result]"""

    pattern: Path
    where: Expression | None
    result: Expression


@dataclass(frozen=True, eq=False)
class PatternTest(Expression):
    """A pattern that stands for whether there is one: (p)-[:GAVE]->()"""

    pattern: Path


@dataclass(frozen=True, eq=False)
class Subquery(Expression):
    """EXISTS, COUNT or COLLECT { … }: a whole query, or patterns with a WHERE."""

    kind: str
    query: Query


@dataclass(frozen=True, eq=False)
class Names(Part):
    """Labels or relationship types of a pattern. plain: joined by | or : alone, no !, & or %."""

    names: tuple[str, ...]
    starts: tuple[int, ...]
    plain: bool


@dataclass(frozen=True, eq=False)
class NodePattern(Part):
    variable: str | None
    labels: Names | None
    properties: Expression | None
    where: Expression | None


@dataclass(frozen=True, eq=False)
class Length(Part):
    """*low..high; unbounded: no upper end is given."""

    low: str
    unbounded: bool


@dataclass(frozen=True, eq=False)
class RelationshipPattern(Part):
    """direction: -1 from right to left, 1 from left to right, 0 either."""

    variable: str | None
    types: Names | None
    length: Length | None
    properties: Expression | None
    where: Expression | None
    direction: int


@dataclass(frozen=True, eq=False)
class Path(Part):
    """Nodes and relationships by turns. function: shortestpath, allshortestpaths or none."""

    variable: str | None
    function: str
    elements: tuple[NodePattern | RelationshipPattern, ...]


class Clause(Part):
    """One clause of a query."""


@dataclass(frozen=True, eq=False)
class Match(Clause):
    optional: bool
    patterns: tuple[Path, ...]
    where: Expression | None


@dataclass(frozen=True, eq=False)
class Unwind(Clause):
    source: Expression
    variable: str


@dataclass(frozen=True, eq=False)
class Item(Part):
    """expression AS alias; named: whether the alias is written, else it is the expression's own text."""

    expression: Expression
    alias: str
    named: bool


@dataclass(frozen=True, eq=False)
class SortKey(Part):
    expression: Expression


@dataclass(frozen=True, eq=False)
class Projection(Clause):
    """WITH or RETURN. body: where the items stand; star: `*` is among them."""

    keyword: str
    distinct: bool
    star: bool
    items: tuple[Item, ...]
    items_end: int
    order: tuple[SortKey, ...]
    skip: Expression | None
    limit: Expression | None
    where: Expression | None


@dataclass(frozen=True, eq=False)
class CallSubquery(Clause):
    """CALL (imports) { query }; imports None: CALL { query }; star: CALL (*)."""

    optional: bool
    imports: tuple[Variable, ...] | None
    star: bool
    query: Query


@dataclass(frozen=True, eq=False)
class Single(Part):
    """Clauses one after another."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, eq=False)
class Query(Part):
    """Singles joined by UNION."""

    singles: tuple[Single, ...]
