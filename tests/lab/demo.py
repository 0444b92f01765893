"""The demonstration: deploy, ask, take the model server away, ask again, give it back."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import docker
import requests
from docker.models.containers import Container

from tests.lab import containers, hosts
from tests.lab.settings import ROOT, LabError, container_name
from tests.lab.steps import say

HOST = "staging-1"
QUESTION = "Which letters did the archive receive in 1913?"
COMPOSE = ["docker", "compose", "-f", "/opt/archiv/docker-compose.prod.yml"]
HEALED_TIMEOUT = 120

NEXT = """
What you could try next:
  .venv/bin/ansible-playbook playbooks/verify.yml -l staging  is every model whole, loaded, pinned and answering?
  .venv/bin/ansible-playbook playbooks/deploy.yml             all three hosts; a second run changes nothing
  make test                                                   all tests but the longest, which `make more` runs
"""


def run(client: docker.DockerClient) -> None:
    deploy()
    url = f"http://{hosts.address_of(must_find(client))}:8080/api/search/nl"
    say(f"\nAsking {HOST} (its model is tiny and random, its tokens are real): {QUESTION}")
    expect(url, 200)
    say(f"\nThe same question with Ollama stopped on {HOST}:")
    on_host(client, [*COMPOSE, "stop", "ollama"])
    expect(url, 503)
    say("\nOllama started again; waiting until the same question is answered:")
    on_host(client, [*COMPOSE, "start", "ollama"])
    wait_answer(url)
    say(NEXT)


def deploy() -> None:
    command = [
        os.path.join(os.path.dirname(sys.executable), "ansible-playbook"),
        "playbooks/deploy.yml",
        "-l",
        "staging",
    ]
    say(f"\n$ {os.path.basename(command[0])} {' '.join(command[1:])}")
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise LabError("The deploy failed; its message stands above.")


def must_find(client: docker.DockerClient) -> Container:
    container = containers.find(client, container_name(HOST))
    if container is None:
        raise LabError(f"The host {HOST} does not run; run `make lab-up`.")
    return container


def on_host(client: docker.DockerClient, command: list[str]) -> None:
    result = must_find(client).exec_run(command)
    if result.exit_code:
        raise LabError(f"`{' '.join(command)}` failed on {HOST}: {result.output!r}")


def ask(url: str) -> tuple[requests.Response, float]:
    began = time.monotonic()
    # The backend answers within the 60 s of its own deadline, whatever happens behind it.
    response = requests.post(url, json={"query": QUESTION}, timeout=70)
    return response, time.monotonic() - began


def expect(url: str, status: int) -> None:
    response, took = ask(url)
    show(response, took)
    if response.status_code != status:
        raise LabError(f"{url} answered {response.status_code} where {status} was expected: {response.text}")


def show(response: requests.Response, took: float) -> None:
    body = response.json()
    text = repr(body["answer"]) if response.ok else f"{body.get('title')}: {body.get('detail')}"
    say(f"  HTTP {response.status_code} after {took:.2f} s  {text}")


def wait_answer(url: str) -> None:
    deadline = time.monotonic() + HEALED_TIMEOUT
    began = time.monotonic()
    while time.monotonic() < deadline:
        response, took = ask(url)
        if response.ok:
            say(f"  back after {time.monotonic() - began:.1f} s")
            show(response, took)
            return
        time.sleep(0.5)
    raise LabError(f"{url} has not answered with 200 for {HEALED_TIMEOUT} s after Ollama was started again.")
