# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an earlier version of the collection has deployed, as the release that a first one goes back to. Private."""

from __future__ import annotations

import hashlib
import os
import re
import typing as t

from .._store.disk import Disk
from .records import Release
from .site import Site, images_of

_LIMIT = 8 * 1024 * 1024
# The init service names all models, and the keeper after it those that stay loaded.
_MODELS = re.compile(r"^ *ARCHIV_MODELS: (.+)$", re.MULTILINE)


def read_deployed(site: Site, directory: str, path: str, header: str, note: t.Mapping[str, t.Any]) -> Release | None:
    """The stack that is there as a release, without a number; None where it is not ours or not whole.

    A stack with a gate was deployed by a version that keeps releases itself.
    """
    containers = site.containers()
    try:
        content = Disk(os.path.abspath(directory)).read(os.path.join(os.path.abspath(directory), path), _LIMIT).decode()
    except (OSError, ValueError):
        return None
    images = images_of(containers)
    if not content.startswith(header) or "ollama" not in images or "gate" in images:
        return None
    models = _read_models(content, site)
    if not models or not all(model["digest"] for model in models):
        return None
    described = {"path": path, "mode": "0644", "sha256": hashlib.sha256(content.encode()).hexdigest()}
    return Release(
        number=0,
        state="good",
        note={
            **note,
            "files": [],
            "gate": "",
            "models": models,
            "secrets": [name for name in note.get("secrets", ()) if f"/.archiv/secrets/{name}" in content],
        },
        images=images,
        models=models,
        files=[{**described, "content": content}],
        why="what an earlier version had deployed",
    )


def _read_models(content: str, site: Site) -> list[dict[str, t.Any]]:
    named = [line.split() for line in _MODELS.findall(content)]
    warm = named[1] if len(named) > 1 else []
    return [
        {"name": name, "digest": site.digest_of(name), "warm": name in warm} for name in (named[0] if named else ())
    ]
