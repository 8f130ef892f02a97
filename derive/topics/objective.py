"""What questions of matrix calculus share: a quantity, its named parts, and its derivatives worked out name by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import ITE, Add, Basic, Eq, Gt, Integer, Mul, Ne, Symbol
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra import arrays
from derive.algebra.adjoints import adjoints
from derive.algebra.domains import Condition, conditions
from derive.algebra.kinks import Kink, Tie, kinks
from derive.algebra.naming import Namer, by_means, by_names, without
from derive.algebra.nodes import Map, Mean, Softmax, Total, gradient_symbol, is_array
from derive.algebra.shortest import shortest
from derive.algebra.tidy import pushed, tidy
from derive.derivation import Assumption, Heading, Rule, Section, Work, rule
from derive.errors import GivenError
from derive.worlds import Formulas

MEANING = rule("definition of a quantity", "the definition")
NAMED = rule("objective by names", "with the names above")

SUMMED = rule("adjoint of a sum", "a sum passes the derivative on to each of its terms")
SCALED = rule("adjoint of a multiple", "a constant factor stays")
FACTOR = rule("adjoint of a number's product", "chain rule through the product: the other factor")
PRODUCT = rule("adjoint of a product", "chain rule through the product: the other factors, transposed")
REPEATED = rule("adjoint of a repetition", "it is used in every row (or column), so the contributions add up")
ENTRYWISE = rule("adjoint of an entrywise function", "chain rule, entry by entry")
SOFTMAX = rule("adjoint of softmax", "chain rule through softmax, each output of which depends on all inputs")
NORM = rule("adjoint of a norm", "the norm grows in the direction of its argument")
TRACE = rule("adjoint of a trace", "the trace is the inner product with the identity")
LOGDET = rule("adjoint of a determinant", "Jacobi's formula for the determinant")
INVERSE = rule("adjoint of an inverse", "a matrix times its inverse stays the identity, so their changes cancel")
TOTAL = rule("adjoint of a total", "chain rule, entry by entry, and each entry counts once in the sum")
CHAIN = rule("chain rule", "chain rule")
SEVERAL = rule("several places", "{0} stands in several places; their contributions add up")
COPIED = rule("chain rule through patches", "each entry collects from all windows that it was copied to")
LEADS = rule("chain rule through windows' largest entries", "only the largest entry of a window passes something on")
KEPT_ORDER = rule("chain rule through a new shape", "the entries in their old shape again")
NO_INFLUENCE = rule("no influence", "{0} does not occur")

EVERY = "in every entry: "
NEEDED: dict[tuple[str, bool], Rule] = {
    (name, every): rule(f"defined by the {title}{' in every entry' * every}", f"{EVERY * every}{words}")
    for name, title, words in (
        ("log", "argument of a logarithm", "a logarithm is taken of it"),
        ("power", "argument of a power", "a power that is not whole is taken of it"),
        ("divisor", "divisor", "it is divided by"),
        ("logdet", "determinant", "the logarithm of the determinant is taken"),
        ("inverse", "inverse", "the matrix is inverted"),
        ("rank", "rank", "then the matrix has an inverse"),
    )
    for every in (False, True)
}
KINKS = {
    every: rule(f"away from a kink{' in every entry' * every}", f"{EVERY * every}kinks are left out")
    for every in (False, True)
}

UNIQUE = rule("a largest entry alone", "one entry alone is the largest")

BY_NODE: list[tuple[tuple[type, ...], Rule]] = [
    ((MatMul, arrays.Scalar), PRODUCT),
    ((MatAdd, Add), SUMMED),
    ((Total, Mean), TOTAL),
    ((Map,), ENTRYWISE),
    ((Softmax, arrays.LogSumExp, arrays.RowLogSumExp), SOFTMAX),
    ((arrays.Norm,), NORM),
    ((arrays.TraceOf,), TRACE),
    ((arrays.Det, arrays.LogDet), LOGDET),
    ((arrays.Inv,), INVERSE),
    ((arrays.Patches,), COPIED),
    ((arrays.WindowLargest,), LEADS),
    ((arrays.Reshaped,), KEPT_ORDER),
]


@dataclass(frozen=True)
class Objective:
    """A quantity of a problem, and what it is differentiated in."""

    given: Any
    of: Any
    wrt: tuple[Any, ...]

    def __post_init__(self) -> None:
        defined, used = dict(self.given.define), {symbol for symbol, _ in self.authored}
        for symbol in self.leaves:
            if symbol in defined and symbol not in used:
                raise GivenError(f"the quantity does not depend on '{symbol}'", ("given", "define"))

    @cached_property
    def leaves(self) -> tuple[Any, ...]:
        """The symbols to differentiate in; of an entry X[i, j] the matrix."""
        return tuple(dict.fromkeys(w.parent if isinstance(w, MatrixElement) else w for w in self.wrt))

    @cached_property
    def expr(self) -> Any:
        """The quantity in the symbols and the names of the problem."""
        known = dict(self.given.define)
        return known.get(self.of, self.of)

    @cached_property
    def symbol(self) -> Any:
        """The quantity's name: the author's, or a free letter."""
        if self.of in dict(self.given.define):
            return self.of
        name = self.given.named(self.of, "FGHYZ" if is_array(self.of) else "fgJhL")
        return MatrixSymbol(name, *self.of.shape) if is_array(self.of) else Symbol(name, real=True)

    @cached_property
    def authored(self) -> tuple[tuple[Any, Any], ...]:
        """The author's definitions that the quantity uses, and the quantity itself."""
        listed = [(s, e) for s, e in self.given.define if s != self.symbol]
        needed, result = set(self.expr.free_symbols), []
        for symbol, expr in reversed(listed):
            if symbol in needed:
                needed |= expr.free_symbols
                result.append((symbol, expr))
        return (*reversed(result), (self.symbol, self.expr))

    @cached_property
    def named(self) -> list[tuple[Any, Any]]:
        """All definitions, with names for the parts that depend on what is differentiated in."""
        return Namer(self.leaves, self.given.named).name(self.authored)

    @cached_property
    def made(self) -> list[tuple[Any, Any]]:
        """The definitions that are not the author's."""
        authored = {symbol for symbol, _ in self.authored}
        return [(symbol, expr) for symbol, expr in self.named if symbol not in authored]

    @cached_property
    def moving(self) -> list[tuple[Any, Any]]:
        """The definitions that depend on what is differentiated in, in order. A name that is asked for is one of them where
        it depends on another that is: to its own derivative its definition means nothing, to the other's it passes on."""
        varying, result = set(self.leaves), []
        for symbol, expr in self.named:
            if expr.free_symbols & varying:
                varying.add(symbol)
                result.append((symbol, expr))
        return result

    @cached_property
    def backwards(self) -> list[Any]:
        """The quantities in the order in which they receive their derivatives: from the objective to what is asked for."""
        inner = [symbol for symbol, _ in reversed(self.moving[:-1])]
        return [*inner, *[symbol for symbol in self.leaves if symbol not in inner]]

    @cached_property
    def callable(self) -> list[tuple[Any, Any]]:
        """The moving definitions by whose names results may be written: not a name that derive gave the objective."""
        given = {symbol for symbol, _ in self.given.define}
        return [(s, e) for s, e in self.moving if s != self.symbol or s in given]

    @cached_property
    def domain(self) -> list[Condition]:
        """The conditions under which all quantities are defined."""
        return conditions(self.authored)

    @cached_property
    def kinks(self) -> list[Kink]:
        """Where the objective has no derivative in what is asked for, as far as each definition by itself tells."""
        return kinks_of(self.authored, self.varying, self.domain)

    @cached_property
    def varying(self) -> set[Any]:
        """What is differentiated in, and the author's names that depend on it."""
        return moved_by(self.authored, self.leaves)

    @cached_property
    def world(self) -> Formulas:
        """Random values for what is free, where everything is defined; the definitions evaluated in their order."""
        return where_defined(self.named, self.given.domains, self.domain)

    @cached_property
    def smooth(self) -> Formulas:
        """The same, away from kinks."""
        return away_from(self.world, self.kinks)

    @cached_property
    def received(self) -> dict[Any, Any]:
        """What each quantity receives, written with the derivatives of the quantities that use it."""
        symbols = {s: gradient_symbol(self.symbol, s) for s, _ in self.moving[:-1]}
        return adjoints(self.moving, self.symbol, symbols)

    @cached_property
    def gradients(self) -> dict[Any, Any]:
        """The derivative in each quantity, worked out: names stay, derivatives do not."""
        found: dict[Any, Any] = {self.symbol: Integer(1)}
        for symbol in [s for s in self.backwards if s != self.symbol]:
            if symbol in self.received:
                found[symbol] = self.neat(self.inserted(self.received[symbol], found))
            else:
                found[symbol] = ZeroMatrix(*symbol.shape) if is_array(symbol) else Integer(0)
        return found

    def inserted(self, expr: Any, found: dict[Any, Any]) -> Any:
        """Derivatives that are known put in."""
        return expr.xreplace({gradient_symbol(self.symbol, s): v for s, v in found.items() if s != self.symbol})

    def neat(self, expr: Any) -> Any:
        """Tidy, and by the names of the problem."""
        short = tidy(by_names(expr, self.callable))
        renamed = by_means(by_names(short, self.callable), self.callable)
        short = tidy(renamed) if renamed != short else short
        return shortest(short) if not is_array(short) else short

    def short(self, raw: Any) -> Any:
        """What a quantity receives, tidy, in terms of the derivatives of the quantities that use it."""
        return tidy(by_names(pushed(raw), self.callable))

    def written_out(self, expr: Any) -> Any:
        """Without the names that are not the author's, unless branches would then decide between branches."""
        if not expr.free_symbols & {symbol for symbol, _ in self.made}:
            return expr
        written = without(expr, self.made)
        return expr if written.has(ITE) else written


