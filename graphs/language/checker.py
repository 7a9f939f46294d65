"""Check of a query before it runs: its words against the closed schema, its types against what Cypher can compare.

What would find nothing without a word is refused with what to write instead: a label, type or property that nothing has,
a predicate on what is no boolean, a comparison of times of two types (null in Cypher, whatever they are).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol

from ...loaders.errors import InputError
from .. import schema
from . import syntax as s
from .tokens import place
from .types import (
    ANY,
    BOOLEAN,
    COMPONENTS,
    FLOAT,
    FUNCTIONS,
    INSTANTS,
    INTEGER,
    NULL,
    NUMBERS,
    PATH,
    SCALARS,
    STRING,
    Type,
    item,
    joined,
    list_of,
    of_value,
    returned,
)  # fmt: skip

Scope = dict[str, Type]

_LOGIC = ("AND", "OR", "XOR", "NOT")
_ORDER = ("<", "<=", ">", ">=")
_SAID = {
    "STRING": "text", "INTEGER": "a number", "FLOAT": "a number", "NODE": "a node", "RELATIONSHIP": "a relationship",
    "LIST": "a list", "MAP": "a map", "PATH": "a path", "DATE": "a date", "LOCAL DATETIME": "a local datetime",
    "ZONED DATETIME": "a datetime with a zone", "LOCAL TIME": "a local time", "ZONED TIME": "a time with a zone",
    "DURATION": "a duration", "BOOLEAN": "true or false",
}  # fmt: skip
_MAKES = {"DATE": "date", "LOCAL DATETIME": "localdatetime", "ZONED DATETIME": "datetime"}


class Vocabulary(Protocol):
    """Which properties the nodes and relationships of a graph have."""

    def property(self, kind: str, names: frozenset[str], name: str) -> Type | None:
        """The type of a property of NODEs of these labels or RELATIONSHIPs of these types; None: none has it."""

    def known(self, kind: str, names: frozenset[str]) -> Iterable[str]:
        """The properties that they have."""


@dataclass
class Checked:
    """What is known of a query that passed.

    columns: what it returns, by name. types: the type of each of its expressions. doubtful: what stands where true or
        false is wanted, and may be neither.
    """

    columns: dict[str, Type] = field(default_factory=dict)
    types: dict[s.Part, Type] = field(default_factory=dict)
    doubtful: list[s.Expression] = field(default_factory=list)


def check(text: str, query: s.Query, params: Mapping[str, Any], vocabulary: Vocabulary) -> Checked:
    """Refuse what the schema does not hold and what Cypher cannot compare.

    Args:
        text: that of the query, without comments.
        params: what it will run with: types and names of properties follow from them.
    Raises: InputError that says where, what, and what to write instead.
    """
    checker = _Checker(text, params, vocabulary)
    checker.done.columns = checker.query(query, {})
    return checker.done


class _Checker:
    def __init__(self, text: str, params: Mapping[str, Any], vocabulary: Vocabulary) -> None:
        self.text, self.params, self.vocabulary = text, params, vocabulary
        self.done = Checked()

    def refused(
        self, part: s.Part, what: str, got: object = None, expected: object = None, fix: str = ""
    ) -> InputError:
        return InputError(what, f"query, {place(self.text, part.start)}", got, expected, fix)

    def written(self, part: s.Part) -> str:
        """A piece of the query with what its strings hold left out: they may be values of patients."""
        out = self.text[part.start : part.end]
        for inner in part.walk():
            if isinstance(inner, s.Literal) and inner.kind == "STRING":
                out = out.replace(self.text[inner.start : inner.end], "'…'")
        return " ".join(out.split())

    # clauses: what is in scope after each

    def query(self, query: s.Query, outer: Scope) -> Scope:
        columns = [self.single(single, outer) for single in query.singles]
        return {name: joined(c[name] for c in columns if name in c) for name in columns[0]}

    def single(self, single: s.Single, outer: Scope) -> Scope:
        """Its columns, or what is in scope at its end where it returns nothing."""
        scope = dict(outer)
        for clause in single.clauses:
            scope = self.clause(clause, scope)
        return scope

    def clause(self, clause: s.Clause, scope: Scope) -> Scope:
        match clause:
            case s.Match(patterns=patterns, where=where):
                for _ in range(2):  # what one pattern says of a variable, the others may need
                    for path in patterns:
                        scope = self.path(path, scope)
                self.predicate(where, scope)
                return scope
            case s.Unwind(source=source, variable=variable):
                return {**scope, variable: item(self.type(source, scope))}
            case s.CallSubquery(imports=imports, star=star, query=query):
                inner = scope if star or imports is None else {v.name: scope.get(v.name, ANY) for v in imports}
                columns = self.query(query, inner)
                return {**scope, **{name: type for name, type in columns.items() if name not in scope}}
            case s.Projection():
                return self.projection(clause, scope)
        raise AssertionError(clause)

    def projection(self, clause: s.Projection, scope: Scope) -> Scope:
        after: Scope = dict(scope) if clause.star else {}
        for one in clause.items:
            after[one.alias] = self.type(one.expression, scope)
        both = {**scope, **after}
        for key in clause.order:
            self.type(key.expression, both)
        for number in (clause.skip, clause.limit):
            if number is not None:
                self.type(number, {})
        self.predicate(clause.where, both)
        return after

    # patterns

    def path(self, path: s.Path, scope: Scope) -> Scope:
        found = dict(scope)
        nodes, steps = path.elements[::2], path.elements[1::2]
        labels = [self.labels(node, scope) for node in nodes if isinstance(node, s.NodePattern)]
        for i, step in enumerate(steps):
            assert isinstance(step, s.RelationshipPattern)
            types = self.types(step, scope)
            rules = [schema.RELATIONSHIPS[type] for type in types if type in schema.RELATIONSHIPS]
            if rules and not (step.length and step.length.low.strip("0") == ""):
                starts = frozenset(label for rule in rules for label in rule.start)
                ends = frozenset(label for rule in rules for label in rule.end)
                left, right = {1: (starts, ends), -1: (ends, starts)}.get(step.direction, (starts | ends,) * 2)
                labels[i] = labels[i] & left or labels[i] if labels[i] else left
                labels[i + 1] = labels[i + 1] & right or labels[i + 1] if labels[i + 1] else right
            if step.variable:
                one = Type("RELATIONSHIP", types)
                found[step.variable] = list_of(one) if step.length else one
        for node, known in zip(nodes, labels, strict=True):
            if node.variable:
                before = scope.get(node.variable, ANY)
                found[node.variable] = Type("NODE", known) if before.name in ("ANY", "NULL", "NODE") else before
        if path.variable:
            found[path.variable] = PATH
        for element in path.elements:
            self.element(element, found)
        return found

    def labels(self, node: s.NodePattern, scope: Scope) -> frozenset[str]:
        """The labels that a node of a pattern can have; empty: any."""
        known = scope.get(node.variable or "", ANY).of
        if node.labels is None:
            return known
        self.words(node.labels, schema.LABELS, "label")
        said = frozenset(node.labels.names) if node.labels.plain else frozenset()
        return said & known or said if known else said

    def types(self, step: s.RelationshipPattern, scope: Scope) -> frozenset[str]:
        if step.types is None:
            return scope.get(step.variable or "", ANY).of
        self.words(step.types, schema.RELATIONSHIPS, "relationship type")
        return frozenset(step.types.names) if step.types.plain else frozenset()

    def words(self, names: s.Names, known: Iterable[str], what: str) -> None:
        for name, start in zip(names.names, names.starts, strict=True):
            if name not in known:
                at = s.Part(start, start)
                raise self.refused(at, f"no such {what} in the graph's schema", name, None, _near(name, known, "`clinome schema STUDY` shows all"))  # fmt: skip

    def element(self, element: s.NodePattern | s.RelationshipPattern, scope: Scope) -> None:
        if isinstance(element, s.NodePattern):
            owner = Type("NODE", scope[element.variable].of if element.variable else self.labels(element, scope))
        else:
            owner = Type("RELATIONSHIP", self.types(element, scope))
        if isinstance(element.properties, s.MapOf):
            for key, value in zip(element.properties.keys, element.properties.values, strict=True):
                type = self.property(element.properties, owner, key)
                self.compared(value, "=", type, self.type(value, scope), None, value)
        self.predicate(element.where, {**scope, **({element.variable: owner} if element.variable else {})})

    # expressions

    def type(self, expression: s.Expression, scope: Scope) -> Type:
        found = self._type(expression, scope)
        self.done.types[expression] = found
        return found

    def _type(self, expression: s.Expression, scope: Scope) -> Type:  # noqa: PLR0912  one case a kind
        match expression:
            case s.Literal(kind=kind):
                return Type(kind)
            case s.Parameter(name=name):
                return of_value(self.params[name]) if name in self.params else ANY
            case s.Variable(name=name):
                return scope.get(name, ANY)
            case s.Property(base=base, name=name):
                return self.property(expression, self.type(base, scope), name)
            case s.Index(base=base, at=at):
                return self.indexed(expression, self.type(base, scope), at, scope)
            case s.Slice(base=base, low=low, high=high):
                for end in (low, high):
                    if end is not None:
                        self.type(end, scope)
                return self.type(base, scope)
            case s.Call():
                return self.call(expression, scope)
            case s.Operation():
                return self.operation(expression, scope)
            case s.Chain(operators=operators, operands=operands):
                types = [self.type(operand, scope) for operand in operands]
                for i, operator in enumerate(operators):
                    self.compared(expression, operator, types[i], types[i + 1], operands[i], operands[i + 1])
                return BOOLEAN
            case s.HasLabel(subject=subject, labels=labels):
                kind = self.type(subject, scope).name
                if kind == "RELATIONSHIP":
                    self.words(labels, schema.RELATIONSHIPS, "relationship type")
                else:
                    self.words(labels, schema.LABELS, "label")
                return BOOLEAN
            case s.ListOf(items=items):
                return list_of(joined([self.type(one, scope) for one in items]))
            case s.MapOf(keys=keys, values=values):
                return Type(
                    "MAP", fields={k: self.type(v, scope) for k, v in zip(keys, values, strict=True)}, closed=True
                )
            case s.MapProjection():
                return self.projected(expression, scope)
            case s.Comprehension(kind=kind, variable=variable, source=source, where=where, result=result):
                inside = {**scope, variable: item(self.type(source, scope))}
                self.predicate(where, inside)
                if kind != "list":
                    return BOOLEAN
                return list_of(inside[variable] if result is None else self.type(result, inside))
            case s.Reduce(total=total, first=first, variable=variable, source=source, step=step):
                start = self.type(first, scope)
                inside = {**scope, variable: item(self.type(source, scope)), total: start}
                return joined([start, self.type(step, inside)])
            case s.Case():
                return self.case(expression, scope)
            case s.PatternList(pattern=pattern, where=where, result=result):
                inside = self.path(pattern, scope)
                self.predicate(where, inside)
                return list_of(self.type(result, inside))
            case s.PatternTest(pattern=pattern):
                self.path(pattern, scope)
                return PATH if pattern.function else BOOLEAN
            case s.Subquery(kind=kind, query=query):
                columns = self.query(query, scope)
                if kind == "COLLECT":
                    return list_of(next(iter(columns.values()), ANY))
                return INTEGER if kind == "COUNT" else BOOLEAN
        raise AssertionError(expression)

    def property(self, part: s.Part, owner: Type, name: str, *, shown: bool = True) -> Type:
        """The type of a property or component; refused where nothing of this kind has it."""
        if owner.name in COMPONENTS:
            if name.lower() in COMPONENTS[owner.name]:
                return STRING if name.lower() in ("timezone", "offset") else INTEGER
            fix = _near(name, sorted(COMPONENTS[owner.name]), "")
            if name.lower().startswith("epoch"):
                fix = f"write datetime(…).{name}"
            raise self.refused(part, f"{_SAID[owner.name]} has no such component", name, None, fix)
        if owner.name == "MAP":
            return owner.fields.get(name, NULL if owner.closed else ANY)
        if owner.name in SCALARS or owner.name in ("LIST", "PATH"):
            fix = (
                "write nodes(path) or length(path)" if owner.name == "PATH" else "name a node, a relationship or a map"
            )
            fix = "write one of its items: xs[0], or [x IN xs | x.…]" if owner.name == "LIST" else fix
            raise self.refused(part, f"{_SAID[owner.name]} has no properties", name, None, fix)
        if owner.name not in ("NODE", "RELATIONSHIP"):
            return ANY
        found = self.vocabulary.property(owner.name, owner.of, name)
        if found is None:
            who = " or ".join(sorted(owner.of)) or f"any {owner.name.lower()}"
            near = _near(name, self.vocabulary.known(owner.name, owner.of), "`clinome schema STUDY` shows all")
            raise self.refused(part, f"no such property of {who}", name if shown else None, None, near)
        return found

    def indexed(self, part: s.Part, base: Type, at: s.Expression, scope: Scope) -> Type:
        key = self.type(at, scope)
        name = (
            at.value if isinstance(at, s.Literal) else self.params.get(at.name) if isinstance(at, s.Parameter) else None
        )
        if base.name == "LIST":
            return item(base)
        if isinstance(name, str) and key.name == "STRING" and base.name in ("NODE", "RELATIONSHIP", "MAP"):
            return self.property(
                part, base, name, shown=not isinstance(at, s.Parameter)
            )  # nobody's parameter is quoted
        return ANY

    def projected(self, part: s.MapProjection, scope: Scope) -> Type:
        owner = self.type(part.subject, scope)
        fields = {name: self.property(part, owner, name) for name in part.names}
        fields |= {key: self.type(value, scope) for key, value in zip(part.keys, part.values, strict=True)}
        return Type("MAP", fields=fields, closed=not part.whole)

    def call(self, call: s.Call, scope: Scope) -> Type:
        args = [self.type(arg, scope) for arg in call.args]
        if call.name in ("id", "elementid") and args:
            who = self.written(call.args[0])
            fix = (
                f"write {who}.id; two nodes are the same where a = b"
                if args[0].name == "NODE"
                else f"write {who} itself"
            )
            raise self.refused(
                call, "the inner ids of a store differ from store to store", f"{call.name}(…)", None, fix
            )
        if call.name not in FUNCTIONS and "." not in call.name:
            raise self.refused(call, "no such function", call.name, None, _near(call.name, FUNCTIONS, ""))
        return returned(call.name, args)

    def operation(self, operation: s.Operation, scope: Scope) -> Type:
        operator, operands = operation.operator, operation.operands
        if operator in _LOGIC:
            for operand in operands:
                self.predicate(operand, scope)
            return BOOLEAN
        types = [self.type(operand, scope) for operand in operands]
        if operator in ("=", "<>", *_ORDER):
            self.compared(operation, operator, types[0], types[1], operands[0], operands[1])
            return BOOLEAN
        if operator == "IN":
            self.compared(operation, "=", types[0], item(types[1]), operands[0], None)
            return BOOLEAN
        if operator in ("+", "-", "*", "/", "%", "^"):
            return self.computed(operation, operator, types[0], types[1])
        if operator == "||":
            return types[0] if types[0].name != "NULL" else types[1]
        return types[0] if operator == "( )" or operator.startswith("UNARY") else BOOLEAN

    def computed(self, part: s.Operation, operator: str, left: Type, right: Type) -> Type:
        names = {left.name, right.name}
        if left.name in INSTANTS and right.name in INSTANTS and operator == "-":
            a, b = (self.written(operand) for operand in part.operands)
            fix = f"write duration.inDays({b}, {a}).days, or duration.between({b}, {a})"
            raise self.refused(part, "times are not subtracted in Cypher", self.written(part), None, fix)
        if "NULL" in names:
            return NULL
        if "LIST" in names and operator == "+":
            return list_of(joined([item(t) if t.name == "LIST" else t for t in (left, right)]))
        for name in (*INSTANTS, "DURATION", "STRING"):
            if name in names and (name != "STRING" or operator == "+"):
                return Type(name)
        if not names <= set(NUMBERS):
            return ANY
        return FLOAT if "FLOAT" in names or operator == "^" else INTEGER

    def case(self, case: s.Case, scope: Scope) -> Type:
        subject = None if case.subject is None else self.type(case.subject, scope)
        results = []
        for alternative in case.alternatives:
            for test in alternative.tests:
                if subject is None:
                    self.predicate(test, scope)
                else:
                    self.compared(test, "=", subject, self.type(test, scope), case.subject, test)
            results.append(self.type(alternative.result, scope))
        results.append(NULL if case.otherwise is None else self.type(case.otherwise, scope))
        return joined(results)

    # what Cypher cannot say

    def predicate(self, expression: s.Expression | None, scope: Scope) -> None:
        """Refuse what is not true, false or null where one of them is wanted."""
        if expression is None:
            return
        found = self.type(expression, scope)
        if found.name == "ANY":
            self.done.doubtful.append(expression)
        if found.name in ("BOOLEAN", "NULL", "ANY"):
            return
        written = self.written(expression)
        fix = {
            "STRING": f"compare it, for example {written} = 'yes'", "INTEGER": f"write {written} = 1",
            "FLOAT": f"write {written} > 0", "LIST": f"write size({written}) > 0",
        }.get(found.name, f"write {written} IS NOT NULL")  # fmt: skip
        raise self.refused(
            expression, f"{written} is {_SAID[found.name]} ({found.name}), and no boolean", None, "true or false", fix
        )

    def compared(
        self, part: s.Part, operator: str, left: Type, right: Type, a: s.Expression | None, b: s.Expression | None
    ) -> None:
        """Refuse a comparison that is null whatever is compared: times of two types, a time and a text, durations."""
        if "ANY" in (left.name, right.name) or "NULL" in (left.name, right.name):
            return
        if left.name == right.name == "LIST":
            return self.compared(part, operator, item(left), item(right), None, None)
        if left.name == right.name == "DURATION" and operator in _ORDER:
            raise self.refused(
                part, "durations have no order in Cypher", self.written(part), None,
                "compare numbers: duration.inDays(a, b).days > 30, or times: b > a + duration({days: 30})",
            )  # fmt: skip
        names = {left.name, right.name}
        if "BOOLEAN" in names and names & {"STRING", *NUMBERS} and operator in ("=", "<>"):
            one = b if right.name != "BOOLEAN" else a
            got = None if one is None else self.written(one)
            raise self.refused(
                part, "true or false is no text and no number", got, "true or false", "write true or false"
            )
        if "STRING" in names and names & set(NUMBERS):
            text = a if left.name == "STRING" else b
            if isinstance(text, s.Literal):
                return
            got = None if text is None else self.written(text)
            fix = "compare it with text, or make it a number: toFloat(…); of a column the load says which cells are no numbers"
            raise self.refused(part, "text is compared with a number, which never holds in Cypher", got, "numbers", fix)
        if len(names) == 1 or not names & set(INSTANTS):
            return
        said = f"{_SAID.get(left.name, left.name)} is compared with {_SAID.get(right.name, right.name)}"
        fix = self._alike(operator, left, right, a, b)
        raise self.refused(part, f"{said}, which is null in Cypher whatever they are", self.written(part), None, fix)

    def _alike(self, operator: str, left: Type, right: Type, a: s.Expression | None, b: s.Expression | None) -> str:
        """What to write for a comparison of times of two types: days as dates, all else as the graph keeps times."""
        names = {left.name, right.name}
        to = "DATE" if "DATE" in names else "LOCAL DATETIME"
        if not names <= {*_MAKES, "STRING"}:
            return "bring both to one type"
        if a is None or b is None:
            return f"bring both to one type with {_MAKES[to]}(…)"
        one, other = (
            self.written(x) if type.name == to else f"{_MAKES[to]}({self.written(x)})"
            for x, type in ((a, left), (b, right))
        )
        return f"write {one} {operator} {other}"


def _near(name: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean …?`, or what to do where nothing is near."""
    by = {other.casefold(): other for other in known}
    near = get_close_matches(name.casefold(), by, n=1, cutoff=0.5)
    if not near:
        near = sorted((o for o in by if name.casefold() in o or o in name.casefold()), key=len)[-1:]
    return f"did you mean {by[near[0]]}?" if near else otherwise
