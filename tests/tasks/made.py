"""Tasks, programs and data sets that the tests make."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from derive.pipeline import vocabulary
from derive.problem.read import read_problem
from derive.tasks.runner import Quiet


def problem(tmp_path: Path, task: str, name: str = "p") -> Any:
    file = tmp_path / f"{name}.yaml"
    file.write_text(f"title: t\ntask:\n{task}")
    return read_problem(file, vocabulary())


class Heard(Quiet):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[str, int, int, str]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def step(self, *step: Any) -> None:
        self.steps.append(step)


def loaded(text: str, tmp_path: Path) -> Any:
    path = tmp_path / "program_under_test.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("program_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_idx(folder: Path, name: str, array: np.ndarray, compress: bool) -> None:
    data = bytes([0, 0, 8, array.ndim]) + b"".join(int(s).to_bytes(4, "big") for s in array.shape) + array.tobytes()
    (folder / (f"{name}.gz" if compress else name)).write_bytes(gzip.compress(data) if compress else data)


def idx_folder(folder: Path, compress: bool) -> Path:
    random = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 20)):
        labels = random.integers(0, 10, count, dtype=np.uint8)
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        for k, label in enumerate(labels):
            images[k, 2 * label : 2 * label + 3] = 200
        write_idx(folder, f"{part}-images-idx3-ubyte", images, compress)
        write_idx(folder, f"{part}-labels-idx1-ubyte", labels, compress)
    return folder


def python2_pickle(images: np.ndarray, labels: list[int]) -> bytes:
    """A batch as CIFAR-10's files have it: a pickle that Python 2 wrote, with its byte strings."""

    def string(text: bytes) -> bytes:
        return b"T" + len(text).to_bytes(4, "little") + text

    def short(number: int) -> bytes:
        return b"M" + number.to_bytes(2, "little")

    dtype = (
        b"cnumpy\ndtype\n"
        + string(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + string(b"|")
        + b"NNN"
        + b"J\xff\xff\xff\xff" * 2
        + b"K\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
    array += (
        b"(K\x01"
        + short(images.shape[0])
        + short(images.shape[1])
        + b"\x86"
        + dtype
        + b"\x89"
        + string(images.tobytes())
        + b"tb"
    )
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    body = (
        string(b"batch_label") + string(b"testing batch 1 of 1") + string(b"labels") + listed + string(b"data") + array
    )
    return b"\x80\x02}(" + body + b"u."


def cifar_folder(folder: Path) -> Path:
    random = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        images = random.integers(0, 256, (10, 3072), dtype=np.uint8)
        (folder / name).write_bytes(python2_pickle(images, list(range(10))))
    return folder


def cifar_archive(folder: Path) -> Path:
    """The same as torchvision downloads it: one archive with a folder in it."""
    import tarfile

    (folder / "inside").mkdir()
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        for file in sorted(cifar_folder(folder / "inside").iterdir()):
            archive.add(file, f"cifar-10-batches-py/{file.name}")
    return folder
