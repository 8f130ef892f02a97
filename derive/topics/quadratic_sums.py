"""The closed form of scalars that minimise a quadratic sum over data, in centred sums."""

from __future__ import annotations

from typing import Any

from sympy import (
    Add,
    Expr,
    Ge,
    Gt,
    Indexed,
    Integer,
    Matrix,
    Mul,
    Poly,
    PolynomialError,
    Sum,
    Symbol,
    cancel,
    expand,
    factor,
    fraction,
    together,
)
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import PositiveArray
from derive.algebra.nodes import Factors, Partial, Quotient, Terms, plain
from derive.algebra.sums import (
    Centred,
    by_linearity,
    centre,
    data_in,
    derivative,
    in_components,
    mean_of,
    sizes_of,
    summand,
    unfolded,
)
from derive.derivation import Answer, Assumption, Derivation, Equal, Holds, IsMinimum, Rule, Section, Work, rule
from derive.errors import GivenError, NotDerivable
from derive.topics.extremum import value_answers
from derive.worlds import Formulas

COMPONENTS = rule("objective in components", "write the sum over the data")
UNDER = rule("derivative under the sum", "chain rule, term by term")
LINEARITY = rule("linearity of sums", "split the sums, constants in front")
NORMAL = rule("normal equation", "at the minimum the derivative in {0} is zero")
SOLVE_ONE = rule("solve for", "solve for {0}")
MEANS = rule("sums as means", "a sum divided by the number of its terms is a mean")
ELIMINATE = rule("eliminate", "insert this for {0} in the other equation, and solve for {1}")
SOLVE_ALL = rule("solve the linear system", "solve the normal equations for {0}")
MULTIPLY_OUT = rule("multiply out the centred sum", "multiply out")
MEANS_CANCEL = rule("means cancel", "each sum is its mean times the number (or weight) of its terms")
CENTRED = rule("centred sums", "so numerator and denominator are centred sums")
SECOND = rule("second derivative", "differentiate once more")
DETERMINANT = rule(
    "determinant of second derivatives", "the determinant of the second derivatives, again with a centred sum"
)
DETERMINANT_ITSELF = rule("determinant of second derivatives as it is", "the determinant of the second derivatives")
POSITIVE = rule("positive", "positive by its form")
ASSUMED_POSITIVE = rule("positive as assumed", "positive, as assumed above")
FORM = rule("second derivatives as a sum of squares", "the second derivatives along any direction {0}, as squares")
NOT_NEGATIVE = rule("not negative", "a sum of squares (and of positive terms) is not negative")
NOT_ALL_ZERO = rule("data that are not all zero", "assumed: the data are not all zero")
VARIES = rule("data that vary", "assumed: not all entries of {0} are equal")
NO_MULTIPLES = rule("data that are no multiples", "assumed: neither column of data is a multiple of the other")
INDEPENDENT = rule("independent columns", "assumed: no column of data is a combination of the others")
VALUE = rule("the value at the stationary point", "the {0}: the objective there")
MINIMUM = rule("it is the minimum", "the second derivatives are positive definite, so this is the minimum")


def quadratic_derivation(given: Any, objective: Any, over: tuple[Any, ...]) -> Derivation:
    """The closed form of a sum over data that is quadratic in scalars, in centred sums."""
    problem = Quadratic(given, objective, over)
    solution = problem.solution
    sections = [
        objective_section(problem),
        gradient_section(problem),
        *conditions_section(problem),
        normal_section(problem),
        *solving_sections(problem),
        second_section(problem),
    ]
    answers = (
        *[_answer(problem, symbol, solution[symbol]) for symbol in problem.over],
        *value_answers(problem.solved, problem.name, problem.least, "minimum"),
    )
    return Derivation("The minimum in closed form", tuple(sections), answers)


def conditions_section(problem: Quadratic) -> list[Section]:
    """What the divisions need: that the determinant of the linear system is not zero, in the words of the data."""
    work = Work("Conditions", problem.world)
    for value, why, about in conditions(problem):
        work.claim(Assumption(work.world, Gt(value, 0, evaluate=False)), why, about)
    return [work.section()] if work.steps else []


