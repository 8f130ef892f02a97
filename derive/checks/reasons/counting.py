"""Reasons of counts and sizes: parameters, operations, output sizes, windows, growth."""

from __future__ import annotations

from typing import Any

from sympy import Add, Mul
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.nodes import Factors, Floor, Gradient, Largest, Numeral, Quotient, Terms, plain
from derive.checks.reasons.cited import (
    Cited,
    has,
    is_a,
    is_name,
    is_numeric,
    is_product_of_numbers,
    is_sum_of_numbers,
    is_symbolic,
    is_value,
    is_zero,
    same,
)
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_nothing,
    claims,
    computes,
    in_world,
    is_tagged,
    left,
    right,
    speaks_of,
    that,
)
from derive.derivation import Equal, HasCount, HasShape, IsGradient
from derive.worlds import CountRun, Formulas, LayerRun, NetworkRun, StackRun

COUNT = claims(HasCount)


def is_word(*names: str) -> Predicate:
    """The left side counts what is named, of all that there is."""

    def test(c: Cited) -> bool:
        tag = c.tag(c.left)
        if tag[:1] == ("count",) and len(tag) > 2:
            return tag[1] == "" and tag[2] in names
        return len(tag) == 1 and tag[0] in names

    return Predicate("it counts all " + " or ".join(names), test)


def is_product_and_bias(expr: Any) -> bool:
    return (
        isinstance(expr, Terms)
        and len(expr.args) == 2
        and is_product_of_numbers(expr.args[0])
        and is_value(expr.args[1])
    )


@that("a product is worked out")
def multiplies(c: Cited) -> bool:
    """Products of numbers on the left, none on the right; sums stay."""
    return is_numeric(c.left) and has(Factors, Quotient)(c.left) and not has(Factors, Quotient)(c.right) and (
        isinstance(c.left, Terms) == isinstance(c.right, Terms)
    )  # fmt: skip


def is_counted_sum(expr: Any) -> bool:
    """Numbers of parts, each by itself or so many times."""
    terms = expr.args if isinstance(expr, Terms) else (expr,)
    return all(is_value(term) or (is_product_of_numbers(term) and len(term.args) == 2) for term in terms)


@that("numbers are added")
def adds(c: Cited) -> bool:
    return is_value(c.right) and (is_sum_of_numbers(c.left) or is_counted_sum(c.left))


@that("counts are replaced by their numbers")
def inserts_counts(c: Cited) -> bool:
    return is_symbolic(c.left) and is_numeric(c.right) and isinstance(c.claim, Equal)


def of_counts(expr: Any) -> bool:
    """A sum of counts by name, each by itself or so many times."""
    if isinstance(expr, Factors):
        return len(expr.args) == 2 and is_value(expr.args[0]) and is_name(expr.args[1])
    return isinstance(expr, Terms) and all(is_name(arg) or of_counts(arg) for arg in expr.args)


@that("the layers are all of one kind")
def layers_alike(c: Cited) -> bool:
    """The first and the last that are named are counted by the two sides, and none between them differs."""
    first, last = (int(number) - 1 for number in c.about)
    listed = [layer for layer in c.world.network.layers for _ in range(layer.repeat)][first : last + 1]
    return (
        c.tag(c.left)[1:] == (last,)
        and c.tag(c.right)[1:] == (first,)
        and len({(layer.units, layer.bias) for layer in listed}) == 1
    )


run = in_world(NetworkRun)
layer = in_world(LayerRun)
OF_LAYER = COUNT & run & is_tagged(("parameters",)) & Predicate("of one layer", lambda c: len(c.tag(c.left)) == 2)
FILTER_SIZE = Predicate("it is a product of the sizes", lambda c: isinstance(c.right, Factors) and is_symbolic(c.right))

