"""The command line: exit codes, messages, what is written, and that nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from derive.document.staging import staging, sweep

HUBER = """title: Huber
given:
  targets: [1, 4, 5, 8]
  outputs: [0.1, 4.4, 0.2, 10]
  loss: {huber: {delta: 1.0, reduction: mean}}
ask: [loss]
expect: {loss: %s}
"""
ROOT = Path(__file__).resolve().parents[1]


def derive(*arguments: str | Path, cwd: Path, **more) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "derive", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, timeout=120, env=environment, **more)


def test_a_right_key_builds_a_pdf_and_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "huber.yaml").write_text(HUBER % "1.57125")
    done = derive("build", "huber.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 sheet, 1 problem, " in done.stdout and " 0 failed" in done.stdout
    assert (tmp_path / "out/huber.pdf").read_bytes().startswith(b"%PDF") and (tmp_path / "out/huber.tex").exists()
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    (problem,) = manifest["sheets"][0]["problems"]
    answer = problem["parts"][0]["answers"]["loss"]
    assert (
        problem["passed"]
        and answer["value"] == 1.57125
        and answer["exact"] == "1257/800"
        and answer["text"] == "1.57125"
    )
    steps = problem["parts"][0]["steps"]
    assert steps and all(
        check["passed"] and check["method"] and check["points"] > 0 for s in steps for check in s["checks"]
    )
    assert not list((tmp_path / "out").glob(".*")), "no temporary files stay behind"


def test_a_wrong_key_is_refused_with_both_values(tmp_path: Path) -> None:
    """1.57 for 1.57125 without saying that it is rounded."""
    (tmp_path / "huber.yaml").write_text(HUBER % "1.57")
    done = derive("check", "huber.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "huber.yaml: step expect.loss: L = 1.57 does not hold: 1.57 here and 1.57125 by torch" in done.stderr


@pytest.mark.parametrize(
    "key,code", [("{rounded: 1.57}", 0), ("{rounded: 1.571}", 0), ("{rounded: 1.58}", 1), ("{rounded: 1.572}", 1)]
)
def test_a_rounded_key_is_right_to_the_digits_it_shows(key: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "huber.yaml").write_text(HUBER % key)
    assert derive("check", "huber.yaml", cwd=tmp_path).returncode == code


def test_a_failed_claim_is_not_printed_as_true(tmp_path: Path) -> None:
    (tmp_path / "huber.yaml").write_text(HUBER % "1.57")
    assert derive("build", "huber.yaml", cwd=tmp_path).returncode == 1
    tex = (tmp_path / "out/huber.tex").read_text()
    assert r"\dvfailed{expect.loss}" in tex and "1.57125" in tex and r"\dvmath{{} = 1.57 }" not in tex


def test_one_bad_problem_does_not_stop_the_others(tmp_path: Path) -> None:
    sheet = tmp_path / "hw"
    sheet.mkdir()
    (sheet / "a.yaml").write_text("title: a\nask: [los]\n")
    (sheet / "b.yaml").write_text(HUBER % "1.57125")
    done = derive("build", "hw", cwd=tmp_path)
    assert done.returncode == 2 and (tmp_path / "out/hw.pdf").exists()
    assert "hw/a.yaml:2:7: unknown question 'los'; did you mean 'loss'?" in done.stderr


def test_a_failure_of_derive_itself_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from derive import pipeline

    (tmp_path / "a.yaml").write_text(HUBER % "1.57125")
    (sheet,) = pipeline.read([tmp_path])
    monkeypatch.setattr(pipeline, "verify", lambda *_: 1 / 0)
    (fault,) = pipeline.work_out(sheet.problems[0])
    assert (
        "this is a fault of derive, not of your file (ZeroDivisionError" in fault.message and "work_out" in fault.trace
    )


def test_problems_only_leaves_the_solutions_out(tmp_path: Path) -> None:
    (tmp_path / "huber.yaml").write_text(HUBER % "1.57125")
    assert derive("build", "huber.yaml", "--problems-only", cwd=tmp_path).returncode == 0
    tex = (tmp_path / "out/huber-problems.tex").read_text()
    assert "4.4" in tex and "1.57125" not in tex and r"\dvchain{\ell" not in tex


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["build", "nowhere.yaml"], "there is no such file or folder"),
        (["build"], "no problem files named"),
        (["frobnicate"], "No such command"),
        (["show", "huber.yaml", "--format", "xml"], "unknown format 'xml'"),
        (["build", "huber.yaml", "--engine", "word"], "unknown engine 'word'"),
        (["build", "huber.yaml", "--templates", "gone"], "there is no such templates folder"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "huber.yaml").write_text(HUBER % "1.57125")
    done = derive(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_new_file_builds_and_is_not_overwritten(tmp_path: Path) -> None:
    assert derive("new", "hw/first", cwd=tmp_path).returncode == 0
    assert derive("check", "hw/first.yaml", cwd=tmp_path).returncode == 0
    done = derive("new", "hw/first", cwd=tmp_path)
    assert done.returncode == 2 and "there is such a file already" in done.stderr


def test_show_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "huber.yaml").write_text(HUBER % "1.57125")
    words = derive("show", "huber.yaml", cwd=tmp_path).stdout
    assert "= 1.57125    [ok] divide" in words
    assert json.loads(derive("show", "huber.yaml", "-f", "json", cwd=tmp_path).stdout)["passed"]
    assert r"\begin{document}" in derive("show", "huber.yaml", "-f", "latex", cwd=tmp_path).stdout


def test_the_schema_knows_every_word(tmp_path: Path) -> None:
    from derive.pipeline import vocabulary

    schema = json.loads(derive("schema", cwd=tmp_path).stdout)
    printed = json.dumps(schema)
    words = vocabulary()
    for registry in (words.losses, words.optimisers, words.layers, words.questions):
        assert all(f'"{word}"' in printed for word in registry)
    assert schema["$schema"].endswith("2020-12/schema") and "title" in schema["required"]


def test_jobs_find_the_same(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "problems/0-foundations", tmp_path / "p")
    alone, together = (derive("check", "p", "--jobs", n, cwd=tmp_path) for n in ("1", "2"))
    assert alone.returncode == together.returncode == 0
    assert alone.stdout.rsplit(",", 1)[0] == together.stdout.rsplit(",", 1)[0]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_ended_leaves_the_old_files(sign: int, tmp_path: Path) -> None:
    (tmp_path / "huber.yaml").write_text(HUBER % "1.57125")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("huber.pdf", "huber.tex", "manifest.json"):
        (out / name).write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "derive", "build", "huber.yaml"], cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    for line in process.stdout:  # the claims are judged; TeX runs next
        if line.startswith("[1/1]"):
            break
    time.sleep(0.3)
    process.send_signal(sign)
    process.communicate(timeout=30)
    whole = (out / "huber.pdf").read_bytes()
    assert whole == b"old" or (whole.startswith(b"%PDF") and whole.rstrip().endswith(b"%%EOF"))
    manifest = (out / "manifest.json").read_text()
    assert (whole == b"old") == (manifest == "old"), "both are of this build, or neither"
    if sign == signal.SIGINT and process.returncode != 0:
        assert process.returncode == 130
    left = [path.name for path in out.iterdir() if path.name.startswith(".")]
    assert sign == signal.SIGKILL or not left
    sweep(out)
    assert sorted(path.name for path in out.iterdir()) == ["huber.pdf", "huber.tex", "manifest.json"]


def test_files_come_out_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(OSError, match="disk"), staging(tmp_path) as stage:
        stage.write("new", "a")
        raise OSError(28, "the disk is full")
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_text() == "old"
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError), staging(tmp_path) as stage:
        stage.write("new", "a")
        stage.write("new", "b")
    assert (tmp_path / "a").read_text() == "old"
    caught = []
    before = signal.signal(
        signal.SIGINT, lambda *_: caught.append([p.read_text() for p in sorted(tmp_path.glob("[ac]"))])
    )
    try:
        with staging(tmp_path) as stage:
            stage.write("new", "a")
            stage.write("new", "c")
            replace_file = os.replace

            def interrupted(source: Path, target: Path) -> None:
                os.kill(os.getpid(), signal.SIGINT)
                replace_file(source, target)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "replace", interrupted)
                stage.publish()
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught == [["new", "new"]], "a signal waits until all files are in their places"


def test_the_plugin_has_one_test_a_claim(tmp_path: Path) -> None:
    sheet = tmp_path / "hw"
    sheet.mkdir()
    (sheet / "right.yaml").write_text(HUBER % "1.57125")
    (sheet / "wrong.yaml").write_text(HUBER % "1.57")
    (sheet / "broken.yaml").write_text("title: a\nask: [los]\n")
    (sheet / "task.yaml").write_text("title: t\ntask: {data: moons, model: [{dense: 2}]}\n")
    (sheet / "unfit.yaml").write_text("title: t\ntask: {data: moons, model: [{dense: 3}]}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    if "derive.pytest_plugin" not in sys.modules:
        run += ["-p", "derive.pytest_plugin"]
    done = subprocess.run(
        [*run, "hw/right.yaml", "hw/wrong.yaml"], cwd=tmp_path, text=True, capture_output=True, env=environment
    )
    assert "1 failed" in done.stdout and "L = 1.57 does not hold: 1.57 here and 1.57125 by torch" in done.stdout, (
        done.stdout
    )
    broken = subprocess.run([*run, "hw/broken.yaml"], cwd=tmp_path, text=True, capture_output=True, env=environment)
    assert "broken.yaml:2:7: unknown question 'los'" in broken.stdout
    tasks = subprocess.run(
        [*run, "hw/task.yaml", "hw/unfit.yaml"], cwd=tmp_path, text=True, capture_output=True, env=environment
    )
    assert (
        "1 failed, 1 passed" in tasks.stdout and "hw/unfit.yaml:2:28: the model must end in 2 outputs" in tasks.stdout
    ), tasks.stdout
