"""The data sets that tasks may name: their shapes, where their original files lie, and the lines that read them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DataSet:
    """A data set: the shape of an example, its classes (0 for regression), how it is read, and the files that it needs.

    `kind` is idx, cifar, digits or points. `stand_ins` name the sets that are used where the files cannot be had: the
    first that is there.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    classes: int
    kind: str
    files: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    torchvision: str = ""


IDX_FILES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip
CIFAR_ARCHIVE = "cifar-10-python.tar.gz"
CIFAR_FILES = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")

DATA_SETS = {
    data.name: data
    for data in (
        DataSet("mnist", "MNIST", (1, 28, 28), 10, "idx", IDX_FILES, ("fashion_mnist", "digits"), "MNIST"),
        DataSet("fashion_mnist", "Fashion-MNIST", (1, 28, 28), 10, "idx", IDX_FILES, ("digits",), "FashionMNIST"),
        DataSet("cifar10", "CIFAR-10", (3, 32, 32), 10, "cifar", CIFAR_FILES, ("digits",), "CIFAR10"),
        DataSet("digits", "scikit-learn's digits", (1, 8, 8), 10, "digits"),
        DataSet("moons", "two moons", (2,), 2, "points"),
        DataSet("circles", "two circles", (2,), 2, "points"),
        DataSet("blobs", "two blobs", (2,), 2, "points"),
        DataSet("xor", "four blobs in the pattern of exclusive or", (2,), 2, "points"),
        DataSet("sine", "a sine with noise", (1,), 0, "points"),
    )
}

FOLDERS = {
    "fashion_mnist": ("/usr/share/datasets/fashion-mnist", "FashionMNIST/raw", "fashion-mnist"),
    "mnist": ("MNIST/raw", "mnist"),
    "cifar10": ("cifar-10-batches-py",),
}


def found_in(data: DataSet, folder: Path | None) -> Path | None:
    """The folder in which the set's original files lie: the one that was named, or a place where they usually are."""
    bases = [folder] if folder else [Path("data")]
    places = [*bases, *(base / name for base in bases for name in FOLDERS.get(data.name, ()))]
    for place in places:
        whole = data.kind == "cifar" and (place / CIFAR_ARCHIVE).exists()
        if not whole and not all((place / file).exists() or (place / f"{file}.gz").exists() for file in data.files):
            continue
        if data.name != "mnist" or not is_fashion(place):
            return place
    return None


FASHION_LABELS = "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"


def is_fashion(folder: Path) -> bool:
    """Whether a folder of files in MNIST's format holds Fashion-MNIST, whose files have the same names."""
    plain = folder / IDX_FILES[3]
    data = plain.read_bytes() if plain.exists() else gzip.decompress((folder / f"{IDX_FILES[3]}.gz").read_bytes())
    return hashlib.sha256(data).hexdigest() == FASHION_LABELS


IDX = '''def read_idx(folder, name):
    """An array in MNIST's original format, plain or compressed: a magic number, the sizes, the bytes."""
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    sizes = [int.from_bytes(data[4 + 4 * k : 8 + 4 * k], "big") for k in range(data[3])]
    return torch.frombuffer(bytearray(data[4 + 4 * len(sizes) :]), dtype=torch.uint8).reshape(sizes)


def load_data(folder):
    """Images between 0 and 1, with a channel, and their classes: from the original files, or by torchvision."""
    if not any((folder / f"train-images-idx3-ubyte{end}").exists() for end in ("", ".gz")):
        from torchvision.datasets import {vision}

        sets = [{vision}(folder, train=train, download=True) for train in (True, False)]
        images, labels = [s.data for s in sets], [s.targets for s in sets]
    else:
        images = [read_idx(folder, f"{part}-images-idx3-ubyte") for part in ("train", "t10k")]
        labels = [read_idx(folder, f"{part}-labels-idx1-ubyte").long() for part in ("train", "t10k")]
    train, test = (image.unsqueeze(1).float() / 255 for image in images)
{finish}    return train, labels[0], test, labels[1]'''

CIFAR = '''ARCHIVE = "cifar-10-python.tar.gz"


class ArraysOnly(pickle.Unpickler):
    """CIFAR-10's files are pickles; nothing but NumPy arrays may come out of them."""

    def find_class(self, module, name):
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype", "_frombuffer"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a data set")


def read_batch(folder, name):
    """Images of channels x height x width as bytes, and their classes; from a file or from the original archive."""
    if (folder / name).exists():
        data = (folder / name).read_bytes()
    else:
        with tarfile.open(folder / ARCHIVE) as archive:
            data = archive.extractfile(f"cifar-10-batches-py/{name}").read()
    batch = ArraysOnly(io.BytesIO(data), encoding="bytes").load()
    return torch.from_numpy(batch[b"data"]).reshape(-1, 3, 32, 32), torch.tensor(batch[b"labels"])


def load_data(folder):
    """Images between 0 and 1 and their classes: from the original files, or by torchvision."""
    if not (folder / "test_batch").exists() and not (folder / ARCHIVE).exists():
        from torchvision.datasets import {vision}

        {vision}(folder, download=True)
    batches = [read_batch(folder, f"data_batch_{k}") for k in range(1, 6)]
    test, test_labels = read_batch(folder, "test_batch")
    train, test = torch.cat([images for images, _ in batches]).float() / 255, test.float() / 255
    labels = [torch.cat([classes for _, classes in batches]), test_labels]
{finish}    return train, labels[0], test, labels[1]'''