def conditions(problem: Quadratic) -> list[tuple[Any, Rule, tuple[Any, ...]]]:
    """What is positive by assumption, since its form does not show it."""
    over = problem.over
    found: list[tuple[Any, Rule, tuple[Any, ...]]] = []
    if len(over) == 1:
        bottom = problem.linear[over[0]][1][over[0]]
        if not is_positive(problem, bottom):
            found.append((bottom, NOT_ALL_ZERO, ()))
    if len(over) == 2:
        a, d = (problem.linear[s][1][s] for s in over)
        if not is_positive(problem, a) and not is_positive(problem, d):
            found.append((d, NOT_ALL_ZERO, ()))
        _, rest, laws = centre(_determinant(problem), problem.size)
        if laws and not is_positive(problem, rest):
            found.append((rest, VARIES, (column_of(laws[0].f, problem.size),)))
        elif not laws:
            found.append((_determinant(problem), NO_MULTIPLES, ()))
    if len(over) > 2:
        found.append((_determinant(problem), INDEPENDENT, ()))
    return found


def column_of(monomial: Expr, size: Expr) -> Any:
    """The column of data whose entries a monomial gives."""
    return MatrixSymbol(str(monomial.base.label), size, 1) if isinstance(monomial, Indexed) else monomial


def _determinant(problem: Quadratic) -> Expr:
    over = problem.over
    return expand(Matrix([[problem.linear[s][1][t] for t in over] for s in over]).det())


def is_positive(problem: Quadratic, expr: Expr) -> bool:
    """A sum of terms none of which is negative and one of which is positive: numbers, sizes, positive symbols and sums of
    positive data are positive, sums of squares (with such factors) are not negative."""
    signs = [_sign_of_term(problem, term) for term in Add.make_args(expand(plain(expr), deep=False))]
    return None not in signs and 2 in signs


def _sign_of_term(problem: Quadratic, term: Expr) -> int | None:
    signs = [_sign_of_factor(problem, f) for f in Mul.make_args(term)]
    if None in signs:
        return None
    return 2 if all(sign == 2 for sign in signs) else 1


def _sign_of_factor(problem: Quadratic, one: Expr) -> int | None:
    if isinstance(one, Sum):
        return _sign_of_term(problem, one.function)
    if one.is_Pow and one.exp.is_Integer and one.exp.is_even:
        return 1
    if isinstance(one, Indexed):
        return 2 if str(one.base.label) in problem.positive else None
    return 2 if one.is_positive else None


