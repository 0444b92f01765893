# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receipts: proof that a blob was hashed, good for as long as nothing could have changed it. Private.

One file per store, replaced atomically: reading it is one open whatever the number of blobs, and a cut
of power leaves the old file or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
import typing as t

from .disk import Disk, read_kernel

DEFAULT_DIR = "/var/lib/archiv-ollama/receipts"
# Bits rot; after this time a blob is hashed again.
SCRUB_SECONDS = 7 * 24 * 3600
# Coarsest timestamp of a common filesystem (FAT): a write this close to the receipt may not show.
RACY_SECONDS = 2
# A filesystem that keeps nanoseconds takes them from the kernel's clock, which ticks every 10 ms at worst.
FINE_RACY_SECONDS = 0.05
# The one reason that does not occur in a healthy store.
CHANGED = "the file was changed or replaced since it was hashed"
_FORMAT = 1
_FILE_LIMIT = 1024 * 1024
_KERNEL_LIMIT = 4096


class FileKey(t.NamedTuple):
    """A file's identity; any write or replacement changes one of these."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileKey:
        """The key of an already taken stat."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class ReceiptsUnsafe(Exception):
    """Receipts cannot be kept there; str() is a sentence for the operator."""


def boot_identity(proc: str = "/proc") -> str:
    """What changes with every boot, of a machine and of a container that acts as one.

    Containers share the kernel's boot_id, so the start time of PID 1 is taken with it.
    """
    boot_id = read_kernel(os.path.join(proc, "sys/kernel/random/boot_id"), _KERNEL_LIMIT).strip()
    # The command in parentheses may hold spaces; field 22 is the 20th after it.
    start = read_kernel(os.path.join(proc, "1/stat"), _KERNEL_LIMIT).rpartition(")")[2].split()[19]
    return f"{boot_id} {start}"


class Receipts:
    """The receipts of one store. Only ollama_model writes; a reader takes what it can trust."""

    def __init__(
        self,
        models_dir: str,
        folder: str = DEFAULT_DIR,
        scrub_seconds: float = SCRUB_SECONDS,
        boot: str | None = None,
        clock: t.Callable[[], float] = time.time,
    ) -> None:
        self.models_dir = os.path.realpath(models_dir)
        self.folder = os.path.abspath(folder)
        self._disk = Disk(os.path.dirname(self.folder))
        name = hashlib.sha256(self.models_dir.encode()).hexdigest()[:16]
        self.path = os.path.join(self.folder, f"{name}.json")
        self._scrub_seconds = scrub_seconds
        self._boot = boot_identity() if boot is None else boot
        self._clock = clock
        self.read()

    def read(self) -> None:
        """Read it again: another writer may have changed it."""
        self._entries, self.unusable = self._read()

    def why_void(self, digest: str, key: FileKey) -> str:
        """Why this file has no valid receipt for that blob; "" if it has."""
        entry = self._entries.get(digest)
        if entry is None:
            return self.unusable or "it was never hashed"
        return judge_receipt(entry, key, self._boot, self._clock(), self._scrub_seconds)

    def write(self, proven: t.Mapping[str, FileKey], sleep: t.Callable[[float], None] = time.sleep) -> None:
        """Write receipts for these blobs, whose bytes, manifest and folders are already fsynced.

        Entries of other blobs that still hold are kept. Waits out the racy window (at most two
        seconds after an install), else the receipts would be void from the start.
        """
        now = self._clock()
        settled = max(map(settled_at, proven.values()), default=0.0)
        if now <= settled <= now + RACY_SECONDS:
            sleep(settled - now + 0.01)
        made = self._clock()
        kept = {
            digest: entry
            for digest, entry in self._entries.items()
            if entry.get("boot") == self._boot and digest not in proven
        }
        for digest, key in proven.items():
            kept[digest] = {"key": list(key), "made": made, "boot": self._boot}
        self._replace({"format": _FORMAT, "store": self.models_dir, "blobs": kept})
        self._entries, self.unusable = kept, ""

    def forget(self, digests: t.Iterable[str]) -> None:
        """Drop the receipts of blobs that were removed or found damaged."""
        gone = set(digests)
        kept = {digest: entry for digest, entry in self._entries.items() if digest not in gone}
        if len(kept) != len(self._entries):
            self._replace({"format": _FORMAT, "store": self.models_dir, "blobs": kept})
            self._entries = kept

    def of_this_boot(self) -> int:
        """How many were written in this boot, or carried over to it."""
        return sum(entry.get("boot") == self._boot for entry in self._entries.values())

    def carry(self, boot: str) -> int:
        """Make the receipts of an earlier boot count in this one; how many.

        Only for a shutdown that is known to have written everything. The keys stay as they are: where the file system
        has another device number in this boot, the receipt is void by itself.
        """
        carried = {digest: entry for digest, entry in self._entries.items() if entry.get("boot") == boot}
        if carried:
            kept = {**self._entries, **{digest: {**entry, "boot": self._boot} for digest, entry in carried.items()}}
            self._replace({"format": _FORMAT, "store": self.models_dir, "blobs": kept})
            self._entries = kept
        return len(carried)

    def _read(self) -> tuple[dict[str, dict[str, t.Any]], str]:
        try:
            self._refuse_unsafe(self.folder, stat.S_ISDIR)
            self._refuse_unsafe(self.path, stat.S_ISREG)
            document = json.loads(self._disk.read(self.path, _FILE_LIMIT))
        except FileNotFoundError:
            return {}, ""
        except ReceiptsUnsafe as error:
            return {}, str(error)
        except (OSError, ValueError, RecursionError):
            return {}, f"the receipts in {self.path} cannot be read"
        return _entries_of(document, self.models_dir)

    def _replace(self, document: dict[str, t.Any]) -> None:
        try:
            self._disk.make_folder(self.folder, 0o700)
            self._refuse_unsafe(self.folder, stat.S_ISDIR)
            # Under the store lock, so nobody else does the same.
            self._disk.replace(self.path, json.dumps(document).encode(), 0o600)
        except OSError as error:
            raise ReceiptsUnsafe(
                f"cannot write receipts in {self.folder}: {error.strerror or error}; run as root"
                " (become: true) and check the free space there"
            ) from error

    def _refuse_unsafe(self, path: str, right_type: t.Callable[[int], bool]) -> None:
        status = self._disk.stat(path)
        mine = status.st_uid in (0, os.geteuid())
        if not right_type(status.st_mode) or not mine or status.st_mode & 0o022:
            raise ReceiptsUnsafe(
                f"{path} is writable by users other than root, so it cannot be trusted;"
                f" run chown root {path} && chmod go-w {path}"
            )