def moved_by(definitions: Iterable[tuple[Any, Any]], symbols: Iterable[Any]) -> set[Any]:
    """The symbols, and the names that depend on them."""
    varying = set(symbols)
    for symbol, expr in definitions:
        if expr.free_symbols & varying:
            varying.add(symbol)
    return varying


def kinks_of(definitions: Iterable[tuple[Any, Any]], varying: set[Any], domain: list[Condition]) -> list[Kink]:
    """The kinks of the definitions, each once, but those that the domain leaves out already."""
    found = [kink for _, expr in definitions for kink in kinks(expr, varying)]
    left_out = {condition.relation for condition in domain}
    return list({apart(kink): kink for kink in found if apart(kink) not in left_out}.values())


def where_defined(definitions: Iterable[tuple[Any, Any]], domains: Any, conditions: list[Condition]) -> Formulas:
    """The world of the definitions whose points obey the conditions."""
    listed = tuple(definitions)
    relations, defined = tuple(condition.relation for condition in conditions), dict(listed)
    positive = [c.args[0] for c in relations if isinstance(c, Gt) and c.args[0].is_symbol and c.args[0] not in defined]
    drawn = (*domains, *((s, "positive") for s in positive if s not in dict(domains)))
    return Formulas(listed, drawn, conditions=relations)


