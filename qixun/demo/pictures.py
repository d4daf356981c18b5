"""Pictures that a demo phone "takes": a drawn winter street, so that no real person or place is shown."""

import io
import random

from PIL import Image, ImageDraw

_SIZE = (1280, 960)
_SUBJECTS = {"hazard": "#8A3B12", "works": "#F5B400", "snow": "#FFFFFF", "door": "#5B3A1E", "leak": "#0B4F8A"}


def street(subject: str, seed: int) -> bytes:
    """A JPEG of about 100 kB; the same for the same seed."""
    rng = random.Random(f"{subject}{seed}")  # noqa: S311 - a drawing
    image = Image.new("RGB", _SIZE, (196, 210, 224))
    draw = ImageDraw.Draw(image)
    x = 0
    while x < _SIZE[0]:
        width, height = rng.randint(120, 260), rng.randint(220, 460)
        shade = rng.randint(120, 190)
        draw.rectangle((x, 560 - height, x + width - 12, 560), fill=(shade, shade - 12, shade - 24))
        for wx in range(x + 18, x + width - 50, 46):
            for wy in range(580 - height, 520, 60):
                draw.rectangle((wx, wy, wx + 24, wy + 34), fill=rng.choice([(250, 226, 150), (90, 104, 120)]))
        x += width
    draw.rectangle((0, 560, _SIZE[0], _SIZE[1]), fill=(236, 240, 244))
    draw.polygon([(430, 560), (850, 560), (1280, 960), (0, 960)], fill=(150, 156, 164))
    _subject(draw, subject, rng)
    for _ in range(900):
        sx, sy = rng.randrange(_SIZE[0]), rng.randrange(_SIZE[1])
        draw.ellipse((sx, sy, sx + 4, sy + 4), fill="white")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def signature(seed: int) -> bytes:
    """Somebody's strokes on white."""
    rng = random.Random(seed)  # noqa: S311 - a drawing
    image = Image.new("RGB", (600, 240), "white")
    points = [(60 + n * 24 + rng.randint(-10, 10), 120 + rng.randint(-70, 70)) for n in range(20)]
    ImageDraw.Draw(image).line(points, fill="#101828", width=5, joint="curve")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def _subject(draw: ImageDraw.ImageDraw, subject: str, rng: random.Random) -> None:
    x, y = 520 + rng.randint(-60, 60), 600
    colour = _SUBJECTS.get(subject, "#667085")
    if subject == "works":
        draw.rectangle((x, y + 60, x + 220, y + 150), fill=colour)
        draw.line([(x + 200, y + 70), (x + 320, y - 60), (x + 400, y + 120)], fill=colour, width=26)
        draw.ellipse((x, y + 140, x + 90, y + 210), fill="#344054")
        draw.ellipse((x + 130, y + 140, x + 220, y + 210), fill="#344054")
    elif subject == "snow":
        draw.ellipse((x - 160, y + 20, x + 420, y + 260), fill=colour)
    else:
        draw.rectangle((x, y, x + 230, y + 230), fill=colour)
        draw.rectangle((x + 30, y + 40, x + 200, y + 110), fill="#F2F4F7")
