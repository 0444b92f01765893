# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a model on disk is intact, and if not, which file is damaged. Private."""

from __future__ import annotations

import os
import stat
import typing as t
from dataclasses import dataclass, field, replace

from .._model.manifest import (
    WEIGHTS,
    Layer,
    Manifest,
    ManifestInvalid,
)
from .._model.names import ModelName
from .disk import printable
from .hashing import FileChanged, Hashed, hash_many
from .paths import Store, StoreError
from .receipts import FileKey, Receipts

# The server runs as a uid that owns nothing here, so everybody must be able to read.
_READABLE, _ENTERABLE = 0o444, 0o555
# The mounted folder only has to be passable.
_PASSABLE = 0o111
_ZEROES_LOOKED_AT = 4096
# The role of a folder on the way to a model.
FOLDER = "folder"
_REPAIR = "repair it with playbooks/deploy.yml, or archiv.ollama.ollama_model with repair: true"
# How bytes are verified: all hashed, those without a receipt, or by size only.
Verify = t.Literal["full", "receipt", "size"]
ProblemKind = t.Literal[
    "changed",
    "content",
    "empty",
    "invalid",
    "missing",
    "mode",
    "no_weights",
    "not_a_file",
    "pin",
    "size",
    "spelling",
    "unreadable",
]
_ACTIONS: dict[ProblemKind, str] = {
    "changed": "try again when nothing writes to the store",
    "mode": "chmod {mode} {path}",
    "no_weights": "use a model whose weights can be downloaded",
    "not_a_file": "move it out of the way, then " + _REPAIR,
    "pin": "install the wanted digest with playbooks/deploy.yml, or correct the digest in the inventory",
    "spelling": "remove one of the two: Ollama picks either at random",
}
# Problems that do not affect the content.
HARMLESS_TO_BYTES: tuple[ProblemKind, ...] = ("mode", "spelling")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a model: which file, what it should be, what it is."""

    kind: ProblemKind
    role: str
    blob: str
    path: str
    expected: str
    found: str

    @property
    def text(self) -> str:
        """The same in words."""
        return f"{self.role} {self.path}: expected {self.expected}, found {self.found}"

    @property
    def action(self) -> str:
        """How to fix it."""
        return _ACTIONS.get(self.kind, _REPAIR).format(path=self.path, mode=self.expected.rpartition(" ")[2])


@dataclass(frozen=True)
class ModelState:
    """The state of one model on disk; intact is None if not all bytes were checked."""

    name: ModelName
    digest: str | None
    cached: bool
    intact: bool | None
    problems: tuple[Problem, ...] = ()
    manifest: Manifest | None = None
    # Why blobs are not verified, if they are not.
    unproven: tuple[str, ...] = ()
    # Verified blobs and their file keys: receipts are written from it.
    proven: t.Mapping[str, FileKey] = field(default_factory=dict)
    # Those of them that were verified by a receipt, without reading them.
    trusted: frozenset[str] = frozenset()


def plain_model(state: ModelState) -> dict[str, t.Any]:
    """One entry of a module's `models`."""
    return {
        "name": state.name.display,
        "digest": state.digest,
        "cached": state.cached,
        "intact": state.intact,
        "problems": [
            {
                "kind": one.kind,
                "role": one.role,
                "blob": one.blob,
                "path": one.path,
                "expected": one.expected,
                "found": one.found,
                "action": one.action,
            }
            for one in state.problems
        ],
    }


def look_at(
    store: Store,
    name: ModelName,
    verify: Verify = "full",
    digest: str | None = None,
    receipts: Receipts | None = None,
) -> ModelState:
    """Judge one model's bytes; verify is full (hash all), receipt (trust receipts) or size.

    digest is the manifest's wanted one (sha256:...), None when any will do.
    """
    return look_at_all(store, [(name, digest)], verify, receipts)[0]


def look_at_all(
    store: Store,
    wanted: t.Sequence[tuple[ModelName, str | None]],
    verify: Verify = "full",
    receipts: Receipts | None = None,
) -> list[ModelState]:
    """Judge several models, each with its wanted manifest digest or None; a shared blob hashes once."""
    glances = [_glance(store, name, pinned) for name, pinned in wanted]
    to_hash = [path for glance in glances for path in glance.whole] if verify == "full" else []
    hashes = hash_many(store.disk, to_hash)
    return [_judge(store, glance, verify, hashes, receipts) for glance in glances]


