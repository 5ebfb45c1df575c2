"""The share of resumed handshakes over time, as SVG."""

from collections.abc import Sequence

from clients import Request

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 360, 50, 96, 40
# Two colours that are told apart without colour vision, too.
RESUMED, ELSEWHERE = "#0b6e99", "#d9730d"


def share(requests: Sequence[Request], condition: list[bool]) -> float:
    return sum(condition) / len(requests)


def line(points: list[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def text(x: float, y: float, words: str, colour: str = "#333", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def draw(requests: Sequence[Request], events: Sequence[tuple[float, str]], seconds: float, parts: int = 60) -> str:
    """A picture of both shares in as many parts of the time, and of what happened when."""

    def x(moment: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * moment / seconds

    def y(part: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part

    slots: list[list[Request]] = [[] for _ in range(parts)]
    for request in requests:
        slots[min(parts - 1, int(request.time * parts / seconds))].append(request)
    middles = [(x((i + 0.5) * seconds / parts), slot) for i, slot in enumerate(slots) if slot]
    resumed = [(at, y(share(slot, [r.resumed for r in slot]))) for at, slot in middles]
    elsewhere = [(at, y(share(slot, [r.resumed and r.server != r.before for r in slot]))) for at, slot in middles]
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    parts_of_picture = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for percent in (0, 50, 100):
        height = y(percent / 100)
        parts_of_picture += [
            f'<line x1="{LEFT}" y1="{height}" x2="{WIDTH - 20}" y2="{height}" stroke="#ddd"/>',
            text(LEFT - 6, height + 4, f"{percent} %", anchor="end"),
        ]
    for number, (moment, words) in enumerate(events):
        at, height = x(moment), 56 + 16 * (number % 2)
        parts_of_picture += [
            f'<line x1="{at:.1f}" y1="{height + 4}" x2="{at:.1f}" y2="{y(0)}" stroke="#999" stroke-dasharray="4 3"/>',
            text(at, height, words, anchor="middle"),
        ]
    parts_of_picture += [line(resumed, RESUMED), line(elsewhere, ELSEWHERE)]
    parts_of_picture += [
        text(LEFT, 20, "handshakes that resumed a session", RESUMED),
        text(LEFT, 36, "of these, at another server than the one before", ELSEWHERE),
        *(text(x(seconds * i / 6), HEIGHT - 16, f"{seconds * i / 6:.3g} s", anchor="middle") for i in range(7)),
        "</svg>",
    ]
    return "\n".join(parts_of_picture) + "\n"
