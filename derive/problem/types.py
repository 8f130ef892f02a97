"""The types of fields that authors fill: exact numbers, sizes, nested arrays. Pydantic validates and describes them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from sympy import Rational

MOST_DIGITS = 400


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

Exact = Annotated[Any, BeforeValidator(to_exact), _as_text, WithJsonSchema(_NUMBER)]
Positive = Annotated[Any, BeforeValidator(lambda v: _positive(to_exact(v))), _as_text, WithJsonSchema(_NUMBER)]
Unit = Annotated[Any, BeforeValidator(lambda v: _unit(to_exact(v))), _as_text, WithJsonSchema(_NUMBER)]
Size = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Numbers = Annotated[Any, BeforeValidator(to_nested), WithJsonSchema({"anyOf": [*_NUMBER["anyOf"], {"type": "array"}]})]


@dataclass(frozen=True)
class Activation:
    """An activation of the table of functions (or softmax) with the parameters that the author gives."""

    name: str
    parameters: tuple[tuple[str, Any], ...] = ()
