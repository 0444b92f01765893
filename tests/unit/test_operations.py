"""The gate over docs/operations.md: what it reads of the page, and that a page which is not true turns it red."""

from __future__ import annotations

import re

import pytest

from tests.operations import __main__ as gate
from tests.operations import page, stage
from tests.operations.page import Block, PageError, Seen

TEXT = """\
# Operations

About the page.

## Change a value

When it is to be another.

```yaml
ollama_stack_mem_limit: 6g
```

```sh
ansible-playbook archiv.ollama.deploy -i inventory -l staging
```

```text
- '- ollama: container runs with a different configuration (deploy will recreate the container)'
...
staging-1 : ok=… changed=… unreachable=0 failed=0
```

- Restarts: `ollama`,
  `ollama-warm`; and nothing else.
- Undo: put it back.

### Inputs

| input | restarts |
| --- | --- |
| `ollama_stack_mem_limit`, `ollama_stack_cpus` | `ollama`, `ollama-warm`; not `backend` |
| `ollama_stack_registries` | nothing; files alone |
"""
SHOWN = TEXT[TEXT.index("```text") : TEXT.index("- Restarts")]
OUTPUT = """\
\x1b[0;32mok: [staging-1] =>\x1b[0m
    msg:
    - 'archiv differs from the inventory:'
    - '- ollama: container runs with a different configuration (deploy will
        recreate the container)'

PLAY RECAP *********************************************************************
staging-1                    : ok=29   changed=8    unreachable=0    failed=0    skipped=18   rescued=0    ignored=0
"""
BEFORE = {"backend": ("b", "1"), "ollama": ("o", "1"), "ollama-warm": ("w", "1")}
AFTER = {"backend": ("b", "1"), "ollama": ("p", "2"), "ollama-warm": ("w", "2")}


@pytest.fixture
def block() -> Block:
    [found] = page.read(TEXT)
    return found


def test_block_is_read_as_a_person_reads_it(block: Block) -> None:
    assert block.title == "Change a value"
    assert block.inputs == {"ollama_stack_mem_limit": "6g"}
    assert block.command == "ansible-playbook archiv.ollama.deploy -i inventory -l staging"
    assert block.restarts == {"ollama", "ollama-warm"} and not block.starts | block.removes
    assert not block.refused and not block.not_run


def test_what_the_page_says_is_true(block: Block) -> None:
    assert page.judge(block, Seen(0, OUTPUT, BEFORE, AFTER)) == []


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        pytest.param(Seen(2, OUTPUT, BEFORE, AFTER), "ended with exit code 2", id="fails"),
        pytest.param(Seen(0, OUTPUT + "Traceback (most", BEFORE, AFTER), "traceback", id="traceback"),
        pytest.param(
            Seen(0, OUTPUT.replace("ollama:", "it:"), BEFORE, AFTER), "- '- ollama: container", id="other-words"
        ),
        pytest.param(Seen(0, OUTPUT.partition("PLAY")[0], BEFORE, AFTER), "staging-1 : ok=…", id="line-missing"),
        pytest.param(Seen(0, OUTPUT.replace("failed=0", "failed=01"), BEFORE, AFTER), "staging-1 : ok=…", id="longer"),
        pytest.param(
            Seen(0, OUTPUT.replace("staging-1  ", "staging-10"), BEFORE, AFTER), "staging-1 : ok=…", id="other-host"
        ),
        pytest.param(Seen(0, "", BEFORE, AFTER), "- '- ollama: container", id="prints-nothing"),
        pytest.param(
            Seen(0, OUTPUT, BEFORE, AFTER | {"backend": ("b", "2")}),
            "Restarts: the page says ollama, ollama-warm, and it was backend, ollama, ollama-warm",
            id="restarts-more",
        ),
        pytest.param(
            Seen(0, OUTPUT, BEFORE, BEFORE),
            "Restarts: the page says ollama, ollama-warm, and it was nothing",
            id="restarts-less",
        ),
        pytest.param(
            Seen(0, OUTPUT, {}, AFTER),
            "Starts: the page says nothing, and it was backend, ollama, ollama-warm",
            id="starts",
        ),
        pytest.param(Seen(0, OUTPUT, BEFORE, {}), "Removes: the page says nothing, and it was backend", id="removes"),
    ],
)
def test_what_is_not_true_is_told(block: Block, seen: Seen, told: str) -> None:
    assert any(told in line for line in page.judge(block, seen)), page.judge(block, seen)