def find_stores(folder: str) -> list[str]:
    """The models folders that have receipts there; what another user could have written is left out."""
    folder = os.path.abspath(folder)
    disk = Disk(os.path.dirname(folder))
    found = []
    try:
        names = [name for name in disk.names(folder) if name.endswith(".json")]
    except OSError:
        return []
    for name in names:
        try:
            store = json.loads(disk.read_own(os.path.join(folder, name), _FILE_LIMIT))["store"]
        except (OSError, ValueError, RecursionError, TypeError, KeyError):
            continue
        if isinstance(store, str) and store.startswith("/"):
            found.append(store)
    return found


def judge_receipt(entry: t.Mapping[str, t.Any], key: FileKey, boot: str, now: float, scrub_seconds: float) -> str:
    """Why this receipt is not valid for that file now; "" if it is."""
    made, kept_key = entry.get("made"), entry.get("key")
    if not isinstance(made, (int, float)) or not isinstance(kept_key, list):
        return "its receipt is invalid"
    if kept_key != list(key):
        return CHANGED
    if entry.get("boot") != boot:
        # A crash can leave the right size and times with wrong bytes.
        return "the host was rebooted since it was hashed"
    if made > now:
        return "its receipt is from the future (was the clock set back?)"
    if now - made > scrub_seconds:
        return f"it was hashed more than {scrub_seconds / 86400:g} days ago"
    if settled_at(key) >= made:
        return "it was modified too close to the time it was hashed"
    return ""


def settled_at(key: FileKey) -> float:
    """The time after which another write would change the file's times."""
    window = FINE_RACY_SECONDS if key.ctime_ns % 1_000_000_000 else RACY_SECONDS
    return max(key.mtime_ns, key.ctime_ns) / 1e9 + window


def _entries_of(document: object, models_dir: str) -> tuple[dict[str, dict[str, t.Any]], str]:
    known = isinstance(document, dict) and document.get("format") == _FORMAT
    blobs = document.get("blobs") if isinstance(document, dict) else None
    if not known or not isinstance(blobs, dict) or not isinstance(document, dict):
        return {}, "the receipts have an unknown format"
    if document.get("store") != models_dir:
        return {}, "the receipts belong to another store"
    return {digest: entry for digest, entry in blobs.items() if isinstance(entry, dict)}, ""
