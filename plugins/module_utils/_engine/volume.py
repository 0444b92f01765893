# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the models of a Compose project on the host. Private."""

from __future__ import annotations

import os

from .client import Engine, EngineError


class NoStore(Exception):
    """The models folder cannot be found; str() is a sentence for the operator."""


class NoVolume(NoStore):
    """The volume does not exist."""


def connect(docker_host: str) -> tuple[Engine | None, str]:
    """The Engine, or why it is not available: a store can be read without one."""
    try:
        return Engine(docker_host), ""
    except EngineError as error:
        return None, str(error)


def find_models_dir(engine: Engine | None, store: str | None, project: str, volume: str, why_no_engine: str) -> str:
    """The models folder: the given one, else that of the project's volume; NoStore says why there is none."""
    if store:
        if not os.path.isabs(store):
            raise NoStore(f"store {store} is not an absolute path; use the folder that contains blobs and manifests")
        return store
    if engine is None:
        raise NoStore(f"{why_no_engine}; or set store to the models folder, which needs no Engine")
    found = engine.volume(project, volume)
    if found is None:
        raise NoVolume(
            f"the Engine has no volume {volume} of project {project}; run playbooks/deploy.yml,"
            " or set store to the models folder"
        )
    if not found.path:
        raise NoStore(
            f"volume {found.name} cannot be read from the host: {found.why_no_path}; set store to its models folder"
        )
    return os.path.join(found.path, "models")
