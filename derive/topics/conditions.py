"""What a closed form needs: inverses that exist, values in their domains. It is stated before it is used: as a claim where it
follows from what is given, else as an assumption by which points are drawn."""

from __future__ import annotations

from typing import Any

from sympy import Basic, Eq, Gt, Lt, Ne
from sympy.matrices.expressions import MatMul, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.differentials import chains
from derive.algebra.nodes import is_array, matmul
from derive.algebra.signs import sign_of
from derive.algebra.tidy import transposed
from derive.derivation import Assumption, IsPositiveDefinite, Section, Work, rule
from derive.topics.extremum_proof import letter, square

FULL_RANK = rule("full column rank", "assumed: the columns of {0} are independent")
BY_RANK = rule("a Gram matrix of full rank", "the columns of {0} are independent, so it has an inverse")
BY_FORM = rule("definite by its form", "squares and, since {0} > 0, a definite term: it has an inverse")
INVERTIBLE = rule("invertible", "assumed: this matrix has an inverse")
IN_DOMAIN = rule("in the domain", "assumed: else there is no such {0}")
SPANNED = rule("a covariance that spans", "assumed: the data vary in every direction, so that {0} has an inverse")


def conditions_section(problem: Any) -> Section | None:
    """All conditions of the closed forms, in the order in which they are met."""
    work = Work("Conditions", problem.free)
    needed = [*inverted(problem.closed.values()), *[m for m in map(sent_to_zero, problem.solved) if m is not None]]
    for matrix in dict.fromkeys(needed):
        inverse_steps(problem, matrix, work)
    for unknown in problem.over:
        domain_steps(problem, unknown, problem.closed[unknown], work)
    return work.section() if work.steps else None


def inverted(values: Any) -> list[Any]:
    """The matrices of which an inverse occurs, inner ones first."""
    found: dict[Any, None] = {}

    def visit(expr: Any) -> None:
        for arg in getattr(expr, "args", ()):
            if isinstance(arg, Basic):
                visit(arg)
        if isinstance(expr, arrays.Inv) and not isinstance(expr.array, arrays.PositiveDefinite):
            found[expr.array] = None

    for value in values:
        visit(value)
    return list(found)


def sent_to_zero(one: Any) -> Any:
    """M, where M u = 0 was solved by u = 0."""
    if not isinstance(one.value, ZeroMatrix) or one.how != "invert" or not isinstance(one.left, MatMul):
        return None
    factors = [factor for factor in one.left.args if factor != one.symbol]
    matrix = matmul(*factors)
    return None if isinstance(matrix, arrays.PositiveDefinite) else matrix


def inverse_steps(problem: Any, matrix: Any, work: Work) -> None:
    """Why a matrix has an inverse."""
    factor = gram_factor(matrix)
    if factor is not None:
        work.claim(
            Assumption(work.world, Eq(arrays.Rank(factor), factor.shape[1], evaluate=False)), FULL_RANK, (factor,)
        )
        work.claim(IsPositiveDefinite(work.world, matrix), BY_RANK, (factor,))
        return
    definite = definite_term(problem, matrix)
    if definite is not None:
        work.claim(IsPositiveDefinite(work.world, matrix), BY_FORM, (definite,))
        return
    work.claim(Assumption(work.world, Ne(arrays.Det(matrix), 0, evaluate=False)), INVERTIBLE)


def gram_factor(matrix: Any) -> Any:
    """X, for X'X and X'CX with a positive definite C; None for another form."""
    terms = chains(matrix)
    if len(terms) != 1 or sign_of(terms[0][0]) != 2:
        return None
    chain = terms[0][1]
    middle = len(chain) // 2
    last = chain[-1].args[0] if isinstance(chain[-1], Transpose) else chain[-1]
    if middle != 1 or not isinstance(last, MatrixSymbol) or chain[0] != transposed(chain[-1]):
        return None
    probe = MatrixSymbol("_", matrix.shape[1], 1)
    if len(chain) == 3:
        inner = square((chain[1],), MatrixSymbol("_", chain[1].shape[1], 1))
        return chain[-1] if inner is not None and inner[1] == 2 else None
    return chain[-1] if square(chain, probe) is not None else None


def definite_term(problem: Any, matrix: Any) -> Any:
    """What makes a sum of squares definite: the number (or the array) that is positive; None where nothing does."""
    probe = MatrixSymbol(letter(problem, "v u delta", (matrix.shape[1], 1)), matrix.shape[1], 1)
    found = None
    for scalar, chain in chains(matrix):
        one, factor = square(chain, probe), sign_of(scalar)
        if one is None or factor is None or factor * one[1] < 0:
            return None
        if factor == 2 and one[1] == 2 and found is None:
            found = chain[0].array if scalar.is_number and hasattr(chain[0], "array") else scalar
    return found


def domain_steps(problem: Any, unknown: Any, value: Any, work: Work) -> None:
    """That a value lies in its unknown's domain, where its form does not show it."""
    if is_array(unknown):
        if isinstance(unknown, arrays.PositiveDefinite) and not isinstance(value, arrays.PositiveDefinite):
            relation: Any = Gt(arrays.Det(value), 0, evaluate=False)
            work.claim(Assumption(work.world, relation), SPANNED, (unknown,))
        return
    if not getattr(unknown, "is_positive", False):
        return
    if sign_of(value) != 2:
        work.claim(Assumption(work.world, Gt(value, 0, evaluate=False)), IN_DOMAIN, (unknown,))
    if isinstance(unknown, arrays.UnitNumber) and sign_of(1 - value) != 2:
        work.claim(Assumption(work.world, Lt(value, 1, evaluate=False)), IN_DOMAIN, (unknown,))


def drawn_by(section: Section | None) -> tuple[Any, ...]:
    """The conditions as worlds know them: relations, and arrays of full column rank."""
    found = []
    for step in section.steps if section else ():
        if isinstance(step.claim, Assumption):
            relation = step.claim.relation
            rank = relation.args[0] if isinstance(relation.args[0], arrays.Rank) else None
            found.append(relation if rank is None else rank.array)
    return tuple(found)
