"""One name, one quantity: whether a name that is printed in a solution stands for the same thing in every line.

What a name stands for is read off the worlds of the claims: what torch observes under it, or the expression that defines it. A
name that is free in a claim is any value at all, and so also the one that it has elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Basic, IndexedBase

from derive.algebra.arrays import Unit
from derive.algebra.names import Form, forms_of
from derive.algebra.nodes import At, is_array
from derive.checks.judges import judge
from derive.checks.quantities import Quantity, quantity_of, symbols_in
from derive.derivation import Definition, Equal, IsGradient, Solution, Step, World
from derive.worlds import Formulas


def unclear_names(solution: Solution) -> dict[str, str]:
    """The first step in which a name stands for something other than before, or looks like another name, and why."""
    given = solution.problem.given
    world = Formulas(tuple(given.define))
    table = _Table({name_of(s): Meaning(s, world, expr=e) for s, e in given.define}, set(map(str, given.symbols)))
    steps = list(solution.steps())
    table.said = [step for _, step in steps]
    found: dict[str, str] = {}
    for number, step in steps:
        why = next(table.faults(step), "")
        if why:
            found[number] = why
    return found


@dataclass(frozen=True)
class Meaning:
    """What a symbol stands for in a world: what is observed under it, or what defines it."""

    symbol: Any
    world: World
    quantity: Quantity = ()
    expr: Any = None


def _is_put_in(claim: Any, meaning: Meaning) -> bool:
    """Whether the claim says itself that the symbol has this value in it: y at u = 1."""
    nodes = [node for side in getattr(claim, "sides", ()) if isinstance(side, Basic) for node in side.atoms(At)]
    return any((meaning.symbol, meaning.expr) in zip(n.args[1::2], n.args[2::2], strict=False) for n in nodes)


@dataclass
class _Table:
    """What the names of a problem have been seen to stand for."""

    defined: dict[str, Meaning]  # the author's definitions
    declared: set[str]  # the author's names
    said: list[Step] = field(default_factory=list)
    kinds: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    forms: list[tuple[str, Form]] = field(default_factory=list)
    meanings: dict[str, list[Meaning]] = field(default_factory=dict)
    read: dict[int, tuple[World, dict[str, list[Meaning]]]] = field(default_factory=dict)

    def faults(self, step: Step) -> Iterator[str]:
        printed = (step.claim, step.reason.about)
        world = self.names(_inner(step.claim).world)
        for symbol in dict.fromkeys(symbols_in(printed)):
            if isinstance(symbol, IndexedBase):
                continue
            name = name_of(symbol)
            yield from self.printed(name, symbol)
            meanings = world.get(name, [])
            if _is_torn(meanings):
                yield f"'{name}' stands for two quantities: {_said(meanings[0])}, and {_said(meanings[1])}"
                continue
            for meaning in meanings:
                if not _is_put_in(step.claim, meaning):
                    yield from self.means(name, meaning)

    # how it is printed

    def printed(self, name: str, symbol: Any) -> Iterator[str]:
        kind = ("array", *symbol.shape) if is_array(symbol) else ("scalar",)
        if name in self.kinds:
            if not _same_kind(self.kinds[name], kind):
                yield f"'{name}' stands for a {_words(self.kinds[name])} and for a {_words(kind)}"
            return
        self.kinds[name] = kind
        forms = list(forms_of(_written(symbol), symbol))
        other = next((known for known, form in self.forms if any(map(form.meets, forms))), None)
        if other is not None:
            yield f"'{name}' is printed like '{other}'"
        self.forms += [(name, form) for form in forms]

    # what it stands for

    def names(self, world: World) -> dict[str, list[Meaning]]:
        """What each name stands for in a world: one thing, where all is well."""
        if id(world) not in self.read:
            found: dict[str, list[Meaning]] = {}
            listed = [Meaning(s, world, quantity_of(world, tag)) for s, tag in getattr(world, "observed", ())]
            listed += [Meaning(s, world, expr=e) for s, e in getattr(world, "definitions", ())]
            for meaning in listed:
                found.setdefault(name_of(meaning.symbol), []).append(meaning)
            self.read[id(world)] = world, found
        return self.read[id(world)][1]

    def means(self, name: str, meaning: Meaning) -> Iterator[str]:
        if name in self.declared and name not in self.defined:  # the author's variable, at one of its values
            return
        known = self.meanings.setdefault(name, [self.defined[name]] if name in self.defined else [])
        if any(meaning.quantity == one.quantity and meaning.expr == one.expr for one in known):
            return
        known.append(meaning)
        if len(known) > 1 and not self.agree(known[0], meaning):
            yield f"'{name}' stands for two quantities: {_said(known[0])}, and {_said(meaning)}"

    def agree(self, one: Meaning, other: Meaning) -> bool:
        """Whether two meanings are one quantity: two that torch observes must be the same; an expression must have the value
        of the other, which a line of the solution says, or is tried here."""
        if one.quantity and other.quantity:
            return one.quantity == other.quantity
        if other.quantity:
            one, other = other, one
        if one.expr is not None:
            first, second = self.expanded(one), self.expanded(other)
            first = first.xreplace(_sizes(first, second))
            return bool(first == second) or self.is_equal(other, first)
        worlds = [step.claim.world for step in self.said if isinstance(step.claim, Definition | Equal | IsGradient)]
        seen = [meaning for world in worlds for meaning in self.names(world).get(name_of(one.symbol), ())]
        observed = [m for m in seen if m.quantity == one.quantity and not getattr(m.world, "sizes_only", False)]
        return not observed or self.is_equal(observed[0], other.expr)

    def is_equal(self, meaning: Meaning, expr: Any) -> bool:
        """Whether a line of the solution, which is judged by itself, says that the symbol is this expression; or it has its value."""
        symbol = meaning.symbol
        for claim in (step.claim for step in self.said):
            sides = (claim.symbol, claim.meaning) if isinstance(claim, Definition) else getattr(claim, "sides", ())
            if type(claim) in (Definition, Equal) and symbol in sides and expr in sides:
                there = self.names(claim.world).get(name_of(symbol), [])
                if [(m.quantity, m.expr) for m in there] == [(meaning.quantity, meaning.expr)]:
                    return True
        return judge(Equal(_without(meaning), (symbol, expr)), 0).passed

    def expanded(self, meaning: Meaning) -> Any:
        """The expression of a meaning in what is free in its world, and in the author's names."""
        expr = meaning.expr
        for symbol, inner in reversed(getattr(meaning.world, "definitions", ())):
            if name_of(symbol) not in self.declared and expr.has(symbol):
                expr = expr.xreplace({symbol: inner})
        return expr


