"""The types of fields that authors fill: exact numbers, sizes, nested arrays. Pydantic validates and describes them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from sympy import Rational

from derive.algebra.functions import TABLE
from derive.errors import did_you_mean, one_of

MOST_DIGITS = 400
TAG = "~"  # begins the names of a union's branches, which are no keys of the file
SETTINGS, PLAIN = f"{TAG}settings", f"{TAG}plain"


def branch(value: Any) -> str:
    """Which branch of a union of a word (or a number) and a mapping of settings is meant, so that a fault is told of that one."""
    return SETTINGS if isinstance(value, dict | BaseModel) else PLAIN


def to_exact(value: Any) -> Rational:
    """A number of a problem file as an exact rational: 0.1 is 1/10, and '1/3' is a third.

    Raises ValueError for anything that is not one finite number.
    """
    if isinstance(value, Rational):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError(f"a number is needed here, such as 0.1 or 1/3, not {value!r}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{value} is not a finite number")
    text = str(value).strip()
    if len(text) > MOST_DIGITS or (isinstance(value, Decimal) and abs(value.adjusted()) > MOST_DIGITS):
        raise ValueError(f"a number of more than {MOST_DIGITS} digits")
    if isinstance(value, str):
        top, slash, bottom = text.partition("/")
        if not slash or not top.strip().lstrip("+-").isdigit() or not bottom.strip().isdigit() or int(bottom) == 0:
            raise ValueError(f"a number is needed here, such as 0.1 or 1/3, not {value!r}")
        return Rational(int(top), int(bottom))
    return Rational(text)


def _positive(value: Rational) -> Rational:
    if value <= 0:
        raise ValueError(f"a number above 0 is needed here, not {value}")
    return value


def _unit(value: Rational) -> Rational:
    if not 0 <= value < 1:
        raise ValueError(f"a number from 0 to below 1 is needed here, not {value}")
    return value


def _open_unit(value: Rational) -> Rational:
    if not 0 < value < 1:
        raise ValueError(f"a number between 0 and 1 is needed here, not {value}")
    return value


def to_nested(value: Any) -> Any:
    """A number, or nested lists of numbers, as nested tuples of rationals; rows of one length."""
    if not isinstance(value, list | tuple):
        return to_exact(value)
    if not value:
        raise ValueError("an empty list where numbers are needed")
    nested = tuple(to_nested(entry) for entry in value)
    if len({len(entry) if isinstance(entry, tuple) else -1 for entry in nested}) > 1:
        raise ValueError("the rows of an array must have one length")
    return nested


_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[+-]?\d+\s*/\s*\d+$"}]}
_as_text = PlainSerializer(str, return_type=str)


def to_pair(value: Any) -> tuple[int, int]:
    """A height and a width: 3 for both, or [3, 2]."""
    entries = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(entries) != 2 or any(isinstance(v, bool) or not isinstance(v, int) or v < 0 or v > 10_000 for v in entries):
        raise ValueError("a whole number is needed here, or two of them: [height, width]")
    return entries[0], entries[1]


def to_sizes(value: Any) -> tuple[int, int]:
    """The same, each at least 1."""
    pair = to_pair(value)
    if min(pair) < 1:
        raise ValueError("sizes of at least 1 are needed here")
    return pair


def to_padding(value: Any) -> Any:
    """'valid', 'same', or how many zeros on each side."""
    return value if value in ("valid", "same") else to_pair(value)


_PAIR = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}]}
Pair = Annotated[Any, BeforeValidator(to_sizes), WithJsonSchema(_PAIR)]
Padding = Annotated[
    Any, BeforeValidator(to_padding), WithJsonSchema({"anyOf": [{"enum": ["valid", "same"]}, *_PAIR["anyOf"]]})
]

Exact = Annotated[Any, BeforeValidator(to_exact), _as_text, WithJsonSchema(_NUMBER)]
Positive = Annotated[Any, BeforeValidator(lambda v: _positive(to_exact(v))), _as_text, WithJsonSchema(_NUMBER)]
Unit = Annotated[Any, BeforeValidator(lambda v: _unit(to_exact(v))), _as_text, WithJsonSchema(_NUMBER)]
OpenUnit = Annotated[Any, BeforeValidator(lambda v: _open_unit(to_exact(v))), _as_text, WithJsonSchema(_NUMBER)]
Size = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


def to_input(value: Any) -> Any:
    """A size, or up to three of them."""
    sizes = list(value) if isinstance(value, list | tuple) else [value]
    if not 1 <= len(sizes) <= 3 or any(isinstance(v, bool) or not isinstance(v, int) for v in sizes):
        raise ValueError("a whole number is needed here, or two or three of them")
    if min(sizes) < 1 or max(sizes) > 1_000_000:
        raise ValueError("sizes lie between 1 and 1000000")
    return tuple(sizes) if isinstance(value, list | tuple) and len(sizes) > 1 else sizes[0]


Sizes = Annotated[
    Any,
    BeforeValidator(to_input),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}, "maxItems": 3}]}),
]
Numbers = Annotated[Any, BeforeValidator(to_nested), WithJsonSchema({"anyOf": [*_NUMBER["anyOf"], {"type": "array"}]})]


@dataclass(frozen=True)
class Activation:
    """An activation of the table of functions (or softmax) with the parameters that the author gives."""

    name: str
    parameters: tuple[tuple[str, Any], ...] = ()


def activation_words() -> list[str]:
    """Every activation that a layer can have."""
    return sorted([*TABLE, "softmax"])


def to_activation(value: Any) -> Activation:
    """'relu', or {leaky_relu: {slope: 0.1}}, as an Activation; raises ValueError in words."""
    if isinstance(value, Activation):
        return value
    word, settings = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    if not isinstance(word, str) or word not in activation_words():
        known = activation_words()
        raise ValueError(f"unknown activation '{word}'{did_you_mean(str(word), known)} {one_of(known)}")
    names = [name for name, _ in TABLE[word].row.parameters] if word in TABLE else []
    if settings is None:
        return Activation(word)
    given = settings if isinstance(settings, dict) else dict(zip(names, [settings], strict=False))
    for name in given:
        if name not in names:
            raise ValueError(f"{word} has no parameter '{name}' {one_of(names)}")
    return Activation(word, tuple((name, to_exact(v)) for name, v in given.items()))


ActivationWord = Annotated[
    Any,
    BeforeValidator(to_activation),
    WithJsonSchema(
        {"anyOf": [{"enum": activation_words()}, {"type": "object", "maxProperties": 1, "minProperties": 1}]}
    ),
]


@dataclass(frozen=True)
class IsFormula:
    """Marks a field whose text is a formula in the problem's symbols; the reader makes it an expression."""


