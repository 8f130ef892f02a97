"""The table of derivatives: ours and SymPy's `.diff` (tensorgrad's where it is installed), each judged by torch.autograd in
float64 at 16 random points of random sizes. Prints right, wrong and refused, the time, and the length of the answer.

    python tests/benchmarks/calculus_table.py [--brief]
"""

from __future__ import annotations

import importlib.util
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sympy import Expr, Lambda, Symbol, exp, log, sqrt
from sympy.matrices.expressions import (
    Determinant,
    HadamardPower,
    HadamardProduct,
    Identity,
    Inverse,
    MatAdd,
    MatMul,
    OneMatrix,
    Trace,
    Transpose,
    hadamard_power,
)
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra import arrays, nodes
from derive.algebra.formula import parse_formula, parse_value
from derive.algebra.notation import text
from derive.checks.evaluate import value_in
from derive.checks.judges import check
from derive.derivation import Equal, IsGradient
from derive.problem.model import Given
from derive.problem.read import _defined
from derive.topics.gradient import entry_of
from derive.topics.jacobian import hessian_section
from derive.topics.objective import Objective
from derive.worlds import Formulas
from tests.algebra.declared import declared
from tests.benchmarks.objectives import CASES, Case

PATIENCE = 60  # seconds for one answer


def posed(case: Case) -> tuple[Given, Any, Any]:
    """The case as a problem gives it: what is given, the objective, and what it is differentiated in."""
    symbols = declared(case.symbols)
    define = []
    for line in filter(None, map(str.strip, case.define.split(";"))):
        name, _, formula = line.partition(":")
        value = parse_value(formula.strip(), symbols)
        symbols[name] = _defined(name, value)
        define.append((symbols[name], value.expr))
    return (
        Given(symbols=symbols, define=tuple(define)),
        parse_formula(case.formula, symbols),
        parse_formula(case.wrt, symbols),
    )


def ours(case: Case) -> tuple[Any, Any, str]:
    """derive's answer: the claim that it makes, and its text."""
    given, of, wrt = posed(case)
    objective = Objective(given, of, (wrt,))
    if case.hessian:
        _, value = hessian_section(objective, wrt)
        return Equal(objective.world, (arrays.Hessian(objective.symbol, wrt), value)), value, text(value)
    if isinstance(wrt, MatrixElement):
        value = entry_of(objective, wrt)
        gradient = nodes.Gradient(objective.symbol, wrt.parent)
        return Equal(objective.world, (MatrixElement(gradient, wrt.i, wrt.j), value)), value, text(value)
    value = objective.written_out(objective.gradients[wrt])
    return IsGradient(objective.world, objective.symbol, wrt, (value,)), value, text(value)


def sympys(case: Case) -> tuple[Any, Any, str]:
    """SymPy's own answer, in its own nodes, the definitions written out: the better of two ways to write a number made
    of matrices, as a trace and as an entry."""
    first: tuple[Any, Any, str] | None = None
    for as_trace in (True, False):
        try:
            found = sympys_way(case, as_trace)
            if check(found[0]).passed:
                return found
            first = first or found
        except (NoNotation, TimeoutError):
            raise
        except Exception:
            if not as_trace and first is None:
                raise
    assert first is not None
    return first


def sympys_way(case: Case, as_trace: bool) -> tuple[Any, Any, str]:
    """SymPy's answer with numbers written one way."""
    global number
    number = Trace if as_trace else (lambda a: a[0, 0])
    given, of, wrt = posed(case)
    for symbol, meaning in reversed(given.define):
        of = of.xreplace({symbol: meaning})
    plain = {s: MatrixSymbol(s.name, *s.shape) for s in of.free_symbols if isinstance(s, MatrixSymbol)}
    of, wrt = of.xreplace(plain), wrt.xreplace(plain)
    native = to_sympy(of)
    value = native.diff(wrt)
    value = value.diff(wrt) if case.hessian else value
    value = value.doit() if hasattr(value, "doit") else value
    name = Symbol("f_", real=True)
    domains = tuple((plain[s], str(getattr(s, "domain", ""))) for s in plain)
    world = Formulas(((name, of),), domains)
    if case.hessian:
        return Equal(world, (arrays.Hessian(name, wrt), value)), value, str(value)
    if isinstance(wrt, MatrixElement):
        return Equal(world, (MatrixElement(nodes.Gradient(name, wrt.parent), wrt.i, wrt.j), value)), value, str(value)
    return IsGradient(world, name, wrt, (value,)), value, str(value)


number: Callable[[Any], Any] = Trace


class NoNotation(Exception):
    """SymPy has no way to write this."""


