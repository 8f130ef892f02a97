"""Plain text as LaTeX that prints it: the one function through which every text of a problem reaches TeX."""

from __future__ import annotations

from collections.abc import Iterator

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


def tex_text(text: str) -> str:
    """The text escaped; a character for which there is no glyph is named by its number."""
    return "".join(map(_character, text))


def unsettable(text: str) -> Iterator[tuple[int, str]]:
    """The characters for which the fonts of the shipped TeX have no glyph, each with its place."""
    for place, c in enumerate(text):
        if c not in SPECIAL and c not in SIGNS and c not in GREEK and not _is_latin(c):
            yield place, c


def _is_latin(c: str) -> bool:
    return c in "\n\t" or " " <= c <= "~" or "\u00a1" <= c <= "\u017f"


def _character(c: str) -> str:
    if c in SPECIAL:
        return SPECIAL[c]
    if c in SIGNS:
        return SIGNS[c]
    if c in GREEK:
        return rf"$\{GREEK[c]}$"
    return c if _is_latin(c) else rf"\texttt{{U+{ord(c):04X}}}"
