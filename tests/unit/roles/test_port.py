"""A deploy whose port is taken names who has it, or what the Engine must do to give it back."""

from __future__ import annotations

from pathlib import Path

from tests.unit.roles.evaluate import evaluate

# As Engine 26.1.5 says it through Compose 2.26.1.
TAKEN = (
    "General error: Error response from daemon: driver failed programming external connectivity on endpoint"
    " archiv-backend-1 (f2989440): Bind for 0.0.0.0:8080 failed: port is already allocated"
)


def test_advice_is_for_the_one_who_holds_the_port(tmp_path: Path) -> None:
    hosts = {
        "nobody": {"__ollama_stack_up": {"msg": TAKEN}, "__ollama_stack_holder": {"stdout_lines": []}},
        "another": {"__ollama_stack_up": {"msg": TAKEN}, "__ollama_stack_holder": {"stdout_lines": ["web-1"]}},
        "no_port": {"__ollama_stack_up": {"msg": "no such image"}, "__ollama_stack_holder": {"skipped": True}},
    }
    answers = evaluate(tmp_path, hosts, "__ollama_stack_port_advice")
    told = {host: answer["__ollama_stack_port_advice"] for host, answer in answers.items()}
    [kept] = told["nobody"]
    assert kept.startswith("No container uses port 8080:") and "`systemctl restart docker`" in kept
    [held] = told["another"]
    assert held.startswith("Port 8080 is used by container web-1:")
    assert told["no_port"] == []
