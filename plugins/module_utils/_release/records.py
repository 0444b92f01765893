# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of a host's releases: what each switch brought, and whether it held. Private.

A release is one folder below .archiv/releases of the stack's folder, named by its number: release.json, and in files/
what defines the stack, without secrets. Docker holds its images and the store its models; the record says which.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
from dataclasses import asdict, dataclass, field, replace

from .._store.disk import Disk

# failed is still in place, while of returning the one before is being put back, and of returned it was.
State = t.Literal["begun", "good", "failed", "returning", "returned"]
STATES: tuple[State, ...] = ("begun", "good", "failed", "returning", "returned")
_OPEN = ("begun", "returning")
FORMAT = 1
# Services of ours that have no data: to take a switch of theirs back loses nothing.
STATELESS = ("gate", "ollama", "ollama-model-init", "ollama-warm")
FOLDER = ".archiv/releases"
_RECORD = "release.json"
_FILES = "files"
# Larger than any that a deploy writes.
_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True)
class Release:
    """One switch of a host; what defines the stack is beside it."""

    number: int
    state: State
    # The release that served before, 0 if there was none, and the one whose content this is, 0 if it is its own.
    parent: int = 0
    restores: int = 0
    # Seconds since 1970, and who did it from where.
    made: float = 0.0
    by: t.Mapping[str, str] = field(default_factory=dict)
    # What is wanted of the host, as the command ollama-stack reads it.
    note: t.Mapping[str, t.Any] = field(default_factory=dict)
    # By service: the name of its image in the compose file, and the id that it runs.
    images: t.Mapping[str, t.Mapping[str, str]] = field(default_factory=dict)
    models: t.Sequence[t.Mapping[str, t.Any]] = ()
    # A random id for each secret, which changes when its value does: the value is nowhere here, nor a sum of it.
    secrets: t.Mapping[str, str] = field(default_factory=dict)
    versions: t.Mapping[str, str] = field(default_factory=dict)
    # By service the container that was there when the switch began.
    before: t.Mapping[str, str] = field(default_factory=dict)
    # The paths of its files below the stack's folder, each with its mode and owner.
    files: t.Sequence[t.Mapping[str, t.Any]] = ()
    why: str = ""
    # By service the seconds for which it did not serve when it was last made anew.
    lasted: t.Mapping[str, float] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        """The images that it needs."""
        return {image["id"] for image in self.images.values()}


def plain(release: Release) -> dict[str, t.Any]:
    """As it is written down and shown."""
    return {"format": FORMAT, **asdict(release)}


