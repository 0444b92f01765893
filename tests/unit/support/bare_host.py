"""A playbook on this machine as a host without an Engine, where `ollama-stack` only notes what it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.unit.support.local_play import ROOT

COMMAND = '#!/bin/sh\nprintf "%s\\n" "$*" >>{log}\nexit {code}\n'


class BareHost:
    """The host, and what it was told."""

    def __init__(self, folder: Path, tools: str = "/usr/bin:/bin") -> None:
        self.folder = folder
        self.path = f"{Path(sys.executable).parent}:{tools}"
        self.log = folder / "log"
        self.command = folder / "ollama-stack"

    def has_the_command(self, code: int = 0) -> None:
        self.command.write_text(COMMAND.format(log=self.log, code=code))
        self.command.chmod(0o755)

    def run(self, playbook: str, *options: str, code: int = 2, **variables: Any) -> str:
        """What a playbook prints that ends so; 2 is a failed host."""
        told = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "ollama_stack_backend_image": "archiv/backend:1.0.0",
            "ollama_stack_dir": str(self.folder / "stack"),
            "ollama_stack_health_timeout": 0,
            "ollama_stack_lock_file": str(self.folder / "none.yml"),
            "ollama_stack_models": [{"name": "a:1b"}],
            "ollama_stack_models_dir": str(self.folder / "store"),
            "ollama_stack_monitor": True,
            "__ollama_stack_ask": False,
            "__ollama_stack_run": str(self.folder / "run"),
            "__ollama_stack_engine": f"unix://{self.folder}/none.sock",
            "__ollama_monitor_command": str(self.command),
            **variables,
        }
        command = ["ansible-playbook", "-i", "one,", "-e", "target=all", "-e", json.dumps(told), *options]
        ran = subprocess.run(
            [*command, str(ROOT / f"playbooks/{playbook}.yml")],
            env={
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
                "HOME": str(self.folder),
                "PATH": self.path,
                "USER": "mia",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []
