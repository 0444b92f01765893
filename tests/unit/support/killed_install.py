"""ollama_model in a process that is killed before its n-th step on the disk, or after -n bytes were written.

Reads one run a line, [n, arguments], and answers with [exit status, steps taken]. Every run is a fork of
this process, which has everything loaded and no threads.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import sys
from collections.abc import Callable
from typing import Any

from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils._install import download as _fetch
from ansible_collections.archiv.ollama.plugins.module_utils._install import ranges as _ranges
from ansible_collections.archiv.ollama.plugins.module_utils._store import receipts as _receipts
from ansible_collections.archiv.ollama.plugins.modules import ollama_model

STEPS = ("fsync", "fdatasync", "replace", "rename", "mkdir", "chmod", "fchmod", "unlink", "rmdir", "pwrite")


def main() -> None:
    vars(_receipts)["FINE_RACY_SECONDS"] = 0
    vars(ssl)["create_default_context"] = lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    vars(_ranges).update(_PART_MIN=32 * 1024, _PART_MAX=32 * 1024)
    vars(_fetch).update(_PUBLISH=4 * 1024, _READ_MIN=4 * 1024, _RECORD_SECONDS=0.02)
    for line in sys.stdin:
        at, arguments = json.loads(line)
        steps_out, steps_in = os.pipe()
        child = os.fork()
        if child == 0:
            run(at, arguments, steps_in)
        os.close(steps_in)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open(steps_out) as steps:
            print(json.dumps([status, int(steps.read() or 0)]), flush=True)


def run(at: int, arguments: dict[str, Any], steps_in: int) -> None:
    """Never returns: the child ends here, one way or the other."""
    taken = written = 0
    pid = os.getpid()

    def counting(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def step(*args: Any, **folders: Any) -> Any:
            nonlocal taken, written
            taken += 1
            written += len(args[1]) if name == "pwrite" else 0
            if taken == at or written > -at > 0:
                os.kill(pid, signal.SIGKILL)
            return real(*args, **folders)

        return step

    for name in STEPS:
        setattr(os, name, counting(getattr(os, name), name))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    status = 1
    try:
        with patch_module_args(arguments):
            ollama_model.main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    os.write(steps_in, str(taken).encode())
    os._exit(status)


if __name__ == "__main__":
    main()
