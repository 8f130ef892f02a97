"""Programs run as they are printed, each in a process of its own; their results kept by the content of the program."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from derive.document.engine import write_text
from derive.errors import DeriveError, GivenError, cut
from derive.tasks.data import DATA_SETS
from derive.tasks.fetch import locate
from derive.tasks.finished import Finished, Planned
from derive.tasks.program import notebook, source
from derive.tasks.remote import run_on_worker, run_program
from derive.tasks.results import checked

MODULES = sys.stdlib_module_names | {  # what torch and the programs import
    "torch", "torchvision", "numpy", "scipy", "sklearn", "PIL", "matplotlib", "sympy", "mpmath", "networkx", "jinja2", "filelock",
    "fsspec", "typing_extensions", "setuptools", "packaging",
}  # fmt: skip
LARGEST_RESULTS = 50_000_000  # bytes
QUICK_EPOCHS, QUICK_EXAMPLES = 1, 500
ADDRESS = re.compile(r"(?:tcp://|tls://)?([^/\s]+):(\d+)$")
EPOCH = re.compile(r"epoch (\d+)/(\d+)\s+(.*)")


class Listener(Protocol):
    """Who is told how far the runs are."""

    def say(self, line: str) -> None: ...
    def step(self, label: str, done: int, total: int, words: str) -> None: ...


class Quiet:
    """Nobody."""

    def say(self, line: str) -> None:
        pass

    def step(self, label: str, done: int, total: int, words: str) -> None:
        pass


def programs(problem: Any, run: int, data: str, quick: bool = False, folder: Path | None = None) -> Planned:
    """The program of one run of a problem's task on a data set; raises GivenError where something does not fit."""
    task = problem.task
    file = f"{program_name(problem.id)}{f'-{run + 1}' if len(task.runs) > 1 else ''}.py"
    text = source(task.runs[run], problem.title, file, data, task.report)
    return Planned(task.runs[run], text, file, data, folder, quick, task.report)


def program_name(name: str) -> str:
    """The name of a problem's program, which must not be that of a module that programs import."""
    return f"{name}-program" if name in MODULES else name


def plan(
    problem: Any, folder: Path | None, quick: bool = False, listener: Listener | None = None,
    find: Callable[..., Path | None] = locate,
) -> list[Planned]:  # fmt: skip
    """The programs of a problem's runs, on the sets that they name or the first of their stand-ins that is there."""
    say = (listener or Quiet()).say

    @cache
    def where(name: str) -> tuple[str, Path | None]:
        for known in (name, *DATA_SETS[name].stand_ins):
            data = DATA_SETS[known]
            # a set in a place that was named for another one is not that other one: stand-ins lie where they usually lie
            found = find(data, folder, say) if known == name else find(data, None, _nobody)
            if not data.files or found is not None:
                return known, found
        raise GivenError(f"{DATA_SETS[name].title} is not there; name its folder with --data", ("task", "data"))

    planned = []
    for number, run in enumerate(problem.task.runs):
        programs(problem, number, run.data["name"])  # what does not fit the set that is named is told
        planned.append(programs(problem, number, where(run.data["name"])[0], quick, where(run.data["name"])[1]))
    return planned


def _nobody(line: str) -> None:
    pass


def known_results(problem: Any, out: Path, say: Callable[[str], None] | None = None) -> list[Finished]:
    """For each run of a task the results of exactly its program, on the set that it names or on a stand-in; a run that
    was not run has none."""
    finished = []
    for number, run in enumerate(problem.task.runs):
        name = run.data["name"]
        options = [programs(problem, number, known) for known in (name, *DATA_SETS[name].stand_ins)]
        tried = [Finished(option, cached(option, out, say)) for option in options]
        finished.append(next((one for one in tried if one.results is not None), tried[0]))
    return finished


def cached(planned: Planned, out: Path, say: Callable[[str], None] | None = None) -> dict[str, Any] | None:
    """The results of exactly this program, if they are there; what is there and has another form is set aside with a word."""
    path = out / "runs" / f"{planned.key}.json"
    try:
        if path.stat().st_size > LARGEST_RESULTS:
            raise ValueError(f"more than {LARGEST_RESULTS:,} bytes")
        return checked(json.loads(path.read_text(encoding="utf-8")), planned)
    except OSError:
        return None
    except (ValueError, RecursionError) as error:
        aside = path.with_suffix(".json.aside")
        os.replace(path, aside)
        (say or print)(
            f"{path} does not hold the results of this program and is set aside ({aside.name}): {first_line(error)}"
        )
        return None


