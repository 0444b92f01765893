"""Makes the picture of README.md from the page of a fleet in trouble. `make pictures`"""

from __future__ import annotations

import sys

from tests.lab.settings import ROOT, LabError
from tests.page import browser
from tests.page.draw import draw
from tests.page.fleet import one_killed

PICTURE = ROOT / "docs/pictures/status.webp"
WIDTH = 1100
# The summary and the first host.
HEIGHT = "Math.ceil(document.querySelector('article').getBoundingClientRect().bottom) + 24"
LARGEST = 200_000


def main() -> int:
    try:
        with browser.tab() as tab:
            tab.open(draw("picture", one_killed()), WIDTH)
            PICTURE.write_bytes(tab.picture(int(tab.evaluate(HEIGHT)), "webp"))
    except (LabError, browser.BrowserError) as error:
        print(f"pictures: {error}", file=sys.stderr)
        return 1
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size // 1000} kB")
    if size >= LARGEST:
        print(f"pictures: it must be smaller than {LARGEST // 1000} kB", file=sys.stderr)
    return int(size >= LARGEST)


if __name__ == "__main__":
    sys.exit(main())
