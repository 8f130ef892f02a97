"""Arrays as a teacher writes them: sums of products, scalars first, no transpose doubled, nothing that cancels left.

`tidy` keeps the value. Each law it uses is named where it is used; brackets stay as they were written unless asked to
be multiplied out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from sympy import (
    Add,
    Basic,
    Dummy,
    Expr,
    Integer,
    Mul,
    Number,
    Piecewise,
    Pow,
    cancel,
    count_ops,
    exp,
    factor,
    fraction,
    together,
)
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.functions import TABLE
from derive.algebra.nodes import Map, Mean, Slot, Softmax, Total, filled, is_array, matmul, signature
from derive.algebra.quotients import signed

Chain = tuple[Any, ...]  # the factors of a product
Term = tuple[Any, Chain]  # a scalar, and the product that it multiplies

ONE = Integer(1)
LARGEST_BODY = 80  # operations up to which an entrywise expression is simplified


@lru_cache(maxsize=4096)
def tidy(expr: Any, distribute: bool = False) -> Any:
    """The same value in the form a teacher writes; with `distribute`, brackets in products are multiplied out."""
    return _Tidy(distribute).of(with_means(expr))


def with_means(expr: Any) -> Any:
    """sum(x) as N mean(x) where the mean of x occurs too, so that the two cancel."""
    means = expr.atoms(Mean) if isinstance(expr, Basic) else ()
    return expr.xreplace({Total(m.array): Mul(*m.array.shape) * m for m in means if isinstance(m.array, MatrixSymbol)})


class _Tidy:
    def __init__(self, distribute: bool):
        self.distribute = distribute
        self.known: dict[Any, Any] = {}

    def of(self, expr: Any) -> Any:
        if expr not in self.known:
            self.known[expr] = self.array(expr) if is_array(expr) else self.scalar(expr)
        return self.known[expr]

    # scalars

    def scalar(self, expr: Any) -> Any:
        if not isinstance(expr, Basic) or not expr.args:
            return expr
        if isinstance(expr, arrays.Scalar):
            return Add(*[c * _scalar_of(chain) for c, chain in self.terms(expr.array)])
        if isinstance(expr, arrays.TraceOf):
            return Add(*[c * _trace_of(chain) for c, chain in self.terms(expr.array)])
        if isinstance(expr, Total):
            return self.total(expr.array)
        if isinstance(expr, Mean):
            size = Mul(*expr.array.shape)
            return expr if isinstance(expr.array, MatrixSymbol) else self.total(expr.array) / size
        if isinstance(expr, arrays.Norm):
            terms = self.terms(expr.array)
            if len(terms) == 1 and isinstance(terms[0][0], Number):
                return abs(terms[0][0]) * arrays.Norm(product(ONE, terms[0][1]))
        return _rebuilt(expr, map(self.of, expr.args))

    def total(self, array: Any) -> Any:
        """1' (c A + d B) 1 = c 1' A 1 + d 1' B 1."""
        terms = self.terms(array)
        if len(terms) > 1 and not self.distribute:
            content, rest = content_of(terms)
            return content * Total(combined(rest))
        return Add(*[c * _total_of(chain) for c, chain in terms])

    # arrays

    def array(self, expr: Any) -> Any:
        if isinstance(expr, MatrixSymbol):
            return expr
        terms = self.terms(expr)
        if len(terms) > 1 and not self.distribute:
            content, rest = content_of(terms)
            if content.free_symbols or all(len(chain) == 1 for _, chain in terms):
                return matmul(content, combined(rest))
        return combined(terms, expr.shape, not self.distribute)

    def terms(self, expr: Any) -> list[Term]:
        """The array as a sum of scalars times products, like terms collected; nothing for zero."""
        return collected([t for term in self.spread(expr) for t in self.simplified(term)], expr.shape)

    def spread(self, expr: Any) -> list[Term]:
        if isinstance(expr, ZeroMatrix):
            return []
        if isinstance(expr, OneMatrix) and ONE not in expr.shape:  # 1 1' as a product
            return [(ONE, (OneMatrix(expr.shape[0], ONE), OneMatrix(ONE, expr.shape[1])))]
        if isinstance(expr, MatAdd):
            return [term for arg in expr.args for term in self.terms(arg)]
        if isinstance(expr, MatMul):
            return self.product_terms(expr)
        if isinstance(expr, Transpose):
            return [(c, turned(chain)) for c, chain in self.terms(expr.args[0])]
        if isinstance(expr, Map):
            return self.map_terms(expr)
        return [(ONE, (self.atom(expr),))]

    def product_terms(self, expr: MatMul) -> list[Term]:
        scalar = Mul(*[self.of(a) for a in expr.args if not is_array(a)])
        products: list[Term] = [(scalar, ())]
        factors = [a for a in expr.args if is_array(a)]
        for factor_ in factors:
            terms = self.terms(factor_)
            if not terms:
                return []
            if len(terms) > 1 and not self.distribute and len(factors) > 1:
                content, rest = content_of(terms)
                terms = [(content, (combined(rest),))]
            products = [(c * d, chain + more) for c, chain in products for d, more in terms]
        return products

    def atom(self, expr: Any) -> Any:
        if not expr.args or isinstance(expr, MatrixSymbol):
            return expr
        inner = [self.of(arg) if isinstance(arg, Basic) else arg for arg in expr.args]
        if isinstance(expr, arrays.Inv):
            return inverse(inner[0])
        if isinstance(expr, OneMatrix | ZeroMatrix | Identity):
            return expr
        if isinstance(expr, arrays.Kron) and all(isinstance(part, Identity) for part in inner):
            return Identity(expr.shape[0])
        return expr.func(*inner)

    # entrywise parts

    def map_terms(self, expr: Map) -> list[Term]:
        """A Map with constants put in, split into its linear terms, rows and columns scaled by products with diag."""
        slots: dict[Any, Any] = {}
        kept: list[Any] = []
        for k, part in enumerate(expr.arrays):
            entry, parts = entry_in(self.of(part), len(kept))
            slots[Slot(k)] = entry
            kept += parts
        body = filled(expr.body, slots)
        if body == 0:
            return []
        if not any(isinstance(s, Slot) for s in body.free_symbols):
            ones = OneMatrix(*expr.shape)
            return [(self.of(body), (ones,) if ONE in expr.shape else self.spread(ones)[0][1])]
        merged = Map(body, *kept)
        if isinstance(merged, Map):
            merged = Map(self.body(merged.body), *merged.arrays)
        return self.linear_terms(merged) if isinstance(merged, Map) else self.terms(merged)

    def body(self, body: Any) -> Any:
        scalars = {node: self.of(node) for node in array_scalars(body)}
        return simple_body(body.xreplace(scalars))

    def linear_terms(self, expr: Map) -> list[Term]:
        """Each term of a sum by itself where all are linear; else the map as one."""
        coefficient, rest = common_scalar(expr.body)
        pieces = [linear_piece(term, expr.arrays) for term in Add.make_args(rest)]
        linear = [(coefficient * piece[0], piece[1]) for piece in pieces if piece is not None]
        if len(linear) < len(pieces) or (len(pieces) > 1 and not all(_is_plain(array) for _, array in linear)):
            return [(coefficient, (turned_map(Map(rest, *expr.arrays)),))]
        return [
            (c * d, chain)
            for c, array in linear
            for d, chain in (self.terms(array) if not isinstance(array, Map) else [(ONE, (turned_map(array),))])
        ]

    # products

    def simplified(self, term: Term) -> list[Term]:
        """One product with its identities, inverses, ones and diagonals worked off."""
        scalar, chain = term
        for law in LAWS:
            for k in range(len(chain) - 1):
                found = law(chain[k], chain[k + 1], chain[k + 2 :])
                if found is not None:
                    factor_, replacement = found
                    after = chain[:k] + replacement + chain[k + 2 :]
                    if not after:
                        after = (Identity(chain[0].shape[0]),)
                    if any(isinstance(f, Map | MatAdd | MatMul) for f in replacement):
                        return self.terms(product(scalar * factor_, after))
                    return self.simplified((scalar * factor_, after))
        inner = inner_scalar(chain)
        if inner is not None:
            value, rest = inner
            return self.simplified((scalar * self.of(value), rest))
        if len(chain) == 1 and isinstance(chain[0], OneMatrix) and chain[0].shape == (1, 1):
            return [(scalar, chain)]
        return [] if scalar == 0 else [(scalar, chain)]


