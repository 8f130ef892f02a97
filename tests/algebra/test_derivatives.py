"""Laws of the table of functions: every derivative is derived, and torch agrees."""

from __future__ import annotations

import pytest
import torch
from sympy import exp

from derive.algebra.derivatives import local_derivative
from derive.algebra.functions import TABLE
from derive.algebra.nodes import prime
from derive.checks import formulas  # noqa: F401  registers the observer
from derive.checks.referee import check
from derive.checks.twins import twin_of
from derive.derivation import Equal
from derive.worlds import Formulas


@pytest.mark.parametrize("name", sorted(TABLE))
def test_definition_is_the_function_of_torch(name: str) -> None:
    function = TABLE[name]
    known = local_derivative(function)
    at = (known.variable, *known.parameters)
    verdict = check(Equal(Formulas(), (function(*at), function.row.definition(*at))))
    assert verdict.passed and verdict.points >= 8, verdict


@pytest.mark.parametrize("name", sorted(TABLE))
def test_derived_slope_is_the_slope_of_torch(name: str) -> None:
    known = local_derivative(TABLE[name])
    at = (known.variable, *known.parameters)
    verdict = check(Equal(Formulas(), (prime(name, *at), known.raw, known.textbook)))
    assert verdict.passed and verdict.points >= 8, verdict


@pytest.mark.parametrize("name", sorted(n for n in TABLE if TABLE[n].row.kinks))
def test_slope_at_a_kink_is_the_one_of_torch(name: str) -> None:
    """At the kink no derivative exists; the page shows the value that torch uses."""
    from derive.algebra.values import value_of

    row = TABLE[name].row
    for kink in row.kinks:
        t = torch.tensor(float(kink), dtype=torch.float64, requires_grad=True)
        settings = [float(default) for _, default in row.parameters]
        (slope,) = torch.autograd.grad(twin_of(row)(t, *settings), t)
        ours = value_of(prime(name, kink, *[default for _, default in row.parameters]), {})
        assert float(ours) == pytest.approx(float(slope), abs=1e-15)


def test_textbook_forms_name_the_function_itself() -> None:
    sigmoid, tanh, softplus = (TABLE[name] for name in ("sigmoid", "tanh", "softplus"))
    z = local_derivative(sigmoid).variable
    assert local_derivative(sigmoid).textbook == sigmoid(z) * (1 - sigmoid(z))
    assert local_derivative(tanh).textbook == 1 - tanh(z) ** 2
    assert local_derivative(softplus).textbook == sigmoid(z)
    assert not any(local_derivative(f).textbook.has(exp) for f in (sigmoid, tanh, softplus))