class Quadratic:
    """An objective that is quadratic in its scalar parameters, written in sums over the data."""

    def __init__(self, given: Any, objective: Any, over: tuple[Any, ...]):
        self.given, self.objective, self.over = given, objective, over
        for symbol in over:
            if not isinstance(symbol, Symbol) or symbol in {s for s, _ in given.define}:
                raise GivenError(
                    f"'{symbol}' is no scalar parameter; declare it as scalar under 'symbols'", ("given", "symbols")
                )
        written = unfolded(objective, given.define)
        if getattr(written, "shape", None) is not None:
            raise GivenError("an objective is one number, such as sum((y - y_hat)**2)", ("given", "define"))
        self.sum = in_components(written)
        sizes = sizes_of(data_in(written))
        if len(sizes) != 1 or not self.sum.has(*over):
            raise NotDerivable("the objective needs data of one length, and its parameters")
        (self.size,) = sizes
        self.gradients = {symbol: derivative(self.sum, symbol) for symbol in over}
        self.linear = {symbol: self._linear(self.gradients[symbol]) for symbol in over}
        self.solution = self._solution()

    def _linear(self, gradient: Expr) -> tuple[Expr, dict[Symbol, Expr], Expr]:
        """A gradient as factor * (b - sum_k A_k theta_k): the factor, the A_k, and b."""
        flat = by_linearity(gradient)
        try:
            poly = Poly(flat, *self.over)
        except PolynomialError:
            raise NotDerivable(
                "the parameters do not enter as a polynomial, so there is no closed form by linear equations"
            ) from None
        if poly.total_degree() > 1:
            raise NotDerivable(
                "the gradient is not linear in the parameters, so there is no closed form by linear equations"
            )
        _, below = fraction(together(flat))
        whole = expand(cancel(together(flat) * below))
        content = (
            Poly(whole, *sorted(whole.free_symbols | whole.atoms(*ATOMS), key=str)).content()
            if whole != 0
            else Integer(1)
        )
        factor = -content / below
        reduced = Poly(expand(cancel(together(flat) / factor)), *self.over)
        coefficients = {symbol: expand(-reduced.coeff_monomial(symbol)) for symbol in self.over}
        return factor, coefficients, expand(reduced.coeff_monomial(1))

    def _solution(self) -> dict[Symbol, Expr]:
        from sympy import Matrix

        rows = [[self.linear[s][1][t] for t in self.over] for s in self.over]
        system, right = Matrix(rows), Matrix([self.linear[s][2] for s in self.over])
        determinant = expand(system.det())
        if determinant == 0:
            raise NotDerivable("the normal equations do not determine the parameters")
        found = {}
        for k, symbol in enumerate(self.over):
            replaced = system.copy()
            replaced[:, k] = right
            found[symbol] = Quotient(expand(replaced.det()), determinant)
        return found

    @property
    def positive(self) -> set[str]:
        """The names of data that are positive numbers."""
        return {a.name for a in data_in(unfolded(self.objective, self.given.define)) if isinstance(a, PositiveArray)}

    @property
    def least(self) -> Expr:
        """f(u*) = f(0) + <gradient at 0, u*>/2, since f is quadratic; in the parameters at their best."""
        zero: dict[Any, Any] = dict.fromkeys(self.over, Integer(0))
        slopes = [by_linearity(self.gradients[s].xreplace(zero)) * s / 2 for s in self.over]
        return expand(by_linearity(self.sum.xreplace(zero)) + Add(*slopes))

    @property
    def drawn(self) -> tuple[Any, ...]:
        """The conditions that points are drawn by."""
        return tuple(Gt(value, 0, evaluate=False) for value, _, _ in conditions(self))

    @property
    def definitions(self) -> tuple[tuple[Any, Any], ...]:
        known = {symbol for symbol, _ in self.given.define}
        return self.given.define if self.objective in known else (*self.given.define, (self.name, self.objective))

    @property
    def name(self) -> Any:
        """The objective's symbol."""
        return self.objective if isinstance(self.objective, Symbol) else Symbol("J")

    @property
    def world(self) -> Formulas:
        """Any parameters, any data."""
        return Formulas(self.definitions, self._domains(), conditions=self.drawn)

    @property
    def solved(self) -> Formulas:
        """The parameters at the solution, any data."""
        return Formulas((*self.solution.items(), *self.definitions), self._domains(), conditions=self.drawn)

    def _domains(self) -> tuple[tuple[Any, str], ...]:
        declared = dict(self.given.domains)
        return tuple(
            (symbol, declared.get(symbol, ""))
            for symbol in sorted(data_in(unfolded(self.objective, self.given.define)), key=str)
        ) + tuple((symbol, domain) for symbol, domain in self.given.domains if isinstance(symbol, Symbol))


def _atoms() -> tuple[type, ...]:
    from sympy import Sum

    from derive.algebra.nodes import Mean

    return (Sum, Mean)


ATOMS = _atoms()


def objective_section(problem: Quadratic) -> Section:
    work = Work("The objective", problem.world)
    work.equal(problem.name, problem.sum, why=COMPONENTS)
    return work.section()


def gradient_section(problem: Quadratic) -> Section:
    """The derivative in each parameter, then its sums split."""
    work = Work("Derivatives", problem.world)
    for symbol in problem.over:
        work.gradient(problem.name, symbol, problem.gradients[symbol], why=UNDER)
        split = _split_form(problem, symbol)
        if split != problem.gradients[symbol]:
            work.equal(problem.gradients[symbol], split, why=LINEARITY)
    return work.section()


