"""What is said of an exercise of a game day by what the backend answered meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.archiv.ollama.plugins.filter.judge_exercise import judge_exercise

# (when, status, how long) of each question; health is asked beside each, and there unless told.
Questions = list[tuple[float, int | str, float]]
FAULT_AT_100: Questions = [(99, 200, 0.5), (101, 503, 0.2), (102, 503, 0.2), (110.5, 503, 0.1), (112, 200, 1.25)]
CLEAN = {"clean": True, "report": []}


def record(questions: Questions, health: dict[float, int | str] | None = None) -> str:
    lines = [{"asked": "question", "at": at, "status": status, "seconds": seconds} for at, status, seconds in questions]
    lines += [
        {"asked": "health", "at": at, "status": (health or {}).get(at, 200), "seconds": 0.01} for at, _, _ in questions
    ]
    return "".join(json.dumps(line) + "\n" for line in sorted(lines, key=lambda line: float(str(line["at"]))))


def judged(text: str, **options: Any) -> dict[str, Any]:
    return judge_exercise(text, **{"mended": "110", "steady_from": "100", "verdict": CLEAN, **options})


def test_backend_that_says_503_until_it_answers_holds() -> None:
    told = judged(record(FAULT_AT_100))
    assert told["broken"] == [] and told["recovery"] == 3.2
    assert (told["answered"], told["refused"]) == (1, 3)
    assert told["held"] == [
        "the backend's health was there in each of 4 checks",
        "of 4 questions 1 answered and 3 refused with 503, each within 1.2 s",
        "the first question was answered after 3.2 s",
        "the host is as the inventory describes it",
    ]


def test_recovery_is_the_first_answer_to_what_was_asked_later() -> None:
    asked_before = [(109.0, 200, 3.0), (113.0, 200, 0.5)]
    assert judged(record([*asked_before]))["recovery"] == 3.5
    assert judged(record(FAULT_AT_100[:-1]))["recovery"] is None
    assert "no question was answered afterwards" in judged(record(FAULT_AT_100[:-1]))["broken"]
    assert judged(record(FAULT_AT_100), mended="")["recovery"] is None


def test_health_that_blinks_is_told() -> None:
    told = judged(record(FAULT_AT_100, health={101: "timed out", 102: 500}))
    assert told["broken"] == ["the backend's health was away in 2 of 4 checks: timed out (1), 500 (1)"]


def test_question_without_answer_or_503_is_told() -> None:
    told = judged(record([*FAULT_AT_100, (113, "timed out", 65.0), (180, 500, 0.1)]))
    assert told["broken"] == [
        "2 of 6 questions got neither an answer nor a 503: timed out (1), 500 (1)",
        "1 of 6 questions took longer than 60 s, the slowest 65.0 s",
    ]


def test_what_is_down_on_purpose_is_not_held_against_it() -> None:
    down = [*FAULT_AT_100, (120, "Connection refused", 0.0), (121, 200, 0.1)]
    assert judged(record(down, health={120: "Connection refused"}), steady_to="115")["broken"] == []
    # A question across the end of what was to be steady belongs to neither.
    assert judged(record([(101, 200, 0.1), (114, "reset", 5.0), (122, 200, 0.1)]), steady_to="115")["broken"] == []
    assert judged(record(down), steady_from="")["broken"] == []


def test_silence_is_not_taken_for_a_backend_that_held() -> None:
    told = judged(record([(99, 200, 0.5)]), mended="98")
    assert told["broken"] == [
        "the backend's health was not asked, so nothing is known of it",
        "no question was asked, so nothing is known of the answers",
    ]


def test_verdict_and_problems_are_told_as_they_are() -> None:
    told = judged(
        record(FAULT_AT_100), verdict={"clean": False, "report": ["archiv:", "- ollama: gone"]}, problems=["no undo"]
    )
    assert told["broken"] == ["no undo", "archiv:", "- ollama: gone"]
    assert judged(record(FAULT_AT_100), verdict={})["broken"] == ["the host is not as the inventory describes it"]


def test_last_line_may_be_half_written_and_no_other() -> None:
    text = record(FAULT_AT_100)
    assert judged(text + '{"asked": "hea')["broken"] == []
    with pytest.raises(AnsibleFilterError, match="line 1 of the record"):
        judged("no json\n" + text)


def test_nothing_written_is_a_host_of_which_nothing_is_known() -> None:
    told = judge_exercise("")
    assert told["recovery"] is None and told["broken"] == ["no question was answered afterwards"]
