"""Where programs run: here, in notebooks, on a Dask cluster; where their data comes from."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from derive.errors import DeriveError
from derive.tasks.data import DATA_SETS, found_in
from derive.tasks.fetch import locate
from derive.tasks.runner import Quiet, dask_cluster, known_results, plan, run_all
from tests.tasks.made import Heard, cifar_archive, idx_folder, loaded, problem

TWO = "  data: moons\n  model: [{dense: 4, activation: relu}, {dense: 2}]\n  epochs: 3\n  compare: {a: {}, b: {seed: 1}}\n"


def losses(finished: list) -> list[list[float]]:
    return [[row["test_loss"] for row in one.results["history"]] for one in finished]


def test_a_cluster_finds_what_this_machine_finds(tmp_path: Path) -> None:
    """Two workers of a local cluster, in processes of their own, which are told nothing of derive."""
    from distributed import LocalCluster

    planned = plan(problem(tmp_path, TWO), None)
    here = run_all(planned, tmp_path / "here", Quiet(), device="cpu", jobs=1)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, worker_dashboard_address=None
        ) as cluster,
        dask_cluster(cluster.scheduler_address) as client,
    ):
        told = Heard()
        there = run_all(planned, tmp_path / "there", told, device="cpu", cluster=client)
        broken = [type(planned[0])(planned[0].run, "raise ValueError('no such thing')", "x.py", "moons", None)]
        failed = run_all(broken, tmp_path / "there", Quiet(), cluster=client)
        logged = {step[0] for step in told.steps}
    assert losses(there) == losses(here) and all(not one.was_cached for one in there)
    assert failed[0].results is None and "no such thing" in failed[0].error
    assert logged == {"a", "b"}
    assert all(one.was_cached for one in run_all(planned, tmp_path / "there", Quiet()))


def test_a_cluster_that_is_not_there_is_said() -> None:
    for address, words in (("nowhere", "no address"), ("tcp://127.0.0.1:1", "no Dask cluster answers")):
        with pytest.raises(DeriveError, match=words), dask_cluster(address):
            pass


def test_notebooks_are_the_runs(tmp_path: Path) -> None:
    """Each run's notebook holds what ran; its results are those of the script, and are kept."""
    import nbformat

    made = problem(tmp_path, TWO + "  report: [curves, accuracy, boundary]\n")
    planned = plan(made, None)
    told = Heard()
    finished = run_all(planned, tmp_path / "out", told, device="cpu", jobs=1, notebooks=True)
    scripts = run_all(planned, tmp_path / "script", Quiet(), device="cpu", jobs=1)
    assert losses(finished) == losses(scripts) and {step[1] for step in told.steps} == {1, 2, 3}
    for one in finished:
        book = nbformat.read(tmp_path / "out" / "programs" / Path(one.planned.file).with_suffix(".ipynb").name, 4)
        nbformat.validate(book)
        code = [cell for cell in book.cells if cell.cell_type == "code"]
        printed = "".join(out.get("text", "") for cell in code for out in cell.outputs if out.output_type == "stream")
        assert "epoch 3/3" in printed and all(cell.execution_count for cell in code)
        images = [out for cell in code for out in cell.outputs if "image/png" in out.get("data", {})]
        assert len(images) == 2 and "json.dumps(results)" not in code[-1].source
    assert all(one.was_cached for one in run_all(planned, tmp_path / "out", Quiet(), notebooks=True))


def test_a_notebook_that_fails_is_a_run_that_failed(tmp_path: Path) -> None:
    (one,) = plan(problem(tmp_path, "  data: moons\n  model: [{dense: 2}]\n  epochs: 1\n"), None)
    bad = type(one)(one.run, one.text.replace("model.train()", "model.sail()"), "bad.py", "moons", None)
    (finished,) = run_all([bad], tmp_path / "out", Quiet(), notebooks=True)
    assert finished.results is None and "sail" in finished.error and not (tmp_path / "out/programs/bad.ipynb").exists()


FAKE = '''
import os
from pathlib import Path

class MNIST:
    """What torchvision does: the original files below NAME/raw."""
    def __init__(self, root, train=True, download=False):
        folder = Path(root) / type(self).__name__ / "raw"
        if download and os.environ.get("NO_NETWORK"):
            raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")
        folder.mkdir(parents=True)
        for file in Path(os.environ["ORIGINALS"]).glob("*ubyte"):
            (folder / file.name).write_bytes(file.read_bytes())
'''


