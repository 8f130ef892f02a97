"""The table of elementwise functions, one row each. No derivative is typed in: `derivatives.py` derives it.

A row names its torch twin as a string, so that the row imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Function, Piecewise, Rational, Symbol, erf, exp, log, sqrt


@dataclass(frozen=True)
class Row:
    """One elementwise function: its definition in t (and parameters), how it is set, and its twin in torch.

    `latex` is the name on the page, `text` the name in plain text and in formulas; `parameters` maps each extra
    parameter to its default; `kinks` are the points where it has no derivative; `torch` is called as twin(t, *parameters),
    `module`(*parameters) is the layer of torch.nn.
    """

    name: str
    latex: str
    definition: Callable[..., Expr]
    torch: str
    module: str
    source: str
    parameters: tuple[tuple[str, Any], ...] = ()
    kinks: tuple[Any, ...] = ()


class TableFunction(Function):
    """Base of the functions of the table. A function keeps its name; its derivative comes from its definition."""

    row: Row

    @classmethod
    def eval(cls, *args: Any) -> None:
        return None

    @property
    def definition(self) -> Expr:
        """The function's definition at its arguments."""
        return self.row.definition(*self.args)

    def fdiff(self, argindex: int = 1) -> Expr:
        from derive.algebra.derivatives import derivative_at

        return derivative_at(type(self), argindex, self.args)

    def _eval_evalf(self, prec: int) -> Expr:
        return self.definition._eval_evalf(prec)

    def _eval_is_real(self) -> bool:
        return True


TABLE: dict[str, type[TableFunction]] = {}


def _function(row: Row) -> type[TableFunction]:
    body = {"row": row, "nargs": 1 + len(row.parameters), "__module__": __name__}
    TABLE[row.name] = type(row.name, (TableFunction,), body)
    return TABLE[row.name]


sigmoid = _function(
    Row("sigmoid", r"\sigma", lambda t: 1 / (1 + exp(-t)), "torch.sigmoid", "torch.nn.Sigmoid", "the logistic function")
)
tanh = _function(
    Row(
        "tanh",
        r"\tanh",
        lambda t: (exp(t) - exp(-t)) / (exp(t) + exp(-t)),
        "torch.tanh",
        "torch.nn.Tanh",
        "the hyperbolic tangent",
    )
)
relu = _function(
    Row(
        "relu", r"\operatorname{ReLU}", lambda t: Piecewise((t, t > 0), (0, True)),
        "torch.nn.functional.relu", "torch.nn.ReLU", "Nair and Hinton 2010", kinks=(0,),
    )
)  # fmt: skip
leaky_relu = _function(
    Row(
        "leaky_relu", r"\operatorname{LReLU}", lambda t, slope: Piecewise((t, t > 0), (slope * t, True)),
        "torch.nn.functional.leaky_relu", "torch.nn.LeakyReLU", "Maas, Hannun and Ng 2013", (("slope", Rational(1, 100)),), kinks=(0,),
    )
)  # fmt: skip
elu = _function(
    Row(
        "elu", r"\operatorname{ELU}", lambda t, alpha: Piecewise((t, t > 0), (alpha * (exp(t) - 1), True)),
        "torch.nn.functional.elu", "torch.nn.ELU", "Clevert, Unterthiner and Hochreiter 2016", (("alpha", 1),), kinks=(0,),
    )
)  # fmt: skip
softplus = _function(
    Row(
        "softplus",
        r"\operatorname{softplus}",
        lambda t: log(1 + exp(t)),
        "torch.nn.functional.softplus",
        "torch.nn.Softplus",
        "Dugas et al. 2000",
    )
)
gelu = _function(
    Row(
        "gelu", r"\operatorname{GELU}", lambda t: t * (1 + erf(t / sqrt(2))) / 2,
        "torch.nn.functional.gelu", "torch.nn.GELU", "Hendrycks and Gimpel 2016, the exact form",
    )
)  # fmt: skip
silu = _function(
    Row(
        "silu",
        r"\operatorname{SiLU}",
        lambda t: t * sigmoid(t),
        "torch.nn.functional.silu",
        "torch.nn.SiLU",
        "Elfwing, Uchibe and Doya 2018",
    )
)
identity = _function(
    Row("identity", r"\operatorname{id}", lambda t: t, "torch.clone", "torch.nn.Identity", "the linear unit")
)


def argument() -> Symbol:
    """The variable in which definitions are written."""
    return Symbol("z", real=True)
