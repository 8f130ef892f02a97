"""Reasons of networks: sizes, forward and backward passes, what vanishes, training."""

from __future__ import annotations

from typing import Any

from sympy import Add, Mul, Pow, exp, log
from sympy.matrices.expressions import HadamardProduct, MatAdd, MatMul, Transpose

from derive.algebra.arrays import LargestEntry, RowLargest
from derive.algebra.functions import TABLE as FUNCTIONS
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Factors, Gradient, Largest, Map, Partial, Prime, Softmax, Terms, Total, plain
from derive.checks.reasons.cited import (
    Cited,
    has,
    is_a,
    is_name,
    is_symbolic,
    parts,
    same,
    symbols,
)
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_nothing,
    claims,
    computes,
    gone,
    in_world,
    inserts_numbers,
    is_tagged,
    left,
    right,
    some_side,
    tagged_number,
    that,
)
from derive.derivation import Equal, HasShape, IsDrawn, IsGradient
from derive.worlds import Formulas, NetworkRun, StackRun

here = in_world(NetworkRun)
SIZE = claims(HasShape) & here


def layer(c: Cited) -> Any:
    """The author's layer that the left side belongs to."""
    tag = c.tag(c.left)
    layers = c.world.network.layers
    return layers[tag[1]] if len(tag) > 1 and isinstance(tag[1], int) and tag[1] < len(layers) else None


def activation(c: Cited) -> str:
    return str(getattr(getattr(layer(c), "activation", None), "name", ""))


def last_layer(c: Cited) -> int:
    return max((tag[1] for tag in c.tags.values() if tag[0] == "activation"), default=-1)


@that("it belongs to the last layer")
def of_last_layer(c: Cited) -> bool:
    return len(c.tag(c.left)) > 1 and c.tag(c.left)[1] == last_layer(c)


@that("it has one column")
def one_column(c: Cited) -> bool:
    return len(c.claim.shape) == 2 and same(c.claim.shape[1], 1)


@that("the activation works entry by entry")
def entrywise_activation(c: Cited) -> bool:
    return activation(c) not in ("", "softmax")


SHAPES = {
    "network input": SIZE & is_tagged(("input",)) & one_column,
    "weight matrix": SIZE & is_tagged(("weight",)) & tagged_number(1),
    "bias vector": SIZE & is_tagged(("bias",)) & tagged_number(1),
    "pre-activation": SIZE & is_tagged(("pre_activation",)) & tagged_number(1),
    "activation vector": SIZE & is_tagged(("activation",)) & ~of_last_layer & entrywise_activation,
    "network output": SIZE & is_tagged(("activation",)) & of_last_layer,
    "network target": SIZE & is_tagged(("target",)),
}

# forward


def is_affine(expr: Any) -> bool:
    return isinstance(expr, MatAdd | Add) and any(isinstance(a, MatMul | Mul) for a in expr.args)


@that("the sizes are those of the weights")
def sizes_of_weights(c: Cited) -> bool:
    weights = [s for s in symbols(c.right) if c.tags.get(s, ("",))[0] == "weight"]
    return len(weights) == 1 and tuple(map(plain, weights[0].shape)) == tuple(map(plain, c.about))


@that("the right side is a function of the pre-activation, entry by entry")
def is_activation(c: Cited) -> bool:
    return isinstance(c.right, Map) and has(TableFunction)(c.right.body)


FORWARD = {
    "affine map": claims(Equal) & here & is_tagged(("pre_activation",)) & right(is_affine) & sizes_of_weights,
    "linear map": claims(Equal) & here & is_tagged(("pre_activation",)) & right(is_a(MatMul)) & sizes_of_weights,
    "activation": claims(Equal) & here & is_tagged(("activation",)) & is_activation & right(is_symbolic),
    "identity activation": claims(Equal) & here & is_tagged(("activation",)) & right(is_name),
    "softmax output": claims(Equal) & here & is_tagged(("activation",)) & right(is_a(Softmax)) & right(is_symbolic),
    "loss of one example": claims(Equal) & here & is_tagged(("loss",)) & right(has(Total, Map)),
    "insert numbers": claims(Equal, IsGradient) & in_world(NetworkRun, Formulas) & inserts_numbers & ~left(is_a(Prime)),
    "compute": claims(Equal) & here & computes,
}

# backward


def is_derivative_in(c: Cited, *tags: str) -> bool:
    return isinstance(c.left, Gradient | Partial) and c.tag(c.left)[:1] in [(t,) for t in tags]


def derivative(*tags: str) -> Predicate:
    """The left side is the derivative in such a quantity."""
    return Predicate("it is a derivative in " + " or ".join(tags), lambda c: is_derivative_in(c, *tags))


def is_hadamard(expr: Any) -> bool:
    """A product entry by entry of at least two arrays (or of an array and a derivative)."""
    return isinstance(expr, Map | HadamardProduct) and isinstance(expr.args[0], Mul | Factors | Pow)


@that("the right side has the error of this layer")
def has_own_error(c: Cited) -> bool:
    return any(_error_of(s, c.tag(c.left)[1]) for s in symbols(c.right))


@that("the right side is the error of this layer")
def is_own_error(c: Cited) -> bool:
    return _error_of(c.right, c.tag(c.left)[1])


def _error_of(symbol: Any, layer: int) -> bool:
    return str(symbol) == f"delta{layer + 1}"


@that("the left side is an error of a layer")
def left_is_error(c: Cited) -> bool:
    return is_name(c.left) and str(c.left).startswith("delta")


@that("the error of the layer above, through its transposed weights")
def through_weights(c: Cited) -> bool:
    tags = {c.tags.get(s, ("",))[0] for part in (c.right,) for t in _transposed(part) for s in symbols(t)}
    return "weight" in tags and any(str(s).startswith("delta") for s in symbols(c.right))


