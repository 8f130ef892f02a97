"""The command line: arguments, progress, exit codes. What it says comes from the pipeline."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from derive.errors import escaped

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

HELD, FAILED, WRONG_INPUT, INTERRUPTED, ENDED = 0, 1, 2, 130, 143

_debug = False


def _tell_traces(wanted: bool) -> bool:
    global _debug
    _debug = wanted
    return wanted


Debug = Annotated[
    bool, typer.Option("--debug", callback=_tell_traces, help="where derive itself is at fault, tell the calls too")
]
Paths = Annotated[
    list[Path] | None, typer.Argument(help="problem files or folders; ./problems when left out", show_default=False)
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="of the random points at which claims are checked")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="problems worked out at the same time; 0 chooses")]
Limit = Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="what one problem may take")]
Memory = Annotated[float, typer.Option(min=0.5, metavar="GB", help="what one problem may take")]
File = Annotated[Path, typer.Argument(help="a problem file")]


def main() -> None:
    """The entry point: errors become messages and exit codes."""
    from derive.errors import DeriveError, InputError, fault_of_derive

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a sign that the terminal lacks stops nothing
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))  # what was started is ended on the way out
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # so typer tells of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code)
    except InputError as error:
        _stop("\n".join(map(_told, error.faults)), WRONG_INPUT)
    except DeriveError as error:
        _stop(escaped(str(error)), WRONG_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        _stop("interrupted; files that were not finished are as they were", INTERRUPTED)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own: an unknown option, a missing argument
            _stop(escaped(error.format_message()), WRONG_INPUT)
        if isinstance(error, OSError):
            _stop(escaped(f"{error.filename or ''}: {error.strerror or error}".lstrip(": ")), WRONG_INPUT)
        _stop(_told(fault_of_derive(error, "derive")), FAILED)


def _told(fault: Any) -> str:
    return f"{fault}\n{fault.trace}" if _debug and fault.trace else str(fault)


def _stop(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)


@app.callback()
def _about() -> None:
    """Worked solutions of deep-learning homework: derived by SymPy, checked by PyTorch, typeset by LaTeX."""


@app.command()
def build(
    paths: Paths = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder for PDFs and manifest.json")] = Path("out"),
    jobs: Jobs = 0,
    problems_only: Annotated[bool, typer.Option("--problems-only", help="the sheets without solutions")] = False,
    engine: Annotated[str, typer.Option(help="tinytex (comes with derive), pdflatex, latexmk or tectonic")] = "tinytex",
    templates: Annotated[Path | None, typer.Option(help="a folder with templates of your own")] = None,
    seed: Seed = 0,
    limit: Limit = 60,
    memory: Memory = 4,
    debug: Debug = False,
) -> None:
    """One PDF (and its .tex) a sheet, and out/manifest.json."""
    from derive.session import Limits, build_sheets

    with _progress(Progress) as progress:
        outcome = build_sheets(
            _paths(paths), out, progress, jobs, problems_only, engine, templates, seed, Limits(limit, memory)
        )
    _conclude(outcome, started=progress.started)


@app.command()
def run(
    paths: Paths = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder for programs and results")] = Path("out"),
    data: Annotated[Path | None, typer.Option(help="the folder of the data sets' original files")] = None,
    device: Annotated[str, typer.Option(help="auto (the fastest that is there), cpu, cuda, mps or xpu")] = "auto",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, help="runs at the same time; 0 chooses")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="one epoch on a few examples")] = False,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="run each program as a notebook, kept with its outputs")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="run also what has results already")] = False,
    dask: Annotated[str, typer.Option(metavar="ADDRESS", help="a Dask cluster's scheduler, which gets the runs")] = "",
    debug: Debug = False,
) -> None:
    """Run the coding tasks: programs in plain PyTorch, their results kept for 'derive build'."""
    from derive.session import TaskRuns, run_tasks

    if dask and notebook:
        _stop("notebooks are run on this machine: leave out --notebook or --dask", WRONG_INPUT)
    if data is not None and not data.is_dir():
        _stop(f"{data}: there is no such folder", WRONG_INPUT)
    with _progress(TaskBars) as progress:
        outcome = run_tasks(_paths(paths), out, progress, TaskRuns(data, device, quick, jobs, notebook, again, dask))
    if not outcome.problems and not outcome.faults:
        _stop("no coding task here: no problem has a 'task'", WRONG_INPUT)
    sys.exit(WRONG_INPUT if outcome.faults else FAILED if outcome.broken else HELD)


@app.command()
def check(
    paths: Paths = None, jobs: Jobs = 0, seed: Seed = 0, limit: Limit = 60, memory: Memory = 4, debug: Debug = False
) -> None:
    """Verify every claim, without making a document."""
    from derive.session import Limits, check_sheets

    with _progress(Progress) as progress:
        outcome = check_sheets(_paths(paths), progress, jobs, seed, Limits(limit, memory))
    _conclude(outcome, started=progress.started)


@app.command()
def show(
    file: File,
    format: Annotated[str, typer.Option("--format", "-f", help="text, json or latex")] = "text",
    seed: Seed = 0,
    limit: Limit = 60,
    memory: Memory = 4,
    debug: Debug = False,
) -> None:
    """A worked problem on the terminal."""
    from derive.session import Limits, shown

    if format not in ("text", "json", "latex"):
        _stop(f"unknown format '{format}' (json, latex, text)", WRONG_INPUT)
    if file.is_dir():
        _stop(f"{file}: a folder; 'show' takes one problem file", WRONG_INPUT)
    words, passed = shown(file, format, seed, Limits(limit, memory))
    sys.stdout.write(words)
    sys.exit(HELD if passed else FAILED)


@app.command()
def new(name: Annotated[str, typer.Argument(help="the new file, such as hw1/adam or hw1/adam.yaml")]) -> None:
    """A commented problem file to start from."""
    from derive.session import start_file

    made = start_file(Path(name))
    print(f"wrote {made}; now: derive build {shlex.quote(str(made))}")


@app.command()
def schema() -> None:
    """The JSON Schema of problem files, for editors."""
    import json

    from derive.pipeline import vocabulary
    from derive.problem.schema import json_schema

    print(json.dumps(json_schema(vocabulary()), indent=2))


@app.command("list")
def list_words() -> None:
    """The questions, losses, optimisers, layers and activations that problem files may use."""
    from derive.pipeline import vocabulary
    from derive.problem.types import activation_words

    words = vocabulary()
    kinds = [
        ("questions", words.questions),
        ("losses", words.losses),
        ("optimisers", words.optimisers),
        ("layers", words.layers),
    ]
    for kind, registry in kinds:
        print(kind)
        shown: dict[type, list[str]] = {}
        for name, cls in registry.items():
            shown.setdefault(cls, []).append(name)
        for cls, names in shown.items():
            print(f"  {', '.join(names):34} {_first_sentence(cls)}")
    print("activations\n  " + ", ".join(activation_words()))


def _first_sentence(cls: type) -> str:
    line = " ".join((cls.__doc__ or "").split())
    return line if len(line) <= 100 else line[:97].rsplit(" ", 1)[0] + " ..."


def _paths(paths: list[Path] | None) -> list[Path]:
    if paths:
        return paths
    if Path("problems").is_dir():
        return [Path("problems")]
    _stop("no problem files named, and there is no folder 'problems' here; try 'derive new NAME'", WRONG_INPUT)
    return []


class Progress:
    """Says how far a long run is: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, bar: Any = None):
        self.bar, self.task, self.total, self.count = bar, None, 0, 0
        self.started = time.monotonic()

    def begin(self, total: int, what: str) -> None:
        self.total, self.count = total, 0
        if self.bar is not None:
            self.task = self.bar.add_task(what, total=total)

    def advance(self, what: str) -> None:
        self.count += 1
        if self.bar is not None:
            self.bar.update(self.task, advance=1, description=what)
        else:
            print(f"[{self.count}/{self.total}] {what}", flush=True)

    def say(self, line: str) -> None:
        if self.bar is not None:
            self.bar.console.print(escaped(line), markup=False, highlight=False)
        else:
            print(escaped(line), flush=True)

    def complain(self, line: str) -> None:
        if self.bar is not None:
            self.bar.console.print(escaped(line), markup=False, highlight=False, style="red")
        else:
            print(escaped(line), file=sys.stderr, flush=True)

    def trace(self, lines: str) -> None:
        """Where in derive a fault lies, for those who mend it."""
        if _debug:
            self.complain(lines)