def to_sympy(expr: Any) -> Any:
    """The expression in SymPy's own matrix nodes."""
    if isinstance(expr, MatrixSymbol | OneMatrix | Identity) or not expr.args:
        return expr
    if isinstance(expr, nodes.Map):
        return _map(expr.body, [to_sympy(a) for a in expr.arrays])
    if isinstance(expr, nodes.Total | nodes.Mean):
        inner, (rows, columns) = to_sympy(expr.array), expr.array.shape
        right = [OneMatrix(columns, 1)] if columns != 1 else []
        total = number(MatMul(OneMatrix(1, rows), inner, *right))
        return total if isinstance(expr, nodes.Total) else total / (rows * columns)
    if type(expr) in (nodes.Softmax, nodes.LogSoftmax):
        powers = ElementwiseApplyFunction(exp, to_sympy(expr.args[0]))
        total = number(MatMul(OneMatrix(1, expr.shape[0]), powers))
        share = MatMul(1 / total, powers)
        return share if type(expr) is nodes.Softmax else ElementwiseApplyFunction(log, share)
    args = [to_sympy(a) for a in expr.args]
    table: dict[type, Callable[..., Any]] = {
        arrays.Scalar: lambda a: number(a), arrays.TraceOf: Trace, arrays.Det: Determinant, arrays.Inv: Inverse,
        arrays.LogDet: lambda a: log(Determinant(a)), arrays.Norm: lambda a: sqrt(Trace(MatMul(Transpose(a), a))),
        arrays.LogSumExp: lambda a: log(number(MatMul(OneMatrix(1, a.shape[0]), ElementwiseApplyFunction(exp, a)))),
    }  # fmt: skip
    if type(expr) in table:
        return table[type(expr)](*args)
    if isinstance(expr, MatMul | MatAdd | Transpose | MatrixElement) or (
        isinstance(expr, Expr) and not nodes.is_array(expr)
    ):
        return expr.func(*args)
    raise NoNotation(type(expr).__name__)


def _map(body: Any, parts: list[Any]) -> Any:
    slots = [s for s in body.free_symbols if isinstance(s, nodes.Slot)]
    if isinstance(body, nodes.Slot):
        return parts[body.index]
    if not slots:
        return MatMul(body, OneMatrix(*parts[0].shape))
    if body.is_Add:
        return MatAdd(*[_map(term, parts) for term in body.args])
    if body.is_Mul:
        scalars = [f for f in body.args if not any(isinstance(s, nodes.Slot) for s in f.free_symbols)]
        varying = [_map(f, parts) for f in body.args if f not in scalars]
        product = varying[0] if len(varying) == 1 else HadamardProduct(*varying)
        return MatMul(*scalars, product) if scalars else product
    if body.is_Pow and not any(isinstance(s, nodes.Slot) for s in body.exp.free_symbols):
        return hadamard_power(_map(body.base, parts), body.exp)
    if len(slots) == 1:
        x = Symbol("x_", real=True)
        return ElementwiseApplyFunction(Lambda(x, body.xreplace({slots[0]: x})), parts[slots[0].index])
    inner = body.args[0]
    x = Symbol("x_", real=True)
    if len(body.args) == 1:
        return ElementwiseApplyFunction(Lambda(x, body.func(x)), _map(inner, parts))
    raise NoNotation("a function of several arrays")


@value_in.register(ElementwiseApplyFunction)
def _applied(expr: Any, scope: Any) -> Any:
    argument = expr.function.variables[0]
    return value_in(expr.function.expr, scope.having({argument: value_in(expr.expr, scope)})).expand(
        value_in(expr.expr, scope).shape
    )


@value_in.register(HadamardPower)
def _power(expr: Any, scope: Any) -> Any:
    return value_in(expr.base, scope) ** value_in(expr.exp, scope)


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Ends what takes longer."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judged(tool: Callable[[Case], tuple[Any, Any, str]], case: Case) -> tuple[str, float, int, str]:
    """right, wrong or refused; the time; the length of the answer; and why."""
    start = perf_counter()
    try:
        with patience(PATIENCE):
            claim, _, shown = tool(case)
        took = perf_counter() - start
    except (Exception, TimeoutError) as error:
        return "refused", perf_counter() - start, 0, f"{type(error).__name__}: {error}"[:90]
    try:
        verdict = check(claim)
    except Exception as error:  # an answer in nodes without a value is none that can be used
        return "refused", took, len(shown), f"not evaluated: {type(error).__name__}"[:90]
    return ("right" if verdict.passed else "wrong"), took, len(shown), verdict.detail


TOOLS = {"derive": ours, "SymPy .diff": sympys}


def main(brief: bool = False) -> dict[str, Counter[str]]:
    """Prints the table; the counts by tool come back."""
    counts: dict[str, Counter[str]] = {tool: Counter() for tool in TOOLS}
    times: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    lengths: dict[str, list[int]] = {tool: [] for tool in TOOLS}
    for case in CASES:
        row = f"{case.name:45}"
        for tool, answer in TOOLS.items():
            outcome, took, length, why = judged(answer, case)
            counts[tool][outcome] += 1
            if outcome == "right":
                times[tool].append(took)
                lengths[tool].append(length)
            row += f"{outcome:9}{1000 * took:8.1f} ms {length:5}   "
            if outcome != "right":
                row += f"[{why}] "
        if not brief:
            print(row, flush=True)
    print(f"\n{len(CASES)} derivatives      right  wrong  refused   median time   median length")
    for tool, count in counts.items():
        middle = f"{1000 * median(times[tool]):9.1f} ms" if times[tool] else ""
        print(
            f"{tool:20}{count['right']:6}{count['wrong']:7}{count['refused']:9}   {middle:>11} {median(lengths[tool] or [0]):12.0f}"
        )
    if importlib.util.find_spec("tensorgrad") is None:
        print("tensorgrad is not installed, so it is not compared here")
    return counts


if __name__ == "__main__":
    main("--brief" in sys.argv)