def name_of(symbol: Any) -> str:
    """What a symbol is called in text."""
    if isinstance(symbol, Unit):
        return f"e{symbol.args[1]}"
    return str(symbol.label if isinstance(symbol, IndexedBase) else symbol.name)


def _written(symbol: Any) -> str:
    """The name by which it is typeset: unit vectors count from 1 there."""
    return f"e{symbol.args[1] + 1}" if isinstance(symbol, Unit) else symbol.name


def _inner(claim: Any) -> Any:
    return getattr(claim, "claim", claim)


def _is_torn(meanings: list[Meaning]) -> bool:
    """Whether one world observes two things under one name, or defines it twice."""
    observed, defined = {m.quantity for m in meanings if m.quantity}, {m.expr for m in meanings if m.expr is not None}
    return len(observed) > 1 or len(defined) > 1


def _without(meaning: Meaning) -> World:
    """The world of an observation without a definition that would take its place."""
    if not meaning.quantity or not hasattr(meaning.world, "definitions"):
        return meaning.world
    kept = tuple((s, e) for s, e in meaning.world.definitions if s != meaning.symbol)
    return replace(meaning.world, definitions=kept)  # type: ignore[call-arg]


def _same_kind(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two shapes can be one: a size by name is any number."""
    return one[0] == other[0] and all(
        a == b or not (a.is_Integer and b.is_Integer) for a, b in zip(one[1:], other[1:], strict=True)
    )


def _sizes(general: Any, special: Any) -> dict[Any, Any]:
    """The numbers that the sizes of one expression have in another one, read off arrays of the same names."""
    shapes = {s.name: s.shape for s in symbols_in(special) if is_array(s) and not isinstance(s, Unit)}
    found = [(s.shape, shapes[s.name]) for s in symbols_in(general) if getattr(s, "name", "") in shapes and is_array(s)]
    return {a: b for one, other in found for a, b in zip(one, other, strict=True) if not a.is_number and b.is_number}


def _words(kind: tuple[Any, ...]) -> str:
    return "number" if kind[0] == "scalar" else f"{kind[1]} x {kind[2]} array"


def _said(meaning: Meaning) -> str:
    if meaning.expr is not None:
        return str(meaning.expr)[:80]
    return " ".join(str(part) for part in meaning.quantity if not isinstance(part, tuple))[:80]