def first_line(error: BaseException) -> str:
    return cut(" ".join(str(error).split()), 200)


def arguments(planned: Planned, device: str, threads: int = 0) -> list[str]:
    """What a program is started with."""
    found = ["--device", device, *(["--threads", str(threads)] if threads else [])]
    found += ["--data", str(planned.folder.resolve())] if planned.folder else []
    return found + (["--epochs", str(QUICK_EPOCHS), "--limit", str(QUICK_EXAMPLES)] if planned.quick else [])


def run_all(
    planned: Sequence[Planned], out: Path, listener: Listener, device: str = "auto", jobs: int = 0, force: bool = False,
    notebooks: bool = False, cluster: Any = None,
) -> list[Finished]:  # fmt: skip
    """Runs every program that has no results yet, several at a time where that pays; `force` runs them all. With
    `notebooks`, each run is that of its notebook, executed from top to bottom. `cluster` is a Dask client."""
    for one in planned:
        write_text(one.text, out / "programs" / one.file)
    (out / "runs").mkdir(parents=True, exist_ok=True)
    finished: dict[int, Finished] = {}
    for k, one in enumerate(planned):
        known = None if force or (notebooks and not book_path(one, out).exists()) else cached(one, out, listener.say)
        if known is not None:
            listener.say(f"{one.label}: results of an earlier run of the same program")
            finished[k] = Finished(one, known, was_cached=True)
    todo = [(k, one) for k, one in enumerate(planned) if k not in finished]
    if force:
        for _, one in todo:
            checkpoint_path(one, out).unlink(missing_ok=True)
    if cluster is not None:
        run_on_cluster(todo, out, listener, device, cluster, finished)
    else:
        run_here(todo, out, listener, device, jobs or default_jobs(device, len(todo)), notebooks, finished)
    return [finished[k] for k in range(len(planned))]


def default_jobs(device: str, runs: int) -> int:
    """On a CPU, a run for each core: small networks gain little from a second thread. An accelerator takes one at a time."""
    if device not in ("auto", "cpu") or (device == "auto" and has_accelerator()):
        return 1
    return max(1, min(os.cpu_count() or 1, runs))


def has_accelerator() -> bool:
    """Whether a program would choose another device than the CPU."""
    import torch

    xpu = getattr(torch, "xpu", None)
    return torch.cuda.is_available() or torch.backends.mps.is_available() or bool(xpu and xpu.is_available())


def checkpoint_path(planned: Planned, out: Path) -> Path:
    return (out / "runs" / f"{planned.key}.checkpoint").resolve()


def book_path(planned: Planned, out: Path) -> Path:
    return out / "programs" / Path(planned.file).with_suffix(".ipynb").name


def teller(planned: Planned, listener: Listener) -> Callable[[str], None]:
    """Tells what a program prints: its epochs as steps, the rest as it stands."""

    def tell(line: str) -> None:
        match = EPOCH.match(line)
        if match:
            listener.step(planned.label, int(match.group(1)), int(match.group(2)), match.group(3))
        elif line:
            listener.say(f"{planned.label}: {line}")

    return tell


def kept(planned: Planned, out: Path, results: dict[str, Any] | None, error: str) -> Finished:
    """The run with its results, written where later builds look for them."""
    if results is None:
        return Finished(planned, None, error)
    results["data_set"] = planned.data
    write_text(json.dumps(results), out / "runs" / f"{planned.key}.json")
    return Finished(planned, results)