def prove_blobs(store: Store, name: ModelName, manifest: Manifest, receipts: Receipts | None) -> ModelState:
    """Check the blobs of a manifest, in the store or to be installed: those without a receipt are hashed."""
    glance = _Glance(name, manifest)
    for blob in manifest.blobs:
        _glance_at_blob(glance, store, blob)
    known: dict[str, Hashed | OSError] = {
        path: Hashed(blob.digest.rpartition(":")[2], key)
        for path, (blob, key) in glance.whole.items()
        if receipts is not None and not receipts.why_void(blob.digest, key)
    }
    trusted = frozenset(glance.whole[path][0].digest for path in known)
    known.update(hash_many(store.disk, [path for path in glance.whole if path not in known]))
    return replace(_judge(store, glance, "full", known, None), trusted=trusted)


@dataclass
class _Glance:
    """A model before its bytes are read."""

    name: ModelName
    manifest: Manifest | None = None
    problems: list[Problem] = field(default_factory=list)
    # Blobs of the right type and size, by path.
    whole: dict[str, tuple[Layer, FileKey]] = field(default_factory=dict)

    def note(self, kind: ProblemKind, blob: Layer | None, path: str, expected: str, found: str) -> None:
        role, digest = (blob.role, blob.digest) if blob else ("manifest", "")
        self.problems.append(Problem(kind, role, digest, path, expected, found))


def _glance(store: Store, name: ModelName, pinned: str | None) -> _Glance:
    glance = _Glance(name)
    path = store.find_manifest(name)
    if path is None:
        path = os.path.join(store.manifests_dir, *name.path_parts)
        glance.note("missing", None, path, "a manifest", "nothing")
        return glance
    glance.manifest = _glance_at_manifest(glance, store, path, pinned)
    if glance.manifest is not None:
        _note_spelling(glance, store, path)
        for folder, status in closed_folders(store, path).items():
            expected = f"mode {right_mode(store, folder, status):04o}"
            found = f"mode {stat.S_IMODE(status.st_mode):04o}, not accessible to the server"
            glance.problems.append(Problem("mode", FOLDER, "", folder, expected, found))
        for blob in glance.manifest.blobs:
            _glance_at_blob(glance, store, blob)
    return glance


def _glance_at_manifest(glance: _Glance, store: Store, path: str, pinned: str | None) -> Manifest | None:
    try:
        status = store.disk.stat(path)
        if not stat.S_ISREG(status.st_mode):
            glance.note("not_a_file", None, path, "a manifest", store.disk.kind_of(path, status))
            return None
        manifest = store.read_manifest(path)
    except ManifestInvalid as error:
        kind: ProblemKind = "empty" if status.st_size == 0 else "invalid"
        glance.note(kind, None, path, "a manifest", str(error))
        return None
    except OSError as error:
        glance.note("unreadable", None, path, "a manifest", _reason(error))
        return None
    if pinned and manifest.digest != pinned:
        glance.note("pin", None, path, f"the pinned {pinned}", manifest.digest)
    if not any(layer.role == WEIGHTS for layer in manifest.layers):
        glance.note("no_weights", None, path, "a layer of weights", "none")
    _note_mode(glance, None, path, status)
    return manifest


def _glance_at_blob(glance: _Glance, store: Store, blob: Layer) -> None:
    path = store.blob_path(blob.digest)
    size = f"{blob.size} bytes"
    try:
        status = store.disk.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        glance.note("missing", blob, path, size, _unfinished(store, blob.digest))
        return
    except OSError as error:
        glance.note("unreadable", blob, path, size, _reason(error))
        return
    if not stat.S_ISREG(status.st_mode):
        glance.note("not_a_file", blob, path, f"a file of {size}", store.disk.kind_of(path, status))
        return
    if status.st_size != blob.size:
        glance.note("size", blob, path, size, f"{status.st_size} bytes")
        return
    if _is_endless(store, path, status):
        # It was forged with its manifest: hashing it would take days.
        glance.note("size", blob, path, "a file that fits on its file system", f"{size}, almost all of it sparse")
        return
    _note_mode(glance, blob, path, status)
    glance.whole[path] = (blob, FileKey.of(status))


def _note_mode(glance: _Glance, blob: Layer | None, path: str, status: os.stat_result) -> None:
    if status.st_mode & _READABLE != _READABLE:
        found = f"mode {stat.S_IMODE(status.st_mode):04o}, not readable by the server"
        glance.note("mode", blob, path, "mode 0644", found)


def _is_endless(store: Store, path: str, status: os.stat_result) -> bool:
    if status.st_blocks * 512 >= status.st_size:
        return False
    room = store.disk.file_system(path)
    return status.st_size > room.f_blocks * room.f_frsize


