"""What a run stands on: the installed versions, the sizes of images and sets."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from derive.tasks.data import DATA_SETS
from derive.tasks.finished import Finished
from derive.tasks.reports.base import Report, Table, Told


class Sizes(TypedDict):
    """Of the examples and of the sets."""

    shape: list[int]
    low: float
    high: float
    train: int
    test: int
    train_classes: NotRequired[list[int]]
    test_classes: NotRequired[list[int]]


class Versions(Report):
    """The versions of Python and of the packages that were there when the program ran."""

    name = "versions"
    imports = ("import importlib.metadata", "import platform")
    code = '''def installed_versions():
    """The versions of Python, of PyTorch and of what is often used beside it."""
    versions = {"python": platform.python_version()}
    for package in ("torch", "torchvision", "numpy", "scikit-learn"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions'''
    at_end = "installed_versions()"
    form = dict[str, str]
    plot = 'print(results["versions"])'

    def tell(self, done: list[Finished]) -> Told:
        rows = (("package", "version"), *done[0].found["versions"].items())
        return Told(tables=(Table("Installed versions", rows),))


class Data(Report):
    """The sizes of the images and of the sets, and how many examples each class has."""

    name = "data"
    code = '''def data_sizes(train_inputs, train_targets, test_inputs, test_targets):
    """The shape of an example, the range of its values, the number of examples, and of those of each class."""
    sizes = {
        "shape": list(train_inputs.shape[1:]),
        "low": float(train_inputs.min()),
        "high": float(train_inputs.max()),
        "train": len(train_inputs),
        "test": len(test_inputs),
    }
    if not train_targets.is_floating_point():
        sizes["train_classes"] = torch.bincount(train_targets).tolist()
        sizes["test_classes"] = torch.bincount(test_targets).tolist()
    return sizes'''
    at_end = "data_sizes(train_inputs, train_targets, test_inputs, test_targets)"
    form = Sizes
    plot = 'print(results["data"])'

    def tell(self, done: list[Finished]) -> Told:
        one = done[0]
        sizes = one.found["data"]
        shape = sizes["shape"]
        if len(shape) == 3:
            channels = "one channel" if shape[0] == 1 else f"{shape[0]} channels"
            what = f"An image has {shape[1]} rows and {shape[2]} columns of pixels in {channels}"
        else:
            what = f"An example has {' x '.join(map(str, shape))} number{'s' * (shape != [1])}"
        words = f"{what}, here between {sizes['low']:.3g} and {sizes['high']:.3g}. There are {sizes['train']:,} to train with and "
        words += f"{sizes['test']:,} to test with ({DATA_SETS[one.planned.data].title})."
        tables = []
        if "train_classes" in sizes:
            rows = (
                ("class", *map(str, range(len(sizes["train_classes"])))),
                ("train", *map(str, sizes["train_classes"])),
                ("test", *map(str, sizes["test_classes"])),
            )
            tables.append(Table("Examples of each class", rows))
        return Told((words,), tuple(tables))