@dataclass(frozen=True)
class IsSymbols:
    """Marks a field that lists names of the problem's symbols; the reader makes it a tuple of symbols."""


@dataclass(frozen=True)
class IsEquation:
    """Marks a field whose text is `left == right` or `left <= right`; the reader makes it a Statement (algebra/formula.py)."""


def _formula_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("a formula is needed here, such as sum((y - y_hat)**2)")
    return str(value)


def _name_list(value: Any) -> Any:
    names = value if isinstance(value, list | tuple) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("a list of symbols is needed here, such as [w1, w0]")
    return tuple(names)


Formula = Annotated[
    Any,
    BeforeValidator(_formula_text),
    IsFormula(),
    WithJsonSchema({"type": ["string", "number"], "format": "formula"}),
]
SymbolNames = Annotated[
    Any,
    BeforeValidator(_name_list),
    IsSymbols(),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1}),
]
Equation = Annotated[
    Any, BeforeValidator(_formula_text), IsEquation(), WithJsonSchema({"type": "string", "format": "equation"})
]


@dataclass(frozen=True)
class IsLayers:
    """Marks a field that lists layers; the reader resolves their words."""


def _layer_list(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("a list of layers is needed here")
    return tuple(value)


InnerLayers = Annotated[Any, BeforeValidator(_layer_list), IsLayers(), WithJsonSchema({"type": "array", "minItems": 1})]
