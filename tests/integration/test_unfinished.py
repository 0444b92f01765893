"""A deploy that cannot be finished leaves the compose file, the containers and the store as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Play, Typed
from tests.integration.test_bad_inputs import LOOK, MODEL, deploy

NOT_THERE = "registry.lab/archiv/backend:9.9.9"
UNTOUCHED = "Nothing was changed: the compose file and the containers are as before"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ollama_stack_backend_image": NOT_THERE}, f"The images {NOT_THERE} could not be pulled: "),
        (
            {
                "ollama_stack_model_method": "engine",
                "ollama_stack_models": [{"name": MODEL}, {"name": "lama3.2:1b", "warm": False}],
            },
            "The models could not be downloaded: model-init: the pull of lama3.2:1b failed",
        ),
    ],
    ids=["image", "model with method engine"],
)
def test_what_cannot_be_fetched_changes_nothing(
    play: Play, typed: Typed, tmp_path: Path, variables: dict[str, Any], says: str
) -> None:
    play("deploy")
    before = typed(LOOK)
    code, output, failed = deploy(tmp_path, variables)
    assert code == 2, output
    message = " ".join(str(failed[-1]["msg"]).split())
    assert message.startswith(says) and UNTOUCHED in message, message
    assert typed(LOOK) == before
    assert "changed=0" in play("deploy")


@pytest.mark.more
def test_model_comes_by_ollama_itself_beside_what_runs(play: Play, typed: Typed, tmp_path: Path) -> None:
    play("deploy")
    variables = {
        "ollama_stack_model_method": "engine",
        "ollama_stack_models": [{"name": MODEL}, {"name": "llama3.2:1b", "warm": False}],
    }
    typed("rm -rf /var/lib/docker/volumes/archiv_ollama-models/_data/models/manifests/*/library/llama3.2")
    code, output, _ = deploy(tmp_path, variables)
    assert code == 0, output
    assert typed("docker ps --all --filter label=com.docker.compose.oneoff=True --quiet") == ""
    typed("docker exec archiv-ollama-1 ollama show llama3.2:1b >/dev/null")
    play("deploy")
    play("verify")
