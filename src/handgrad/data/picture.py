"""Any picture of a digit, brought to the form of MNIST: grey, bright ink on black, 28 x 28.

As MNIST was made (LeCun et al. 1998, "Gradient-based learning applied to document recognition", section III.A): the ink
fits a box of 20 x 20 with its proportions kept, and its centre of mass lies in the middle of the 28 x 28.
"""

from __future__ import annotations

import warnings
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.idx import PathLike
from handgrad.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE, BOX = 28, 20
_WORK_SIDE = 1600  # a larger picture is first reduced to at most this: a digit needs no more, and time stays short
_LEAST_CONTRAST = 12  # of 255, between paper and ink; below it a picture is blank
_FAINT = 0.2  # of the strongest ink; fainter is the blur around a stroke or the grain of the paper, not its edge
_MOST_NOISE = 0.5  # of the strongest ink; a border with more than that is ink, not noise
_WHITE, _BLACK = 255.0, 0.0


def to_mnist(picture: PathLike | Array) -> Array:
    """A picture as MNIST has them: (28, 28) uint8, ink bright on 0.

    Args:
        picture: the path of an image file (PNG, JPEG, ... in any mode), or an array: (h, w) grey or (h, w, 3 or 4)
            colour, whole numbers 0..255 or floats 0..1.
    Raises: DataError where the file is missing or no image, has far too many pixels, or shows nothing.
    """
    name = str(picture) if not isinstance(picture, np.ndarray) else "array"
    grey = _array_grey(picture) if isinstance(picture, np.ndarray) else read_grey(picture)
    ink = _ink(grey, name)
    rows, columns = (np.flatnonzero((ink > _FAINT).any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _centre(_fit(ink))


def read_grey(path: PathLike) -> Array:
    """The picture in a file as (height, width) float32 from 0, black, to 255, white, turned as its EXIF note says.

    Transparent parts are taken as white paper, or as black where the picture would vanish on white.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # `import handgrad.data` must not cost it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)  # of odd metadata, which is not looked at
            with Image.open(path) as image:
                image.draft("L", (_WORK_SIDE, _WORK_SIDE))  # a large JPEG is decoded at a fraction of its size
                ImageOps.exif_transpose(image, in_place=True)
                return _image_grey(image)
    except FileNotFoundError:
        raise DataError("data.file_missing", path=str(path)) from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError("data.picture_huge", path=str(path), most=f"{Image.MAX_IMAGE_PIXELS or 0:,}") from None
    except (IsADirectoryError, PermissionError) as error:
        raise DataError("data.file_unreadable", path=str(path), reason=error.strerror) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):  # Pillow's ways to say "broken"
        raise DataError("data.picture_unreadable", path=str(path)) from None


def _image_grey(image: Image) -> Array:
    """A Pillow image of any mode as grey, 0 to 255."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, np.float32)
        return grey / 257 if grey.max(initial=0) > _WHITE else grey  # 16 bits a pixel: 65535 / 257 = 255
    factor = max(image.size) // _WORK_SIDE
    transparent = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "L")
    if factor > 1:
        image = image.reduce(factor)
    if not transparent:
        return np.asarray(image, np.float32)
    opacity = np.asarray(image.getchannel("A"), np.float32) / 255
    colour = np.asarray(image.convert("RGB").convert("L"), np.float32)
    return _on_paper(colour, opacity)


def _on_paper(colour: Array, opacity: Array) -> Array:
    """Lay a partly transparent picture on white, or on black where it would not be seen on white."""
    on_white = colour * opacity + _WHITE * (1 - opacity)
    if np.ptp(on_white) >= _LEAST_CONTRAST:
        return on_white
    return colour * opacity + _BLACK


def _array_grey(array: Array) -> Array:
    """An array as grey, 0 to 255."""
    good = array.ndim in (2, 3) and array.size > 0 and array.dtype.kind in "uifb"
    if not good or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):  # height, width, colours
        raise DataError("data.picture_array", shape=str(array.shape), dtype=str(array.dtype))
    values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError("data.picture_not_finite")
    if array.dtype.kind in "fb" and values.max() <= 1:
        values *= 255
    if values.ndim == 2:
        return values
    if values.shape[2] == 1:
        return values[:, :, 0]
    grey: Array = values[:, :, :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow's mode L
    return _on_paper(grey, values[:, :, 3] / 255) if values.shape[2] == 4 else grey


def _ink(grey: Array, name: str) -> Array:
    """How much ink there is at each pixel, from 0 to 1, whichever of ink and paper is the darker.

    The paper is what most of the border shows. What differs from it in the ink's direction, by more than the border
    itself does, is ink.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    low, high = float(grey.min()), float(grey.max())
    if high - low < _LEAST_CONTRAST:
        raise DataError("data.picture_blank", path=name, size=f"{grey.shape[1]} x {grey.shape[0]}")
    paper = float(np.median(border))
    dark_ink = paper > (low + high) / 2
    ink = paper - grey if dark_ink else grey - paper
    strongest = float(ink.max())
    noise = float(np.quantile(np.abs(border - paper), 0.95))
    ink = np.clip(ink - min(noise, _MOST_NOISE * strongest), 0, None)
    return np.asarray(ink / ink.max(), np.float32)


def _fit(ink: Array) -> Array:
    """The ink at the size where its longer side is 20 pixels, each the average of the area that it covers."""
    from PIL import Image

    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(ink).resize(size, method), np.float32)


def _centre(ink: Array) -> Array:
    """Place the ink in 28 x 28 with its centre of mass in the middle, and make its strongest pixel 255."""
    offsets = []
    for axis, length in enumerate(ink.shape):
        mass = ink.sum(1 - axis, dtype=np.float64)  # exact, so that others who compute it agree to the pixel
        centre = float((mass * np.arange(length)).sum() / mass.sum())
        # In all of MNIST the centre lies from 13.5 to 14.5, counting pixels from 0: it was rounded to pixel 14.
        offsets.append(int(np.clip(floor(SIDE / 2 - centre + 0.5), 0, SIDE - length)))
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    top, left = offsets
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(ink / ink.max() * 255)
    return canvas