def _split_form(problem: Quadratic, symbol: Symbol) -> Any:
    """factor * (b - sum_k theta_k A_k)."""
    factor, coefficients, right = problem.linear[symbol]
    terms = [
        *_terms(right),
        *[Factors(Integer(-1), *_times(t, a, problem.size)) for t, a in coefficients.items() if a != 0],
    ]
    inner = Terms(*terms)
    return inner if factor == 1 else Factors(factor, inner)


def _times(parameter: Symbol, coefficient: Expr, size: Expr) -> tuple[Any, Any]:
    """N w, but w sum_i x_i."""
    return (size, parameter) if coefficient == size else (parameter, _grouped(coefficient))


def _terms(expr: Expr) -> list[Expr]:
    return [] if expr == 0 else list(expr.as_ordered_terms())


def _grouped(expr: Expr) -> Any:
    terms = _terms(expr)
    return Terms(*terms) if len(terms) > 1 else expr


def normal_section(problem: Quadratic) -> Section:
    """The equations that hold at the minimum, unknowns on the left."""
    work = Work("Normal equations", problem.solved)
    for symbol in problem.over:
        _, coefficients, right = problem.linear[symbol]
        left = Terms(*[Factors(*_times(t, a, problem.size)) for t, a in coefficients.items() if a != 0])
        work.equal(left, right, why=NORMAL, about=(symbol,))
    return work.section()


def solving_sections(problem: Quadratic) -> list[Section]:
    """Solved one after another: with two parameters the second is eliminated first."""
    if len(problem.over) == 1:
        return [_solve_one(problem)]
    if len(problem.over) == 2:
        return _solve_two(problem)
    work = Work("Solution", problem.solved)
    for symbol in problem.over:
        work.equal(symbol, problem.solution[symbol], why=SOLVE_ALL, about=(symbol,), result=True)
    return [work.section()]


def _solve_one(problem: Quadratic) -> Section:
    (symbol,) = problem.over
    _, coefficients, right = problem.linear[symbol]
    work = Work("Solution", problem.solved)
    written = Quotient(right, _grouped(coefficients[symbol]))
    mean = _as_mean(problem, right, coefficients[symbol])
    work.equal(symbol, written, why=SOLVE_ONE, about=(symbol,), result=mean is None)
    if mean is not None:
        work.equal(written, mean, why=MEANS, result=True)
    return work.section()


def _as_mean(problem: Quadratic, top: Expr, bottom: Expr) -> Expr | None:
    """S(x)/N as the mean of x, for plain data x."""
    inner = summand(top, problem.size)
    if bottom != problem.size or inner is None or inner == 1:
        return None
    found = mean_of(inner, Integer(1), problem.size)
    return None if isinstance(found, Quotient) else found


def _solve_two(problem: Quadratic) -> list[Section]:
    first, second = problem.over
    _, coefficients, right = problem.linear[second]
    work = Work("Solution", problem.solved)
    below, beside = coefficients[second], coefficients[first]
    eliminated = (
        Quotient(Terms(right, Factors(Integer(-1), first, _grouped(beside))), _grouped(below))
        if beside != 0
        else Quotient(right, below)
    )
    work.equal(second, eliminated, why=SOLVE_ONE, about=(second,), result=False)
    means = _as_mean(problem, right, below), _as_mean(problem, beside, below)
    if None not in means:
        work.equal(eliminated, Terms(means[0], Factors(Integer(-1), first, means[1])), why=MEANS, result=True)
    solution = problem.solution[first]
    why, about = (ELIMINATE, (second, first)) if beside != 0 else (SOLVE_ONE, (first,))
    work.equal(first, solution, why=why, about=about)
    top, bottom = centre(solution.args[0], problem.size), centre(solution.args[1], problem.size)
    centred = Quotient(top[1], bottom[1])
    if not (top[2] or bottom[2]) or top[0] != bottom[0]:
        return [work.section()]
    laws = list(dict.fromkeys([*top[2], *bottom[2]]))
    lemma = Work("Sums about the mean", problem.solved)
    for law in laws:
        lemma_steps(lemma, law)
    last = Work("Centred form", problem.solved)
    last.equal(first, solution, why=SOLVE_ONE, about=(first,))
    last.equal(solution, centred, why=CENTRED, result=True)
    return [work.section(), lemma.section(), last.section()]