def away_from(world: Formulas, found: list[Kink]) -> Formulas:
    """The world whose points are away from the kinks, too."""
    return replace(world, conditions=(*world.conditions, *map(apart, found)))


def apart(kink: Kink) -> Any:
    """The relation that holds away from the kink."""
    return (Eq if isinstance(kink, Tie) else Ne)(kink.left, kink.right, evaluate=False)


def opening(objective: Objective, heading: Heading = "Quantities") -> list[Section]:
    """What is called how, and the conditions under which what follows holds."""
    return [definition_section(objective, heading), *holding(objective.smooth, objective.domain, objective.kinks)]


def holding(world: Formulas, domain: list[Condition], found: list[Kink]) -> list[Section]:
    """The conditions under which what follows holds, where there are any."""
    work = Work("Where this holds", world)
    for condition in domain:
        work.claim(Assumption(world, condition.relation), NEEDED[condition.needed_by, condition.is_of_array])
    for kink in found:
        work.claim(Assumption(world, apart(kink)), UNIQUE if isinstance(kink, Tie) else KINKS[is_array(kink.left)])
    return [work.section()] if work.steps else []


def definition_section(objective: Objective, heading: Heading = "Quantities") -> Section:
    """What is called how: the author's definitions, and the names given to parts."""
    work = Work(heading, objective.world)
    for symbol, expr in objective.named[:-1]:
        work.define(symbol, expr, why=MEANING)
    symbol, expr = objective.named[-1]
    if expr == objective.expr:
        work.define(symbol, expr, why=MEANING)
    else:
        work.equal(symbol, objective.expr, expr, why=NAMED)
    return work.section()


