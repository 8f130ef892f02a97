"""The local derivatives that backpropagation needs, derived from the activations' definitions."""

from __future__ import annotations

from typing import Any

from sympy import Symbol, exp

from derive.algebra.derivatives import local_derivative
from derive.algebra.functions import TABLE
from derive.algebra.nodes import Map, Slot, prime
from derive.derivation import Reason, Section, Work, rule
from derive.topics import headings
from derive.topics.network import Net, Unit
from derive.worlds import Formulas

DEFINITION = rule("definition of the activation", "the definition")
DIFFERENTIATE = rule("differentiate the definition", "differentiate the definition")
BRANCHES = rule("differentiate the branches", "branch by branch; at the kink the value of the lower branch is taken")
PRODUCT = rule("product and chain rule", "product rule and chain rule")
IN_ITSELF = rule("in terms of itself", "the exponentials can be written with the function itself")
RECOGNISE = rule("recognise", "a function we know")
QUOTIENT = rule("quotient rule", "quotient rule; {0} is the sum of the other exponentials")
SOFTMAX = rule("definition of softmax", "the definition; {0} is the sum of the other exponentials")
SOFTMAX_ITSELF = rule("softmax in itself", "in terms of the outputs")


def local_sections(net: Net) -> list[Section]:
    """A section a kind of activation that occurs, in the order of the layers."""
    names = dict.fromkeys(unit.activation for unit in net.units)
    return [activation_section(name) for name in names if name not in ("identity", "softmax")]


def activation_section(name: str) -> Section:
    """f and f' of one activation."""
    function = TABLE[name]
    known = local_derivative(function)
    at = (known.variable, *known.parameters)
    work = Work(Reason(headings.OF_ACTIVATION, (name.replace("_", " "),)), Formulas())
    work.equal(function(*at), function.row.definition(*at), why=DEFINITION)
    slope = prime(name, *at)
    branches = bool(function.row.kinks)
    why = BRANCHES if branches else DIFFERENTIATE if not known.raw.has(*TABLE.values()) else PRODUCT
    work.equal(slope, known.raw, why=why, result=known.raw == known.textbook)
    if known.textbook != known.raw:
        why = RECOGNISE if known.rule == "recognise" else IN_ITSELF
        work.equal(known.raw, known.textbook, why=why, result=True)
    return work.section()


def expanded_slope(unit: Unit) -> Any:
    """f'(z) as the textbook writes it, with the activation itself called by its name: a o (1 - a)."""
    function = TABLE[unit.activation]
    known = local_derivative(function)
    if function.row.kinks:
        return unit.slope
    body = known.textbook.xreplace(
        dict(zip((known.variable, *known.parameters), (Slot(0), *unit.parameters), strict=True))
    )
    named = body.xreplace({function(Slot(0), *unit.parameters): Slot(1)})
    return Map(named, unit.z, unit.a) if named.has(Slot(0)) else Map(named.xreplace({Slot(1): Slot(0)}), unit.a)


def softmax_section() -> Section:
    """The two kinds of partial derivatives of softmax, from its definition by the quotient rule."""
    z_i, z_j, p_i, p_j = (Symbol(n, real=True) for n in ("z_i", "z_j", "p_i", "p_j"))
    r = Symbol("r", positive=True)
    total = exp(z_i) + exp(z_j) + r
    world = Formulas(((p_i, exp(z_i) / total), (p_j, exp(z_j) / total)))
    work = Work("Derivative of softmax", world)
    work.equal(
        p_i,
        exp(z_i) / total,
        why=SOFTMAX,
        about=(r,),
    )
    for variable, other in ((z_i, p_i * (1 - p_i)), (z_j, -p_i * p_j)):
        raw = (exp(z_i) / total).diff(variable)
        work.gradient(p_i, variable, raw, why=QUOTIENT, about=(r,))
        work.equal(raw, other, why=SOFTMAX_ITSELF, result=True)
    return work.section()
