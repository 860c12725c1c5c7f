"""Make the Hangul font that the plots ship: NanumSquare, cut down to what labels need, under a name of its own.

    python tools/subset_font.py NanumSquareR.ttf src/handgrad/plots/fonts/HandgradHangul.ttf

It needs fontTools, which matplotlib brings along. NanumSquareR.ttf is in Debian's package fonts-nanum 20200506-1.
Of Nanum's faces this one builds its syllables from shared parts, so that all 11,172 of them take less room than the
2,350 common ones of NanumGothic: a class may have any Korean name. Letters and digits stay DejaVu's.
"""

from __future__ import annotations

import sys

from fontTools import subset
from fontTools.ttLib import TTFont

# The licence forbids the reserved names (Nanum and the like) to a modified font.
FAMILY = "Handgrad Hangul"

HANGUL = [*range(0xAC00, 0xD7A4), *range(0x3131, 0x3164)]  # all syllables, and the single letters
KANA = [*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC]  # KMNIST's classes are named in them
PUNCTUATION = [0x3001, 0x3002, 0x300C, 0x300D, 0x00B7]
ASCII = range(0x20, 0x7F)  # so that the file is of use by itself

COPYRIGHT, KEPT_NAMES = 0, (0, 8, 9)  # copyright, manufacturer, designers
LICENCE = "This Font Software is licensed under the SIL Open Font License, Version 1.1."


def main(source: str, target: str) -> None:
    """Read the original font, write the subset."""
    font = TTFont(source, recalcTimestamp=False)
    options = subset.Options(hinting=False, layout_features=[], glyph_names=False, notdef_outline=True)
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "kern", "gasp", "TSI0", "TSI1", "TSI2", "TSI3", "TSI5", "FFTM"]
    options.name_IDs, options.name_languages = list(KEPT_NAMES), [0x409]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[*ASCII, *HANGUL, *KANA, *PUNCTUATION])
    subsetter.subset(font)
    names = {
        1: FAMILY, 2: "Regular", 3: f"{FAMILY} 1.0", 4: FAMILY, 5: "Version 1.0", 6: FAMILY.replace(" ", ""),
        10: "A subset for the figures of handgrad, made from a font by NAVER Corporation.",
        13: LICENCE, 14: "https://openfontlicense.org",
    }  # fmt: skip
    for name_id, text in names.items():
        font["name"].setName(text, name_id, 3, 1, 0x409)
    font.save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