PARAMETERS = {
    "weights and biases of a layer": OF_LAYER & right(is_product_and_bias),
    "weights of a layer": OF_LAYER & right(is_product_of_numbers),
    "multiply": claims(Equal) & about_nothing & in_world(NetworkRun, LayerRun) & multiplies,
    "layers that are alike": OF_LAYER & layers_alike,
    "add the layers": COUNT & run & is_word("parameters") & (right(of_counts) | right(is_value)),
    "sum": claims(Equal) & about_nothing & adds,
    "insert the counts": in_world(NetworkRun, LayerRun) & inserts_counts,
    "weights alone": COUNT & run & is_word("weights") & right(is_value),
    "biases alone": COUNT & run & is_word("biases") & right(is_value),
    "weights and biases together": COUNT
    & layer
    & is_word("parameters")
    & right(of_counts)
    & Predicate("of two counts", lambda c: len(c.right.args) == 2),
    "weights of a filter": COUNT
    & layer
    & is_word("weights")
    & FILTER_SIZE
    & right(lambda e: not has(Quotient)(e), "has no groups"),
    "weights in groups": COUNT & layer & is_word("weights") & FILTER_SIZE & right(has(Quotient)),
    "bias of a filter": COUNT & layer & is_word("biases") & right(is_name),
    "no biases": COUNT & layer & is_word("parameters") & right(is_name),
    "pooling has none": COUNT & layer & is_word("parameters") & right(is_zero),
}

stack = in_world(StackRun)


def is_part(kind: str) -> Predicate:
    """The left side is a quantity of one layer of the stack."""

    def test(c: Cited) -> bool:
        tag = c.tag(c.left)
        return tag[:1] == (kind,) and len(tag) > 1 and tag[1] != ""

    return Predicate(f"it is the {kind} of one layer", test)


def is_whole(kind: str) -> Predicate:
    def test(c: Cited) -> bool:
        tag = c.tag(c.left)
        return tag[:1] == (kind,) and len(tag) > 1 and tag[1] == ""

    return Predicate(f"it is the {kind} of all layers", test)


def inner_operations(layer: Any, shape: Any) -> list[Any]:
    """The products of a layer, of the layers of a block in turn, each with its words."""
    if hasattr(layer, "branches"):
        return [found for branch in layer.branches for found in inner_operations(branch, shape)]
    if not hasattr(layer, "inner"):
        return list(layer.operations(shape))
    found = []
    for part in layer.inner(shape):
        found += inner_operations(part, shape)
        shape = part.out(shape)
    return found


@that("the words are those of that layer")
def words_of_operations(c: Cited) -> bool:
    """What the layer at this place says of its products."""
    shape, path = c.world.input, c.tag(c.left)[1]
    for place, layer in enumerate(c.world.layers):
        if str(place) == path:
            return "; then ".join(dict.fromkeys(words for _, words in inner_operations(layer, shape))) == str(
                c.about[0]
            )
        shape = layer.out(shape)
    return False


def has_no_products(expr: Any) -> bool:
    return not has(Factors)(expr)


def names_the_architecture(c: Cited) -> bool:
    return len(c.about) == 1 and str(c.left).partition("_")[2] == str(c.about[0])


def difference(expr: Any) -> bool:
    return is_sum_of_numbers(expr) and len(expr.args) == 2 and isinstance(expr.args[1], Factors)


def names_the_larger(c: Cited) -> bool:
    """The first number of the difference was shown as a count of the architecture that is named."""
    first = c.left.args[0]
    return any(
        isinstance(s.claim, HasCount)
        and same(s.claim.sides[-1], first)
        and len(s.reason.about) == 1
        and s.reason.about[0] == c.about[0]
        for s in c.before
    )


def window_and_distance(c: Cited) -> bool:
    """r + (K - 1) j, with K and j as they are named."""
    if len(c.about) != 2 or len(c.sides) < 3:
        return False
    written = c.sides[1]
    product = written.args[1] if isinstance(written, Terms) and len(written.args) == 2 else None
    return (
        isinstance(product, Factors)
        and len(product.args) == 2
        and same(plain(product.args[0]) + 1, c.about[0])
        and same(product.args[1], c.about[1])
    )


