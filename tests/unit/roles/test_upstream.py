"""How hosts reach the registries, and whose policy counts where a name has moved."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.unit.support.evaluate import ROOT, evaluate, run


def test_host_keeps_its_own_proxy_where_none_is_named(tmp_path: Path) -> None:
    named = {"ollama_stack_https_proxy": "http://proxy:3128", "ollama_stack_no_proxy": ["a", "b"]}
    told = evaluate(tmp_path, {"own": {}, "named": named}, "__ollama_stack_proxy")
    assert told["own"]["__ollama_stack_proxy"] == {}
    assert told["named"]["__ollama_stack_proxy"] == {"https_proxy": "http://proxy:3128", "no_proxy": "a,b"}


def test_moved_name_fails_every_host_that_asks_for_it_wherever_it_stands(tmp_path: Path) -> None:
    fails = yaml.safe_load((ROOT / "roles/ollama_stack/tasks/upstream.yml").read_text())[-1]
    heard = {"__ollama_stack_heard": ["moved        a:1b  sha256:1  ->  sha256:2  first,second"]}
    told = run(tmp_path, {"first": {"ollama_stack_lock_policy": "warn"}, "second": {}}, {**fails, "vars": heard})
    assert {host: answer.get("failed", False) for host, answer in told.items()} == {"first": False, "second": True}
    assert told["second"]["msg"].startswith(f"{heard['__ollama_stack_heard'][0]}\nThe hosts keep their models. ")
