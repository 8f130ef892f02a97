"""Gradients of random formulas, in random lists of names, are what a torch program written beside them finds."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given

from derive.algebra.formula import parse_value
from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.derivation import Answer
from derive.problem.model import Given
from derive.problem.read import _defined
from derive.topics.gradient import GradientQuestion
from tests.algebra.declared import declared
from tests.drawn import examples
from tests.topics.random_formulas import DECLARED, Problem, problems

NEAR = 1e-6  # a kink that is nearer is left out: torch and derive may take different sides of it
CLOSE = 1e-9


def gradients(problem: Problem) -> tuple[list[Answer], dict[str, Any]]:
    """What derive answers, and the problem's symbols."""
    symbols = declared("; ".join(f"{name}: {word}" for name, (word, _) in DECLARED.items()))
    define = []
    for name, written in problem.defined:
        value = parse_value(written.text, symbols)
        symbols[name] = _defined(name, value)
        define.append((symbols[name], value.expr))
    asked = GradientQuestion(symbols[problem.defined[-1][0]], tuple(symbols[name] for name in problem.wrt))
    return list(asked.derive(Given(symbols=symbols, define=tuple(define))).answers), symbols


def as_shown(value: torch.Tensor) -> torch.Tensor:
    """Vectors as columns."""
    return value.reshape(-1, 1) if value.ndim == 1 else value


def compare(problem: Problem) -> None:
    torch.set_num_threads(1)
    run, slopes = problem.run()
    if run.nearest < NEAR or not all(torch.isfinite(slope).all() for slope in slopes.values()):
        return
    answers, symbols = gradients(problem)
    assert [answer.name for answer in answers] == list(problem.wrt)
    known = Bindings({symbols[name]: as_shown(value.detach()) for name, value in run.values.items()}, "")
    for answer in answers:
        for symbol, meaning in answer.claim(answer.value).world.definitions:  # derive's own names, if there are any
            if symbol not in known.values and answer.value.has(symbol):
                known.values[symbol] = evaluate(meaning, known)
        name, value, right = answer.name, evaluate(answer.value, known), as_shown(slopes[answer.name].detach())
        assert value.shape == right.shape, (name, value.shape, right.shape)
        error = float((value - right).detach().abs().max()) / max(1.0, float(right.abs().max()))
        assert error < CLOSE, (name, str(answer.value), value.tolist(), right.tolist())


@examples(1000)
@given(problems())
def test_gradients_are_what_a_program_beside_them_finds(problem: Problem) -> None:
    compare(problem)