def rows_meet(c: Cited) -> bool:
    """Whether some layer as far as the one counted is no window that slides, and no layer that works place by place."""
    last = int(c.tag(c.left)[1].split(".")[0])
    others = ("torch.nn.ConvTranspose", "torch.nn.AdaptiveAvgPool", "residual", "concatenate")
    return any(layer.torch.startswith(others) for layer in c.world.layers[: last + 1])


STACK = {
    "count of a layer": COUNT
    & stack
    & is_part("count")
    & right(is_value)
    & Predicate("something is counted", lambda c: not is_zero(c.right)),
    "nothing to learn": COUNT & stack & is_part("count") & right(is_zero),
    "total of the layers": COUNT
    & stack
    & (is_word("parameters") | is_whole("operations"))
    & Predicate("numbers of layers are added", lambda c: len(c.sides) == 2 or is_counted_sum(c.sides[1])),
    "weights of all layers": COUNT & stack & is_word("weights"),
    "biases of all layers": COUNT & stack & is_word("biases"),
    "operations of a layer": words_of_operations
    & COUNT
    & stack
    & is_part("operations")
    & Predicate("there are some", lambda c: not is_zero(c.right)),
    "no products": COUNT & stack & is_part("operations") & right(is_zero),
    "receptive field of a layer": COUNT
    & stack
    & is_part("receptive")
    & Predicate("the window and the distance are named", window_and_distance),
    "receptive field kept": COUNT
    & stack
    & is_part("receptive")
    & Predicate(
        "it is the field of the layer before",
        lambda c: (
            len(c.sides) == 2
            and is_value(c.right)
            and (
                not c.before
                or not isinstance(c.before[-1].claim, HasCount)
                or c.before[-1].claim.world != c.world
                or same(c.before[-1].claim.sides[-1], c.right)
            )
        ),
    ),
    "receptive field followed back": COUNT
    & stack
    & is_part("receptive")
    & about_nothing
    & Predicate("a layer up to here spreads rows, joins branches or takes all places", rows_meet),
    "receptive field without borders": COUNT & stack & is_part("receptive") & about_nothing,
    "what is counted as a multiplication": COUNT & stack & is_part("operations") & about_nothing,
    "parameters of an architecture": COUNT
    & stack
    & is_whole("count")
    & Predicate("it is the one named", names_the_architecture),
    "operations of an architecture": COUNT
    & stack
    & is_whole("operations")
    & Predicate("it is the one named", names_the_architecture),
    "difference of architectures": claims(Equal)
    & in_world(Formulas)
    & left(difference)
    & Predicate("it names the larger", names_the_larger),
    "equal architectures": claims(Equal) & in_world(Formulas) & about_nothing & left(is_value) & right(is_value),
}

# sizes of one layer's output, and its windows

FORMULAS_OF_SIZE = {
    "output size": claims(Equal) & layer & is_tagged(("output_size",)) & right(has(Floor)),
    "same padding": claims(Equal) & layer & is_tagged(("output_size",)) & right(is_name),
    "insert sizes": layer & inserts_counts & ~is_tagged(("output_size",)),
    "compute the size": claims(Equal) & layer & about_nothing & computes & left(has(Floor)),
    "output channels": claims(Equal)
    & layer
    & is_tagged(("output_size", 0))
    & right(is_value)
    & Predicate("there are filters", lambda c: getattr(c.world.layer, "filters", None) is not None),
    "channels kept": claims(Equal)
    & layer
    & is_tagged(("output_size", 0))
    & right(is_value)
    & Predicate("there are no filters", lambda c: getattr(c.world.layer, "filters", None) is None),
    "output shape": claims(HasShape) & layer & is_tagged(("output",)),
}


