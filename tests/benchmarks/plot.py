"""A small plot as SVG: lines with a mark at each value, axes that begin at 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 48, 20, 40, 40
# Told apart by those who see no red as well, and by their marks.
COLOURS = ("#0072b2", "#d55e00")
DASHES = ("none", "6 4")


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]


def plot(title: str, lines: Sequence[Line]) -> str:
    """The whole file. It has a background of its own, so that it can be read on a dark page too."""
    most_x = max(x for line in lines for x, _ in line.points)
    step = step_of(max(y for line in lines for _, y in line.points))
    most_y = step * (int(max(y for line in lines for _, y in line.points) / step) + 1)

    def place(x: float, y: float) -> str:
        across = LEFT + x / most_x * (WIDTH - LEFT - RIGHT)
        return f"{across:.1f},{HEIGHT - BOTTOM - y / most_y * (HEIGHT - TOP - BOTTOM):.1f}"

    told = "; ".join(f"{line.name}: {', '.join(f'{y:.1f} at {x:g}' for x, y in line.points)}" for line in lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif"'
        ' font-size="12" fill="#222">',
        f"<title>{escape(f'{title}. {told}')}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
    ]
    for number in range(int(most_y / step) + 1):
        y = number * step
        (x1, y1), (x2, _) = (place(at, y).split(",") for at in (0.0, most_x))
        parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y1}" stroke="#ccc"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{float(y1) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x, _ in lines[0].points:
        across, down = place(x, 0).split(",")
        parts.append(f'<text x="{across}" y="{float(down) + 18:.1f}" text-anchor="middle">{x:g}</text>')
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        places = [place(x, y) for x, y in line.points]
        parts.append(
            f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="2"'
            f' stroke-dasharray="{DASHES[number % len(DASHES)]}"/>'
        )
        parts += ['<circle cx="{}" cy="{}" r="4" fill="{}"/>'.format(*at.split(","), colour) for at in places]
        across, down = places[-1].split(",")
        parts.append(
            f'<text x="{float(across) - 4:.1f}" y="{float(down) - 10:.1f}" text-anchor="end" fill="{colour}">'
            f"{escape(line.name)}</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def step_of(most: float) -> float:
    """Between two lines of the grid, so that there are four to ten of them."""
    step = 1.0
    while most / step > 10:
        step *= 5 if str(step)[0] in "1" else 2
    while most / step < 4:
        step /= 2
    return step
