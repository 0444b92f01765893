# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One blob's bytes, in ranges, from the registry or the target of its redirect. Private."""

from __future__ import annotations

import re

from .._model.names import ModelName
from .client import RegistryClient, refuse_encoding
from .errors import BadAnswer, RegistryError, SizeMismatch, judge_status, shown
from .rules import base_url, origin
from .transport import Response


class BlobSource:
    """Source of one blob: the registry or the target of its redirect, which is kept."""

    def __init__(self, client: RegistryClient, name: ModelName, digest: str, size: int) -> None:
        self.client = client
        self.url = f"{base_url(name, client.access)}/v2/{name.namespace}/{name.model}/blobs/{digest}"
        self.size = size
        self._final: str | None = None

    def open(self, start: int, end: int) -> tuple[Response, int]:
        """Request bytes [start, end); also returns the offset at which the response starts."""
        headers = {"Range": f"bytes={start}-{end - 1}"}
        response = None
        if self._final is not None:
            response = self.client.get(self._final, headers, origin(self.url))
            # A signed URL may expire during a long download: request a new one.
            if response.status not in (200, 206) and response.status < 500:
                response.close()
                response = None
        if response is None:
            response, self._final = self.client.follow(self.url, headers)
        try:
            return response, self._begin(response, start, end)
        except RegistryError:
            response.close()
            raise

    def _begin(self, response: Response, start: int, end: int) -> int:
        what = f"blob {self.url.rpartition('/')[2]}"
        if response.status == 416:
            raise SizeMismatch(
                f"{shown(response.url)} rejected bytes {start} to {end} of {what} as out of range, although its"
                f" manifest says {self.size} bytes"
            )
        judge_status(response.status, response.url, what)
        refuse_encoding(response, what)
        if response.status == 206:
            return self._check_range(response, start, end)
        told = response.headers.get("Content-Length")
        if told is not None and told != str(self.size):
            raise SizeMismatch(_other_size(response.url, what, told, self.size))
        return 0

    def _check_range(self, response: Response, start: int, end: int) -> int:
        what = f"blob {self.url.rpartition('/')[2]}"
        told = response.headers.get("Content-Range") or ""
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", told.strip())
        if match is None or int(match.group(1)) != start or int(match.group(2)) >= end:
            raise BadAnswer(f"{shown(response.url)} was asked for bytes {start}-{end - 1} and sent {told!r}")
        if match.group(3) not in ("*", str(self.size)):
            raise SizeMismatch(_other_size(response.url, what, match.group(3), self.size))
        return start


def _other_size(url: str, what: str, told: str, size: int) -> str:
    return f"size mismatch: {shown(url)} has {what} with {told} bytes, its manifest says {size}"
