"""Makes felice-sans.ttf: the part of Liberation Sans 2.1.5 that a figure's labels use, with raised digits for powers of ten.

Usage: python3 make.py LiberationSans-Regular.ttf felice-sans.ttf      (needs fonttools)

The SIL Open Font License (OFL.txt) reserves the name Liberation for the original, so this derivative has another one.
"""

import sys

from fontTools import subset
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3C9), (0x2010, 0x2026), (0x2032, 0x2032), (0x2190, 0x2193)]
SIGNS = "∂∆∏∑−√∞≈≠≤≥Ωϕ"
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789−+"))
NAMES = {1: "Felice Sans", 3: "felice: Felice Sans", 4: "Felice Sans", 6: "FeliceSans", 7: "", 16: "", 17: ""}

source, target = sys.argv[1:]
options = subset.Options(hinting=False, layout_features=[], drop_tables=subset.Options().drop_tables + ["FFTM", "gasp"])
options.drop_tables += ["GPOS", "GSUB", "GDEF", "kern"]
font = TTFont(source, recalcTimestamp=False)
chosen = subset.Subsetter(options)
chosen.populate(unicodes=[u for low, high in RANGES for u in range(low, high + 1)] + [ord(c) for c in SIGNS])
chosen.subset(font)

glyphs, cmap = font["glyf"], font.getBestCmap()
raise_by = 0.36 * font["head"].unitsPerEm
for raised, plain in RAISED.items():
    name = f"raised{ord(raised):04X}"
    pen = TTGlyphPen(font.getGlyphSet())
    font.getGlyphSet()[cmap[ord(plain)]].draw(TransformPen(pen, (0.62, 0, 0, 0.62, 0, raise_by)))
    glyphs[name] = pen.glyph()
    advance = font["hmtx"][cmap[ord(plain)]][0]
    font["hmtx"][name] = (round(0.62 * advance), 0)
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[ord(raised)] = name
for name_id, text in NAMES.items():
    font["name"].removeNames(nameID=name_id)
    if text:
        font["name"].setName(text, name_id, 3, 1, 0x409)
font.save(target)
