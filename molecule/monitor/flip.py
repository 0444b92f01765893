"""Flips one bit of a file: flip.py FILE OFFSET"""

from __future__ import annotations

import os
import sys


def main() -> None:
    file = os.open(sys.argv[1], os.O_RDWR)
    place = int(sys.argv[2])
    os.pwrite(file, bytes([os.pread(file, 1, place)[0] ^ 1]), place)
    os.fsync(file)


if __name__ == "__main__":
    main()