def _is_plain(array: Any) -> bool:
    """Whether an array is a product by itself, or a product entry by entry of single arrays."""
    return not isinstance(array, Map) or isinstance(array.body, Mul | Pow)


def _rebuilt(expr: Any, args: Iterable[Any]) -> Any:
    new = tuple(args)
    return expr if new == expr.args else expr.func(*new)


# the laws of products: (left, right, what follows) -> (scalar, factors) or None


def _identity(left: Any, right: Any, after: Chain) -> Any:
    """I A = A = A I; the 1 x 1 matrix 1 is such an I."""
    if isinstance(left, Identity) or (isinstance(left, OneMatrix) and left.shape == (1, 1)):
        return ONE, (right,)
    one = isinstance(right, Identity) or (isinstance(right, OneMatrix) and right.shape == (1, 1))
    return (ONE, (left,)) if one else None


def _inverse_pair(left: Any, right: Any, after: Chain) -> Any:
    """A inv(A) = I = inv(A) A."""
    return (ONE, ()) if inverse(left) == right or inverse(right) == left else None


def _ones_pair(left: Any, right: Any, after: Chain) -> Any:
    """1' 1 = n."""
    if isinstance(left, OneMatrix) and isinstance(right, OneMatrix) and left.shape[1] != 1:
        return left.shape[1], (OneMatrix(left.shape[0], right.shape[1]),)
    return None


