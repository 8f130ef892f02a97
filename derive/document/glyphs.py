"""Characters of a problem's words for which the fonts have no glyph: told with their place, never printed as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from derive.algebra.tex_text import unsettable
from derive.errors import Fault
from derive.problem.yaml_places import load

WORDS = ("title", "source", "statement", "note")  # keys of a problem file whose text is printed


SHEET_WORDS = ("title", "course", "author", "date", "note")  # the same of a sheet.yaml
UNKNOWN = "?"  # stands for a character that cannot be printed, where the words cannot be left out


def unset_characters(problem: Any) -> tuple[Fault, ...]:
    """One fault for each text that has such a character, at the first of them."""
    return tuple(_faults(problem))


def settable(sheet: Any) -> tuple[Any, tuple[Fault, ...]]:
    """The sheet with a question mark for each such character in its own words, and a fault for each text that has one."""
    faults, words = [], {}
    for key in SHEET_WORDS:
        said = getattr(sheet, key)
        if found := list(unsettable(said)):
            if not sheet.path.is_file():  # a problem that is a sheet of its own says it itself
                path, line, column = _place_of(sheet, key)
                faults.append(Fault(path, line, column, _no_glyph(found)))
            words[key] = "".join(UNKNOWN if any(c == wrong for _, wrong in found) else c for c in said)
    return replace(sheet, **words), tuple(faults)


def _place_of(sheet: Any, key: str) -> tuple[str, int, int]:
    """Where a sheet says something: its file, or its folder, whose name is the title where there is no file."""
    file = sheet.path / "sheet.yaml"
    line, column = load(file).place((key,)) if file.is_file() else (0, 0)
    return str(file if file.is_file() else sheet.path), line, column


def _no_glyph(found: list[tuple[int, str]]) -> str:
    listed = ", ".join(dict.fromkeys(f"'{c}' (U+{ord(c):04X})" for _, c in found[:3]))
    return f"TeX has no glyph for {listed}; it prints Latin and Greek letters"


def _faults(problem: Any) -> Iterator[Fault]:
    texts: list[tuple[tuple[str | int, ...], str]] = [((key,), getattr(problem, key)) for key in WORDS]
    texts += [(("disputed", k, "by"), disputed.by) for k, disputed in enumerate(problem.disputed)]
    for path, words in texts:
        if found := list(unsettable(words)):
            line, column = problem.place(path)
            yield Fault(problem.path, line, column, _no_glyph(found))
