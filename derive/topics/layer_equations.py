"""Why an equation of a layer holds: a rule for each form that a layer's equations take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Add, Expr, Pow
from sympy.matrices.expressions import MatAdd, MatMul, OneMatrix, Transpose

from derive.algebra import arrays
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Map, Mean, Softmax, is_array
from derive.derivation import Rule, rule

SOFTMAX = rule("softmax of a layer", "softmax makes probabilities: positive, and their sum is one")
ACTIVATION = rule("activation of a layer", "the activation, entry by entry")
GATE = rule("activation of an affine map", "the activation of weights times input, plus biases")
AFFINE = rule("affine map of a layer", "weights times input, plus biases")
RECURRENT = rule("affine map of input and state", "weights times input and weights times the state before, plus biases")
FIRST = rule("affine map of a first step", "weights times input, plus biases; the state before the first step is zero")
OF_STATE = rule("affine map of a state", "weights times the state before, plus biases")
CANDIDATE = rule(
    "affine map with a gated state",
    "weights times input, plus biases, and what the reset gate lets through of the state",
)
LINEAR = rule("linear map of a layer", "weights times input")
PICKED = rule("rows picked from a table", "each one-hot row picks the vector of its word")
WINDOWS = rule("windows as rows", "every window of the image as a row")
FLAT = rule("entries in one vector", "all entries in one vector")
LARGEST = rule("largest entry of each window", "the largest entry of each window")
SCORES = rule("scores of pairs", "a score for each pair of positions")
WEIGHTED = rule("weighted rows", "the rows of {1}, weighted by {0}")
ADDED = rule("input added", "the input is added to what comes out")
MEAN = rule("mean in a layer", "the mean")
VARIANCE = rule("variance in a layer", "the mean of the squares")
CENTRED = rule("less the mean", "less the mean")
ROOT = rule("root of the variance", "the root of the variance, and of a small number that keeps it from zero")
SCALED = rule("over the root", "over the root of the variance")
GAIN = rule("gain and offset", "times the gain, plus the offset")
LEFT_OUT = rule("entries left out", "entries left out at random; those that stay are made larger")
GATED = rule("gates times contents", "products entry by entry: what each gate lets through")
GATED_FIRST = rule(
    "gates of a first step",
    "products entry by entry: what each gate lets through; the state before the first step is zero",
)
UNCHANGED = rule("passed on unchanged", "passed on unchanged")
OTHER = rule("equation of a layer", "by the definition of the layer")


class Form:
    """The right side of a layer's equation, asked for its form; `weights` are the learned arrays, `masks` random ones."""

    def __init__(self, expr: Any, weights: set[Any], masks: set[Any], layer: Any):
        self.expr, self.weights, self.masks, self.layer = expr, weights, masks, layer

    def has_weights(self, expr: Any = None) -> bool:
        found: set[Any] = (self.expr if expr is None else expr).free_symbols
        return bool(found & self.weights)

    @property
    def factors(self) -> list[Any]:
        """The arrays of a product."""
        return [f for f in self.expr.args if is_array(f)] if isinstance(self.expr, MatMul) else []

    @property
    def body(self) -> Expr | None:
        return self.expr.body if isinstance(self.expr, Map) else None

    def is_name(self, expr: Any) -> bool:
        return bool(getattr(expr, "is_symbol", False))

    def is_mean(self) -> bool:
        """A mean, or a sum over rows or columns divided by their number."""
        return isinstance(self.expr, Mean) or (len(self.factors) == 2 and isinstance(self.factors[1], OneMatrix))

    def averaged(self) -> Any:
        inner = self.expr.array if isinstance(self.expr, Mean) else self.factors[0]
        return inner.args[0] if isinstance(inner, Transpose) else inner

    def is_root(self) -> bool:
        inner = self.body if self.body is not None else self.expr
        return isinstance(inner, Pow) and inner.exp.is_Rational and inner.exp == 1 / inner.exp.q and inner.exp.q == 2

    def is_affine(self) -> bool:
        terms = self.expr.args if isinstance(self.expr, MatAdd) else (self.expr,)
        return self.has_weights() and all(isinstance(t, MatMul | Transpose) or self.is_name(t) for t in terms)

    @property
    def is_recurrent(self) -> bool:
        return getattr(self.layer, "call", "") == "recurrent"

    def of_state(self) -> tuple[int, int]:
        """How many products with weights a sum has, and how many biases."""
        terms = self.expr.args if isinstance(self.expr, MatAdd) else ()
        products = [t for t in terms if isinstance(t, MatMul) and self.has_weights(t)]
        return len(products), sum(self.is_name(t) and t in self.weights for t in terms)

    def is_gated_sum(self) -> bool:
        """A sum of products entry by entry."""
        return isinstance(self.expr, MatAdd) and all(isinstance(t, Map) and t.body.is_Mul for t in self.expr.args)

    def is_scaled(self) -> bool:
        """A product entry by entry, plus something."""
        if self.body is not None:
            return self.body.is_Add
        return isinstance(self.expr, MatAdd) and any(isinstance(t, Map) for t in self.expr.args)

    def is_difference(self) -> bool:
        return isinstance(self.expr, MatAdd) and len(self.expr.args) == 2 and any(
            isinstance(t, MatMul) and t.args[0] == -1 for t in self.expr.args
        )  # fmt: skip