def _transposed(expr: Any) -> list[Any]:
    return [p for p in parts(expr) if isinstance(p, Transpose)]


@that("the sizes are those of the weights")
def gradient_sizes(c: Cited) -> bool:
    return tuple(map(plain, c.left.shape)) == tuple(map(plain, c.about))


@that("the activation's derivative stands on the left, and written out on the right")
def slope_written_out(c: Cited) -> bool:
    return has(Prime)(c.left) and not has(Prime)(c.right)


@that("the derivative from above is put in, and the activation's derivative stays")
def received_put_in(c: Cited) -> bool:
    return has(Prime)(c.left) and has(Prime)(c.right) and has(Gradient)(c.left) and not has(Gradient)(c.right)


def fractions(expr: Any) -> int:
    """How many divisions by letters there are."""
    return sum(isinstance(p, Pow) and bool(symbols(p.base)) and p.exp.is_negative is True for p in parts(expr))


@that("there are fewer fractions on the right")
def fractions_cancel(c: Cited) -> bool:
    return fractions(c.left) > fractions(c.right) and not has(Gradient, Prime)(c.left)


@that("a sum of fractions becomes one")
def one_fraction(c: Cited) -> bool:
    body = c.left.body if isinstance(c.left, Map) else c.left
    after = c.right.body if isinstance(c.right, Map) else c.right
    return isinstance(body, Add | Terms) and fractions(body) > 1 and not isinstance(after, Add | Terms)


@that("the target's entries are known to add up to one")
def target_sums_to_one(c: Cited) -> bool:
    """The targets of a loss over classes are probabilities; no other loss says so."""
    return getattr(getattr(c.world, "loss", None), "on", "") == "classes"


BACKWARD = {
    "derivative of the loss": claims(IsGradient)
    & here
    & derivative("activation")
    & right(lambda e: not has(Gradient)(e), "is worked out")
    & Predicate("no weight is on the way", lambda c: not through_weights(c)),
    "common denominator": claims(Equal) & here & about_nothing & one_fraction,
    "name the error": claims(IsGradient) & here & derivative("pre_activation") & is_own_error,
    "error of a layer": claims(Equal)
    & here
    & left_is_error
    & right(is_hadamard)
    & right(has(Prime), "has the activation's derivative"),
    "local derivative": claims(Equal) & here & slope_written_out,
    "cancel": claims(Equal) & here & fractions_cancel,
    "softmax chain rule": claims(Equal) & here & left_is_error & right(has(Gradient)) & right(has(Total)),
    "target sums to one": claims(Equal)
    & here
    & left(has(Gradient))
    & left(has(Total))
    & right(lambda e: not has(Gradient, Total)(e), "has no sum")
    & target_sums_to_one,
    "insert the loss's derivative": claims(Equal)
    & here
    & left(has(Gradient))
    & left(has(Total))
    & right(lambda e: not has(Gradient)(e), "has none"),
    "insert from above": claims(Equal) & here & received_put_in,
    "linear unit passes on": claims(Equal) & here & left_is_error & right(is_a(Gradient, Partial)),
    "from above": claims(Equal)
    & here
    & left(is_a(Gradient, Partial))
    & right(lambda e: not has(Gradient)(e), "is worked out")
    & Predicate(
        "the derivative was shown before",
        lambda c: any(isinstance(s.claim, IsGradient) and s.claim.wrt == c.left.args[1] for s in c.before),
    ),
    "back through the weights": claims(IsGradient) & here & derivative("activation") & through_weights,
    "weight gradient": claims(IsGradient)
    & here
    & derivative("weight")
    & has_own_error
    & gradient_sizes
    & Predicate("there are several inputs", lambda c: not same(c.left.shape[1], 1)),
    "weight gradient of one input": claims(IsGradient)
    & here
    & derivative("weight")
    & has_own_error
    & Predicate("there is one input", lambda c: same(c.left.shape[1], 1)),
    "bias gradient": claims(IsGradient) & here & derivative("bias") & has_own_error,
    "multiply out": claims(Equal)
    & about_nothing
    & gone(Mul, Factors, Map, Total, MatMul)
    & left(is_symbolic)
    & some_side(has(Map, Add, Terms)),
}

# where torch has to choose


def at_a_kink(c: Cited) -> bool:
    """The entry that is named is given (or worked out) as zero, and the slope is that of the function that is named."""
    entry, name = c.about
    return (
        isinstance(c.left, Prime)
        and c.left.args[1] == entry
        and str(c.left.args[0]).replace("_", " ") == name
        and bool(FUNCTIONS[str(c.left.args[0])].row.kinks)
    )


def in_one_window(c: Cited) -> bool:
    """Entries of one channel in the order in which they stand, rows before columns."""
    entries = [(side.parent, int(side.j), int(side.i)) for side in c.sides]
    return len({entry[:2] for entry in entries}) == 1 and [e[2] for e in entries] == sorted({e[2] for e in entries})


CHOICES = {
    "loss from saturated logits": claims(Equal)
    & in_world(NetworkRun, StackRun)
    & is_tagged(("loss",))
    & about_nothing
    & right(has(exp))
    & right(has(log))
    & right(has(Largest, LargestEntry, RowLargest)),
    "at a kink": claims(Equal) & in_world(NetworkRun, StackRun) & Predicate("an entry stands at a kink", at_a_kink),
    "tie in a window": claims(Equal)
    & in_world(StackRun)
    & about_nothing
    & Predicate("entries of one channel, in their order", in_one_window),
}

FIGURE = {"figure of the network": claims(IsDrawn) & about_nothing}

TABLE = {**SHAPES, **FORWARD, **BACKWARD, **CHOICES, **FIGURE}