def parse(raw: bytes) -> Release | None:
    """A record, or None where it is none that this version can read."""
    try:
        document = json.loads(raw)
        if document.pop("format") != FORMAT or document["state"] not in STATES:
            return None
        return Release(**document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


class Records:
    """The releases of one stack's folder."""

    def __init__(self, directory: str) -> None:
        self.root = os.path.join(os.path.abspath(directory), FOLDER)
        self._disk = Disk(self.root)

    def read(self) -> list[Release]:
        """All that can be read, by their numbers."""
        found = [self._read(number) for number in self._numbers()]
        return [release for release in found if release is not None]

    def unreadable(self) -> list[int]:
        """Those whose record cannot be read: what they need is kept, as nobody can say what it is."""
        return [number for number in self._numbers() if self._has_record(number) and self._read(number) is None]

    def next_number(self) -> int:
        """One that no release had, also none whose record is damaged."""
        return max(self._numbers(), default=0) + 1

    def remove_leftovers(self) -> None:
        """Folders without a record, which a cut of power leaves of a release that was being removed."""
        for number in self._numbers():
            if not self._has_record(number):
                self._disk.delete(self.path(number))

    def write(self, release: Release) -> None:
        """In one step, and flushed: after a cut of power it is the old record or the new."""
        self._disk.make_folder(self.root, 0o700)
        self._disk.make_folder(self.path(release.number), 0o700)
        text = json.dumps(plain(release), indent=1, sort_keys=True)
        self._disk.replace(os.path.join(self.path(release.number), _RECORD), text.encode(), 0o600)

    def keep_file(self, number: int, path: str, content: str) -> None:
        """One of its files, by its path below the stack's folder."""
        self._keep(os.path.join(self.path(number), _FILES, path), content)

    def keep_log(self, number: int, name: str, lines: t.Sequence[str]) -> str:
        """What a container said before it was replaced; the path."""
        path = os.path.join(self.path(number), "logs", f"{name}.log")
        self._keep(path, "".join(f"{line}\n" for line in lines))
        return path

    def drop_logs(self, number: int) -> None:
        """Those of a switch that was interrupted and begins anew under its number."""
        self._disk.delete(os.path.join(self.path(number), "logs"))

    def _keep(self, path: str, content: str) -> None:
        self._disk.make_folder(os.path.dirname(path), 0o700)
        self._disk.replace(path, content.encode(), 0o600)

    def read_file(self, number: int, path: str) -> str:
        """The same again; OSError says why there is none."""
        return self._disk.read_own(os.path.join(self.path(number), _FILES, path), _LIMIT).decode()

    def remove(self, number: int) -> None:
        """The record first, so that a cut of power leaves no half of a release."""
        self._disk.remove(os.path.join(self.path(number), _RECORD))
        self._disk.delete(self.path(number))

    def path(self, number: int) -> str:
        """Its folder."""
        return os.path.join(self.root, str(number))

    def _has_record(self, number: int) -> bool:
        try:
            return self._disk.find(os.path.join(self.path(number), _RECORD)) is not None
        except OSError:
            # Not to be reached is not the same as not there.
            return True

    def _numbers(self) -> list[int]:
        try:
            return sorted(int(name) for name in self._disk.names(self.root) if name.isdigit())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _read(self, number: int) -> Release | None:
        try:
            release = parse(self._disk.read_own(os.path.join(self.path(number), _RECORD), _LIMIT))
        except OSError:
            return None
        return replace(release, number=number) if release is not None else None


def last_good(releases: t.Sequence[Release]) -> Release | None:
    """What served last for certain."""
    return next((one for one in reversed(releases) if one.state == "good"), None)


def open_release(releases: t.Sequence[Release]) -> Release | None:
    """A switch that was begun and of which nobody has said how it ended."""
    return releases[-1] if releases and releases[-1].state in _OPEN else None


def in_place(releases: t.Sequence[Release]) -> Release | None:
    """What the host has now, good or not."""
    return next((one for one in reversed(releases) if one.state != "returned"), None)


def way_back(releases: t.Sequence[Release]) -> Release | None:
    """Where a return leads that names no release: to what served before the one that is there."""
    here, good = in_place(releases), last_good(releases)
    if here is None or here is not good:
        return good
    earlier = [one for one in releases if one.state == "good" and not is_same(one, here)]
    return earlier[-1] if earlier else None


def is_same(one: Release, other: Release) -> bool:
    """Whether two releases are the same stack: files, images and models."""
    return _content(one) == _content(other)


def is_taken_back(failed: Release, served: Release, committed: t.Collection[str]) -> bool:
    """Whether a failed switch goes back by itself: not one that went back already, and not past services with data."""
    return not failed.restores and not committed and not is_same(failed, served)


def _content(release: Release) -> tuple[t.Any, ...]:
    return (
        sorted((file["path"], file["sha256"]) for file in release.files),
        sorted((service, image["name"], image["id"]) for service, image in release.images.items()),
        sorted((model["name"], model["digest"]) for model in release.models),
    )


def find_anew(before: t.Mapping[str, str], now: t.Mapping[str, str]) -> list[str]:
    """Services with data whose containers are others than before, or gone."""
    return sorted(
        service for service in {*before, *now} if before.get(service) != now.get(service) and service not in STATELESS
    )


def services_of(content: str) -> list[str]:
    """The services of a compose file as the role writes it: the keys on the second level between two others."""
    section = content.partition("\nservices:\n")[2].partition("\nnetworks:\n")[0]
    return re.findall(r"^  ([^ #:]+):", section, re.MULTILINE)


def find_outdated(releases: t.Sequence[Release], keep: int) -> list[Release]:
    """Those that go: all but the newest good ones, and the newest that failed, which shows why."""
    good = [one for one in releases if one.state == "good"]
    failed = [one for one in releases if one.state in ("failed", "returned")]
    kept = {one.number for one in (*good[-keep:], *failed[-1:], *releases[-1:])}
    return [one for one in releases if one.number not in kept]


def rotated_since(release: Release, now: t.Mapping[str, str]) -> list[str]:
    """Its secrets whose values are others today."""
    return sorted(name for name, one in release.secrets.items() if now.get(name) != one)
