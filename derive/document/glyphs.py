"""Characters of a problem's words for which the fonts have no glyph: told with their place, never printed as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from derive.algebra.tex_text import unsettable
from derive.errors import Fault

WORDS = ("title", "source", "statement", "note")  # keys of a problem file whose text is printed


def unset_characters(problem: Any) -> tuple[Fault, ...]:
    """One fault for each text that has such a character, at the first of them."""
    return tuple(_faults(problem))


def _faults(problem: Any) -> Iterator[Fault]:
    texts: list[tuple[tuple[str | int, ...], str]] = [((key,), getattr(problem, key)) for key in WORDS]
    texts += [(("disputed", k, "by"), disputed.by) for k, disputed in enumerate(problem.disputed)]
    for path, words in texts:
        found = list(unsettable(words))
        if found:
            listed = ", ".join(dict.fromkeys(f"'{c}' (U+{ord(c):04X})" for _, c in found[:3]))
            line, column = problem.place(path)
            yield Fault(problem.path, line, column, f"TeX has no glyph for {listed}; it prints Latin and Greek letters")
