"""Pixels and paper: a picture in SVG as PNG or PDF, by cairosvg, which the extra `plot` brings."""

from handgrad.drawing.formats.svg import FONTS

SUFFIXES = (".png", ".pdf")
SCALE = 2  # of the pixels, for screens with many of them


def converted(svg, suffix):
    """The bytes of a file. Raises ModuleNotFoundError, in one sentence, without cairosvg."""
    try:
        import cairosvg
    except (ModuleNotFoundError, OSError):  # it needs the library cairo, too
        hint = "pip install cairosvg"
        raise ModuleNotFoundError(f"a {suffix} file needs cairosvg: {hint}") from None
    text = svg.replace(
        FONTS, "serif"
    ).encode()  # it takes the first font, whether it is there or not
    if suffix == ".png":
        return cairosvg.svg2png(text, scale=SCALE)
    return cairosvg.svg2pdf(text)