DIGITS = '''def load_data(folder):
    """scikit-learn's 8 x 8 digits, 1,500 to train with and 297 to test with."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    classes = torch.tensor(digits.target)
    shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, classes = images[shuffled], classes[shuffled]
    train, test, labels = images[:1500], images[1500:], [classes[:1500], classes[1500:]]
{finish}    return train, labels[0], test, labels[1]'''

POINTS = {
    "moons": """    angle = math.pi * torch.rand(count, generator=random)
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], 1)
    classes = torch.randint(0, 2, (count,), generator=random)
    points = torch.where(classes[:, None] == 0, upper, lower) + 0.1 * torch.randn(count, 2, generator=random)""",
    "circles": """    angle, classes = 2 * math.pi * torch.rand(count, generator=random), torch.randint(0, 2, (count,), generator=random)
    radius = 1 - 0.5 * classes
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], 1) + 0.08 * torch.randn(count, 2, generator=random)""",
    "blobs": """    classes = torch.randint(0, 2, (count,), generator=random)
    points = 2.0 * (2 * classes[:, None] - 1) + torch.randn(count, 2, generator=random)""",
    "xor": """    corners = torch.randint(0, 2, (count, 2), generator=random)
    classes = corners.sum(1) % 2
    points = 2.0 * corners - 1 + 0.3 * torch.randn(count, 2, generator=random)""",
    "sine": """    points = 2 * math.pi * torch.rand(count, 1, generator=random) - math.pi
    classes = points.sin() + 0.1 * torch.randn(count, 1, generator=random)""",
}

POINTS_CODE = '''def load_data(folder):
    """{title}: 2,000 points to train with and 1,000 to test with."""
    random, count = torch.Generator().manual_seed(0), 3000
{points}
    train, test, labels = points[:2000], points[2000:], [classes[:2000], classes[2000:]]
{finish}    return train, labels[0], test, labels[1]'''


def finishing(settings: Mapping[str, Any]) -> str:
    """The lines that the transforms come to."""
    lines = []
    if settings.get("classes"):
        kept = sorted(settings["classes"])
        lines.append(f"    kept = torch.tensor({kept})  # these classes, numbered 0 to {len(kept) - 1}")
        lines.append("    chosen = [torch.isin(part, kept) for part in labels]")
        lines.append("    train, test = train[chosen[0]], test[chosen[1]]")
        lines.append("    labels = [torch.searchsorted(kept, part[keep]) for part, keep in zip(labels, chosen)]")
    if settings.get("subset"):
        lines.append(f"    train, labels[0] = train[:{settings['subset']}], labels[0][:{settings['subset']}]")
    if settings.get("grayscale"):
        lines.append(
            "    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)  # ITU-R 601, as Pillow has it"
        )
        lines.append("    train, test = ((weights * images).sum(1, keepdim=True) for images in (train, test))")
    if settings.get("resize"):
        size = settings["resize"]
        lines.append(
            f"    resize = partial(nn.functional.interpolate, size=({size}, {size}), mode='bilinear', antialias=True)"
        )
        lines.append("    train, test = resize(train), resize(test)")
    if settings.get("normalise"):
        lines.append("    mean, deviation = train.mean(), train.std()")
        lines.append("    train, test = (train - mean) / deviation, (test - mean) / deviation")
    return "".join(f"{line}\n" for line in lines)


def as_used(data: DataSet, settings: Mapping[str, Any]) -> DataSet:
    """The data set after its transforms: the shape that enters the network, the number of classes."""
    shape, classes = data.shape, data.classes
    if len(shape) == 3:
        channels = 1 if settings.get("grayscale") else shape[0]
        size = settings.get("resize")
        shape = (channels, size, size) if size else (channels, *shape[1:])
    kept = settings.get("classes")
    return replace(data, shape=shape, classes=len(kept) if kept else classes)


def unfit(data: DataSet, settings: Mapping[str, Any]) -> str:
    """Why these transforms cannot be; empty where they can."""
    kept = settings.get("classes")
    if kept and not data.classes:
        return f"{data.title} has no classes"
    if kept and (not 2 <= len(set(kept)) == len(kept) or not set(kept) <= set(range(data.classes))):
        return f"'classes' are at least two different numbers from 0 to {data.classes - 1}"
    images = [key for key in ("resize", "flip", "shift") if settings.get(key)]
    if images and len(data.shape) != 3:
        return f"'{images[0]}' is for images; {data.title} has none"
    return ""


def filled(lines: str, **parts: str) -> str:
    """Lines of a program with their parts put in; other braces are the program's own."""
    for name, part in parts.items():
        lines = lines.replace(f"{{{name}}}", part)
    return lines


def data_code(data: DataSet, settings: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The lines that load the data, and the imports that they need."""
    finish = finishing(settings)
    tools = ["from functools import partial"] if settings.get("resize") else []
    if data.kind == "idx":
        return filled(IDX, vision=data.torchvision, finish=finish), ["import gzip", *tools]
    if data.kind == "cifar":
        return filled(CIFAR, vision=data.torchvision, finish=finish), [
            "import io",
            "import pickle",
            "import tarfile",
            *tools,
        ]
    if data.kind == "digits":
        return filled(DIGITS, finish=finish), tools
    return filled(POINTS_CODE, title=data.title.capitalize(), points=POINTS[data.name], finish=finish), ["import math"]
