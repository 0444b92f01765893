# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of ollama_release: a switch begins, is good or fails, and an earlier one is put in reach. Private."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
import typing as t
from dataclasses import dataclass, field, replace

from .._engine.client import EngineError
from .._release.records import (
    STATELESS,
    Release,
    find_anew,
    find_outdated,
    in_place,
    is_same,
    is_taken_back,
    last_good,
    open_release,
    plain,
    rotated_since,
    services_of,
    way_back,
)
from .._release.site import LOG_LINES, Site, images_of, open_site, started_of
from .._release.taken import read_deployed
from .._stack.files import SECRETS
from .._stack.refused import ask_refused
from .lease import LeaseOptions, hold

Fact = dict[str, t.Any]


class ReleaseError(Exception):
    """A release cannot be had; str() is a sentence for the operator."""


@dataclass(frozen=True)
class ReleaseOptions:
    """The options of the module."""

    state: str
    project: str
    directory: str
    docker_host: str
    store: str
    receipts_dir: str
    number: int = 0
    keep: int = 2
    files: t.Sequence[t.Mapping[str, t.Any]] = ()
    note: t.Mapping[str, t.Any] = field(default_factory=dict)
    by: t.Mapping[str, str] = field(default_factory=dict)
    secrets: t.Sequence[str] = ()
    rotated: t.Sequence[str] = ()
    # Whether what the host has now answers as it should.
    served: bool = False
    # Services with data whose switch can be taken back all the same.
    reversible: t.Sequence[str] = ()
    why: str = ""
    # The lease of the host that this run holds, and how messages call the host.
    lease: str = ""
    lease_folder: str = ""
    host: str = ""


def run(options: ReleaseOptions) -> Fact:
    """The module's result."""
    if options.lease:
        # Who has lost it must not write into the release of who has it now.
        hold(LeaseOptions(options.project, options.lease_folder, options.host, options.lease))
    site = open_site(options.project, options.directory, options.docker_host, options.store, options.receipts_dir)
    steps: dict[str, t.Callable[[Site, ReleaseOptions], Fact]] = {
        "begun": begin,
        "good": settle,
        "failed": fail,
        "returned": close,
        "ready": make_ready,
        "listed": show,
        "absent": remove,
    }
    unreadable = site.records.unreadable() if options.state != "absent" else ()
    site.warnings.extend(
        f"the record of release {number} in {site.records.path(number)} cannot be read: it cannot be put back, and its"
        " images and models are kept until you remove that folder"
        for number in unreadable
    )
    done = steps[options.state](site, options)
    return {"changed": False, "warnings": site.warnings, "releases": _numbers(site), **done}


def begin(site: Site, options: ReleaseOptions) -> Fact:
    """Write down what is about to be switched to, when all of it is on the disk."""
    records = site.records
    site.sync()
    releases = records.read()
    # Any record, whatever it says, is of this version: what serves is then no earlier one's.
    if not releases and not records.unreadable() and options.served:
        releases = [*releases, *_take_over(site, options)]
    before, served = open_release(releases), last_good(releases)
    known = (before or served or Release(0, "good")).secrets
    # The record of a switch that was interrupted is replaced and never away: until then it says what is there.
    number = before.number if before is not None else records.next_number()
    release = Release(
        number=number,
        state="begun",
        parent=served.number if served is not None else 0,
        restores=options.number,
        made=time.time(),
        by=options.by,
        secrets={name: _rotation(name, known, options.rotated) for name in options.secrets},
        versions={"collection": str(options.note.get("version", ""))},
        before=_containers_before(site, releases),
    )
    records.write(_with_content(site, options, release))
    if before is not None:
        records.drop_logs(number)
    return {"number": number, "parent": release.parent}


def settle(site: Site, options: ReleaseOptions) -> Fact:
    """What was switched to is verified: hold all that it needs, and only then call it good."""
    records = site.records
    releases = records.read()
    begun, served = open_release(releases), last_good(releases)
    if begun is None:
        raise ReleaseError(f"no switch is open in {records.root}, so there is none to be called good")
    release = replace(_as_it_runs(site, begun), state="good", lasted=_lasted(site, options, begun, served))
    # A repair of what is there already is no release of its own.
    known = served is not None and is_same(served, release)
    if served is not None and known:
        # With what is wanted of it by now, as the uid of the backend, which is in no file.
        release = replace(served, note=begun.note, secrets=begun.secrets, lasted=release.lasted)
    others = [one for one in releases if one.number not in (begun.number, release.number)]
    after = sorted([*others, release], key=lambda one: one.number)
    site.keep_models(release)
    changed = site.hold(after)
    records.write(release)
    if known:
        site.forget(begun)
        # A switch that had failed and stayed is no longer what is there.
        after = [replace(one, state="returned") if one.state == "failed" else one for one in after]
        for one in after:
            records.write(one)
    changed = _let_go(site, after, options.keep) or changed
    return {"changed": changed or not known, "number": release.number, "parent": release.parent}


