"""The data sets that are known by name: what they hold, where their files lie, and the files' checksums.

MNIST ships with the package; the others are fetched when first asked for. Only facts stand here.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

DIGITS = tuple(string.digits)


@dataclass(frozen=True)
class Source:
    """A data set by name.

    Attributes:
        name: what a user types.
        about: a key of `words/`, one line on what the pictures show.
        licence: under which its makers give it, as they say it; empty where they do not.
        train, test: how many pictures each part has.
        classes: the classes' names.
        mirrors: where its files may be found, tried in this order; a file's name is added to each.
        files: the files, train images, train labels, test images, test labels, each with its checksum.
        archive: where all four lie in one zip: its name and checksum (then `files` have none of their own).
        transposed: whether rows and columns of each picture are stored exchanged.
        first_label: the number of the first class in the label files.
    """

    name: str
    about: str
    licence: str
    train: int
    test: int
    classes: tuple[str, ...]
    mirrors: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    archive: tuple[str, str] | None = None
    transposed: bool = False
    first_label: int = 0


_USUAL = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def _with_sums(*sums: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip(_USUAL, (f"sha256:{known}" for known in sums), strict=True))


MNIST = Source("mnist", "data.about_mnist", "CC BY-SA 3.0", 60_000, 10_000, DIGITS)

# Sums: keras/src/datasets/fashion_mnist.py and tensorflow_datasets/url_checksums/fashion_mnist.txt agree.
FASHION = Source(
    "fashion-mnist",
    "data.about_fashion",
    "MIT",
    60_000,
    10_000,
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",  # as Keras
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # as its authors, torchvision
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",  # also its authors
    ),
    files=_with_sums(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)

# Sums: tensorflow_datasets/url_checksums/kmnist.txt.
KMNIST = Source(
    "kmnist",
    "data.about_kmnist",
    "CC BY-SA 4.0",
    60_000,
    10_000,
    ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        # For when its host is down, as rois-codh/kmnist issue 29 reports; the Internet Archive may have a copy.
        "https://web.archive.org/web/2022id_/http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
    files=_with_sums(
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
)

# Sums: torchvision/datasets/mnist.py, class QMNIST. The labels are (n, 8), the class in the first column.
QMNIST = Source(
    "qmnist",
    "data.about_qmnist",
    "BSD",
    60_000,
    60_000,
    DIGITS,
    mirrors=(
        "https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
        "https://github.com/facebookresearch/qmnist/raw/master/",
    ),
    files=(
        ("qmnist-train-images-idx3-ubyte.gz", "md5:ed72d4157d28c017586c42bc6afe6370"),
        ("qmnist-train-labels-idx2-int.gz", "md5:0058f8dd561b90ffdd0f734c6a30e5e4"),
        ("qmnist-test-images-idx3-ubyte.gz", "md5:1394631089c404de565df7b7aeaf9412"),
        ("qmnist-test-labels-idx2-int.gz", "md5:5b5b05890a5e13444e108efe57b788aa"),
    ),
)

_UPPER, _LOWER = tuple(string.ascii_uppercase), tuple(string.ascii_lowercase)
# EMNIST merges the letters whose two cases look alike; these are the lower-case ones that remain.
_MERGED = DIGITS + _UPPER + tuple("abdefghnqrt")


def _emnist(split: str, train: int, test: int, classes: tuple[str, ...], first_label: int = 0) -> Source:
    """One of EMNIST's six splits. Sum: tensorflow_datasets/url_checksums/emnist.txt (and, as md5, torchvision)."""
    names = [
        f"emnist-{split}-{part}-{what}-ubyte.gz"
        for part in ("train", "test")
        for what in ("images-idx3", "labels-idx1")
    ]
    return Source(
        f"emnist-{split}",
        f"data.about_emnist_{split}",
        "",
        train,
        test,
        classes,
        mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"),
        files=tuple((name, "") for name in names),
        archive=("gzip.zip", "sha256:fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"),
        transposed=True,
        first_label=first_label,
    )


# Sizes of the splits: Cohen et al. 2017, "EMNIST: an extension of MNIST to handwritten letters", table II; letters as
# the files have them.
DATASETS: dict[str, Source] = {
    source.name: source
    for source in (
        MNIST,
        FASHION,
        KMNIST,
        QMNIST,
        _emnist("balanced", 112_800, 18_800, _MERGED),
        _emnist("byclass", 697_932, 116_323, DIGITS + _UPPER + _LOWER),
        _emnist("bymerge", 697_932, 116_323, _MERGED),
        _emnist("digits", 240_000, 40_000, DIGITS),
        _emnist("letters", 124_800, 20_800, _LOWER, first_label=1),
        _emnist("mnist", 60_000, 10_000, DIGITS),
    )
}
