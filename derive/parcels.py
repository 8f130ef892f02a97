"""Results on their way from one process to another, each expression just as it was made.

SymPy rebuilds an expression from its parts when it is unpickled, and merges what stood side by side: 2 < 3 becomes True,
2*(x + 1) a sum. Here the parts are put back as they are.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from sympy import Atom, Basic, MatrixBase
from sympy.core.assumptions import StdFactKB

OWN = ("_args", "_mhash", "_assumptions")  # what every expression has, and what is found anew


def packed(value: Any) -> bytes:
    """The value as bytes, which any unpickler reads."""
    out = io.BytesIO()
    _Packer(out, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return out.getvalue()


class _Packer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, Basic) or isinstance(value, Atom | MatrixBase):
            return NotImplemented
        slots = {name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())} - {*OWN, "__dict__"}
        state = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        facts = dict(getattr(value, "_assumptions", {}))
        return put_back, (type(value), value.args, facts, {**state, **getattr(value, "__dict__", {})})


def put_back(cls: type[Basic], parts: tuple[Any, ...], facts: dict[str, Any], more: dict[str, Any]) -> Basic:
    """The expression of a class with these parts, of which these facts are assumed; nothing is merged, sorted or computed."""
    made = object.__new__(cls)
    made._args, made._mhash, made._assumptions = parts, None, StdFactKB(facts)  # type: ignore[assignment]
    for name, value in more.items():
        setattr(made, name, value)
    return made