def fail(site: Site, options: ReleaseOptions) -> Fact:
    """Write down that a switch failed and why, with the logs of what ran, and decide whether it is taken back."""
    records = site.records
    releases = records.read()
    release, served = open_release(releases), last_good(releases)
    if release is None:
        return {"number": 0, "parent": 0, "returns": False, "anew": [], "logs": ""}
    containers = site.containers()
    for item in containers:
        # The backend's may hold what is the archive's alone.
        if item.service in STATELESS:
            # A container that was only made has no log yet.
            with contextlib.suppress(EngineError):
                records.keep_log(release.number, item.name, site.engine.log(item.name, LOG_LINES))
    failed = replace(_as_it_runs(site, release), state="failed", why=options.why)
    started = started_of(containers)
    # One that was never started has changed nothing, whatever became of the one before it.
    made = {item.service for item in containers} - {*started}
    anew = find_anew({name: one for name, one in release.before.items() if name not in made}, started)
    returns = served is not None and is_taken_back(failed, served, {*anew} - {*options.reversible})
    if returns:
        failed = replace(failed, state="returning")
    records.write(failed)
    return {
        "number": failed.number,
        "parent": served.number if served is not None else 0,
        "returns": returns,
        "anew": anew,
        "logs": os.path.join(records.path(failed.number), "logs"),
    }


def close(site: Site, options: ReleaseOptions) -> Fact:
    """Write down that the release before serves again."""
    release = open_release(site.records.read())
    if release is not None:
        site.records.write(replace(release, state="returned"))
    _let_go(site, site.records.read(), options.keep)
    return {"number": release.number if release is not None else 0}


def make_ready(site: Site, options: ReleaseOptions) -> Fact:
    """Put all that a release needs in reach, without a registry, and give back what defines it."""
    releases = site.records.read()
    release = _choose(site, releases, options.number)
    lacking = site.lacks(release)
    # One that a failed switch no longer wanted is still on the disk, as it was.
    folder = os.path.join(options.directory, SECRETS)
    unnamed = sorted({*release.note.get("secrets", ())} - {*options.secrets})
    unknown = [name for name in unnamed if not os.path.lexists(os.path.join(folder, name))]
    if unknown:
        lacking.append(f"secret {', '.join(unknown)}, which ollama_stack_backend_secrets no longer names")
    if lacking:
        raise ReleaseError(
            f"release {release.number} cannot be put back, and nothing was changed. It lacks: {'; '.join(lacking)}"
        )
    site.name_again(release)
    # Images that lost their name to these.
    site.hold(releases)
    site.put_models_back(release)
    # As a deploy describes them: by their content or by its sum, never by both.
    files = [
        {**{key: file[key] for key in ("path", "mode", "owner") if key in file}, "content": content}
        for file in release.files
        for content in [site.records.read_file(release.number, file["path"])]
    ]
    return {
        "number": release.number,
        "release": plain(release),
        "files": files,
        "others": [name for name in services_of(files[0]["content"]) if name not in release.images],
        "rotated": [
            one for one in rotated_since(release, (in_place(releases) or release).secrets) if one not in unnamed
        ],
    }


def show(site: Site, options: ReleaseOptions) -> Fact:
    """All releases, each with what a return to it would lack, and the one that a return leads to."""
    releases = site.records.read()
    back = way_back(releases)
    return {
        "number": back.number if back is not None else 0,
        "listed": [{**plain(one), "lacks": site.lacks(one) if one.state == "good" else []} for one in releases],
    }


def remove(site: Site, options: ReleaseOptions) -> Fact:
    """Let go of all releases: the images, the records and the models."""
    releases = site.records.read()
    for one in releases:
        site.forget(one)
    site.forget_models()
    changed = site.hold([], exactly=True)
    return {"changed": changed or bool(releases), "releases": []}


