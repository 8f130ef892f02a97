"""`output_shape`: the size of what a convolution or pooling layer puts out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sympy import Integer, Symbol

from derive.algebra.nodes import Factors, Floor, Numeral, Quotient, Terms, plain
from derive.derivation import Answer, Derivation, HasShape, Reason, Section, Work, rule
from derive.topics import headings
from derive.topics.planes import AXES, Plane, as_network, is_planar, plane_of
from derive.topics.registry import questions
from derive.topics.stack import stack_of
from derive.topics.stack_answers import shapes_derivation
from derive.worlds import LayerRun

FORMULA = rule(
    "output size", "places where the kernel fits: the room that is left, in steps of the stride, and the first place"
)
SAME = rule("same padding", "'same' padding keeps the size")
NAMES = rule("names of sizes", "{0} is the size of the kernel, {1} the padding on each side, {2} the stride")
DILATED_NAMES = rule(
    "names of sizes with dilation",
    "{0} is the size of the kernel, {1} the padding on each side, {2} the stride, {3} the dilation: the step between "
    "neighbours in the kernel",
)
INSERT = rule("insert sizes", "insert the sizes")
COMPUTE = rule("compute the size", "compute")
CHANNELS = rule("output channels", "one channel for each filter")
KEPT = rule("channels kept", "pooling works on each channel by itself")
SHAPE = rule("output shape", "channels and sizes together")


@questions("output_shape")
@dataclass(frozen=True)
class OutputShape:
    """The output size of a convolution or pooling layer; `layout` says whether channels stand first or last."""

    layout: Literal["channels_first", "channels_last"] = "channels_first"

    def derive(self, given: Any) -> Derivation:
        if given.layer is not None and not is_planar(given.layer):
            return shapes_derivation(stack_of(as_network(given)))
        plane = plane_of(given, self.layout)
        world = world_of(plane, self.layout)
        sections = [axis_section(plane, world, axis) for axis in range(2)]
        work = Work("Shape of the output", world)
        sizes = [plane.channels_out, *(axis_value(plane, axis) for axis in range(2))]
        shape = tuple(sizes if self.layout == "channels_first" else [*sizes[1:], sizes[0]])
        work.equal(Symbol("C_out"), Integer(plane.channels_out), why=CHANNELS if plane.is_convolution else KEPT)
        named = Reason(headings.CHANNELS_FIRST if self.layout == "channels_first" else headings.CHANNELS_LAST)
        work.claim(HasShape(world, Symbol("Y"), shape, named), SHAPE, result=True)
        answer = Answer("shape", shape, lambda v: HasShape(world, Symbol("Y"), tuple(v), named))
        return Derivation("Output size", (*sections, work.section()), (answer,))


def world_of(plane: Plane, layout: str) -> LayerRun:
    tag = ("output",) if layout == "channels_first" else ("output", "channels_last")
    observed: list[tuple[Any, tuple[Any, ...]]] = [(Symbol("Y"), tag), (Symbol("C_out"), ("output_size", 0))]
    for axis in range(2):
        observed.append((names(axis)["out"], ("output_size", axis + 1)))
        observed += [(symbol, ("given", value)) for symbol, value in numbers(plane, axis).items()]
    return LayerRun(plane.layer, plane.sizes, None, tuple(observed))


def names(axis: int) -> dict[str, Symbol]:
    """The symbols of an axis: H_in, H_out, K_H, P_H, S_H, D_H."""
    letter = AXES[axis][0]
    return {
        "in": Symbol(f"{letter}_in"),
        "out": Symbol(f"{letter}_out"),
        **{k: Symbol(f"{k}_{letter}") for k in "KPSD"},
    }


def numbers(plane: Plane, axis: int) -> dict[Symbol, int]:
    n, layer = names(axis), plane.layer
    known = {
        n["in"]: plane.sizes[axis + 1],
        n["K"]: layer.kernel[axis],
        n["S"]: plane.stride[axis],
        n["D"]: layer.dilation[axis],
    }
    return known if plane.is_same else {**known, n["P"]: plane.padding[axis]}


def size_formula(size: Any, k: Any, p: Any, s: Any, d: Any, dilated: bool) -> Any:
    """floor((H + 2P - D(K - 1) - 1)/S) + 1; without dilation (H + 2P - K)."""
    reach = [Factors(Integer(-1), d, Terms(k, Integer(-1))), Integer(-1)] if dilated else [Factors(Integer(-1), k)]
    return Terms(Floor(Quotient(Terms(size, Factors(Integer(2), p), *reach), s)), Integer(1))


def axis_formula(plane: Plane, axis: int, symbols: dict[str, Any]) -> Any:
    dilated = plane.layer.dilation[axis] != 1
    size, k, p, s, d = (symbols[key] for key in ("in", "K", "P", "S", "D"))
    return size_formula(size, k, p, s, d, dilated)


def axis_value(plane: Plane, axis: int) -> int:
    if plane.is_same:
        return plane.sizes[axis + 1]
    values = {str(s): Integer(v) for s, v in numbers(plane, axis).items()}
    n = names(axis)
    return int(plain(axis_formula(plane, axis, {key: values[str(n[key])] for key in ("in", "K", "P", "S", "D")})))


def axis_section(plane: Plane, world: LayerRun, axis: int) -> Section:
    """The height or the width: formula, numbers, value."""
    n, dilated = names(axis), plane.layer.dilation[axis] != 1
    about = tuple(n[key] for key in ("KPSD" if dilated else "KPS"))
    named = None if plane.is_same else Reason(DILATED_NAMES if dilated else NAMES, about)
    work = Work(AXES[axis][1].capitalize(), world, named)
    if plane.is_same:
        work.equal(n["out"], n["in"], why=SAME)
        work.equal(n["in"], Integer(plane.sizes[axis + 1]), why=INSERT, result=True)
        return work.section()
    formula = axis_formula(plane, axis, n)
    inserted = axis_formula(
        plane, axis, {key: Numeral(numbers(plane, axis)[n[key]]) for key in ("in", "K", "P", "S", "D")}
    )
    work.equal(n["out"], formula, why=FORMULA)
    work.equal(formula, inserted, why=INSERT)
    work.equal(inserted, Integer(axis_value(plane, axis)), why=COMPUTE, result=True)
    return work.section()
