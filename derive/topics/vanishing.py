"""`vanishing`: which gradients of a network are zero at the given numbers, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Integer, Le, Lt, Mul, Symbol
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.derivatives import local_derivative
from derive.algebra.functions import TABLE
from derive.algebra.nodes import At, Factors, Gradient, Numeral, prime
from derive.algebra.steepest import Steepest, steepest
from derive.derivation import Derivation, Holds, IsLimit, Section, Work, rule
from derive.errors import GivenError, NotDerivable
from derive.topics.network import Net, Unit, network_of
from derive.topics.registry import questions
from derive.worlds import Formulas

LOCAL = rule("local derivative through depth", "the local derivative")
AT_MOST = rule("at most so much", "so {0} passes on at most this share of an error, weights aside")
ATTAINED = rule("a bound that is attained", "no smaller bound holds: here the slope is that large")
APPROACHED = rule("a bound that is approached", "no smaller bound holds: the slope comes as near to it as one likes")
DEPTH = rule(
    "product through depth", "an error that goes back through {0} hidden layers keeps at most this share, weights aside"
)
OFF = rule("unit is off", "unit {0} of layer {1} is off: its pre-activation is negative")
FLAT = rule("flat branch", "so its activation is flat there")
AT_KINK = rule("unit at a kink", "unit {0} of layer {1} stands at the kink of its activation, which has no slope there")
TAKEN = rule("slope taken at a kink", "the slope that PyTorch takes there")
NO_ERROR = rule("no error passes", "and no error passes through it")
ROW = rule("gradient of an off unit", "nothing that feeds this unit gets a gradient: its row is zero")
SILENT = rule("silent input", "input {0} of layer {1} is zero, so what leaves it gets no gradient")
NO_TARGET_ERROR = rule(
    "no error", "the error of this unit is zero: it predicts its target, or nothing comes back to it"
)


@questions("vanishing")
@dataclass(frozen=True)
class Vanishing:
    """Which gradients are zero and why: units that are off, inputs that are zero."""

    def derive(self, given: Any) -> Derivation:
        from derive.algebra.adjoints import adjoints
        from derive.topics.backward import numeric_section

        net = network_of(given)
        _ = net.loss
        if not given.values:
            return Derivation("What is left of a gradient on its way back", tuple(depth_sections(net)))
        if not net.knows_target:
            raise GivenError("numbers for the input, the target and every parameter are needed", ("given", "values"))
        found = adjoints(net.definitions, net.L, {unit.z: unit.delta for unit in net.units})
        _, values = numeric_section(net, found)
        return Derivation("Gradients that vanish", (vanishing_section(net, values),))


def depth_sections(net: Net) -> list[Section]:
    """How much each activation passes on at most, and the product over all layers before the output's."""
    inner = net.units[:-1]
    if not inner:
        raise GivenError("depth is looked at for networks with hidden layers", ("given", "network"))
    bounds = {(unit.activation, unit.parameters): _bound(unit) for unit in inner}
    work = Work("What an activation passes on at most", Formulas())
    for (name, parameters), bound in bounds.items():
        if name != "identity":
            _bound_steps(name, parameters, bound, work)
    together = Work("Over all hidden layers", Formulas())
    factors = [bounds[unit.activation, unit.parameters].value for unit in inner]
    product = Mul(*factors)
    written = Factors(*map(Numeral, factors)) if len(factors) > 1 else Numeral(factors[0])
    together.equal(written, product, why=DEPTH, about=(Integer(len(inner)),), result=True)
    return [section for section in (work.section(), together.section()) if section.steps]


def _bound(unit: Unit) -> Steepest:
    """The largest slope of a layer's activation."""
    if unit.activation not in TABLE:
        raise GivenError(
            f"depth is looked at for activations entry by entry, not {unit.activation}", ("given", "network")
        )
    try:
        return steepest(unit.activation, tuple(unit.parameters))
    except NotDerivable as reason:
        message = f"{reason}: derive bounds slopes that are rational in an exponential, and nowhere negative"
        raise GivenError(message, ("given", "network")) from None


def _bound_steps(name: str, parameters: tuple[Any, ...], bound: Steepest, work: Work) -> None:
    """The slope, that it is nowhere larger, and that no smaller bound holds: it has this value, or tends to it."""
    slope = local_derivative(TABLE[name])
    z = Symbol("z", real=True)
    body = slope.textbook.xreplace({slope.variable: z, **dict(zip(slope.parameters, parameters, strict=True))})
    work.equal(prime(name, z, *parameters), body, why=LOCAL)
    if not body.has(z):
        return
    work.claim(Holds(Formulas(), Le(body, bound.value, evaluate=False)), AT_MOST, (name,))
    if bound.is_attained:
        work.equal(At(body, z, bound.at), bound.value, why=ATTAINED)
    else:
        work.claim(IsLimit(Formulas(), body, z, bound.at, bound.value), APPROACHED)


def vanishing_section(net: Net, values: dict[Any, Any]) -> Section:
    """Every zero among the gradients, with its cause; empty when there is none."""
    work = Work("Which gradients vanish, and why", net.numeric_world)
    for unit in net.units:
        for i in range(unit.W.shape[0]):
            if values[unit.delta][i, 0] == 0:
                _zero_unit(net, unit, i, values, work)
        for j in range(unit.W.shape[1]):
            if values[unit.a_in][j, 0] == 0:
                _zero_input(net, unit, j, values, work)
    return work.section()


def _zero_unit(net: Net, unit: Unit, i: int, values: dict[Any, Any], work: Work) -> None:
    z, delta = MatrixElement(unit.z, i, 0), MatrixElement(unit.delta, i, 0)
    if unit.activation in TABLE and values[unit.z][i, 0] <= 0 and _is_flat(unit, values[unit.z][i, 0]):
        at_kink = values[unit.z][i, 0] == 0
        if at_kink:
            work.equal(z, Integer(0), why=AT_KINK, about=(i + 1, unit.number))
        else:
            work.claim(Holds(net.numeric_world, Lt(z, 0, evaluate=False)), OFF, (i + 1, unit.number))
        work.equal(prime(unit.activation, z, *unit.parameters), Integer(0), why=TAKEN if at_kink else FLAT)
        work.equal(delta, Integer(0), why=NO_ERROR)
    else:
        work.equal(delta, Integer(0), why=NO_TARGET_ERROR)
    for j in range(unit.W.shape[1]):
        entry = MatrixElement(Gradient(net.L, unit.W), i, j)
        work.equal(entry, Factors(delta, MatrixElement(unit.a_in, j, 0)), Integer(0), why=ROW)
    if unit.b is not None:
        work.equal(MatrixElement(Gradient(net.L, unit.b), i, 0), delta, Integer(0), why=ROW)


def _is_flat(unit: Unit, z: Any) -> bool:
    from derive.algebra.values import value_of

    return value_of(prime(unit.activation, z, *unit.parameters), {}) == 0


def _zero_input(net: Net, unit: Unit, j: int, values: dict[Any, Any], work: Work) -> None:
    rows = [i for i in range(unit.W.shape[0]) if values[unit.delta][i, 0] != 0]  # the other rows are zero anyway
    if not rows:
        return
    source = MatrixElement(unit.a_in, j, 0)
    work.equal(source, Integer(0), why=SILENT, about=(j + 1, unit.number))
    for i in rows:
        entry = MatrixElement(Gradient(net.L, unit.W), i, j)
        work.equal(
            entry, Factors(MatrixElement(unit.delta, i, 0), source), Integer(0), why=SILENT, about=(j + 1, unit.number)
        )