def run_here(
    todo: list[tuple[int, Planned]], out: Path, listener: Listener, device: str, jobs: int, notebooks: bool,
    finished: dict[int, Finished],
) -> None:  # fmt: skip
    """Runs on this machine, `jobs` at a time, which share its cores."""
    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else 0
    stops: list[Callable[[], None]] = []

    def run(one: Planned) -> Finished:
        tell = teller(one, listener)
        if notebooks:
            results, error = run_notebook(one, out, arguments(one, device, threads), tell, stops.append)
        else:
            place = str(checkpoint_path(one, out))
            results, error = run_program(one.text, one.file, arguments(one, device, threads), place, tell, stops.append)
        return kept(one, out, results, error)

    with ThreadPoolExecutor(jobs) as pool:  # each thread waits for a process
        running: dict[Future[Finished], int] = {pool.submit(run, one): k for k, one in todo}
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    finished[running.pop(future)] = future.result()
        except BaseException:
            for future in running:
                future.cancel()
            for stop in stops:  # the pool waits for its threads, and they for their programs
                stop()
            raise


def run_notebook(
    planned: Planned,
    out: Path,
    start: list[str],
    say: Callable[[str], None],
    started: Callable[[Callable[[], None]], None],
) -> tuple[dict[str, Any] | None, str]:
    """Executes the notebook of a run from top to bottom and writes it with its outputs; the run's results."""
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError:
        raise DeriveError(
            "notebooks need nbformat, nbclient, ipykernel and matplotlib: pip install 'derive[notebook]'"
        ) from None

    class Telling(NotebookClient):
        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            if msg["msg_type"] == "stream":
                for line in msg["content"]["text"].splitlines():
                    say(line)
            return super().output(outs, msg, display_id, cell_index)

    title = planned.text.partition('"""')[2].partition("\n")[0]
    book = notebook(planned.text, title, start, planned.reports)
    book.cells.append(nbformat.v4.new_code_cell("import json\n\nprint(json.dumps(results))"))  # for us; not written
    client = Telling(book, timeout=None, kernel_name="python3")

    def end() -> None:
        process = getattr(getattr(client.km, "provisioner", None), "process", None)
        if process is not None:
            process.kill()

    started(end)
    try:
        client.execute()
    except CellExecutionError as error:
        return None, str(error).strip().splitlines()[-1]
    except DeadKernelError:
        return None, "the notebook's kernel died"
    outputs = book.cells.pop().outputs
    results: dict[str, Any] = json.loads("".join(output.get("text", "") for output in outputs))
    target = write_text(nbformat.writes(book), book_path(planned, out))
    say(f"wrote {target}")
    return results, ""


@contextmanager
def dask_cluster(address: str) -> Iterator[Any]:
    """A client of an existing Dask cluster; raises DeriveError where there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise DeriveError("--dask needs Dask: pip install 'derive[dask]'") from None
    answers(address)
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise DeriveError(f"no Dask cluster answers at '{address}': {error}") from None
    try:
        yield client
    finally:
        client.close()


def answers(address: str) -> None:
    """Raises DeriveError where nobody listens at an address; Dask's client would only say so after its time limit."""
    match = ADDRESS.match(address)
    if match is None:
        raise DeriveError(f"no address of a Dask scheduler: '{address}'; it looks like tcp://host:8786")
    try:
        socket.create_connection((match.group(1).strip("[]"), int(match.group(2))), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise DeriveError(f"no Dask cluster answers at '{address}': {error}") from None


def run_on_cluster(
    todo: list[tuple[int, Planned]], out: Path, listener: Listener, device: str, client: Any,
    finished: dict[int, Finished],
) -> None:  # fmt: skip
    """Runs on the workers of a Dask cluster, which need torch, and the data at the same path; not derive."""
    import cloudpickle
    from distributed import as_completed

    from derive.tasks import remote

    cloudpickle.register_pickle_by_value(remote)
    topic = f"derive-{os.getpid()}"
    tellers = {one.file: teller(one, listener) for _, one in todo}
    client.subscribe_topic(topic, lambda event: tellers[event[1][0]](event[1][1]))
    futures = {
        client.submit(
            run_on_worker, one.text, one.file, arguments(one, device), f"derive-{one.key}.checkpoint", topic, pure=False
        ): (k, one)
        for k, one in todo
    }
    try:
        for future in as_completed(list(futures), loop=client.loop):
            k, one = futures[future]
            error = future.exception()
            results, words = (None, str(error)) if error else future.result()
            finished[k] = kept(one, out, results, words)
    finally:
        client.cancel(list(futures))
        client.unsubscribe_topic(topic)
        cloudpickle.unregister_pickle_by_value(remote)
