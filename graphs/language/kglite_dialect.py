"""Dialect of the embedded engine: a query as kglite 0.21 must read it to answer as Neo4j does, or what to write instead.

Only the pieces that the two read differently are changed; all else stays as it was written. What was found different, and
how, is held by tests/graphs/query/test_dialects.py, which asks both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...loaders.errors import InputError
from . import syntax as s
from .checker import Checked
from .parser import names
from .rewriter import Rewriter
from .tokens import place
from .types import AGGREGATES, ANY, INSTANTS

_UNBOUNDED = "4294967295"  # without an upper end the engine stops after ten steps
_INFINITE, _NO_NUMBER = "(1e308 * 10)", "(1e308 * 10 - 1e308 * 10)"
_PLAIN_NAMES = {
    "percentilecont": "percentile_cont", "percentiledisc": "percentile_disc", "char_length": "size",
    "character_length": "size", "lower": "toLower", "upper": "toUpper", "tointegerornull": "toInteger",
    "tofloatornull": "toFloat", "tobooleanornull": "toBoolean", "tostringornull": "toString", "btrim": "trim",
}  # fmt: skip
_EACH = {
    "tointegerlist": "toInteger", "tofloatlist": "toFloat", "tostringlist": "toString", "tobooleanlist": "toBoolean",
}  # fmt: skip
_MONTHS = {"years", "quarters", "months", "quartersofyear", "monthsofquarter", "monthsofyear"}
_DAYS = {"days", "weeks", "daysofweek"}
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


_RESERVED = frozenset(
    ["all", "and", "as", "asc", "ascending", "by", "call", "case", "contains", "create", "delete", "desc", "descending", "detach", "distinct", "else", "end", "ends", "exists", "explain", "false", "foreach", "having", "in", "is", "limit", "match", "merge", "not", "null", "nulls", "on", "optional", "or", "order", "profile", "remove", "return", "set", "skip", "starts", "true", "union", "unwind", "when", "where", "with", "xor", "yield"]
)  # fmt: skip


def quoted(text: str) -> str:
    """The same query with backticks around names that are reserved words of the engine.

    Example:
        >>> quoted("MATCH (v) RETURN v.end AS end ORDER BY end")
        'MATCH (v) RETURN v.`end` AS `end` ORDER BY `end`'
    """
    for name in reversed(names(text)):
        if name.text.lower() in _RESERVED:
            text = f"{text[: name.start]}`{name.text}`{text[name.end :]}"
    return text


def translate(text: str, query: s.Query, checked: Checked) -> str:
    """The query for the embedded engine.

    Args:
        text: that of the query, without comments. checked: its types.
    Raises: InputError for what the engine cannot do, with what to write instead.
    """
    writer = _Kglite(text, checked)
    for expression in checked.doubtful:  # the engine takes every text and every number for true
        raise writer.cannot(expression, "way to know whether this is true or false", "compare it: (…) = true")
    return writer.out(query)


class _Kglite(Rewriter):
    def __init__(self, text: str, checked: Checked) -> None:
        super().__init__(text)
        self.types = checked.types

    def cannot(self, part: s.Part, what: str, fix: str) -> InputError:
        return InputError(
            f"the embedded store has no {what}", f"query, {place(self.text, part.start)}",
            fix=f"{fix}; or load the study into Neo4j",
        )  # fmt: skip

    def type(self, part: s.Part) -> str:
        return self.types.get(part, ANY).name

    def made(self, part: s.Part) -> str | None:  # noqa: PLR0912  one case a kind
        """The text that takes the place of this part; None: it stays."""
        match part:
            case s.Literal(kind="INTEGER" | "FLOAT", value=value) if "_" in value:
                return value.replace("_", "")
            case s.Property(base=base, name=name) if (call := _between(base)) is not None:
                return self.component(call, name)
            case s.Call():
                return self.call(part)
            case s.Operation():
                return self.operation(part)
            case s.Chain(operators=operators, operands=operands):
                pairs = [self.compared(op, operands[i], operands[i + 1]) for i, op in enumerate(operators)]
                return f"({' AND '.join(pairs)})"
            case s.Alternative(tests=tests, result=result) if len(tests) > 1:
                return " ".join(f"WHEN {self.out(test)} THEN {self.out(result)}" for test in tests)
            case s.Length(low=low, unbounded=True):
                return f"*{low}..{_UNBOUNDED} "
            case s.Names(plain=False):
                return self.names(part)
            case s.Subquery():
                return self.subquery(part)
            case s.PatternList(pattern=pattern, where=where, result=result):
                if inner := self.inner_tests(pattern):
                    return f"[{self.out(pattern)}{self.where(where, inner)} | {self.out(result)}]"
            case s.PatternTest(pattern=pattern):
                if self.inner_tests(pattern):
                    raise self.cannot(part, "WHERE inside such a pattern", "write EXISTS { MATCH … WHERE … }")
            case s.NodePattern(where=s.Expression() as where) | s.RelationshipPattern(where=s.Expression() as where):
                if isinstance(part, s.RelationshipPattern) and part.length:
                    raise self.cannot(where, "WHERE inside a step of many", "name the path: WHERE all(r IN relationships(path) WHERE …)")  # fmt: skip
                return self.without_where(part, where)
            case s.Match():
                return self.match(part)
            case s.CallSubquery(optional=True):
                raise self.cannot(part, "OPTIONAL CALL", "write CALL (p) { OPTIONAL MATCH … RETURN … }")
            case s.Projection():
                return self.projection(part)
        return None

    # patterns

    def names(self, names: s.Names) -> str:
        written = self.text[names.start : names.end]
        if any(sign in written for sign in "!%|()"):
            raise self.cannot(names, "such an expression of labels", "write WHERE n:A OR NOT n:B")
        return written.replace("&", ":")

    def without_where(self, part: s.Part, where: s.Expression) -> str:
        """A node or relationship without its inner WHERE, which stands after the pattern instead."""
        head = self.text[part.start : where.start]
        cut = head[: head.upper().rindex("WHERE")]
        inner = [one for one in part.parts() if one is not where]
        out, at = "", part.start
        for one in inner:
            out += self.text[at : one.start] + self.out(one)
            at = one.end
        return out + self.text[at : part.start + len(cut)].rstrip() + self.text[where.end : part.end]

    def inner_tests(self, *patterns: s.Path) -> list[str]:
        """What the WHEREs inside the nodes and relationships of these patterns ask."""
        return [
            f"({self.out(element.where)})"
            for pattern in patterns for element in pattern.elements if element.where is not None
        ]  # fmt: skip

    def where(self, where: s.Expression | None, tests: list[str]) -> str:
        every = [*([] if where is None else [f"({self.out(where)})" if tests else self.out(where)]), *tests]
        return f" WHERE {' AND '.join(every)}" if every else ""

    def match(self, match: s.Match) -> str | None:
        tests = self.inner_tests(*match.patterns)
        apart = any(path.function for path in match.patterns[1:])
        if not tests and not apart:
            return None
        if apart and match.optional:
            raise self.cannot(match, "shortestPath beside other patterns here", "give it an OPTIONAL MATCH of its own")
        out = ""
        for i, path in enumerate(match.patterns):
            lone = i and (path.function or match.patterns[i - 1].function)
            out += ("OPTIONAL MATCH " if match.optional else "MATCH ") if i == 0 else " MATCH " if lone else ", "
            out += self.out(path)
        return out + self.where(match.where, tests)

    def subquery(self, part: s.Subquery) -> str | None:
        """EXISTS and COUNT of patterns with a WHERE; a RETURN that changes nothing is left out."""
        clauses = part.query.singles[0].clauses
        if part.kind == "COLLECT":
            raise self.cannot(part, "COLLECT { … }", "write CALL (p) { MATCH … RETURN collect(x) AS xs } before it")
        last = clauses[-1]
        plain = isinstance(last, s.Projection) and not (last.distinct and part.kind == "COUNT") and last.limit is None
        if plain and last.keyword == "RETURN" and last.skip is None and not any(map(_aggregates, last.items)):  # type: ignore[attr-defined]
            clauses = clauses[:-1]
        if len(part.query.singles) > 1 or not all(isinstance(c, s.Match) and not c.optional for c in clauses):
            fix = "write CALL (p) { MATCH … RETURN count(*) AS n } before it, and ask n > 0"
            raise self.cannot(part, f"{part.kind} {{ … }} of more than MATCH and WHERE", fix)
        if len(clauses) == len(part.query.singles[0].clauses):
            return None
        return f"{part.kind} {{ {' '.join(self.out(clause) for clause in clauses)} }}"

    # expressions

    def component(self, call: s.Call, name: str) -> str:
        """duration.between(a, b).name: months are counted first, then days, then seconds, as Neo4j does."""
        a, b = (f"({self.out(arg)})" for arg in call.args)
        part = name.lower()
        if part in _MONTHS:
            return f"{_months(a, b)}.{name}"
        after = f"{a} + {_months(a, b)}"
        if part in _DAYS:
            return f"duration.inDays({after}, {b}).{name}"
        return f"duration.inSeconds({after} + duration.inDays({after}, {b}), {b}).{name}"

    def call(self, call: s.Call) -> str | None:  # noqa: PLR0912  one case a function
        name, args = call.name, call.args
        if name in ("avg", "sum") and args and self.type(args[0]) == "DURATION":
            raise self.cannot(call, f"{name} of durations", f"write {name}(duration.inDays(a, b).days)")
        if name == "duration.between" and len(args) == 2:
            a, b = (f"({self.out(arg)})" for arg in args)
            months = _months(a, b)
            days = f"duration.inDays({a} + {months}, {b})"
            return f"({months} + {days} + duration.inSeconds({a} + {months} + {days}, {b}))"
        if name == "duration.inmonths" and len(args) == 2:
            return _months(*(f"({self.out(arg)})" for arg in args))
        if name in ("trim", "btrim", "ltrim", "rtrim") and len(args) > 1:
            raise self.cannot(call, f"{name} of other signs than spaces", "write replace(text, sign, '')")
        if name in _PLAIN_NAMES:
            out = _PLAIN_NAMES[name] + self.kept(call)[self.text.index("(", call.start) - call.start :]
            return f"toInteger({out})" if name == "percentiledisc" and self.type(call) == "INTEGER" else out
        if name == "round":
            return self.rounded(call)
        if name in ("stdev", "stdevp"):
            return self.deviation(call)
        if not args:
            return {"e": "2.718281828459045", "timestamp": "datetime().epochMillis"}.get(name)
        x = f"({self.out(args[0])})"
        match name:
            case "isempty":
                return f"(size({x}) = 0)"
            case "nullif" if len(args) == 2:
                return f"CASE WHEN {self.compared('=', *args)} THEN null ELSE {x} END"
            case "sqrt":
                return f"CASE WHEN {x} < 0 THEN {_NO_NUMBER} ELSE sqrt({x}) END"
            case "log" | "log10":
                return f"CASE WHEN {x} = 0 THEN -{_INFINITE} WHEN {x} < 0 THEN {_NO_NUMBER} ELSE {name}({x}) END"
            case "tointegerlist" | "tofloatlist" | "tostringlist" | "tobooleanlist":
                return f"[clinome_x IN {x} | {_EACH[name]}(clinome_x)]"
        return None

    def rounded(self, call: s.Call) -> str | None:
        """Halves go up; to some digits, halves of the number as it is written go away from zero, as in Neo4j."""
        x = f"({self.out(call.args[0])})"
        digits = call.args[1] if len(call.args) > 1 else None
        if len(call.args) > 2 or not (digits is None or (isinstance(digits, s.Literal) and digits.value.isdigit())):
            return None
        n = int(digits.value) if isinstance(digits, s.Literal) else 0
        if n == 0:
            return f"floor({x} + 0.5)"
        whole, ten = f"floor(abs({x}) * 1e{n})", f"1e{n}"
        up = f"CASE WHEN abs({x}) >= ({whole} + 0.5) / {ten} THEN 1 ELSE 0 END"
        return f"(CASE WHEN {x} < 0 THEN -1.0 ELSE 1.0 END * ({whole} + {up}) / {ten})"

    def deviation(self, call: s.Call) -> str:
        """Of one value 0, as in Neo4j; of none null."""
        x = ("DISTINCT " if call.distinct else "") + self.out(call.args[0])
        zero = f"abs(avg({x})) * 0.0"
        if call.name == "stdev":
            return f"coalesce(stDev({x}), {zero})"
        return f"coalesce(stDev({x}) * sqrt((count({x}) - 1.0) / count({x})), {zero})"

    def operation(self, part: s.Operation) -> str | None:
        operator, operands = part.operator, part.operands
        if operator in _COMPARISONS:
            return self.compared(operator, *operands) if self.guarded(*operands) else None
        if operator in ("/", "%"):
            return self.divided(part)
        if operator in ("+", "-") and [self.type(operand) for operand in operands] == ["DATE", "DURATION"]:
            day, by = (f"({self.out(operand)})" for operand in operands)
            return f"({day} {operator} {by} {operator} duration({{days: {by}.seconds / 86400}}))"  # hours make days too
        if (
            operator == "*"
            and "DURATION" in (types := {self.type(o) for o in operands})
            and types != {"DURATION", "INTEGER"}
        ):
            raise self.cannot(part, "part of a duration", "multiply it by a whole number")
        if operator == "UNARY -" and self.type(operands[0]) == "DURATION":
            raise self.cannot(part, "negative of a duration", "subtract it: date - duration({days: 3})")
        if operator == "+" and self.type(operands[0]) == "LIST" and self.type(operands[1]) != "LIST":
            if isinstance(operands[1], s.Literal) and operands[1].kind != "NULL":
                return None
            one, other = (f"({self.out(operand)})" for operand in operands)
            return f"CASE WHEN {other} IS NULL THEN null ELSE {one} + {other} END"
        return None

    def guarded(self, left: s.Expression, right: s.Expression) -> bool:
        """Whether a comparison might be of times of two types, which the engine compares and Neo4j does not."""
        types = {self.type(left), self.type(right)}
        return "ANY" in types and bool(types & set(INSTANTS))

    def compared(self, operator: str, left: s.Expression, right: s.Expression) -> str:
        a, b = self.out(left), self.out(right)
        if not self.guarded(left, right):
            return f"{a} {operator} {b}"
        alike = f"valueType({a}) = valueType({b})"
        other = {"=": " WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN false", "<>": " WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN true"}.get(operator, "")  # fmt: skip
        return f"(CASE WHEN {alike} THEN {a} {operator} {b}{other.format(a, b)} END)"

    def divided(self, part: s.Operation) -> str | None:
        """By zero: of integers an error, of others infinite or no number, as in Neo4j; the engine says null."""
        left, right = part.operands
        if "DURATION" in (self.type(left), self.type(right)):
            raise self.cannot(part, "division of durations", "divide numbers: duration.inDays(a, b).days / 7.0")
        plain = _bare(right)
        if self.type(left) == self.type(right) == "INTEGER":
            return None
        if isinstance(plain, s.Literal) and any(digit in plain.value for digit in "123456789"):
            return None
        a, b, sign = self.out(left), self.out(right), part.operator
        wild = f"CASE WHEN {a} > 0 THEN {_INFINITE} WHEN {a} < 0 THEN -{_INFINITE} ELSE {_NO_NUMBER} END"
        zero = f"{b} = 0 AND {a} IS NOT NULL"
        whole = (
            ""
            if self.type(right) == "FLOAT"
            else f"WHEN {zero} AND valueType({b}) STARTS WITH 'INTEGER' THEN 1 {sign} {b} "
        )
        return f"CASE {whole}WHEN {zero} THEN {wild if sign == '/' else _NO_NUMBER} ELSE {a} {sign} {b} END"

    # projections

    def projection(self, part: s.Projection) -> str:
        """WITH or RETURN; aggregates inside other expressions are first made columns of their own."""
        inside = [*(item.expression for item in part.items), *(key.expression for key in part.order)]
        direct = {self.same(_bare(one.expression)) for one in part.items}
        if part.order and not any(_aggregates(one) for one in part.items) and any(map(_aggregates, part.order)):
            fix = "sort by what is returned, or return the aggregate too"
            raise InputError("an aggregate in ORDER BY alone", f"query, {place(self.text, part.start)}", fix=fix)
        nested = any(
            call is not _bare(one) or (one in inside[len(part.items) :] and self.same(call) not in direct)
            for one in inside for call in _aggregates(one)
        )  # fmt: skip
        if nested and not part.star:
            return self.in_two(part)
        head = self.text[part.start : part.items[0].start if part.items else part.items_end]
        items = ", ".join(self.item(one) for one in part.items)
        aliases = {self.same(one.expression): _quoted(one.alias) for one in part.items if _aggregates(one)}
        return f"{head}{items}{self.tail(part, aliases)}"

    def item(self, one: s.Item) -> str:
        out = self.out(one.expression)
        if one.named:
            return out + self.text[one.expression.end : one.end]
        changed = out != self.text[one.expression.start : one.expression.end]
        return f"{out} AS {_quoted(one.alias)}" if changed else out

    def tail(self, part: s.Projection, swaps: dict[str, str]) -> str:
        """ORDER BY, SKIP, LIMIT and WHERE, as they stand but for their expressions."""
        before, self.swaps = self.swaps, {**self.swaps, **swaps}
        out, at = "", part.items_end
        rest = [one.expression for one in part.order] + [
            x for x in (part.skip, part.limit, part.where) if x is not None
        ]
        for expression in rest:
            if expression is part.where:
                self.swaps = before
            out += self.text[at : expression.start] + self.out(expression)
            at = expression.end
        self.swaps = before
        return out + self.text[at : part.end]

    def in_two(self, part: s.Projection) -> str:
        """WITH the groups and each aggregate under a name, then what is made of them."""
        first: list[str] = []
        swaps: dict[str, str] = {}
        for i, one in enumerate(part.items):
            if _aggregates(one):
                continue
            is_name = isinstance(one.expression, s.Variable)
            name = self.same(one.expression) if is_name else f"clinome_group_{i}"
            first.append(f"{self.out(one.expression)} AS {name}")
            swaps[self.same(one.expression)] = name
        every = [call for one in (*part.items, *part.order) for call in _aggregates(one)]
        for call in {self.same(call): call for call in every}.values():
            name = f"clinome_value_{len(swaps)}"
            first.append(f"{self.out(call)} AS {name}")
            swaps[self.same(call)] = name
        for one in part.items:
            self.grouped(one, swaps)
        before, self.swaps = self.swaps, {**self.swaps, **swaps}
        items = ", ".join(
            self.out(one.expression)
            + (self.text[one.expression.end : one.end] if one.named else f" AS {_quoted(one.alias)}")
            for one in part.items
        )
        self.swaps = before
        distinct = "DISTINCT " if part.distinct else ""
        return f"WITH {', '.join(first)} {part.keyword} {distinct}{items}{self.tail(part, swaps)}"

    def grouped(self, one: s.Item, swaps: Mapping[str, str]) -> None:
        """Refuse a variable beside an aggregate that is no group of its own, as Neo4j does."""
        inner = {p.variable for p in one.walk() if isinstance(p, s.Comprehension | s.Reduce)}
        inner |= {p.total for p in one.walk() if isinstance(p, s.Reduce)}

        def free(part: s.Part) -> Iterator[s.Variable]:
            if self.same(part) in swaps:
                return
            if isinstance(part, s.Variable) and part.name not in inner:
                yield part
            for below in part.parts():
                yield from free(below)

        for variable in free(one.expression) if _aggregates(one) else ():
            fix = f"return {variable.name} too, or make it an aggregate: max({variable.name})"
            raise InputError("an aggregate beside what is no group of its own", f"query, {place(self.text, variable.start)}", variable.name, fix=fix)  # fmt: skip


def _months(a: str, b: str) -> str:
    """duration.inMonths: of the days that are whole, as in Neo4j; the engine adds months to the moment and cuts days off."""
    return f"duration.inMonths(date({a}), date({a}) + duration.inDays({a}, {b}))"


def _between(base: s.Expression) -> s.Call | None:
    """The call of duration.between that this is."""
    bare = _bare(base)
    return bare if isinstance(bare, s.Call) and bare.name == "duration.between" and len(bare.args) == 2 else None


def _bare(expression: s.Expression) -> s.Expression:
    """Without the parentheses around it."""
    while isinstance(expression, s.Operation) and expression.operator == "( )":
        expression = expression.operands[0]
    return expression


def _aggregates(part: s.Part) -> list[s.Call]:
    """The aggregates in it, the outermost ones; those of subqueries are their own."""
    if isinstance(part, s.Call) and part.name in AGGREGATES:
        return [part]
    if isinstance(part, s.Subquery):
        return []
    return [call for inner in part.parts() for call in _aggregates(inner)]


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else "`" + name.replace("`", "``") + "`"
