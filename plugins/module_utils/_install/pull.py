# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fallback: Ollama's own pull in a one-off container like the stack's init, verified afterwards. Private."""

from __future__ import annotations

import contextlib
import os
import re
import typing as t
from dataclasses import replace

from .._engine.client import Engine, EngineError
from .._engine.one_off import run_to_end
from .._registry.errors import DeadlineExceeded
from .._store.inspect import ModelState, Problem, look_at_all
from .._store.paths import Store
from .apply import make_folders, mark_stale, mend_modes
from .ensure import is_settled, keep_receipts, pinned, plain_entry, prune, store_lock
from .plan import damaged, sync_blobs
from .types import InstallError, InstallKind, Job, Outcome, Workshop

_MOUNT = "/archiv"
_SCRIPT = """
umask 022
ollama serve >/tmp/serve.log 2>&1 &
server=$!
tries=0
until ollama list >/dev/null 2>&1; do
  kill -0 "$server" 2>/dev/null || { echo "ollama serve ended: $(tail -n 1 /tmp/serve.log)"; exit 1; }
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || { echo "ollama serve does not answer"; exit 1; }
  sleep 0.1
done
for model in "$@"; do
  ollama pull "$model" >/tmp/pull.log 2>&1 || { tail -n 1 /tmp/pull.log; exit 1; }
done
"""
# Environment variables for the access to the registry.
_INHERITED = ("HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
_KINDS: tuple[tuple[InstallKind, str], ...] = (
    ("no_space", r"no space left on device"),
    ("needs_newer_ollama", r"requires a newer version|\b412\b"),
    ("not_found", r"file does not exist|manifest unknown|\b404\b"),
    ("digest_mismatch", r"digest mismatch"),
    ("unauthorized", r"unauthorized|access denied|\b401\b|\b403\b"),
    ("untrusted", r"x509|certificate"),
    ("offline", r"dial tcp|no such host|i/o timeout|connection refused|network is unreachable"),
)
# Its own name of each of the Engine's limits.
_LIMITS = {"mem_limit": "Memory", "memswap_limit": "MemorySwap", "pids_limit": "PidsLimit"}


def container_options(init: t.Mapping[str, t.Any], models_dir: str, names: t.Sequence[str]) -> dict[str, t.Any]:
    """A container like the init service's, with its image, limits, network and proxy, that pulls these models."""
    config, host = init["Config"], init["HostConfig"]
    told = dict(entry.split("=", 1) for entry in config.get("Env") or [] if "=" in entry)
    environment = {
        "OLLAMA_HOST": "127.0.0.1:11434",
        "OLLAMA_MODELS": f"{_MOUNT}/models",
        "OLLAMA_NOPRUNE": "1",
        "OLLAMA_NO_CLOUD": "1",
        "HOME": "/tmp",
        **{key: told[key] for key in _INHERITED if key in told},
    }
    binds = [f"{os.path.dirname(models_dir)}:{_MOUNT}"]
    binds += [
        f"{mount['Source']}:{mount['Destination']}:ro"
        for mount in init.get("Mounts") or []
        if mount["Type"] == "bind" and not mount.get("RW", True)
    ]
    networks = sorted(init["NetworkSettings"]["Networks"] or {})
    return {
        "container": {
            "image": config["Image"],
            "entrypoint": ["/bin/sh", "-c", _SCRIPT, "pull"],
            "command": list(names),
            "environment": environment,
        },
        "host": {
            "binds": binds,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "read_only": True,
            **{option: host.get(limit) or None for option, limit in _LIMITS.items()},
            "tmpfs": {"/tmp": "mode=1777,size=64m"},
            "network_mode": networks[0] if networks else "none",
            "extra_hosts": dict(entry.split(":", 1) for entry in host.get("ExtraHosts") or []),
        },
    }


def kind_of_failure(output: str) -> InstallKind:
    """Map Ollama's error message to one of our kinds."""
    for kind, pattern in _KINDS:
        if re.search(pattern, output, re.IGNORECASE):
            return kind
    return "pull"


def ensure_pulled(
    shop: Workshop, job: Job, connect: t.Callable[[], Engine], project: str, init_service: str
) -> Outcome:
    """Like ensure_present, but with `ollama pull` for what is missing or damaged."""
    outcome = Outcome()
    with store_lock(shop, job):
        states = _prove(shop, job)
        todo = [state for state in states if not state.intact]
        closed = [state for state in states if state.intact and not is_settled(state, "full")]
        present = [state for state in (*todo, *closed) if state.digest is not None]
        if not job.repair and present:
            raise InstallError("damaged", f"model is damaged and `repair` is false: {_words(present)}")
        outcome.changed = bool(todo or closed)
        outcome.stale = any(state.digest is not None for state in todo)
        outcome.before = [one.text for state in (*todo, *closed) for one in state.problems]
        outcome.after = [f"pull {state.name}" for state in todo] + [one.action for one in _modes(closed)]
        verbs = {state.name: "pulled" for state in todo} | {state.name: "made readable" for state in closed}
        if job.check:
            states = [
                _predict(state, wish.digest) if state in todo else state for state, wish in zip(states, job.wishes)
            ]
        else:
            if todo:
                _pull(shop, todo, connect(), project, init_service)
                states = _prove(shop, job)
                _refuse_wrong(states)
            proven = {digest: key for state in states for digest, key in state.proven.items()}
            proven.update(mend_modes(shop.store, {one.path for one in _modes(states)}, proven))
            keep_receipts(shop, proven, outcome)
    for state in states:
        kept = tuple(one for one in state.problems if one.kind != "mode")
        outcome.models.append({**plain_entry(replace(state, problems=kept)), "changed": state.name in verbs})
        outcome.lines.append(f"{state.name}: {verbs.get(state.name, 'already present, all bytes hashed')}")
    if job.prune and not outcome.changed:
        prune(shop, job, outcome)
    return outcome


def _modes(states: t.Sequence[ModelState]) -> list[Problem]:
    return [one for state in states for one in state.problems if one.kind == "mode"]


def _predict(state: ModelState, pinned: str | None) -> ModelState:
    """The state after a pull; the digest of an unpinned model is unknown."""
    return ModelState(state.name, pinned or state.digest, True, True)


def _prove(shop: Workshop, job: Job) -> list[ModelState]:
    """Flush and hash all blobs: `pull` itself syncs nothing and trusts any file with the right name."""
    if not job.check:
        for state in look_at_all(shop.store, pinned(job), "size"):
            if state.manifest is not None:
                sync_blobs(shop.store, state.manifest)
                shop.store.disk.sync(shop.store.manifest_path(state.name))
    return look_at_all(shop.store, pinned(job), "full")


def _refuse_wrong(states: t.Sequence[ModelState]) -> None:
    wrong = [state for state in states if not state.intact]
    if wrong:
        kind: InstallKind = (
            "digest_mismatch" if any(one.kind == "pin" for state in wrong for one in state.problems) else "pull"
        )
        raise InstallError(kind, f"`ollama pull` succeeded, but the result is wrong: {_words(wrong)}")


def _words(states: t.Sequence[ModelState]) -> str:
    return "; ".join(one.text for state in states for one in state.problems)


def _pull(shop: Workshop, todo: t.Sequence[ModelState], engine: Engine, project: str, init_service: str) -> None:
    inits = engine.containers(project, init_service)
    if not inits:
        raise EngineError(
            f"project {project} has no container of service {init_service} to take image and network from;"
            " create it with `docker compose create`, or use method: registry"
        )
    store = shop.store
    make_folders(store)
    if any(state.digest is not None for state in todo):
        mark_stale(store)
    names = [state.name.display for state in todo]
    options = container_options(inits[0].raw, store.models_dir, names)
    with _damaged_aside(store, todo):
        try:
            code, output = run_to_end(engine, f"{project}-ollama-model-pull", options, shop.client.deadline.check)
        except DeadlineExceeded as error:
            raise InstallError(error.kind, f"`ollama pull` of {', '.join(names)}: {error}") from error
        if code != 0:
            said = output.strip().splitlines()[-1:] or ["no reason given"]
            raise InstallError(kind_of_failure(output), f"`ollama pull` of {', '.join(names)} failed: {said[0]}")


@contextlib.contextmanager
def _damaged_aside(store: Store, todo: t.Sequence[ModelState]) -> t.Iterator[None]:
    """Pull trusts any file with the right name and fails on old partials; what it does not replace is restored."""
    aside: dict[str, str] = {}
    for digest in sorted({digest for state in todo for digest in damaged(state.problems)}):
        path = store.blob_path(digest)
        for partial in store.pulls_of(digest):
            store.disk.remove(partial)
        if store.disk.find(path) is not None:
            aside[path] = os.path.join(store.partials_dir, f"{os.path.basename(path)}.damaged")
            store.disk.rename(path, aside[path])
    try:
        yield
    finally:
        for path, kept in aside.items():
            if store.disk.find(path) is not None:
                store.disk.delete(kept)
            else:
                store.disk.rename(kept, path)