FORMS: list[tuple[Callable[[Form], bool], Rule]] = [
    (lambda f: f.is_name(f.expr), UNCHANGED),
    (lambda f: isinstance(f.expr, Softmax), SOFTMAX),
    (lambda f: isinstance(f.expr, arrays.Patches), WINDOWS),
    (lambda f: isinstance(f.expr, arrays.Reshaped), FLAT),
    (lambda f: isinstance(f.expr, arrays.WindowLargest), LARGEST),
    (lambda f: isinstance(f.body, TableFunction) and all(map(f.is_name, f.expr.arrays)), ACTIVATION),
    (lambda f: isinstance(f.body, TableFunction) and f.has_weights(), GATE),
    (lambda f: getattr(f.layer, "name", "") == "embedding" and f.has_weights(), PICKED),
    (lambda f: f.is_recurrent and f.is_affine() and f.of_state() == (2, 2), RECURRENT),
    (lambda f: f.is_recurrent and f.is_affine() and f.of_state() == (1, 2), FIRST),
    (lambda f: f.is_recurrent and f.is_affine() and f.of_state() == (1, 1), OF_STATE),
    (lambda f: f.is_recurrent and f.is_scaled() and f.has_weights(), CANDIDATE),
    (lambda f: f.is_affine() and isinstance(f.expr, MatAdd) and not all(isinstance(t, MatMul) and f.has_weights(t)
     and not any(isinstance(a, OneMatrix) for a in t.args) for t in f.expr.args), AFFINE),
    (lambda f: f.is_affine(), LINEAR),
    (lambda f: f.is_mean() and f.is_name(f.averaged()), MEAN),
    (lambda f: f.is_mean() and isinstance(f.averaged(), Map), VARIANCE),
    (lambda f: len(f.factors) == 2 and isinstance(f.factors[1], Transpose) and not f.has_weights(), SCORES),
    (lambda f: len(f.factors) == 2 and all(map(f.is_name, f.factors)) and not f.has_weights(), WEIGHTED),
    (lambda f: isinstance(f.expr, MatAdd) and len(f.expr.args) == 2 and all(map(f.is_name, f.expr.args)), ADDED),
    (lambda f: f.is_difference() and not f.has_weights(), CENTRED),
    (lambda f: f.is_root() and not f.has_weights(), ROOT),
    (lambda f: f.body is not None and bool(f.expr.free_symbols & f.masks), LEFT_OUT),
    (lambda f: f.is_scaled() and f.has_weights(), GAIN),
    (lambda f: f.body is not None and not f.has_weights() and f.body.is_Mul and any(isinstance(a, Pow) and a.exp.is_negative
     for a in f.body.args), SCALED),
    (lambda f: f.is_recurrent and f.body is not None and f.body.is_Mul and not f.body.has(TableFunction), GATED_FIRST),
    (lambda f: f.is_gated_sum() and not f.has_weights(), GATED),
    (lambda f: f.body is not None and not f.has_weights() and all(t.is_Mul for t in Add.make_args(f.body)), GATED),
]  # fmt: skip


def equation_rule(expr: Any, weights: set[Any], masks: set[Any], layer: Any) -> tuple[Rule, tuple[Any, ...]]:
    """The rule of an equation with this right side, and what it is about."""
    form = Form(expr, weights, masks, layer)
    found = next((why for test, why in FORMS if test(form)), OTHER)
    return found, tuple(form.factors) if found is WEIGHTED else ()