def _distribution(left: Any, right: Any, after: Chain) -> Any:
    """The probabilities of a distribution add up to one: 1' p = 1 for a column, P 1 = 1 for rows."""
    if isinstance(left, OneMatrix) and adds_up_by_columns(right):
        return ONE, (OneMatrix(left.shape[0], right.shape[1]),)
    if isinstance(right, OneMatrix) and adds_up_by_rows(left):
        return ONE, (OneMatrix(left.shape[0], right.shape[1]),)
    return None


def _diagonals(left: Any, right: Any, after: Chain) -> Any:
    """diag(u) v = u o v, diag(u) diag(v) = diag(u o v); diag(u) 1 = u."""
    if isinstance(left, arrays.Diag) and isinstance(right, OneMatrix) and right.shape[1] == 1:
        return ONE, (left.array,)
    if isinstance(right, arrays.Diag) and isinstance(left, OneMatrix) and left.shape[0] == 1:
        return ONE, (transposed(right.array),)
    if isinstance(left, arrays.Diag) and isinstance(right, arrays.Diag):
        return ONE, (arrays.Diag(Map(Slot(0) * Slot(1), left.array, right.array)),)
    if isinstance(left, arrays.Diag) and right.shape[1] == 1 and not after:
        return ONE, (Map(Slot(0) * Slot(1), left.array, right),)
    return None


def _commutations(left: Any, right: Any, after: Chain) -> Any:
    """K_mn K_nm = I."""
    if isinstance(left, arrays.Commutation) and isinstance(right, arrays.Commutation):
        return (ONE, ()) if left.args == right.args[::-1] else None
    return None


LAWS: tuple[Callable[[Any, Any, Chain], Any], ...] = (
    _identity, _inverse_pair, _ones_pair, _distribution, _diagonals, _commutations,
)  # fmt: skip


def adds_up_by_columns(array: Any) -> bool:
    """Whether every column of the array adds up to one."""
    if isinstance(array, Transpose):
        return adds_up_by_rows(array.args[0])
    if isinstance(array, arrays.Distribution):
        return bool(array.shape[1] == 1)
    return type(array) is Softmax


