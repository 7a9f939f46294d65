"""Parser of Cypher: the text of a query that reads -> its syntax tree (graphs/language/syntax.py).

What Cypher 5 can read with is understood, but for quantified path patterns; writing is not, nor what only Cypher 25 has.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import TypeVar

from ...loaders.errors import InputError
from . import syntax as s
from .tokens import Token, place, tokens, without_comments

T = TypeVar("T")
_QUANTIFIERS = ("ALL", "ANY", "NONE", "SINGLE")
_SUBQUERIES = ("EXISTS", "COUNT", "COLLECT")
_COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")
_SHORTEST = ("SHORTESTPATH", "ALLSHORTESTPATHS")
_TYPE_WORDS = re.compile(
    r"BOOL|BOOLEAN|STRING|VARCHAR|INT|INTEGER|SIGNED|FLOAT|DATE|LOCAL|ZONED|TIME|DATETIME|TIMESTAMP|WITHOUT|WITH|ZONE|"
    r"TIMEZONE|DURATION|POINT|NODE|VERTEX|RELATIONSHIP|EDGE|MAP|LIST|ARRAY|PATH|PROPERTY|VALUE|ANY|NOTHING|NULL|NOT"
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)


class NotUnderstood(InputError):
    """Text that this parser cannot read: wrong, or of a later Cypher."""

    def __init__(self, text: str, token: Token, expected: str) -> None:
        got = token.upper if token.kind in ("word", "sign") else {"end": "the end"}.get(token.kind, f"a {token.kind}")
        super().__init__(
            "the query cannot be run", f"query, {place(text, token.start)}", got, expected,
            "correct it there; docs/dates.md and `clinome query --list` hold queries to start from",
        )  # fmt: skip


def parse(text: str) -> s.Query:
    """The tree of one query.

    Args:
        text: passed graphs/store/read_only.py. Comments are left out.
    Raises: NotUnderstood, which says where and what would have been right.
    Example:
        >>> query = parse("MATCH (p:Patient) RETURN p.id AS id")
        >>> [type(clause).__name__ for clause in query.singles[0].clauses]
        ['Match', 'Projection']
    """
    parser = _Parser(without_comments(text))
    query = parser.query()
    parser.take(";")
    if parser.here.kind != "end":
        raise parser.wrong("a clause, an operator or the end")
    return query


def names(text: str) -> list[Token]:
    """The words of a query that are names of its own or of the graph, and no keywords: variables, keys, properties.

    Example:
        >>> [token.text for token in names("MATCH (end:Visit) RETURN end.ward AS in")]
        ['end', 'Visit', 'end', 'ward', 'in']
    """
    parser = _Parser(text)
    parser.query()
    return parser.names_read


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, tokens(text), 0
        self.names_read: list[Token] = []

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    @property
    def before(self) -> int:
        """Where the last token that was read ends."""
        return self.tokens[self.at - 1].end

    def ahead(self, steps: int = 1) -> Token:
        return self.tokens[min(self.at + steps, len(self.tokens) - 1)]

    def wrong(self, expected: str) -> NotUnderstood:
        return NotUnderstood(self.text, self.here, expected)

    def take(self, *words: str) -> bool:
        """Whether these words or signs come next; they are read then."""
        for step, word in enumerate(words):
            if self.ahead(step).upper != word:
                return False
        self.at += len(words)
        return True

    def need(self, *words: str) -> None:
        if not self.take(*words):
            raise self.wrong(" ".join(words))

    def name(self, what: str) -> str:
        if self.here.kind not in ("word", "quoted"):
            raise self.wrong(what)
        self.at += 1
        return self._named()

    def _named(self) -> str:
        """The name that was just read."""
        token = self.tokens[self.at - 1]
        if token.kind == "word":
            self.names_read.append(token)
        return token.name

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What it reads, or None and as if nothing had been read."""
        start, read_before = self.at, len(self.names_read)
        try:
            return read()
        except NotUnderstood:
            self.at = start
            del self.names_read[read_before:]
            return None

    # clauses

    def query(self) -> s.Query:
        start, singles = self.here.start, [self.single()]
        while self.take("UNION"):
            if not self.take("ALL"):
                self.take("DISTINCT")
            singles.append(self.single())
        return s.Query(start, self.before, tuple(singles))

    def single(self) -> s.Single:
        start, clauses = self.here.start, [self.clause()]
        while self.here.kind != "end" and self.here.text not in ("}", ";") and self.here.upper != "UNION":
            clauses.append(self.clause())
        return s.Single(start, self.before, tuple(clauses))

    def clause(self) -> s.Clause:
        start = self.here.start
        if self.take("OPTIONAL", "MATCH"):
            return self.match(start, True)
        if self.take("MATCH"):
            return self.match(start, False)
        if self.take("UNWIND"):
            source = self.expression()
            self.need("AS")
            return s.Unwind(start, self._after(variable := self.name("a variable")), source, variable)
        if self.take("WITH"):
            return self.projection(start, "WITH")
        if self.take("RETURN"):
            return self.projection(start, "RETURN")
        optional = self.take("OPTIONAL")
        if self.take("CALL"):
            return self.call(start, optional)
        raise self.wrong("MATCH, OPTIONAL MATCH, WITH, UNWIND, CALL or RETURN")

    def _after(self, _: object) -> int:
        return self.before

    def match(self, start: int, optional: bool) -> s.Match:
        patterns = [self.path()]
        while self.take(","):
            patterns.append(self.path())
        where = self.expression() if self.take("WHERE") else None
        return s.Match(start, self.before, optional, tuple(patterns), where)

    def projection(self, start: int, keyword: str) -> s.Projection:
        distinct = self.take("DISTINCT")
        star = self.take("*")
        items: list[s.Item] = []
        while (not star and not items) or self.take(","):
            items.append(self.item())
        end = self.before
        order: list[s.SortKey] = []
        if self.take("ORDER", "BY"):
            while not order or self.take(","):
                at, key = self.here.start, self.expression()
                any(self.take(word) for word in ("ASC", "ASCENDING", "DESC", "DESCENDING"))
                order.append(s.SortKey(at, key.end, key))
        skip = self.expression() if self.take("SKIP") or self.take("OFFSET") else None
        limit = self.expression() if self.take("LIMIT") else None
        where = self.expression() if keyword == "WITH" and self.take("WHERE") else None
        return s.Projection(
            start, self.before, keyword, distinct, star, tuple(items), end, tuple(order), skip, limit, where
        )

    def item(self) -> s.Item:
        start, expression = self.here.start, self.expression()
        if self.take("AS"):
            return s.Item(start, self._after(alias := self.name("a name")), expression, alias, True)
        alias = expression.name if isinstance(expression, s.Variable) else self.text[expression.start : expression.end]
        return s.Item(start, expression.end, expression, alias, False)

    def call(self, start: int, optional: bool) -> s.CallSubquery:
        imports: list[s.Variable] | None = None
        star = False
        if self.take("("):
            imports, star = [], self.take("*")
            while not self.take(")"):
                at = self.here.start
                imports.append(s.Variable(at, self.here.end, self.name("a variable")))
                self.take(",")
        self.need("{")
        query = self.query()
        self.need("}")
        return s.CallSubquery(start, self.before, optional, None if imports is None else tuple(imports), star, query)

    # patterns

    def path(self) -> s.Path:
        start, variable = self.here.start, None
        if self.here.kind in ("word", "quoted") and self.ahead().text == "=":
            variable = self.name("a variable")
            self.need("=")
        if self.here.upper in _SHORTEST and self.ahead().text == "(":
            function = self.name("a function").lower()
            self.need("(")
            inner = self.path()
            self.need(")")
            return s.Path(start, self.before, variable, function, inner.elements)
        elements: list[s.NodePattern | s.RelationshipPattern] = [self.node()]
        while self.here.text in ("-", "<") and self.ahead().text in ("-", "["):
            elements += [self.relationship(), self.node()]
        return s.Path(start, self.before, variable, "", tuple(elements))

    def node(self) -> s.NodePattern:
        start, labels = self.here.start, None
        self.need("(")
        variable = self.name("a variable") if self._is_name() else None
        if self.take(":") or self.take("IS"):
            labels = self.names()
        properties, where = self.properties(), self.expression() if self.take("WHERE") else None
        self.need(")")
        return s.NodePattern(start, self.before, variable, labels, properties, where)

    def _is_name(self) -> bool:
        """Whether a variable of a pattern comes next, not WHERE or IS."""
        if self.here.kind == "quoted":
            return True
        return self.here.kind == "word" and (
            self.here.upper not in ("WHERE", "IS") or self.ahead().text in (")", "]", ":", "{")
        )

    def relationship(self) -> s.RelationshipPattern:
        start, left = self.here.start, self.take("<")
        self.need("-")
        variable = types = length = properties = where = None
        if self.take("["):
            variable = self.name("a variable") if self._is_name() else None
            if self.take(":") or self.take("IS"):
                types = self.names()
            length = self.length()
            properties, where = self.properties(), self.expression() if self.take("WHERE") else None
            self.need("]")
        self.need("-")
        right = self.take(">")
        if self.here.text in ("+", "*", "{"):
            raise self.wrong("a node; for several steps write -[:TYPE*1..3]->")
        return s.RelationshipPattern(
            start, self.before, variable, types, length, properties, where, int(right) - int(left)
        )

    def properties(self) -> s.Expression | None:
        if self.here.text == "{":
            return self.map()
        return self.atom() if self.here.kind == "param" else None

    def length(self) -> s.Length | None:
        start = self.here.start
        if not self.take("*"):
            return None
        low = self._number()
        between = self.take("..")
        high = self._number() if between else low
        return s.Length(start, self.before, low or "1", not high)

    def _number(self) -> str:
        if self.here.kind != "number":
            return ""
        self.at += 1
        return self.tokens[self.at - 1].text

    def names(self) -> s.Names:
        """A label expression: every name in it."""
        start, found, starts, plain, depth = self.here.start, [], [], True, 0
        while True:
            if self.take("("):
                depth, plain = depth + 1, False
            elif self.take("!") or self.take("%"):
                plain = False
                if self.tokens[self.at - 1].text == "%":
                    break
            else:
                starts.append(self.here.start)
                found.append(self.name("a label or a type"))
                while depth and self.take(")"):
                    depth -= 1
                if self.take("&"):
                    plain = False
                elif self.take("|"):
                    self.take(":")
                elif not self.take(":"):
                    break
        return s.Names(start, self.before, tuple(found), tuple(starts), plain)

    # expressions, from what binds least to what binds most

    def expression(self) -> s.Expression:
        return self._left(lambda: self._left(lambda: self._left(self._not, "AND"), "XOR"), "OR")

    def _left(self, operand: Callable[[], s.Expression], *operators: str) -> s.Expression:
        left = operand()
        while self.here.upper in operators and self.here.kind in ("word", "sign"):
            operator = self.here.upper
            self.at += 1
            right = operand()
            left = s.Operation(left.start, right.end, operator, (left, right))
        return left

    def _not(self) -> s.Expression:
        start = self.here.start
        if self.here.upper == "NOT" and self.here.kind == "word":
            self.at += 1
            operand = self._not()
            return s.Operation(start, operand.end, "NOT", (operand,))
        return self._comparison()

    def _comparison(self) -> s.Expression:
        operands, operators = [self._predicate()], []
        while self.here.text in _COMPARISONS:
            operators.append(self.here.text)
            self.at += 1
            operands.append(self._predicate())
        if not operators:
            return operands[0]
        start, end = operands[0].start, operands[-1].end
        if len(operators) == 1:
            return s.Operation(start, end, operators[0], tuple(operands))
        return s.Chain(start, end, tuple(operators), tuple(operands))

    def _predicate(self) -> s.Expression:
        left = self._sum()
        while True:
            right: tuple[s.Expression, ...] = ()
            if self.take("STARTS", "WITH"):
                operator, right = "STARTS WITH", (self._sum(),)
            elif self.take("ENDS", "WITH"):
                operator, right = "ENDS WITH", (self._sum(),)
            elif self.take("CONTAINS"):
                operator, right = "CONTAINS", (self._sum(),)
            elif self.take("=~"):
                operator, right = "=~", (self._sum(),)
            elif self.here.upper == "IN" and self.here.kind == "word":
                self.at += 1
                operator, right = "IN", (self._sum(),)
            elif self.take("IS", "NOT", "NULL") or self.take("IS", "NULL"):
                operator = "IS NULL"
            elif self.take("::") or self.take("IS", "::") or self.take("IS", "NOT", "::") or self._typed():
                operator = "IS TYPED"
                self._type()
            else:
                return left
            left = s.Operation(left.start, self.before, operator, (left, *right))

    def _typed(self) -> bool:
        return self.take("IS", "TYPED") or self.take("IS", "NOT", "TYPED")

    def _type(self) -> None:
        if not _TYPE_WORDS.fullmatch(self.here.upper):
            raise self.wrong("a type, for example BOOLEAN")
        while _TYPE_WORDS.fullmatch(self.here.upper) or self.here.text in ("<", ">", "|"):
            self.at += 1

    def _sum(self) -> s.Expression:
        return self._left(lambda: self._left(lambda: self._left(self._sign, "^"), "*", "/", "%"), "+", "-", "||")

    def _sign(self) -> s.Expression:
        start = self.here.start
        for sign in ("+", "-"):
            if self.take(sign):
                operand = self._sign()
                return s.Operation(start, operand.end, f"UNARY {sign}", (operand,))
        return self._postfix()

    def _postfix(self) -> s.Expression:
        base = self.atom()
        while True:
            if self.take("."):
                base = s.Property(base.start, self._after(name := self.name("a property")), base, name)
            elif self.take("["):
                base = self._index(base)
            elif self.here.text == ":" and isinstance(base, s.Variable):
                self.at += 1
                labels = self.names()
                base = s.HasLabel(base.start, labels.end, base, labels)
            else:
                return base

    def _index(self, base: s.Expression) -> s.Expression:
        low = None if self.here.text == ".." else self.expression()
        if self.take(".."):
            high = None if self.here.text == "]" else self.expression()
            self.need("]")
            return s.Slice(base.start, self.before, base, low, high)
        self.need("]")
        assert low is not None
        return s.Index(base.start, self.before, base, low)

    def atom(self) -> s.Expression:
        token, start = self.here, self.here.start
        match token.kind:
            case "string":
                self.at += 1
                return s.Literal(start, token.end, "STRING", _unescaped(token.text))
            case "number":
                self.at += 1
                whole = re.fullmatch(r"0[xXoO].*|[\d_]+", token.text)
                return s.Literal(start, token.end, "INTEGER" if whole else "FLOAT", token.text)
            case "param":
                self.at += 1
                return s.Parameter(start, token.end, token.name)
            case "quoted":
                self.at += 1
                return s.Variable(start, token.end, token.name)
            case "word":
                return self._word()
        if token.text == "(":
            pattern = self.attempt(self._pattern)
            if pattern is not None:
                return s.PatternTest(start, self.before, pattern)
            self.at += 1
            inner = self.expression()
            self.need(")")
            return s.Operation(start, self.before, "( )", (inner,))
        if token.text == "[":
            return self._list()
        if token.text == "{":
            return self.map()
        raise self.wrong("a value")

    def _pattern(self) -> s.Path:
        path = self.path()
        if len(path.elements) == 1:
            raise self.wrong("a relationship")
        return path

    def _word(self) -> s.Expression:
        start, word, after = self.here.start, self.here.upper, self.ahead().text
        if word in ("TRUE", "FALSE", "NULL") and after not in ("(", "."):
            self.at += 1
            return s.Literal(start, self.before, "NULL" if word == "NULL" else "BOOLEAN", word)
        if word == "CASE":
            return self._case()
        if word in _SUBQUERIES and after == "{":
            return self._subquery(word)
        if word in _SHORTEST and after == "(":
            pattern = self.path()
            return s.PatternTest(start, self.before, pattern)
        if after == "(" and word in _QUANTIFIERS and self.ahead(3).upper == "IN":
            return self._quantifier(word.lower())
        if after == "(" and word == "REDUCE":
            return self._reduce()
        steps = 0
        while self.ahead(steps + 1).text == "." and self.ahead(steps + 2).kind in ("word", "quoted"):
            steps += 2
        if self.ahead(steps + 1).text == "(":
            return self._call(steps)
        self.at += 1
        name = self._named()
        if self.here.text == "{":
            return self._projected(s.Variable(start, self.before, name))
        return s.Variable(start, self.before, name)

    def _call(self, steps: int) -> s.Expression:
        start = self.here.start
        name = "".join(token.name for token in self.tokens[self.at : self.at + steps + 1]).lower()
        self.at += steps + 1
        self.need("(")
        if name == "exists":
            pattern = self.attempt(self._pattern)
            if pattern is not None:
                self.need(")")
                return s.PatternTest(start, self.before, pattern)
        if self.take("*", ")"):
            return s.Call(start, self.before, name, (), star=True)
        distinct, args = self.take("DISTINCT"), []
        if not self.take(")"):
            args.append(self.expression())
            while self.take(","):
                args.append(self.expression())
            if name == "trim" and self.here.upper == "FROM":
                raise self.wrong("trim(text), or btrim(text, signs)")
            self.need(")")
        return s.Call(start, self.before, name, tuple(args), distinct)

    def _case(self) -> s.Expression:
        start = self.here.start
        self.need("CASE")
        subject = None if self.here.upper == "WHEN" else self.expression()
        alternatives = []
        while self.here.upper == "WHEN":
            at = self.here.start
            self.at += 1
            tests = [self.expression()]
            while subject is not None and self.take(","):
                tests.append(self.expression())
            self.need("THEN")
            result = self.expression()
            alternatives.append(s.Alternative(at, result.end, tuple(tests), result))
        if not alternatives:
            raise self.wrong("WHEN")
        otherwise = self.expression() if self.take("ELSE") else None
        self.need("END")
        return s.Case(start, self.before, subject, tuple(alternatives), otherwise)

    def _subquery(self, kind: str) -> s.Expression:
        start = self.here.start
        self.need(kind, "{")
        inside = self.here.start
        if self.here.upper in ("MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN", "CALL") and self.ahead().text != "=":
            query = self.query()
        else:
            match = self.match(inside, False)
            single = s.Single(inside, match.end, (match,))
            query = s.Query(inside, match.end, (single,))
        self.need("}")
        return s.Subquery(start, self.before, kind, query)

    def _quantifier(self, kind: str) -> s.Expression:
        start = self.here.start
        self.at += 2
        variable = self.name("a variable")
        self.need("IN")
        source = self.expression()
        where = self.expression() if self.take("WHERE") else None
        self.need(")")
        return s.Comprehension(start, self.before, kind, variable, source, where, None)

    def _reduce(self) -> s.Expression:
        start = self.here.start
        self.at += 2
        total = self.name("a variable")
        self.need("=")
        first = self.expression()
        self.need(",")
        variable = self.name("a variable")
        self.need("IN")
        source = self.expression()
        self.need("|")
        step = self.expression()
        self.need(")")
        return s.Reduce(start, self.before, total, first, variable, source, step)

    def _list(self) -> s.Expression:
        start = self.here.start
        self.need("[")
        if self.here.kind in ("word", "quoted") and self.ahead().upper == "IN":
            variable = self.name("a variable")
            self.need("IN")
            source = self.expression()
            where = self.expression() if self.take("WHERE") else None
            result = self.expression() if self.take("|") else None
            self.need("]")
            return s.Comprehension(start, self.before, "list", variable, source, where, result)
        pattern = self.attempt(self._pattern_head)
        if pattern is not None:
            where = self.expression() if self.take("WHERE") else None
            self.need("|")
            of = self.expression()
            self.need("]")
            return s.PatternList(start, self.before, pattern, where, of)
        items: list[s.Expression] = []
        while not self.take("]"):
            if items:
                self.need(",")
            items.append(self.expression())
        return s.ListOf(start, self.before, tuple(items))

    def _pattern_head(self) -> s.Path:
        pattern = self._pattern()
        if self.here.upper not in ("WHERE", "|"):
            raise self.wrong("WHERE or |")
        return pattern

    def map(self) -> s.Expression:
        start = self.here.start
        self.need("{")
        keys: list[str] = []
        values: list[s.Expression] = []
        while not self.take("}"):
            if keys:
                self.need(",")
            keys.append(self.name("a key"))
            self.need(":")
            values.append(self.expression())
        return s.MapOf(start, self.before, tuple(keys), tuple(values))

    def _projected(self, subject: s.Variable) -> s.Expression:
        self.need("{")
        names, keys, values, whole, first = [], [], [], False, True
        while not self.take("}"):
            if not first:
                self.need(",")
            first = False
            if self.take(".", "*"):
                whole = True
            elif self.take("."):
                names.append(self.name("a property"))
            else:
                at = self.here.start
                keys.append(self.name("a key"))
                variable = s.Variable(at, self.before, keys[-1])
                values.append(self.expression() if self.take(":") else variable)
        return s.MapProjection(
            subject.start, self.before, subject, tuple(names), whole, tuple(keys), tuple(values)
        )  # fmt: skip


def _unescaped(text: str) -> str:
    """The characters that a string stands for."""

    def one(match: re.Match[str]) -> str:
        sign = match.group(1)
        if len(sign) > 1:
            return str(codecs.decode("\\" + sign, "unicode_escape"))
        return {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}.get(sign, sign)

    return _ESCAPE.sub(one, text[1:-1])