def is_mean_of_numbers(expr: Any) -> bool:
    """A sum of as many numbers as it is divided by."""
    return isinstance(expr, Quotient) and isinstance(expr.args[0], Terms) and same(expr.args[1], len(expr.args[0].args))


def is_entry(*tags: str) -> Predicate:
    """The left side is an entry of such an array of the run."""
    return Predicate(
        "it is one entry of an array",
        lambda c: isinstance(c.left, MatrixElement) and c.tag(c.left)[:1] in [(t,) for t in tags],
    )


def is_products(expr: Any) -> bool:
    """A sum of products of two numbers."""
    terms = expr.args if isinstance(expr, Terms) else (expr,)
    return all(isinstance(t, Factors) and len(t.args) == 2 and is_numeric(t) for t in terms)


def names_the_place(c: Cited) -> bool:
    return len(c.about) == 2 and same(c.left.i + 1, c.about[0]) and same(c.left.j + 1, c.about[1])


def entries_shown(c: Cited) -> bool:
    """Every entry of the array was shown before."""
    of = c.left.args[1] if isinstance(c.left, Gradient) else c.left
    name = c.left if isinstance(c.left, Gradient) else of
    found = {
        s.claim.sides[0] for s in c.before if isinstance(s.claim, Equal) and isinstance(s.claim.sides[0], MatrixElement)
    }
    return sum(1 for e in found if e.parent == name) == int(of.shape[0]) * int(of.shape[1])


ARRAY = Predicate("it is a whole array of numbers", lambda c: is_value(c.right) and hasattr(c.right, "shape"))

WINDOWS = {
    "largest of a window": claims(Equal) & layer & is_entry("output") & right(is_a(Largest, Numeral)),
    "mean of a window": claims(Equal) & layer & is_entry("output") & right(is_mean_of_numbers),
    "compute the window": claims(Equal) & layer & about_nothing & computes & left(is_a(Largest, Quotient)),
    "windows together": claims(Equal)
    & layer
    & is_tagged(("output",))
    & ARRAY
    & Predicate("its entries were shown", entries_shown),
    "window of a convolution": claims(Equal)
    & stack
    & is_entry("channel")
    & right(is_products)
    & Predicate("it names the place", names_the_place),
    "compute a convolution": claims(Equal) & stack & about_nothing & computes & left(is_products),
    "windows of a convolution together": claims(Equal, IsGradient)
    & stack
    & ARRAY
    & Predicate("its entries were shown", entries_shown),
    "flipped kernel": claims(Equal) & stack & is_tagged(("kernel",)) & ARRAY,
    "what comes from above": claims(IsGradient)
    & stack
    & Predicate("in the output", lambda c: c.tag(c.left)[:1] == ("channel",)),
    "derivative in a kernel entry": claims(Equal)
    & stack
    & right(is_products)
    & Predicate(
        "it is a derivative in an entry of the kernel",
        lambda c: (
            isinstance(c.left, MatrixElement)
            and isinstance(c.left.parent, Gradient)
            and c.tag(c.left)[:1] == ("kernel",)
        ),
    ),
    "derivative in the input": claims(IsGradient)
    & stack
    & ARRAY
    & Predicate("in the input", lambda c: c.tag(c.left)[:1] == ("channel_in",)),
}

# growth of a block


def counts(what: str) -> Predicate:
    return Predicate(f"it counts {what}", lambda c: c.tag(c.left)[:2] == ("count", what))


def growth(by: str) -> Predicate:
    return Predicate(f"it is the growth by {by}", lambda c: c.tag(c.left)[:1] == ("growth",) and c.tag(c.left)[2] == by)


def is_difference(expr: Any) -> bool:
    return isinstance(expr, Terms | Add) and len(expr.args) == 2 and isinstance(expr.args[1], Factors | Mul)


block = in_world(CountRun)

