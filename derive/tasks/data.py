"""The data sets that tasks may name: their shapes, where their original files lie, and the lines that read them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataSet:
    """A data set: the shape of an example, its classes (0 for regression), how it is read, and the files that it needs.

    `kind` is idx, cifar, digits or points. `stand_in` names the set that is used where the files cannot be had.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    classes: int
    kind: str
    files: tuple[str, ...] = ()
    stand_in: str = ""
    torchvision: str = ""


IDX_FILES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip
CIFAR_FILES = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")

DATA_SETS = {
    data.name: data
    for data in (
        DataSet("mnist", "MNIST", (1, 28, 28), 10, "idx", IDX_FILES, "digits", "MNIST"),
        DataSet("fashion_mnist", "Fashion-MNIST", (1, 28, 28), 10, "idx", IDX_FILES, "digits", "FashionMNIST"),
        DataSet("cifar10", "CIFAR-10", (3, 32, 32), 10, "cifar", CIFAR_FILES, "digits", "CIFAR10"),
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
        if not all((place / file).exists() or (place / f"{file}.gz").exists() for file in data.files):
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


def is_there(data: DataSet, folder: Path | None) -> bool:
    """Whether the set can be had: it needs no files, its files are there, or torchvision can fetch it."""
    return not data.files or found_in(data, folder) is not None or torchvision_works()


def torchvision_works() -> bool:
    """Whether torchvision imports; beside some builds of torch it does not."""
    try:
        import torchvision.datasets  # noqa: F401
    except Exception:
        return False
    return True


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

CIFAR = '''class ArraysOnly(pickle.Unpickler):
    """CIFAR-10's files are pickles; nothing but NumPy arrays may come out of them."""

    def find_class(self, module, name):
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype", "_frombuffer"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a data set")


def read_batch(path):
    """Images of channels x height x width as bytes, and their classes."""
    with open(path, "rb") as file:
        batch = ArraysOnly(file, encoding="bytes").load()
    return torch.from_numpy(batch[b"data"]).reshape(-1, 3, 32, 32), torch.tensor(batch[b"labels"])


def load_data(folder):
    """Images between 0 and 1 and their classes: from the original files, or by torchvision."""
    if not (folder / "test_batch").exists():
        from torchvision.datasets import {vision}

        {vision}(folder, download=True)
        folder = folder / "cifar-10-batches-py"
    batches = [read_batch(folder / f"data_batch_{k}") for k in range(1, 6)]
    test, test_labels = read_batch(folder / "test_batch")
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


def finishing(settings: dict[str, object]) -> str:
    """The lines that the transforms come to."""
    lines = []
    if settings.get("classes"):
        kept = list(settings["classes"])  # type: ignore[call-overload]
        lines.append(f"    kept = [torch.isin(part, torch.tensor({kept})) for part in labels]")
        lines.append("    train, test = train[kept[0]], test[kept[1]]")
        lines.append("    labels = [part[keep] for part, keep in zip(labels, kept)]")
    if settings.get("subset"):
        lines.append(f"    train, labels[0] = train[:{settings['subset']}], labels[0][:{settings['subset']}]")
    if settings.get("grayscale"):
        lines.append(
            "    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)  # ITU-R 601, as Pillow has it"
        )
        lines.append("    train, test = ((weights * images).sum(1, keepdim=True) for images in (train, test))")
    if settings.get("normalise"):
        lines.append("    mean, deviation = train.mean(), train.std()")
        lines.append("    train, test = (train - mean) / deviation, (test - mean) / deviation")
    return "".join(f"{line}\n" for line in lines)


def filled(lines: str, **parts: str) -> str:
    """Lines of a program with their parts put in; other braces are the program's own."""
    for name, part in parts.items():
        lines = lines.replace(f"{{{name}}}", part)
    return lines


def data_code(data: DataSet, settings: dict[str, object]) -> tuple[str, list[str]]:
    """The lines that load the data, and the imports that they need."""
    finish = finishing(settings)
    if data.kind == "idx":
        return filled(IDX, vision=data.torchvision, finish=finish), ["import gzip"]
    if data.kind == "cifar":
        return filled(CIFAR, vision=data.torchvision, finish=finish), ["import pickle"]
    if data.kind == "digits":
        return filled(DIGITS, finish=finish), []
    return filled(POINTS_CODE, title=data.title.capitalize(), points=POINTS[data.name], finish=finish), ["import math"]