def gradient_section(objective: Objective, heading: Heading) -> Section:
    """One line a quantity, from the objective backwards, to the symbols that are asked for."""
    work = Work(heading, objective.smooth)
    for symbol in objective.backwards:
        why, about = reason_for(objective, symbol)
        raw = objective.received.get(symbol)
        value = objective.gradients[symbol]
        sides = [value] if raw is None else chain_of(objective, raw, value)
        is_leaf = symbol in objective.leaves
        if is_leaf:
            final = objective.written_out(value)
            sides += [final] if final != value else []
        work.gradient(objective.symbol, symbol, *sides, why=why, about=about, result=is_leaf)
    return work.section()


def chain_of(objective: Objective, raw: Any, value: Any) -> list[Any]:
    """The sides of a line: with the derivatives of other quantities, with these inserted where much cancels, tidy."""
    raw = by_names(pushed(raw), objective.callable)
    inserted = objective.inserted(raw, objective.gradients)
    sides = []
    if not _has_ones(raw) and (raw != inserted or isinstance(raw, Add | MatAdd)):
        sides.append(raw)
    if raw != inserted and isinstance(raw, Map) and not _has_ones(inserted):
        sides.append(inserted)
    return [side for side in sides if side != value] + [value]


def _has_ones(expr: Any) -> bool:
    """Whether ones are left in it that tidying takes out."""
    return bool(expr.has(OneMatrix) or expr.has(Identity))


def reason_for(objective: Objective, symbol: Any) -> tuple[Rule, tuple[Any, ...]]:
    """The rule by which a quantity receives its derivative."""
    users = [expr for _, expr in objective.moving if expr.has(symbol)]
    if not users:
        return NO_INFLUENCE, (symbol,)
    expr = users[0]
    if len(users) > 1 or len(_places(expr, symbol)) > 1:
        return SEVERAL, (symbol,)
    return node_rule(expr, symbol), ()


def _places(expr: Any, symbol: Any) -> list[Any]:
    if expr == symbol:
        return [expr]
    return [place for arg in expr.args if isinstance(arg, Basic) for place in _places(arg, symbol)]


def _way(expr: Any, symbol: Any) -> list[Any]:
    """The nodes from an expression down to the first place of the symbol."""
    inner = next((arg for arg in expr.args if isinstance(arg, Basic) and arg.has(symbol)), None)
    return [expr] if inner is None or inner == symbol else [expr, *_way(inner, symbol)]


def node_rule(expr: Any, symbol: Any) -> Rule:
    """The rule for the first node on the way to the symbol that is no sum and no multiple."""
    through_sum = False
    if any(
        isinstance(node, MatMul) and any(isinstance(a, OneMatrix) for a in node.args) for node in _way(expr, symbol)
    ):
        return REPEATED
    while True:
        inner = next((arg for arg in expr.args if isinstance(arg, Basic) and arg.has(symbol)), None)
        is_sum = isinstance(expr, Add | MatAdd | Mul) and not isinstance(expr, MatMul)
        is_multiple = isinstance(expr, MatMul) and sum(is_array(a) for a in expr.args) == 1
        if inner == symbol and is_multiple:
            return SUMMED if through_sum else SCALED
        if inner is None or inner == symbol or not (is_sum or is_multiple):
            break
        through_sum = through_sum or isinstance(expr, Add | MatAdd)
        expr = inner
    return next((why for kinds, why in BY_NODE if isinstance(expr, kinds)), CHAIN)