def closed_folders(store: Store, manifest: str) -> dict[str, os.stat_result]:
    """The folders on the way to a manifest and to the blobs that not everybody may enter."""
    folders = [store.blobs_dir, *folders_up(os.path.dirname(manifest), store.root)]
    found = {folder: store.disk.find(folder) for folder in folders}
    return {
        folder: status
        for folder, status in found.items()
        if status is not None
        and stat.S_ISDIR(status.st_mode)
        and ~status.st_mode & (_PASSABLE if folder == store.root else _ENTERABLE)
    }


def right_mode(store: Store, path: str, status: os.stat_result) -> int:
    """The mode that the server needs; the root folder, which may be the operator's own, only becomes passable."""
    if path == store.root:
        return stat.S_IMODE(status.st_mode) | _PASSABLE
    return 0o755 if stat.S_ISDIR(status.st_mode) else 0o644


def folders_up(path: str, top: str) -> list[str]:
    """path and its parents, down to and with top."""
    folders = [path]
    while folders[-1] != top and os.path.dirname(folders[-1]) != folders[-1]:
        folders.append(os.path.dirname(folders[-1]))
    return folders


def _note_spelling(glance: _Glance, store: Store, path: str) -> None:
    # Ollama (0.17.4 to 0.34.2) replaces each part of a name by the spelling of whichever stored
    # model it meets last: two spellings of a part make either model vanish at random.
    mine = os.path.relpath(path, store.manifests_dir).split(os.sep)
    for parts, other in store.manifest_files().items():
        for own, part in zip(mine, parts):
            if own != part and own.lower() == part.lower():
                glance.note("spelling", None, path, f"one spelling of {own}", f"{part} in {printable(other)}")
                return


def _judge(
    store: Store,
    glance: _Glance,
    verify: Verify,
    hashes: t.Mapping[str, Hashed | OSError],
    receipts: Receipts | None,
) -> ModelState:
    cached = glance.manifest is not None and not _kinds_of_damage(glance)
    doubts: dict[str, list[str]] = {}
    proven: dict[str, FileKey] = {}
    for path, (blob, key) in glance.whole.items():
        if verify == "full":
            problem = compare(store, blob, path, hashes[path])
            if problem is None:
                proven[blob.digest] = t.cast(Hashed, hashes[path]).key
            else:
                glance.problems.append(problem)
            continue
        doubt = "only its size was checked"
        if verify == "receipt":
            doubt = receipts.why_void(blob.digest, key) if receipts else "it has no receipt"
        if doubt:
            doubts.setdefault(doubt, []).append(blob.role)
        else:
            proven[blob.digest] = key
    return ModelState(
        name=glance.name,
        digest=glance.manifest.digest if glance.manifest else None,
        cached=cached,
        intact=False if _kinds_of_damage(glance) else None if doubts else True,
        problems=tuple(glance.problems),
        manifest=glance.manifest,
        unproven=tuple(f"{', '.join(roles)}: {doubt}" for doubt, roles in doubts.items()),
        proven=proven,
        trusted=frozenset() if verify == "full" else frozenset(proven),
    )


def _kinds_of_damage(glance: _Glance) -> set[ProblemKind]:
    return {problem.kind for problem in glance.problems} - set(HARMLESS_TO_BYTES)


def compare(store: Store, blob: Layer, path: str, hashed: Hashed | OSError) -> Problem | None:
    """What is wrong with a blob of the right size, by its hash; None if nothing is."""
    if isinstance(hashed, FileChanged):
        found = "a file that is being modified"
        return Problem("changed", blob.role, blob.digest, path, blob.digest, found)
    if isinstance(hashed, OSError):
        return Problem("unreadable", blob.role, blob.digest, path, blob.digest, _reason(hashed))
    if "sha256:" + hashed.hex == blob.digest:
        return None
    found = f"sha256:{hashed.hex}" + _zeroes(store, path)
    return Problem("content", blob.role, blob.digest, path, blob.digest, found)


def _zeroes(store: Store, path: str) -> str:
    """The pattern of a power cut, in contrast to bit rot."""
    try:
        head = store.disk.read(path, _ZEROES_LOOKED_AT)
    except OSError:
        return ""
    return "" if head.strip(b"\0") else " (only zero bytes, as after a power failure)"


def _unfinished(store: Store, digest: str) -> str:
    try:
        started = store.pulls_of(digest)
    except StoreError:
        started = []
    return "only an incomplete download" if started else "nothing"


def _reason(error: OSError) -> str:
    return f"a read error ({error.strerror or error})"
