# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads from this host what is measured: no token is asked, nothing is run in a container, Compose is not started.

Private. What cannot be read is left out; the sentence why is kept where it belongs to an operator.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t
from dataclasses import dataclass, field

from .._engine.cgroup import Memory, memory_of
from .._engine.client import Container, EngineError
from .._engine.sockets import EVENTS_KEPT, EngineSocket
from .._serve.api import PORT, ApiError, ApiTimeout, OllamaApi, over_http
from .._serve.gate import Counts, ask_counts
from .._store.disk import Disk, nearest_folder
from .._store.inspect import HARMLESS_TO_BYTES, ModelState, look_at_all
from .._store.lock import is_held
from .._store.paths import Store, StoreError
from .._store.receipts import Receipts, boot_identity
from .._store.survey import take_survey
from . import oom, paths
from .state import is_time, read_document
from .wanted import NotWanted, Wanted, read_wanted, why_stale

# As in _stack.types, which would load more than metrics need.
SERVER = "ollama"
GATE = "gate"
VOLUME = "ollama-models"
# The timer comes again soon; who hangs is not waited for.
_ENGINE_SECONDS, _ENGINE_SECONDS_IN_ALL = 5.0, 10.0
_API_SECONDS = 2.0
_ENGINE_PID = "/run/docker.pid"
_LABEL = "com.docker.compose."
_ALIVE = ("running", "paused")
_ACTIONS = ("die", "kill", "oom", "start")


@dataclass(frozen=True)
class Space:
    """Bytes of a file system."""

    free: int
    size: int


@dataclass(frozen=True)
class Bytes:
    """The store, its models as their receipts and the last scrub show them."""

    path: str
    models: tuple[ModelState, ...]
    # Digests of blobs, or paths of manifests.
    damaged: frozenset[str]
    missing: frozenset[str]
    unreferenced: int | None
    disk: Space | None


@dataclass(frozen=True)
class Ended:
    """When something ended, and whether well."""

    time: float
    ok: bool


