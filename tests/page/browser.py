"""A headless Chromium, spoken to through two pipes in its DevTools protocol; no package for it is needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.engine import need

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PACKAGE = "chromium-headless-shell"
# 30 hosts on a busy machine take a few seconds.
SECONDS = 60.0
# What is a phone by its width is one by its touch and its pixels too.
PHONE = 500
# A4, in inches.
PAPER = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False}


class BrowserError(Exception):
    """The browser says no; str() tells why."""


def find() -> str:
    """The browser of this machine; where there is none, Debian's is installed, and that is said."""
    if not any(map(shutil.which, NAMES)):
        need(PACKAGE, PACKAGE)
    return next(name for name in NAMES if shutil.which(name))


class Tab:
    """One page, which is made to look as on a device and asked what it is."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._number, self._rest, self._session = 0, b"", ""
        # What happened that nobody asked for: what it loaded, what it said.
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = str(self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writing, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        """The next message; what is no answer is kept."""
        until = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            if not select.select([self._reading], [], [], max(until - time.monotonic(), 0))[0]:
                raise BrowserError(f"the browser said nothing for {SECONDS:.0f} seconds")
            data = os.read(self._reading, 2**20)
            if not data:
                raise BrowserError("the browser ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message = dict(json.loads(line))
        if "id" not in message:
            self.events.append(message)
        return message

    def open(self, path: Path, width: int, dark: bool = False) -> None:
        """The page as a device of this width shows it."""
        phone = width < PHONE
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=scheme)
        self.events.clear()
        self.ask("Page.navigate", url=path.resolve().as_uri())
        self._wait("Page.loadEventFired")

    def _wait(self, method: str) -> None:
        while not any(event["method"] == method for event in self.events):
            self._next()

    def evaluate(self, script: str) -> Any:
        """What a script says; a promise is waited for."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise BrowserError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def picture(self, height: int | None = None, kind: str = "png") -> bytes:
        """The whole page, or so much of its top; as webp it is a third as large."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        shot = self.ask("Page.captureScreenshot", format=kind, clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def pdf(self) -> bytes:
        return base64.b64decode(self.ask("Page.printToPDF", **PAPER)["data"])

    def loaded(self) -> list[str]:
        """The addresses of all that the page asked for and was not refused by its own policy."""
        named = {"sent": "Network.requestWillBeSent", "failed": "Network.loadingFailed"}
        seen = {key: [e["params"] for e in self.events if e["method"] == method] for key, method in named.items()}
        refused = {one["requestId"] for one in seen["failed"] if one.get("blockedReason") == "csp"}
        return [str(one["request"]["url"]) for one in seen["sent"] if one["requestId"] not in refused]

    def complaints(self) -> list[str]:
        """What the browser logged, a refused script or picture among it."""
        return [str(event["params"]["entry"]["text"]) for event in self.events if event["method"] == "Log.entryAdded"]


@contextmanager
def tab() -> Iterator[Tab]:
    """A browser of its own with one page, gone afterwards."""
    program = find()
    to_read, to_write = os.pipe(), os.pipe()
    # The protocol's pipes are descriptors 3 and 4.
    started = f'exec 3<&{to_write[0]} 4>&{to_read[1]}; exec "$@"'
    options = ["--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions"]
    # Its sandbox refuses root; it opens nothing but our own files here.
    options += ["--no-sandbox"] if os.geteuid() == 0 else []
    # It must reach nobody, whatever a page asks for.
    options += ["--proxy-server=127.0.0.1:9", "--disable-background-networking", "--disable-component-update"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [program, *options, f"--user-data-dir={home}", "--remote-debugging-pipe", "about:blank"]
        process = subprocess.Popen(
            ["nice", "-n", "19", "bash", "-c", started, "bash", *command],
            pass_fds=(to_write[0], to_read[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_write[0])
        os.close(to_read[1])
        try:
            yield Tab(to_read[0], to_write[1])
        finally:
            process.terminate()
            process.wait(10)
            os.close(to_read[0])
            os.close(to_write[1])