def test_lines_must_come_in_their_order_and_without_others_between() -> None:
    output = "- 'one'\n- 'two'\n- 'three'\n"
    assert page.find_missing("- one\n- two\n...\n- three", output) == ""
    assert page.find_missing("- one\n- three", output) == "- three"
    assert page.find_missing("- two\n...\n- one", output) == "- one"


def test_value_is_not_a_story() -> None:
    assert page.find_missing("has … free", "the disk has 1.5 GiB free") == ""
    assert page.find_missing("has … free", f"the disk has sha256:{64 * 'a'} and other words free") == "has … free"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("When it is to be another.\n", "", "does not say when"),
        ("- Undo: put it back.\n", "", "does not say how to undo it"),
        ("- Restarts: `ollama`,\n  `ollama-warm`; and nothing else.\n", "", "does not say what restarts"),
        ("`ollama`,\n  `ollama-warm`;", "`olama`;", "Restarts names olama, which serves nothing"),
        ("`ollama`,\n  `ollama-warm`;", "hardly;", "Restarts names no service, and does not say nothing"),
        (
            TEXT[TEXT.index("```text") : TEXT.index("- Restarts")],
            "",
            "does not say what is seen, nor why it is not run",
        ),
        (TEXT[TEXT.index("```sh") : TEXT.index("```text")], "", "has no command"),
        ("-l staging\n", "-l staging\ntrue\n", "has not exactly one command"),
        ("```text", "```sh\ntrue\n```\n\n```text", "has a second sh block"),
        ("ollama_stack_mem_limit: 6g\n", "- 6g\n", "its yaml is no mapping of inputs"),
        ("ollama_stack_mem_limit: 6g\n", "a: b: c\n", "its yaml cannot be read"),
        ("### Inputs", "### Inputs\n\n```text\nno\n```\n", "has no command"),
        (TEXT[TEXT.index("### Inputs") :], "```text\n", "the last fence is not closed"),
    ],
)
def test_page_that_cannot_be_run_is_refused(old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(PageError, match=re.escape(told)):
        page.read(TEXT.replace(old, new))


def test_block_without_an_output_says_why_it_is_not_run() -> None:
    [block] = page.read(TEXT.replace(SHOWN, "").replace("- Undo", "- Not run here: there is no disk.\n- Undo"))
    assert block.not_run == "there is no disk."


def test_failure_that_is_shown_is_expected() -> None:
    [block] = page.read(TEXT.replace("- '- ollama", "fatal: [staging-1]: FAILED! =>\n...\n- '- ollama"))
    output = f"fatal: [staging-1]: FAILED! =>\n{OUTPUT}"
    assert page.judge(block, Seen(2, output, BEFORE, AFTER)) == []
    assert "it is shown to fail, and ended with exit code 0" in page.judge(block, Seen(0, output, BEFORE, AFTER))


def test_table_and_blocks_cannot_contradict_each_other(block: Block) -> None:
    rows = page.read_rows(TEXT)
    assert rows == {
        "ollama_stack_mem_limit": {"ollama", "ollama-warm"},
        "ollama_stack_cpus": {"ollama", "ollama-warm"},
        "ollama_stack_registries": frozenset(),
    }
    assert page.find_contradictions(block, rows) == []
    [told] = page.find_contradictions(block, {**rows, "ollama_stack_mem_limit": frozenset({"backend"})})
    assert told == "its inputs restart backend by the table, and ollama, ollama-warm here"


def test_input_with_two_rows_is_refused() -> None:
    with pytest.raises(PageError, match="ollama_stack_cpus has two rows"):
        page.read_rows(TEXT + "| `ollama_stack_cpus` | nothing |\n")


def test_the_page_itself_can_be_run_and_is_enough() -> None:
    text = gate.PAGE.read_text()
    blocks, rows = page.read(text), page.read_rows(text)
    assert [f"{one.title}: {why}" for one in blocks for why in page.find_contradictions(one, rows)] == []
    shown = {name for block in blocks if page.is_of_table(block, rows) for name in block.inputs}
    assert gate.too_few(blocks, shown) == []
    assert gate.too_few(blocks[:2], {"ollama_stack_cpus"}) != []


def test_every_name_that_stands_for_one_of_the_lab_is_on_the_page() -> None:
    text = gate.PAGE.read_text()
    assert [name for name in stage.IN_LAB if name not in text] == []
    assert ".example.org/" not in stage.in_lab(text).replace("proxy.example.org", "")