@dataclass(frozen=True)
class Scrub:
    """What scrub.json says: the last one that ended, how far the one is that goes on, and what was found."""

    ended: Ended | None = None
    running: bool = False
    done_bytes: int | None = None
    total_bytes: int | None = None
    # The key of each damaged file, as it was read; None if it could not be.
    damaged: t.Mapping[str, t.Sequence[int] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """Everything that was read at one time; what is unknown is None or empty."""

    # Seconds since 1970.
    now: float
    wanted: Wanted | None = None
    wanted_problem: str = ""
    wanted_stale: str = ""
    engine_version: str = ""
    engine_problem: str = ""
    images: Space | None = None
    # By service.
    containers: t.Mapping[str, Container] = field(default_factory=dict)
    memory: t.Mapping[str, Memory] = field(default_factory=dict)
    server_version: str = ""
    server_problem: str = ""
    # The models in memory, as the server told; None if it did not.
    loaded: tuple[dict[str, t.Any], ...] | None = None
    # What the gate told, where there is to be one.
    gate: Counts | None = None
    gate_problem: str = ""
    store: Bytes | None = None
    store_problem: str = ""
    look: oom.Look | None = None
    scrub: Scrub = Scrub()
    records: t.Mapping[str, t.Any] = field(default_factory=dict)
    # What is remembered for the next look.
    known: t.Mapping[str, str] = field(default_factory=dict)


def collect(since: int, known: t.Mapping[str, str]) -> Facts:
    """Look at this host; since is the time of the last look, known is what that one has remembered."""
    now = time.time()
    found: dict[str, t.Any] = {"now": now, "known": dict(known)}
    found["scrub"] = _read_scrub(read_document(paths.SCRUB) or {})
    found["records"] = read_document(paths.RECORDS) or {}
    try:
        wanted = read_wanted()
    except NotWanted as error:
        return Facts(**found, wanted_problem=str(error))
    found.update(wanted=wanted, wanted_stale=why_stale(wanted))
    engine = EngineSocket(wanted.docker_host, _ENGINE_SECONDS, _ENGINE_SECONDS_IN_ALL)
    with contextlib.closing(engine):
        try:
            _look_at_engine(engine, wanted, since, found)
        except EngineError as error:
            found["engine_problem"] = str(error)
    _look_at_server(found)
    _look_at_gate(wanted, found)
    _look_at_store(wanted, found)
    return Facts(**found)


def read_ended(told: object, time_key: str = "time") -> Ended | None:
    """When something ended, as a file of ours says; None while it never has."""
    if not isinstance(told, dict) or not is_time(told.get(time_key)):
        return None
    return Ended(told[time_key], told.get("ok") is True)


def _read_scrub(document: t.Mapping[str, t.Any]) -> Scrub:
    going, findings, last = document.get("round"), document.get("findings"), document.get("last")
    told = going if isinstance(going, dict) else {}
    found = findings if isinstance(findings, list) else []
    return Scrub(
        ended=read_ended(last, "ended"),
        running=bool(told) and is_held(Disk(os.path.dirname(paths.HOME)), paths.SCRUB_LOCK),
        done_bytes=told.get("done_bytes"),
        total_bytes=told.get("total_bytes"),
        damaged={
            str(one.get("digest")): one.get("key") for one in found if isinstance(one, dict) and not one.get("missing")
        },
    )


def _look_at_engine(engine: EngineSocket, wanted: Wanted, since: int, found: dict[str, t.Any]) -> None:
    known = found["known"]
    found["engine_version"] = engine.version()
    identity = f"{found['engine_version']} {_engine_identity()}"
    # Until now and not later: what happens while this looks is for the next look.
    until = time.time_ns()
    # Where the clock was set back the last look is in the future, of which the Engine refuses to tell.
    told = engine.events(since, until) if 0 < since < until else []
    found["containers"] = _one_of_each(engine.containers(wanted.project))
    found["memory"] = {
        service: memory_of(item.pid) if item.state in _ALIVE and item.pid else Memory()
        for service, item in found["containers"].items()
    }
    found["look"] = oom.Look(
        at=until,
        boot=boot_identity(),
        engine=identity,
        lives={
            service: _life(item, found["memory"][service].oom_kills) for service, item in found["containers"].items()
        },
        events=tuple(filter(None, (_event(one, wanted.project) for one in told))),
        complete=len(told) < EVENTS_KEPT and since < until,
    )
    if not wanted.models_dir:
        volume = engine.volume(wanted.project, VOLUME)
        known["models_dir"] = os.path.join(volume.path, "models") if volume and volume.path else ""
    if known.get("engine") != identity or not known.get("images_dir"):
        known.update(engine=identity, images_dir=_images_dir(engine.info()))
    found["images"] = _disk_of(known["images_dir"])


def _images_dir(info: t.Mapping[str, t.Any]) -> str:
    # Imported here, because it may run a command: once for each start of the Engine is enough.
    from .._engine.roots import images_root

    return images_root(info)


def _one_of_each(containers: t.Iterable[Container]) -> dict[str, Container]:
    """One container for each service: the one that runs, else the one that was started last."""
    ranked = sorted(containers, key=lambda item: (item.state == "running", item.started))
    return {item.service: item for item in ranked if item.service}


def _life(item: Container, kills: int | None) -> oom.Life:
    return oom.Life(
        id=item.id,
        started=item.started,
        running=item.state in _ALIVE,
        kills=kills,
        restarts=item.restarts,
        exit_code=item.exit_code,
        restarting=item.state == "restarting",
        oom_killed=item.oom_killed,
    )


def _event(raw: t.Mapping[str, t.Any], project: str) -> oom.Event | None:
    actor = raw.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if raw.get("Type") != "container" or raw.get("Action") not in _ACTIONS:
        return None
    if attributes.get(f"{_LABEL}project") != project:
        return None
    code = str(attributes.get("exitCode", ""))
    return oom.Event(
        at=raw["timeNano"],
        container=str(actor.get("ID", "")),
        service=str(attributes.get(f"{_LABEL}service", "")),
        action=raw["Action"],
        exit_code=int(code) if code.isdigit() else 0,
        signal=str(attributes.get("signal", "")),
    )


def _engine_identity() -> str:
    """What changes when the Engine is started anew, and forgets its events; "" if unknown."""
    try:
        with open(_ENGINE_PID, encoding="ascii") as file:
            pid = int(file.read(20))
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return f"{pid} {file.read(4096).rpartition(')')[2].split()[19]}"
    except (OSError, ValueError, IndexError):
        return ""


def _look_at_server(found: dict[str, t.Any]) -> None:
    container = found.get("containers", {}).get(SERVER)
    if container is None or container.state != "running":
        return
    problem = f"{container.name} has no IP address"
    for address in container.addresses.values():
        api = OllamaApi(over_http(f"http://{address}:{PORT}"), _API_SECONDS)
        try:
            found.update(server_version=api.version(), loaded=tuple(api.ps()))
            return
        except ApiTimeout as error:
            # It would hang at its other addresses too.
            problem = str(error)
            break
        except ApiError as error:
            problem = str(error)
    found.update(server_version="", server_problem=problem)


def _look_at_gate(wanted: Wanted, found: dict[str, t.Any]) -> None:
    container = found.get("containers", {}).get(GATE)
    if not wanted.gate or container is None or container.state != "running":
        return
    try:
        found["gate"] = ask_counts(container)
    except ApiError as error:
        found["gate_problem"] = str(error)


def _look_at_store(wanted: Wanted, found: dict[str, t.Any]) -> None:
    folder = wanted.models_dir or found["known"].get("models_dir", "")
    if not folder:
        found["store_problem"] = "where the models are is not known until the Engine answers"
        return
    try:
        found["store"] = look_at_store(wanted, folder, found["scrub"].damaged)
    except StoreError as error:
        found["store_problem"] = str(error)
    except OSError as error:
        found["store_problem"] = f"cannot read {folder}: {error.strerror or error}; run this as root"


def look_at_store(wanted: Wanted, folder: str, scrubbed: t.Mapping[str, t.Sequence[int] | None]) -> Bytes:
    """The models by their receipts: no blob is read."""
    store = Store(folder)
    pairs = [(wish.name, wish.digest) for wish in wanted.wishes]
    states = look_at_all(store, pairs, "receipt", Receipts(store.models_dir, wanted.receipts_dir))
    damaged, missing = sort_problems(states, scrubbed)
    return Bytes(
        path=store.models_dir,
        models=tuple(states),
        damaged=damaged,
        missing=missing,
        unreferenced=sum(one.bytes for one in take_survey(store).unreferenced),
        disk=_disk_of(store.models_dir),
    )


def sort_problems(
    states: t.Sequence[ModelState], scrubbed: t.Mapping[str, t.Sequence[int] | None]
) -> tuple[frozenset[str], frozenset[str]]:
    """Which blobs are damaged, and which are missing.

    What a scrub found damaged stays so until another file in its place has a receipt, as after a repair, or the next
    scrub: whoever else has hashed the same file may have read the page cache, not the disk.
    """
    damaged: set[str] = set()
    missing: set[str] = set()
    mended: set[str] = set()
    wanted: set[str] = set()
    for state in states:
        mended.update(digest for digest, key in state.proven.items() if scrubbed.get(digest) != list(key))
        wanted.update(blob.digest for blob in (state.manifest.blobs if state.manifest else ()))
        for problem in state.problems:
            if problem.kind == "missing":
                missing.add(problem.blob or problem.path)
            elif problem.kind not in (*HARMLESS_TO_BYTES, "pin"):
                damaged.add(problem.blob or problem.path)
    return frozenset(damaged | (wanted.intersection(scrubbed) - mended - missing)), frozenset(missing)


def needs(state: ModelState, blobs: t.Collection[str]) -> bool:
    """Whether one of these blobs is a part of the model."""
    return state.manifest is not None and any(blob.digest in blobs for blob in state.manifest.blobs)


def _disk_of(folder: str) -> Space | None:
    try:
        system = os.statvfs(nearest_folder(folder))
    except OSError:
        return None
    return Space(system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize)