GROWTH = {
    "layers of a block": COUNT
    & block
    & counts("weights")
    & speaks_of(0, lambda c, w: c.tag(w) == ("size", "depth"), "it names the number of layers"),
    "biases of a block": COUNT & block & counts("parameters"),
    "one layer more": COUNT & block & growth("depth") & right(is_difference),
    "one unit more in each layer": COUNT & block & growth("width") & right(is_difference),
    "term by term": claims(Equal)
    & block
    & about_nothing
    & left(is_difference)
    & right(lambda e: not is_difference(e) or is_symbolic(e), "is in terms"),
    "what remains": claims(Equal)
    & block
    & about_nothing
    & left(is_symbolic)
    & right(is_symbolic)
    & ~left(is_name)
    & Predicate(
        "it stands on the right side before",
        lambda c: bool(c.before) and c.before[-1].reason.rule.name == "term by term",
    ),
    "growth from above": COUNT
    & block
    & is_tagged(("growth",))
    & right(lambda e: is_symbolic(e) and not is_difference(e), "is the short form")
    & Predicate("it was shown before", lambda c: any(c.right in getattr(s.claim, "sides", ()) for s in c.before)),
    "insert depth and width": block & inserts_counts,
    "compute the growth": claims(Equal) & block & about_nothing & computes,
    "compare the growth": Predicate(
        "one growth is larger than the other",
        lambda c: all(c.tag(s)[:1] == ("growth",) or is_value(s) for s in c.sides),
    )
    & block,
    "equal growth": claims(Equal)
    & block
    & Predicate("both are growths", lambda c: all(c.tag(s)[:1] == ("growth",) for s in c.sides)),
}

# remarks above a section


def given_as(*find: Any) -> Predicate:
    """Every letter is a number of the layer that the words name, in order: its filters, a size of its kernel, ..."""

    def test(c: Cited) -> bool:
        return len(c.about) == len(find) and all(
            c.tags.get(symbol, ("", None)) == ("given", what(c.world))
            for symbol, what in zip(c.about, find, strict=True)
        )

    return Predicate("the letters are the numbers named", test)


def along_axis(*find: Any) -> Predicate:
    """The same along one axis, 0 for the height and 1 for the width, by the letter that stands behind the names."""

    def test(c: Cited) -> bool:
        axes = {str(symbol).rpartition("_")[2] for symbol in c.about}
        k = {"H": 0, "W": 1}[axes.pop()] if len(axes) == 1 else -1
        return (
            k >= 0
            and len(c.about) == len(find)
            and all(
                c.tags.get(symbol, ("", None)) == ("given", what(c.world.layer)[k])
                for symbol, what in zip(c.about, find, strict=True)
            )
        )

    return Predicate("the letters are the sizes named", test)


def stride_of(one: Any) -> Any:
    return one.stride or one.kernel


SIZES = (lambda one: one.kernel, lambda one: one.padding if isinstance(one.padding, tuple) else (0, 0), stride_of)
NUMBERS = (lambda w: w.layer.filters, lambda w: w.layer.kernel[0], lambda w: w.layer.kernel[1], lambda w: w.sizes[0])

REMARKS = {
    "names of counts": layer & given_as(*NUMBERS),
    "names of counts in groups": layer & given_as(*NUMBERS, lambda w: w.layer.groups),
    "names of sizes": layer & along_axis(*SIZES),
    "names of sizes with dilation": layer & along_axis(*SIZES, lambda one: one.dilation),
    "names of sizes and counts": block
    & Predicate(
        "the letters are the sizes and counts named",
        lambda c: (
            [c.tags.get(s) for s in c.about]
            == [
                ("size", "inputs"),
                ("size", "outputs"),
                ("size", "depth"),
                ("size", "width"),
                ("count", "weights"),
                ("count", "parameters"),
            ][: len(c.about)]
        ),
    ),
}

TABLE = {**REMARKS, **PARAMETERS, **STACK, **FORMULAS_OF_SIZE, **WINDOWS, **GROWTH}