def adds_up_by_rows(array: Any) -> bool:
    """Whether every row of the array adds up to one."""
    if isinstance(array, Transpose):
        return adds_up_by_columns(array.args[0])
    if isinstance(array, arrays.Distribution):
        return bool(array.shape[1] != 1)
    return type(array) is arrays.RowSoftmax


def inner_scalar(chain: Chain) -> tuple[Any, Chain] | None:
    """a (b' C d) e' = (b' C d) a e': a 1 x 1 product within a product is a scalar."""
    for start, left in enumerate(chain):
        if left.shape[0] != 1:
            continue
        for end in range(start + 1, len(chain) + 1):
            if chain[end - 1].shape[1] == 1 and (start, end) != (0, len(chain)):
                return arrays.Scalar(product(ONE, chain[start:end])), chain[:start] + chain[end:]
    return None


# transposes and inverses


def transposed(array: Any) -> Any:
    """The transpose of one factor."""
    if isinstance(array, arrays.Symmetric | arrays.Diag | Identity):
        return array
    if isinstance(array, Transpose):
        return array.args[0]
    if isinstance(array, OneMatrix | ZeroMatrix):
        return array.func(array.shape[1], array.shape[0])
    if isinstance(array, MatAdd):
        parts = [transposed(arg) for arg in array.args]
        return MatAdd(*parts) if _mostly_turned(array.args) or not _mostly_turned(parts) else Transpose(array)
    if isinstance(array, MatMul):
        scalar = [a for a in array.args if not is_array(a)]
        return matmul(*scalar, *turned(tuple(a for a in array.args if is_array(a))))
    if isinstance(array, arrays.Inv) and transposed(array.array) == array.array:
        return array
    if isinstance(array, arrays.Kron):
        return arrays.Kron(*map(transposed, array.args))
    if isinstance(array, arrays.Commutation):
        return arrays.Commutation(*array.args[::-1])
    if isinstance(array, Map) and all(transposed(a) == a for a in array.arrays):
        return array
    return Transpose(array)


def _mostly_turned(parts: Iterable[Any]) -> bool:
    """Whether transposes are left after the sum is written out."""
    factors_ = [f for part in parts for f in (part.args if isinstance(part, MatMul) else (part,)) if is_array(f)]
    return 2 * sum(isinstance(f, Transpose) for f in factors_) > len(factors_)


def pushed(expr: Any) -> Any:
    """Transposes pushed to the factors, and nothing else changed."""
    if not isinstance(expr, Basic) or not expr.args or isinstance(expr, MatrixSymbol):
        return expr
    inner = [pushed(arg) for arg in expr.args]
    if isinstance(expr, Transpose):
        return transposed(inner[0])
    return expr if tuple(inner) == expr.args else expr.func(*inner)


def turned(chain: Chain) -> Chain:
    """(A B)' = B' A'."""
    return tuple(transposed(factor_) for factor_ in reversed(chain))


def turned_map(array: Any) -> Any:
    """f(X', Y') = f(X, Y)'."""
    if isinstance(array, Map) and all(isinstance(a, Transpose) for a in array.arrays):
        return Transpose(Map(array.body, *[a.args[0] for a in array.arrays]))
    return array


def inverse(array: Any) -> Any:
    """inv(inv(A)) = A, inv(A') = inv(A)', inv(c A) = inv(A)/c, inv(I) = I."""
    if isinstance(array, arrays.Inv):
        return array.array
    if isinstance(array, Identity):
        return array
    if isinstance(array, Transpose) and not isinstance(array.args[0], arrays.Inv):
        return Transpose(arrays.Inv(array.args[0]))
    if isinstance(array, Transpose):
        return Transpose(array.args[0].array)
    if isinstance(array, MatMul) and not is_array(array.args[0]) and len(array.args) == 2:
        return matmul(1 / array.args[0], inverse(array.args[1]))
    return arrays.Inv(array)


