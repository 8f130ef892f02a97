"""Images per second of a generated program's training loop against the usual DataLoader loop, side by side in one run, and
the share of the machine's matmul peak that the loop reaches.

    python tests/benchmarks/bench_training.py [--threads 1] [--device cpu]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from derive.pipeline import vocabulary
from derive.problem.read import read_problem
from derive.tasks.program import program

DENSE = "[flatten, {dense: 200, activation: relu}, {dense: 100, activation: relu}, {dense: 10}]"
CONVOLUTIONAL = (
    "[{conv2d: {filters: 8, kernel: 3}}, {activate: relu}, {max_pool2d: 2}, {conv2d: {filters: 16, kernel: 3}}, "
    "{activate: relu}, {max_pool2d: 2}, flatten, {dense: 10}]"
)
BATCH, ROUNDS = 128, 3


def generated(model: str, folder: Path) -> Any:
    """The module of a generated program."""
    import importlib.util

    file = folder / "t.yaml"
    file.write_text(f"title: t\ntask:\n  data: mnist\n  model: {model}\n  batch_size: {BATCH}\n")
    path = folder / "program.py"
    path.write_text(program(read_problem(file, vocabulary()).task.runs[0], "t", "program.py"))
    spec = importlib.util.spec_from_file_location("program", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Items(Dataset[Any]):
    """A data set as torchvision's are: bytes, made into a normalised tensor one image at a time."""

    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor):
        self.images, self.targets = (inputs * 255).to(torch.uint8), targets

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, int]:
        return (self.images[k].float() / 255 - 0.5) / 0.25, int(self.targets[k])


def by_loader(model: nn.Module, optimiser: Any, data: Any) -> float:
    """The usual loop, with a DataLoader; the seconds of one epoch."""
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    loss_function, device = nn.CrossEntropyLoss(), next(model.parameters()).device
    start = perf_counter()
    for batch, labels in loader:
        optimiser.zero_grad()
        loss = loss_function(model(batch.to(device)), labels.to(device))
        loss.backward()
        optimiser.step()
    _wait(device)
    return perf_counter() - start


def by_program(module: Any, model: nn.Module, optimiser: Any, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The generated loop; the seconds of one epoch."""
    start = perf_counter()
    order = torch.randperm(len(inputs)).to(inputs.device)
    module.train_epoch(model, nn.CrossEntropyLoss(), optimiser, inputs, targets, order)
    _wait(inputs.device)
    return perf_counter() - start


def _wait(device: Any) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def peak(device: str) -> float:
    """Floating-point operations per second of a large matrix product."""
    a = torch.randn(2048, 2048, device=device)
    best = 0.0
    for _ in range(5):
        start = perf_counter()
        a @ a
        _wait(device)
        best = max(best, 2 * 2048**3 / (perf_counter() - start))
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=30_000)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"{torch.get_num_threads()} threads, {arguments.device}, {arguments.images:,} images, batches of {BATCH}")
    for name, layers, share in (("784-200-100-10", DENSE, 1.0), ("small CNN", CONVOLUTIONAL, 0.2)):
        count = int(arguments.images * share)
        images, labels = torch.rand(count, 1, 28, 28), torch.randint(0, 10, (count,))
        with tempfile.TemporaryDirectory() as folder:
            module = generated(layers, Path(folder))
        model, usual_model = (module.make_model().to(arguments.device) for _ in range(2))
        if "conv2d" in layers:
            model.to(memory_format=torch.channels_last)  # as the program's main does
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        usual_optimiser = torch.optim.Adam(usual_model.parameters(), lr=1e-3)
        there = images.to(arguments.device), labels.to(arguments.device)
        by_program(module, model, optimiser, *there)  # warms up
        ours, whole, items = [], [], []
        for _ in range(ROUNDS):  # one after the other, so that what else runs here slows all
            ours.append(by_program(module, model, optimiser, *there))
            whole.append(by_loader(usual_model, usual_optimiser, TensorDataset(images, labels)))
            items.append(by_loader(usual_model, usual_optimiser, Items(images, labels)))
        rate, tensors, usual = (count / min(times) for times in (ours, whole, items))
        line = f"{name:16} program {rate:9,.0f} images/s   DataLoader over images {usual:9,.0f} (ratio {rate / usual:.2f}), "
        line += f"over tensors {tensors:9,.0f} (ratio {rate / tensors:.2f})"
        if name.startswith("784"):
            work = 6 * sum(p.numel() for p in model.parameters() if p.ndim > 1)
            line += f"   {100 * rate * work / peak(arguments.device):.0f} % of the matmul peak"
        print(line)


if __name__ == "__main__":
    main()