@pytest.fixture
def torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that fetches as torchvision does, from a folder."""
    package = tmp_path / "site" / "torchvision"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "datasets.py").write_text(FAKE)
    (tmp_path / "originals").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("ORIGINALS", str(idx_folder(tmp_path / "originals", False)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_not_there_is_fetched_once(torchvision: Path) -> None:
    made = problem(torchvision, "  data: mnist\n  model: [flatten, {dense: 10}]\n  epochs: 1\n")
    told = Heard()
    (one,) = plan(made, None, listener=told)
    assert told.lines == ["fetching MNIST to data ..."] and not one.is_stand_in
    assert run_all([one], torchvision / "out", Quiet())[0].results["train"] == 60
    told.lines.clear()
    assert plan(made, None, listener=told)[0].folder == one.folder and not told.lines


def test_what_cannot_be_fetched_is_said_with_the_reason(torchvision: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_NETWORK", "1")
    told = Heard()
    assert locate(DATA_SETS["mnist"], None, told.say) is None
    assert "could not be fetched: RuntimeError: Error downloading" in told.lines[-1]


def test_a_set_in_a_named_folder_is_not_taken_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST's files may not stand for Fashion-MNIST, which has files of the same names: MNIST is a stand-in for neither."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("derive.tasks.fetch.fetched", lambda *_: "no network")
    assert "mnist" not in DATA_SETS["fashion_mnist"].stand_ins
    (one,) = plan(problem(tmp_path, "  data: cifar10\n  model: [flatten, {dense: 10}]\n"), idx_folder(tmp_path, True))
    assert one.data == "digits"


def test_the_archive_as_it_is_downloaded_serves(tmp_path: Path) -> None:
    folder = cifar_archive(tmp_path)
    assert found_in(DATA_SETS["cifar10"], folder) == folder
    (one,) = plan(problem(tmp_path, "  data: cifar10\n  model: [flatten, {dense: 10}]\n  epochs: 1\n"), folder)
    train, labels, test, _ = loaded(one.text, tmp_path).load_data(folder)
    assert train.shape == (50, 3, 32, 32) and test.shape == (10, 3, 32, 32) and labels[:10].tolist() == list(range(10))


def test_a_build_shows_the_runs_wherever_their_data_lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was run with --data is shown by a build that knows nothing of that folder; so is what ran on a stand-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("derive.tasks.fetch.fetched", lambda *_: "no network")
    made = problem(tmp_path, "  data: mnist\n  model: [flatten, {dense: 10}]\n  epochs: 1\n")
    (tmp_path / "files").mkdir()
    run_all(plan(made, idx_folder(tmp_path / "files", True)), tmp_path / "a", Quiet())
    (known,) = known_results(made, tmp_path / "a")
    assert known.results and not known.planned.is_stand_in
    monkeypatch.setattr("derive.tasks.data.FOLDERS", {})
    run_all(plan(made, None), tmp_path / "b", Quiet())
    (known,) = known_results(made, tmp_path / "b")
    assert known.results and known.planned.data == "digits"
    assert known_results(made, tmp_path / "c")[0].results is None


def test_a_task_that_does_not_fit_is_told_with_its_place(tmp_path: Path) -> None:
    """By every command, and the other problems of the sheet come out."""
    import subprocess

    problem(tmp_path, "  data: moons\n  model: [{dense: 3}]\n", "unfit")
    problem(tmp_path, "  data: moons\n  model: [{dense: 2}]\n", "fit")
    (tmp_path / "sheet.yaml").write_text("title: s\n")
    where = str(tmp_path)
    for arguments in (
        ["check", where],
        ["build", where, "-o", where],
        ["show", f"{where}/unfit.yaml"],
        ["run", where, "-o", where, "--quick"],
    ):
        done = subprocess.run([sys.executable, "-m", "derive", *arguments], capture_output=True, text=True)
        assert done.returncode == 2 and "unfit.yaml:4:10: the model must end in 2 outputs" in done.stderr, (
            arguments,
            done,
        )
    assert list(tmp_path.glob("*.pdf")) and r"nn.Linear(2,\ 2)" in (tmp_path / f"{tmp_path.name}.tex").read_text()


@pytest.mark.parametrize("more", [[], ["--notebook"]])
def test_what_is_ended_ends_its_programs_and_goes_on_later(tmp_path: Path, more: list[str]) -> None:
    """SIGTERM ends the programs too; the next run goes on from the last epoch that was saved."""
    import signal
    import subprocess

    problem(tmp_path, "  data: {name: moons, subset: 1500}\n  model: [{dense: 2}]\n  batch_size: 1\n  epochs: 25\n")
    command = [sys.executable, "-u", "-m", "derive", "run", "p.yaml", "--device", "cpu", *more]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if "epoch 2/25" in line:
            process.send_signal(signal.SIGTERM)
            break
    rest = process.stdout.read()  # ends when nobody holds the pipe any more, the program neither
    assert process.wait(timeout=20) == 143 and "epoch 25/25" not in rest and "Traceback" not in rest
    if not more:
        again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (
            "going on after epoch" in again.stdout
            and "epoch 25/25" in again.stdout
            and "epoch 1/25" not in again.stdout
        )


def test_the_command_line_tells_and_keeps(tmp_path: Path) -> None:
    import subprocess

    problem(tmp_path, TWO)
    command = [sys.executable, "-m", "derive", "run", str(tmp_path / "p.yaml"), "-o", str(tmp_path / "out")]
    done = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True)
    assert done.returncode == 0 and "a: epoch 3/3" in done.stdout and "The best accuracy" in done.stdout, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[-2:]]
    results = [json.loads(path.read_text()) for path in (tmp_path / "out" / "runs").glob("*.json")]
    assert {row[-3] for row in rows} == {f"{100 * r['accuracy']:.2f}" for r in results} and {
        row[0] for row in rows
    } == {"a", "b"}
    wrong = subprocess.run([*command, "--dask", "127.0.0.1:1"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "no Dask cluster" in wrong.stderr and "Traceback" not in wrong.stderr
    missing = subprocess.run([*command, "--data", str(tmp_path / "nothing")], capture_output=True, text=True)
    assert missing.returncode == 2 and "no such folder" in missing.stderr