# scalars of products


def _scalar_of(chain: Chain) -> Any:
    """x' A y, read in the direction with fewer transposes."""
    if chain[0].shape == (1, 1) and len(chain) == 1:
        if isinstance(chain[0], OneMatrix | Identity):
            return ONE
        if isinstance(chain[0], Map):
            return chain[0].at(
                [arrays.Scalar(a) if isinstance(a, MatMul | MatAdd) else a[0, 0] for a in chain[0].arrays]
            )
    back = turned(chain)

    def weight(c: Chain) -> tuple[int, int]:
        return sum(isinstance(f, Transpose) for f in c), -int(isinstance(c[0], OneMatrix))

    best = chain if weight(chain) <= weight(back) and not _same_form(chain, back) else min(chain, back, key=signature)
    if len(best) == 2 and isinstance(best[0], OneMatrix):
        return _total_of((best[1],))
    return arrays.Scalar(product(ONE, best))


def _same_form(chain: Chain, back: Chain) -> bool:
    return sum(isinstance(f, Transpose) for f in chain) == sum(isinstance(f, Transpose) for f in back)


def _trace_of(chain: Chain) -> Any:
    """tr(I) = n, tr(x y') = y' x; tr(A') = tr(A), tr(AB) = tr(BA): one of the equal products is chosen."""
    if len(chain) == 1 and isinstance(chain[0], Identity):
        return chain[0].shape[0]
    for k in range(1, len(chain)):
        if chain[k].shape[0] == 1:
            return _scalar_of(chain[k:] + chain[:k])
    if chain[0].shape[0] == 1:
        return _scalar_of(chain)
    turns = [c[k:] + c[:k] for c in (chain, turned(chain)) for k in range(len(chain))]
    fewest = min(sum(isinstance(f, Transpose) for f in c) for c in turns)
    candidates = [c for c in turns if sum(isinstance(f, Transpose) for f in c) == fewest]
    return arrays.TraceOf(
        product(ONE, chain if chain in candidates and len(chain) < 2 else min(candidates, key=signature))
    )


def _total_of(chain: Chain) -> Any:
    """1' (1 1') 1 = m n; the total of a distribution is one for each column (or row)."""
    array = product(ONE, chain)
    if isinstance(array, OneMatrix):
        return Mul(*array.shape)
    if adds_up_by_columns(array):
        return array.shape[1]
    if adds_up_by_rows(array):
        return array.shape[0]
    if isinstance(array, Transpose):
        return Total(array.args[0])
    return Total(array)


# sums


def product(scalar: Any, chain: Chain) -> Any:
    """scalar * the product of the chain."""
    return matmul(scalar, *chain)


def collected(terms: list[Term], shape: tuple[Any, Any]) -> list[Term]:
    """Like terms together: 3 A x - A x = 2 A x."""
    found: dict[Chain, Any] = {}
    for scalar, chain in terms:
        found[chain] = found.get(chain, Integer(0)) + scalar
    return [(scalar, chain) for chain, scalar in found.items() if _nonzero(scalar)]


def _nonzero(scalar: Any) -> bool:
    if scalar == 0:
        return False
    return not (scalar.is_Add and count_ops(scalar) < 40 and cancel(together(hidden(scalar)[0])) == 0)


def combined(terms: list[Term], shape: tuple[Any, Any] | None = None, brackets: bool = True) -> Any:
    """The sum as one array, terms that share all but one end bracketed: A x + A' x = (A + A') x."""
    if not terms:
        return ZeroMatrix(*(shape or (ONE, ONE)))
    terms = sorted(bracketed(terms) if brackets else terms, key=lambda term: -len(term[1]))
    terms = [flipped(term) for term in terms]
    back = [(scalar, turned(chain)) for scalar, chain in terms]
    if len(terms) > 1 and _transposes(back) < _transposes(terms):
        return Transpose(MatAdd(*[product(scalar, chain) for scalar, chain in back]))
    parts = [product(scalar, chain) for scalar, chain in terms]
    return parts[0] if len(parts) == 1 else MatAdd(*parts)


