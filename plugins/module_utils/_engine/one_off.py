# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one container to its end. Private."""

from __future__ import annotations

import time
import typing as t

from .client import Engine, EngineError, is_missing


def run_to_end(
    engine: Engine, name: str, options: t.Mapping[str, t.Any], still_time: t.Callable[[], None]
) -> tuple[int, str]:
    """Exit code and output; removes the container afterwards, also one that a killed run left.

    still_time is called repeatedly, and raises when the time is up.
    """
    _remove(engine, name)
    with engine.speaking() as client:
        host_config = client.create_host_config(**options["host"])
        created = client.create_container(name=name, host_config=host_config, **options["container"])
    try:
        with engine.speaking() as client:
            client.start(created["Id"])
            while True:
                state = client.inspect_container(created["Id"])["State"]
                if state["Status"] in ("exited", "dead"):
                    break
                still_time()
                time.sleep(0.5)
            output = client.logs(created["Id"], tail=20)
        return state["ExitCode"], output.decode(errors="replace")
    finally:
        _remove(engine, name)


def _remove(engine: Engine, name: str) -> None:
    try:
        with engine.speaking() as client:
            client.remove_container(name, force=True, v=True)
    except EngineError as error:
        if not is_missing(error):
            raise
