"""The sandboxed Jinja environment: delimiters that LaTeX does not use, and escaping on for everything that is not LaTeX."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from derive.algebra.tex_text import tex_text
from derive.errors import Fault, InputError


class Tex(str):
    """A string that is LaTeX already, and is not escaped again."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def escaped(text: Any) -> Tex:
    """Plain text as LaTeX that prints it; what is LaTeX already stays as it is."""
    return text if isinstance(text, Tex) else Tex(tex_text(str(text)))


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