def flipped(term: Term) -> Term:
    """-A (y - x) = A (x - y)."""
    scalar, chain = term
    if is_negative(scalar) and len(chain) > 1:
        for k, factor_ in enumerate(chain):
            inner = factor_.args[0] if isinstance(factor_, Transpose) else factor_
            if isinstance(inner, MatAdd) and {_leads_negative(part) for part in inner.args} == {True, False}:
                other = MatAdd(*[matmul(-1, part) for part in inner.args])
                turned_back = Transpose(other) if isinstance(factor_, Transpose) else other
                return -scalar, (*chain[:k], turned_back, *chain[k + 1 :])
    return term


def _leads_negative(part: Any) -> bool:
    return isinstance(part, MatMul) and not is_array(part.args[0]) and is_negative(part.args[0])


def _transposes(terms: list[Term]) -> int:
    return sum(_is_row_like(factor_) for _, chain in terms for factor_ in chain)


def _is_row_like(array: Any) -> bool:
    return isinstance(array, Transpose) or (isinstance(array, OneMatrix) and array.shape[0] == 1 != array.shape[1])


def bracketed(terms: list[Term]) -> list[Term]:
    """Pairs of square first factors before one tail: A x + A' x = (A + A') x."""
    groups: dict[tuple[Any, Chain], list[Any]] = {}
    for scalar, chain in terms:
        if len(chain) > 1 and _is_square_name(chain[0]):
            groups.setdefault((scalar, chain[1:]), []).append(chain[0])
    joined: list[Term] = []
    done: set[Any] = set()
    for scalar, chain in terms:
        heads = groups.get((scalar, chain[1:]), []) if len(chain) > 1 else []
        if len(heads) < 2 or chain[0] not in heads:
            joined.append((scalar, chain))
        elif (scalar, chain[1:]) not in done:
            done.add((scalar, chain[1:]))
            joined.append((scalar, (MatAdd(*heads), *chain[1:])))
    return joined


def _is_square_name(array: Any) -> bool:
    inner = array.args[0] if isinstance(array, Transpose) else array
    return isinstance(inner, MatrixSymbol) and array.shape[0] == array.shape[1]


def is_negative(scalar: Any) -> bool:
    """Whether a scalar is printed with a minus in front."""
    return bool(scalar.could_extract_minus_sign() and not scalar.is_Add)


def content_of(terms: list[Term]) -> tuple[Any, list[Term]]:
    """The common scalar of all terms, and the terms without it: 2 X w - 2 y = 2 (X w - y). Branches, which may be zero, are taken
    out and not divided by."""
    branches = {node: Dummy() for scalar, _ in terms for node in branches_of(scalar)}
    back = {letter: node for node, letter in branches.items()}
    content, rest = _content([(scalar.xreplace(branches), chain) for scalar, chain in terms])
    return content.xreplace(back), [(scalar.xreplace(back), chain) for scalar, chain in rest]


def branches_of(scalar: Any) -> list[Any]:
    """The largest branches in a scalar, those inside of arrays left out."""
    if isinstance(scalar, Piecewise):
        return [scalar]
    if not isinstance(scalar, Basic) or any(is_array(arg) for arg in scalar.args):
        return []
    return [node for arg in scalar.args for node in branches_of(arg)]


def _content(terms: list[Term]) -> tuple[Any, list[Term]]:
    scalars = [scalar for scalar, _ in terms]
    content = scalars[0]
    for scalar in scalars[1:]:
        content = _common(content, scalar)
    rest = [(scalar / content, chain) for scalar, chain in terms]
    are_negative = all(s.could_extract_minus_sign() for s in scalars)
    if (are_negative and not content.could_extract_minus_sign()) or (not are_negative and is_negative(content)):
        return -content, [(-scalar, chain) for scalar, chain in rest]
    return content, rest