class TaskBars(Progress):
    """The same for programs that run: a bar for each, by epochs."""

    def __init__(self, bar: Any = None):
        super().__init__(bar)
        self.bars: dict[str, Any] = {}

    def step(self, label: str, done: int, total: int, words: str) -> None:
        """So many epochs are done."""
        if self.bar is None:
            print(f"{label}: epoch {done}/{total}  {words}", flush=True)
            return
        if label not in self.bars:
            self.bars[label] = self.bar.add_task(label, total=total)
        loss = words.removeprefix("train loss").split()[:1]  # all of it is too long for a line with a bar
        self.bar.update(self.bars[label], completed=done, description=f"{label}, loss {' '.join(loss)}")
        if done == total:
            self.bar.remove_task(self.bars.pop(label))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """The runs of a task, a line each; they have ended, also those that stopped early."""
        for task in self.bars.values():
            self.bar.remove_task(task)
        self.bars.clear()
        widths = [max(len(row[k]) for row in (columns, *rows)) for k in range(len(columns))]
        for row in (columns, *rows):
            cells = [cell.rjust(width) if k else cell.ljust(width) for k, (cell, width) in enumerate(zip(row, widths))]
            self.say("  " + "  ".join(cells))


P = TypeVar("P", bound=Progress)


@contextmanager
def _progress(kind: type[P]) -> Iterator[P]:
    if not sys.stdout.isatty():
        yield kind()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, transient=True) as bar:
        yield kind(bar)


def _conclude(outcome: Any, started: float) -> None:
    for line in outcome.failures:
        print(line, file=sys.stderr)
    print(f"{outcome.summary}, {time.monotonic() - started:.1f} s")
    sys.exit(WRONG_INPUT if outcome.faults or outcome.broken else FAILED if outcome.failures else HELD)