def lemma_steps(work: Work, law: Centred) -> None:
    """The centred sum multiplied out, and what is left of it."""
    work.equal(law.sum(), law.multiplied_out(), why=MULTIPLY_OUT)
    work.equal(law.multiplied_out(), law.short(), why=MEANS_CANCEL)


def second_section(problem: Quadratic) -> Section:
    """The second derivatives, that they are positive definite, and the minimum."""
    work, over = Work("Second derivatives", problem.world), problem.over
    second = {(s, t): _second(problem, s, t) for k, s in enumerate(over) for t in over[k:]}
    for (s, t), value in second.items():
        work.equal(Partial(problem.name, s, t), value, why=SECOND)
    head = next((second[s, s] for s in over if is_positive(problem, second[s, s])), second[over[-1], over[-1]])
    if len(over) <= 2 and not head.is_number:
        positive_step(problem, work, head)
    if len(over) > 2:
        squares_steps(problem, second, work)
    if len(over) == 2:
        a, b, d = second[over[0], over[0]], second[over[0], over[1]], second[over[1], over[1]]
        determinant = Terms(Factors(a, d), Factors(Integer(-1), b**2))
        factor, rest, laws = centre(expand(a * d - b**2), problem.size)
        shown = Factors(factor, rest) if laws else expand(a * d - b**2)
        work.equal(determinant, shown, why=DETERMINANT if laws else DETERMINANT_ITSELF)
        positive_step(problem, work, shown)
    point = tuple(problem.solution.items())
    work.claim(IsMinimum(problem.world, problem.name, point, proof="convex"), MINIMUM, (), True)
    work.claim(Equal(problem.solved, (problem.name, problem.least)), VALUE, ("minimum",), True)
    return work.section()


def positive_step(problem: Quadratic, work: Work, value: Any) -> None:
    """That a second derivative (or their determinant) is positive: by its form, or since that was assumed."""
    why = POSITIVE if is_positive(problem, value) else ASSUMED_POSITIVE
    work.claim(Holds(work.world, Gt(value, 0, evaluate=False)), why)


def squares_steps(problem: Quadratic, second: dict[tuple[Symbol, Symbol], Expr], work: Work) -> None:
    """The second derivatives along any direction, summed under one sum as squares."""
    over = problem.over
    letters = [[f"{c}_{k}" for c in "vuq"] for k in range(1, len(over) + 1)]
    names = [problem.given.named(("letter", options[0], ()), options) for options in letters]
    v = [Symbol(name, real=True) for name in names]
    pairs = [(k, m) for k in range(len(over)) for m in range(k, len(over))]
    form = Add(*[(1 if k == m else 2) * v[k] * v[m] * second[over[k], over[m]] for k, m in pairs])
    squares = Add(*[_along(term, over, v) for term in Add.make_args(problem.sum)])
    work.equal(form, squares, why=FORM, about=(tuple(v),))
    work.claim(Holds(work.world, Ge(squares, 0, evaluate=False)), NOT_NEGATIVE)


def _along(term: Expr, over: tuple[Symbol, ...], v: list[Symbol]) -> Expr:
    """The second derivative of a term along a direction, factorised under its sum."""

    def change(expr: Expr) -> Expr:
        return Add(*[expr.diff(s) * d for s, d in zip(over, v, strict=True)])

    sums = [f for f in Mul.make_args(term) if isinstance(f, Sum)]
    if not sums:
        return factor(change(change(term)))
    inner = factor(change(change(sums[0].function)))
    return term / sums[0] * Sum(inner, *sums[0].limits)


def _second(problem: Quadratic, s: Symbol, t: Symbol) -> Expr:
    factor, coefficients, _ = problem.linear[s]
    return expand(Mul(-factor, coefficients[t]))


def _answer(problem: Quadratic, symbol: Symbol, value: Any) -> Answer:
    shown = value
    top, bottom = centre(value.args[0], problem.size), centre(value.args[1], problem.size)
    if (top[2] or bottom[2]) and top[0] == bottom[0]:
        shown = Quotient(top[1], bottom[1])
    return Answer(str(symbol), shown, lambda v: Equal(problem.solved, (symbol, v)))