def _common(left: Any, right: Any) -> Any:
    if left == right:
        return left
    numbers = left.as_coeff_Mul()[0], right.as_coeff_Mul()[0]
    powers = [
        {f.as_base_exp()[0]: f.as_base_exp()[1] for f in Mul.make_args(s.as_coeff_Mul()[1])} for s in (left, right)
    ]
    shared = [_shared_power(base, powers[0][base], powers[1][base]) for base in powers[0] if base in powers[1]]
    return Mul(_number_gcd(*numbers), *shared)


def _shared_power(base: Any, one: Any, other: Any) -> Any:
    """The power of the base that divides both."""
    if one == other:
        return base**one
    if not (one.is_number and other.is_number) or one * other < 0:
        return ONE
    return base ** (one if abs(one) < abs(other) else other)


def _number_gcd(left: Any, right: Any) -> Any:
    from sympy import gcd

    if left.is_Rational and right.is_Rational:
        found = gcd(abs(left), abs(right))
        return found if abs(left) == abs(right) or found.is_Integer else ONE
    return ONE


# bodies of entrywise functions


def entry_in(array: Any, first: int) -> tuple[Any, list[Any]]:
    """An array's entry in slots that are counted from `first`, and the arrays of these: constants and factors come out
    of sums of single arrays."""
    constant = constant_entry(array)
    if constant is not None:
        return constant, []
    if (
        isinstance(array, MatMul)
        and len(array.args) == 2
        and isinstance(array.args[1], MatAdd)
        and not is_array(array.args[0])
    ):
        inner, parts = entry_in(array.args[1], first)
        return array.args[0] * inner, parts
    terms = array.args if isinstance(array, MatAdd) else (array,)
    entries: list[Any] = []
    found: list[Any] = []
    for term in terms:
        constant = constant_entry(term)
        if constant is not None:
            entries.append(constant)
            continue
        scalars = [a for a in term.args if not is_array(a)] if isinstance(term, MatMul) else []
        factors = [a for a in term.args if is_array(a)] if isinstance(term, MatMul) else [term]
        if len(factors) > 1 and len(terms) > 1 and repeated_column(term) is None and repeated_row(term) is None:
            return Slot(first), [array]
        entries.append(Mul(*scalars, Slot(first + len(found))))
        found.append(factors[0] if len(factors) == 1 else matmul(*factors))
    return Add(*entries), found


def constant_entry(array: Any) -> Any:
    """c for c 1 1', an array of equal entries; 0 for zero; None for others."""
    if isinstance(array, ZeroMatrix):
        return Integer(0)
    if isinstance(array, OneMatrix):
        return ONE
    if isinstance(array, MatMul) and all(isinstance(a, OneMatrix) for a in array.args if is_array(a)):
        return Mul(*[a for a in array.args if not is_array(a)])
    return None


def array_scalars(body: Any) -> list[Any]:
    """The scalars in a body that are made of arrays."""
    if isinstance(body, Basic) and any(is_array(arg) for arg in body.args):
        return [body]
    return [node for arg in getattr(body, "args", ()) for node in array_scalars(arg)]


def hidden(expr: Any, *also: Any) -> tuple[Any, dict[Any, Any]]:
    """The expression with a number's name for each scalar made of arrays (and for what is in `also`), and what the names
    stand for: SymPy's polynomials would look into them, and multiply a sum of arrays as if it were a number."""
    inside = {node: Dummy(real=True) for node in dict.fromkeys([*array_scalars(expr), *also])}
    return expr.xreplace(inside), {dummy: node for node, dummy in inside.items()}


def simple_body(body: Any) -> Any:
    """A body over one denominator where that makes it shorter; scalars made of arrays, and conditions, stay as they are."""
    if not any(isinstance(s, Slot) for s in body.free_symbols) or count_ops(body) > LARGEST_BODY:
        return body
    body = body.replace(_is_switch, lambda e: e.args[0][0] * Piecewise((1, e.args[0][1]), (0, True)))
    flat, back = hidden(body, *body.atoms(Piecewise))
    top, bottom = fraction(cancel(together(flat)))
    candidates = [signed(factor(top) / factor(bottom)), flat, top / bottom]
    best = min(candidates, key=lambda e: (count_ops(e), len(str(e))))
    if any(isinstance(s, Slot) for s in (top / bottom).free_symbols) and _is_linear(top / bottom):
        best = top / bottom
    return logistic(best).xreplace(back)


