"""Symbols declared as problem files declare them, for tests that write formulas."""

from __future__ import annotations

from typing import Any

from derive.problem.declarations import DECLARATIONS
from derive.problem.read import DECLARATION, _dimension


def declared(text: str) -> dict[str, Any]:
    """{'X': ..., 'n': ...} from 'X: matrix(n, d); w: vector(d)', sizes included."""
    symbols: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.split(";"))):
        name, _, declaration = line.partition(":")
        match = DECLARATION.match(declaration.strip())
        assert match, line
        sizes = [_dimension(size.strip()) for size in (match.group(2) or "").split(",") if size.strip()]
        symbols[name] = DECLARATIONS[match.group(1)].symbol(name, sizes)
    for symbol in list(symbols.values()):
        for size in getattr(symbol, "shape", ()):
            if size.is_Symbol:
                symbols.setdefault(size.name, size)
    return symbols
