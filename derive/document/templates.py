"""The sandboxed Jinja environment: delimiters that LaTeX does not use, and escaping on for everything that is not LaTeX."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from derive.errors import Fault, InputError


class Tex(str):
    """A string that is LaTeX already, and is not escaped again."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}  # fmt: skip
SIGNS = {
    "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\neq$", "≈": r"$\approx$", "×": r"$\times$", "→": r"$\to$", "∞": r"$\infty$",
    "−": "--", "·": r"$\cdot$", "∈": r"$\in$", "√": r"$\surd$", "∂": r"$\partial$", "∑": r"$\sum$", "±": r"$\pm$",
    "…": r"\dots{}", "\u00a0": "~", "–": "--", "—": "---", "“": "``", "”": "''", "‘": "`", "’": "'", "•": r"$\bullet$",
}  # fmt: skip
GREEK_WORDS = """alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi
chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", GREEK_WORDS.split(), strict=True))


def escaped(text: Any) -> Tex:
    """Plain text as LaTeX that prints it; characters for which there is no font are named by their number."""
    if isinstance(text, Tex):
        return text
    return Tex("".join(map(_character, str(text))))


def _character(c: str) -> str:
    if c in SPECIAL:
        return SPECIAL[c]
    if c in SIGNS:
        return SIGNS[c]
    if c in GREEK:
        return rf"$\{GREEK[c]}$"
    if c in "\n\t" or " " <= c <= "~" or "\u00a1" <= c <= "\u017f":
        return c
    return rf"\texttt{{U+{ord(c):04X}}}"


def package_templates() -> Path:
    """The templates that come with derive: beside the package in a checkout, inside it when installed."""
    inside = Path(__file__).resolve().parent.parent / "templates"
    return inside if inside.is_dir() else inside.parent.parent / "templates"


@lru_cache(maxsize=4)
def environment(folder: Path | None = None) -> ImmutableSandboxedEnvironment:
    """The environment of a templates folder (an instructor's first, then ours)."""
    if folder is not None and not folder.is_dir():
        raise InputError([Fault(str(folder), 0, 0, "there is no such templates folder")])
    folders = ([str(folder)] if folder else []) + [str(package_templates())]
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        block_start_string=r"\BLOCK{", block_end_string="}", variable_start_string=r"\VAR{", variable_end_string="}",
        comment_start_string=r"\#{", comment_end_string="}", undefined=StrictUndefined, autoescape=False,
        finalize=lambda value: value if isinstance(value, Tex) else escaped(value), keep_trailing_newline=True,
    )  # fmt: skip


def template_text(name: str, folder: Path | None = None) -> str:
    """A template's own text, for what is included as it stands."""
    text, _, _ = environment(folder).loader.get_source(environment(folder), name)  # type: ignore[union-attr]
    return text
