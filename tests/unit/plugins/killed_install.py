"""ollama_model in a process of its own, killed before its n-th step on the disk, or after -n bytes were written."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils import _fetch, _receipts
from ansible_collections.archiv.ollama.plugins.modules import ollama_model

STEPS = ("fsync", "fdatasync", "replace", "rename", "mkdir", "chmod", "fchmod", "unlink", "rmdir", "pwrite")


def main(at: int, arguments: dict[str, Any]) -> None:
    taken = written = 0

    def counting(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def step(*args: Any) -> Any:
            nonlocal taken, written
            taken += 1
            written += len(args[1]) if name == "pwrite" else 0
            if taken == at or written > -at > 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        return step

    for name in STEPS:
        setattr(os, name, counting(getattr(os, name), name))
    _receipts.RACY_SECONDS = 0
    _fetch._PART_MIN = _fetch._PART_MAX = 32 * 1024
    _fetch._PUBLISH = 4 * 1024
    _fetch._RECORD_SECONDS = 0.02
    try:
        with patch_module_args(arguments):
            ollama_model.main()
    finally:
        sys.stderr.write(f"{taken}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