def _let_go(site: Site, releases: t.Sequence[Release], keep: int) -> bool:
    """Remove what is no longer kept; whether other images are held now."""
    outdated = find_outdated(releases, keep)
    for one in outdated:
        site.forget(one)
    site.remove_leftovers()
    return site.hold([one for one in releases if one not in outdated])


def _choose(site: Site, releases: t.Sequence[Release], number: int) -> Release:
    if not number:
        back = way_back(releases)
        if back is None:
            raise ReleaseError(f"there is no earlier release in {site.records.root} to go back to")
        return back
    found = next((one for one in releases if one.number == number), None)
    good = ", ".join(str(one.number) for one in releases if one.state == "good") or "none"
    if found is None:
        raise ReleaseError(f"there is no release {number} in {site.records.root}; good releases: {good}")
    if found.state != "good":
        raise ReleaseError(f"release {number} was never good ({found.state}: {found.why}); good releases: {good}")
    return found


def _take_over(site: Site, options: ReleaseOptions) -> list[Release]:
    """What an earlier version has deployed becomes the first release, so that a failed switch can go back to it."""
    compose = options.files[0]
    header = str(compose.get("content") or "").partition(":")[0]
    found = read_deployed(site, options.directory, compose["path"], header, options.note)
    if found is None:
        return []
    taken = replace(found, number=site.records.next_number(), made=time.time(), by=options.by)
    for file in taken.files:
        site.records.keep_file(taken.number, file["path"], file["content"])
    taken = replace(
        taken,
        files=[{key: file[key] for key in file if key != "content"} for file in taken.files],
        secrets={name: secrets.token_hex(4) for name in taken.note["secrets"]},
    )
    site.keep_models(taken)
    site.hold([taken])
    site.records.write(taken)
    return [taken]


def _with_content(site: Site, options: ReleaseOptions, release: Release) -> Release:
    """The release with its files written beside its record: from the deploy, or from the release that it restores."""
    records = site.records
    if release.restores:
        source = _choose(site, records.read(), release.restores)
        for file in source.files:
            records.keep_file(release.number, file["path"], records.read_file(source.number, file["path"]))
        return replace(release, note=source.note, files=source.files, images=source.images, models=source.models)
    described = []
    for file in options.files:
        # Of secrets there is no content here, and no sum is kept.
        if file.get("content") is not None:
            records.keep_file(release.number, file["path"], file["content"])
            known = {key: file[key] for key in ("path", "mode", "owner") if file.get(key) is not None}
            described.append({**known, "sha256": hashlib.sha256(file["content"].encode()).hexdigest()})
    return replace(release, note={**options.note, "files": []}, files=described)


def _as_it_runs(site: Site, release: Release) -> Release:
    """With the images that run and the models that are served."""
    containers = site.containers()
    return replace(
        release,
        images=images_of(containers),
        models=[
            {**model, "digest": site.digest_of(model["name"], release)} for model in release.note.get("models", ())
        ],
        versions={
            **release.versions,
            "engine": str(site.engine.info().get("ServerVersion", "")),
            "compose": next((item.compose_version for item in containers if item.compose_version), ""),
        },
    )


def _containers_before(site: Site, releases: t.Sequence[Release]) -> dict[str, str]:
    """Those of the last good release: a switch that failed and stayed, or was interrupted, may have changed data."""
    here = in_place(releases)
    return dict(here.before) if here is not None and here.state != "good" else started_of(site.containers())


def _lasted(site: Site, options: ReleaseOptions, begun: Release, served: Release | None) -> dict[str, float]:
    """By service how long it did not serve when it was last made anew: now, or as the release before knows."""
    before = dict(served.lasted) if served is not None else {}
    services = sorted({item.service for item in site.containers()})
    told = ask_refused(options.docker_host, site.project, [[name] for name in services], time.time() - begun.made)
    measured = zip(services, told) if told else ()
    return {**before, **{name: round(seconds, 1) for name, seconds in measured if seconds}}


def _rotation(name: str, known: t.Mapping[str, str], rotated: t.Collection[str]) -> str:
    return known[name] if name in known and name not in rotated else secrets.token_hex(4)


def _numbers(site: Site) -> list[dict[str, t.Any]]:
    return [{"number": one.number, "state": one.state} for one in site.records.read()]
