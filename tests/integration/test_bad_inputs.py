"""What an operator can get wrong, through deploy.yml on a real host: refused in one message, and nothing is touched.

The rows that are not marked run with every integration test; `make inputs` runs them all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Play, Typed
from tests.lab.settings import ROOT

MODEL = "qwen2.5:7b-instruct-q4_K_M"
IMAGE = "registry.lab/archiv/backend:1.0.0"
CANARY = "canary-that-nobody-may-read"
LOGIN = {"host": "private.lab", "username": "archive", "password": CANARY}
# Changes with everything that a deploy may touch. Of what lies in the store inode and times tell.
LOOK = """
docker ps --all --quiet | xargs docker inspect --format '{{.Id}} {{.State.StartedAt}} {{.State.Status}}' | sort
docker network ls --quiet --no-trunc | sort; docker volume ls --quiet | sort; docker image ls --quiet --no-trunc | sort
find /opt /srv /etc/archiv /var/lib/archiv-ollama -printf '%p %i %s %m %U %T@\\n' 2>/dev/null | sort
find /opt /var/lib/archiv-ollama -type f -exec sha256sum {} + | sort
find /var/lib/docker/volumes/archiv_ollama-models/_data -printf '%p %i %s %m %U %T@\\n' | sort
ls -A / /root
"""


@dataclass(frozen=True)
class Row:
    """One mistake, and parts of the sentences that name it; several where several are made at once."""

    name: str
    variables: dict[str, Any]
    says: tuple[str, ...]
    more: bool = True

    @property
    def parameter(self) -> Any:
        return pytest.param(self, id=self.name, marks=[pytest.mark.more] if self.more else [])


def wrong(variable: str, value: Any, *says: str, name: str = "", more: bool = True) -> Row:
    """One input; its name is part of what is said."""
    variable = f"ollama_stack_{variable}"
    return Row(name or f"{variable}={json.dumps(value)[:90]}", {variable: value}, (variable, *says), more)


def extra(name: str, service: dict[str, Any], *says: str, more: bool = True) -> Row:
    """One more service, of an image that is on the host."""
    variables = {"ollama_stack_extra_services": {"db": {"image": IMAGE, "networks": ["edge"], **service}}}
    return Row(name, variables, says, more)


ROWS = (
    # What the roles' own types tell, before any host is asked.
    wrong("gpu", "intel", "must be one of: none, nvidia, amd", more=False),
    wrong("variant", "prod", "must be one of"),
    wrong("model_method", "curl", "must be one of"),
    wrong("backend_port", "http", "convert to int"),
    wrong("cpus", "many", "convert to float"),
    wrong("adopt", "perhaps", "convert to bool"),
    wrong("models", "qwen", "dict"),
    wrong("models", [{"name": MODEL, "wram": True}], "wram", more=False),
    wrong("models", [{"warm": True}], "name"),
    wrong("registries", [{**LOGIN, "user": "x"}], "user"),
    wrong("registries", [{"host": "private.lab"}], "username"),
    wrong("extra_services", ["db"], "dict"),
    # Images.
    wrong("image", "registry.lab/ollama/ollama:latest", "can change under a running archive", more=False),
    wrong("image", "registry.lab/ollama/ollama", "can change under a running archive"),
    wrong("image", "registry.lab/ollama/ollama:0.16.0", "CVE-2026-7482"),
    wrong("backend_image", "", "there is no default"),
    wrong("backend_image", "Archiv/Backend:1.0", "not a valid image name", more=False),
    wrong("backend_image", f"{IMAGE}@sha256:abc", "not a valid image name"),
    extra("image that docker cannot read", {"image": "Postgres:${PGV:-17}"}, "service db is 'Postgres:17'", more=False),
    # Models.
    wrong("models", [], "at least one model"),
    wrong("models", [{"name": "qwen 2.5:7b"}], "may contain only"),
    wrong("models", [{"name": MODEL, "digest": "sha256:abc"}], "64 hexadecimal digits"),
    wrong("models", [{"name": MODEL}, {"name": MODEL.upper()}], "more than once"),
    wrong("models", [{"name": f"library/{MODEL}"}], f"as Ollama shows it, {MODEL}"),
    wrong("models", [{"name": "qwen3:cloud"}], "reserves the tags"),
    wrong("models", [{"name": "registry.lab:99999/a/m:1"}], "port '99999'"),
    wrong("models", [{"name": MODEL}, {"name": "lama3.2:1b"}], "is 'lama3.2:1b'", "has no manifest of", more=False),
    Row(
        "models that do not fit",
        {"ollama_stack_models": [{"name": MODEL}, {"name": "llama3.2:1b"}], "ollama_stack_mem_limit": "1m"},
        ("ollama_stack_mem_limit", "are loaded together and need"),
    ),
    # Names and folders.
    wrong("project", "Archiv Prod", "lower case"),
    wrong("dir", "opt/archiv", "absolute path"),
    wrong("dir", "/opt/../etc/archiv", "as /etc/archiv"),
    wrong("dir", "/", "the root directory of the host"),
    wrong("dir", "/opt/the archive", "without whitespace"),
    wrong("models_dir", "srv/models", "absolute path", more=False),
    wrong("models_dir", "/", "the root directory of the host"),
    wrong("models_dir", "/srv/llm:ro", "without double quotes"),
    wrong("ca_file", "ca.pem", "absolute path"),
    wrong("ca_file", "/etc/nowhere.pem", "no such file on the host"),
    wrong("lock_file", "README.md", "is not in the format of playbooks/lock.yml"),
    # Numbers.
    wrong("mem_limit", "eight", "size such as 8g"),
    wrong("mem_limit", "8", "size such as 8g"),
    wrong("mem_limit", "900g", "of memory"),
    wrong("keep_alive", "for ever", "silently use 5m"),
    wrong("user", "0:0", "not root's"),
    wrong("cpus", 1000, "may use 1000 CPUs"),
    wrong("backend_port", 70000, "from 1 to 65535"),
    wrong("backend_container_port", 0, "from 1 to 65535"),
    wrong("backend_uid", -1, "from 0 to 4294967294"),
    wrong("start_timeout", 0, "from 1 to 604800"),
    # Networks and what other services bring.
    wrong("backend_address", "localhost", "use the IP address"),
    wrong("https_proxy", "proxy.lab:3128", "write it as http://host:port"),
    wrong("https_proxy", f"http://me:{CANARY}@proxy.lab:3128", "contains a password"),
    wrong("mirror", "mirror.lab", "is not a URL"),
    wrong("mirror", "http://mirror.lab", "plain HTTP"),
    wrong("registries", [{**LOGIN, "host": "https://private.lab"}], "host or host:port"),
    wrong("registries", [LOGIN, {**LOGIN, "host": "Private.lab"}], "more than once"),
    wrong("extra_networks", {"edge": {}}, "already uses this name: choose another"),
    wrong("extra_services", {"ollama": {"image": IMAGE}}, "already uses this name: choose another"),
    wrong("extra_services", {"backend": {"image": IMAGE}}, "ollama_stack_backend_extra"),
    extra("port that is taken", {"ports": ["8080:80"]}, "8080/tcp", "more than once, by backend and db", more=False),
    extra("network that is not there", {"networks": ["nowhere"]}, "nowhere"),
    extra("port on an internal network", {"networks": ["archiv-net"], "ports": ["81:80"]}, "internal networks only"),
    extra("key that compose does not know", {"porst": ["81:80"]}, "porst"),
    wrong("backend_extra", {"depends_on": {"ollama": {"condition": "service_started"}}}, "ADR-034"),
    wrong("backend_extra", {"environment": ["TZ=UTC"]}, "APP_OLLAMA_BASEURL"),
    wrong("backend_secrets", {"../key": CANARY}, "it becomes a file name"),
    # The host.
    Row("no become", {"ansible_become": False}, ("become: true",), more=False),
    wrong("gpu", "nvidia", "no NVIDIA runtime for Docker"),
    wrong("gpu", "amd", "no /dev/kfd"),
    # Several at once.
    Row(
        "five at once",
        {
            "ollama_stack_project": "A",
            "ollama_stack_dir": "opt",
            "ollama_stack_image": "registry.lab/ollama/ollama:latest",
            "ollama_stack_mem_limit": "eight",
            "ollama_stack_backend_port": 0,
        },
        tuple(f"ollama_stack_{name} is " for name in ("project", "dir", "image", "mem_limit", "backend_port")),
        more=False,
    ),
    Row(
        "two and the host",
        {
            "ollama_stack_image": "registry.lab/ollama/ollama:latest",
            "ollama_stack_keep_alive": "x",
            "ollama_stack_gpu": "nvidia",
            "ollama_stack_cpus": 1000,
        },
        ("ollama_stack_image is ", "ollama_stack_keep_alive is ", "no NVIDIA runtime for Docker", "may use 1000 CPUs"),
    ),
)


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """What was seen before the first row, which no row may change."""
    return {}


@pytest.fixture
def untouched(before: dict[str, str], play: Play, typed: Typed) -> str:
    """The host with the stack as the inventory wants it, looked at once for all rows."""
    if not before:
        play("deploy")
        before["seen"] = typed(LOOK)
    return before["seen"]


def deploy(tmp_path: Path, variables: dict[str, Any], *options: str) -> tuple[int, str, list[dict[str, Any]]]:
    """A deploy to staging: its exit code, all that it printed, and what failed in it."""
    # Not on the command line, as no secret should be.
    (tmp_path / "variables.json").write_text(json.dumps(variables))
    tool = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [str(tool), "playbooks/deploy.yml", "-l", "staging", "-e", f"@{tmp_path}/variables.json", *options],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    document = json.loads(done.stdout[done.stdout.index("{") :])
    results = [result for play in document["plays"] for task in play["tasks"] for result in task["hosts"].values()]
    return done.returncode, done.stdout + done.stderr, [one for one in results if one.get("failed")]


@pytest.mark.parametrize("row", [row.parameter for row in ROWS])
def test_mistake_is_refused_in_one_message_and_nothing_is_touched(
    row: Row, untouched: str, typed: Typed, tmp_path: Path
) -> None:
    code, output, failed = deploy(tmp_path, row.variables)
    assert (code, len(failed)) == (2, 1), output
    message = " ".join(str(failed[0]["msg"]).split())
    assert [part for part in row.says if part not in message] == [], message
    assert "Traceback" not in output and CANARY not in output
    assert typed(LOOK) == untouched


def test_name_that_holds_a_variable_is_refused_nothing(untouched: str, typed: Typed, tmp_path: Path) -> None:
    image = "registry.lab/archiv/backend:${BACKEND_TAG:-1.0.0}"
    services = {"ollama_stack_extra_services": {"db": {"image": image, "networks": ["edge"]}}}
    code, output, failed = deploy(tmp_path, services, "--check")
    assert (code, failed) == (0, []), output
    assert typed(LOOK) == untouched


def test_table_is_as_long_as_promised() -> None:
    assert len(ROWS) >= 40 and sum(not row.more for row in ROWS) >= 10
    assert len({row.name for row in ROWS}) == len(ROWS)