def _is_switch(expr: Any) -> bool:
    """Something where a condition holds, and 0 elsewhere."""
    return isinstance(expr, Piecewise) and len(expr.args) == 2 and expr.args[1][0] == 0 and expr.args[0][0] != 1


def logistic(body: Any) -> Any:
    """e^u/(1 + e^u) = sigmoid(u) and 1/(1 + e^u) = sigmoid(-u)."""
    exponentials = list(body.atoms(exp))
    if len(exponentials) != 1:
        return body
    (node,) = exponentials
    e, u = Dummy(positive=True), node.args[0]
    rational = body.xreplace({node: e})
    for factor_, argument in (((e + 1) / e, u), (e + 1, -u)):
        rest = cancel(together(rational * factor_))
        if not rest.has(e):
            return rest * TABLE["sigmoid"](argument)
    return body


def _is_linear(body: Expr) -> bool:
    return all(
        sum(isinstance(s, Slot) for f in Mul.make_args(term) for s in f.free_symbols) <= 1
        and all(
            isinstance(f, Slot) or not any(isinstance(s, Slot) for s in f.free_symbols) for f in Mul.make_args(term)
        )
        for term in Add.make_args(body)
    )


def common_scalar(body: Any) -> tuple[Any, Any]:
    """c f(x) as c and f(x)."""
    if isinstance(body, Mul):
        fixed = [f for f in body.args if not any(isinstance(s, Slot) for s in f.free_symbols)]
        if fixed:
            varying = Mul(*[f for f in body.args if f not in fixed])
            return Mul(*fixed), varying
    return ONE, body


def linear_piece(term: Any, parts: tuple[Any, ...]) -> tuple[Any, Any] | None:
    """c and an array for a term of a body: a constant, one slot, or a product with a repeated row or column."""
    coefficient, rest = common_scalar(term)
    if not any(isinstance(s, Slot) for s in rest.free_symbols):
        return coefficient * rest, OneMatrix(*parts[0].shape)
    if isinstance(rest, Slot):
        return coefficient, parts[rest.index]
    if isinstance(rest, Mul) and all(isinstance(f, Slot) for f in rest.args) and len(rest.args) > 1:
        listed = [parts[f.index] for f in rest.args]
        return coefficient, scaled_by_diagonals(listed)
    return None


def scaled_by_diagonals(parts: list[Any]) -> Any:
    """(u 1') o M = diag(u) M, (1 v') o M = M diag(v); a single column is multiplied entry by entry."""
    left, right, plain = [], [], []
    for part in parts:
        column, row = repeated_column(part), repeated_row(part)
        if column is not None:
            left.append(column)
        elif row is not None:
            right.append(row)
        else:
            plain.append(part)
    if not plain or not (left or right):
        return Map(Mul(*[Slot(k) for k in range(len(parts))]), *parts)
    middle = plain[0] if len(plain) == 1 else Map(Mul(*[Slot(k) for k in range(len(plain))]), *plain)
    return matmul(*[arrays.Diag(u) for u in left], middle, *[arrays.Diag(v) for v in right])


def repeated_column(array: Any) -> Any:
    """u for u 1' with more than one column."""
    if isinstance(array, MatMul) and isinstance(array.args[-1], OneMatrix) and array.shape[1] != 1:
        rest = matmul(*array.args[:-1])
        return rest if is_array(rest) and rest.shape[1] == 1 else None
    return None


def repeated_row(array: Any) -> Any:
    """v for 1 v' with more than one row."""
    return repeated_column(transposed(array)) if array.shape[0] != 1 else None
