"""The page of a fleet: it shows what hosts say, and nothing that a host says becomes more than text."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ansible_collections.archiv.ollama.plugins.filter.status_page import status_page
from ansible_collections.archiv.ollama.plugins.plugin_utils._page.facts import Host, read_host
from ansible_collections.archiv.ollama.plugins.plugin_utils._page.markdown import code, line, markdown
from ansible_collections.archiv.ollama.plugins.plugin_utils._page.markup import tag
from ansible_collections.archiv.ollama.plugins.plugin_utils._page.page import page
from ansible_collections.archiv.ollama.plugins.plugin_utils._page.raw import clean
from tests.page import fleet

LARGEST = 300_000
VOID = {"meta"}
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "article", "div", "p"),
    *("h1", "h2", "h3", "h4", "a", "b", "bdi", "code", "span", "time", "ul", "ol", "li", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "line", "path"),
}


class Page(HTMLParser):
    """A page taken apart as a browser does; what is not closed in its turn is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        # Text that is not the sheet's, under the element it stands in.
        self.inside: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
            self.inside.append((self.open[-1], data))

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def named(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def hosts_of(answers: dict[str, dict[str, Any]], now: float = fleet.NOW + 1) -> list[Host]:
    return [read_host(name, answer, now) for name, answer in answers.items()]


def drawn(answers: dict[str, dict[str, Any]]) -> Page:
    return Page(page(hosts_of(answers), fleet.NOW + 1))


def one(**changes: Any) -> Page:
    """A page of one host that says this beside what a healthy one does."""
    return drawn({"archive-1": fleet.said(fleet.host("archive-1") | changes)})


# What every page must be


@pytest.mark.parametrize("name", fleet.FLEETS)
def test_page_is_whole_and_holds_nothing_active(name: str) -> None:
    found = drawn(fleet.FLEETS[name]())
    assert {tag for tag, _ in found.elements} <= ELEMENTS
    attributes = {key for _, attributes in found.elements for key in attributes}
    assert not {key for key in attributes if key.startswith("on") or key in ("src", "style", "srcdoc")}
    assert all(link["href"].startswith("#h") for link in found.named("a"))
    assert found.named("html") == [{"lang": "en"}]
    assert "default-src 'none'" in found.named("meta")[1]["content"]


@pytest.mark.parametrize("name", fleet.FLEETS)
def test_links_lead_somewhere_and_ids_are_unique(name: str) -> None:
    found = drawn(fleet.FLEETS[name]())
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {link["href"][1:] for link in found.named("a")}
    used |= {attributes["aria-labelledby"] for _, attributes in found.elements if "aria-labelledby" in attributes}
    assert used <= set(ids)


@pytest.mark.parametrize("name", fleet.FLEETS)
def test_page_can_be_heard(name: str) -> None:
    """Headings go down one step at a time, pictures have a title, cells have a heading."""
    found = drawn(fleet.FLEETS[name]())
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert [(a, b) for a, b in itertools.pairwise(levels) if b > a + 1 or b == 1] == []
    after = [found.elements[n + 1][0] for n, (tag, _) in enumerate(found.elements) if tag == "svg"]
    assert set(after) <= {"title"}
    assert {svg["role"] for svg in found.named("svg")} <= {"img"}
    assert {heading["scope"] for heading in found.named("th")} == {"col", "row"}


@pytest.mark.parametrize("name", fleet.FLEETS)
def test_no_colour_stands_without_a_symbol_and_a_word(name: str) -> None:
    text = page(hosts_of(fleet.FLEETS[name]()), fleet.NOW + 1)
    coloured = re.findall(r'class="(?:good|bad|open)"', text)
    worded = re.findall(r'<span class="(?:good|bad|open)"><span aria-hidden="true">[✓✗?○!…]</span> [^<\s]', text)
    assert len(coloured) == len(worded) > 3


@pytest.mark.parametrize("name", fleet.FLEETS)
def test_page_can_be_written_and_shows_no_unseen_letter(name: str) -> None:
    text = page(hosts_of(fleet.FLEETS[name]()), fleet.NOW + 1)
    text.encode()
    assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", text) == []


def test_thirty_hosts_are_a_small_page() -> None:
    assert len(page(hosts_of(fleet.thirty()), fleet.NOW + 1).encode()) < LARGEST


def test_host_that_says_very_much_makes_no_large_page() -> None:
    much = fleet.filled(fleet.host("much"), "W" * 300)
    for key in ("reasons", "services", "models", "history"):
        much[key] = much[key][:1] * 60
    much["samples"]["memory"] = [[fleet.NOW - n % 86400, n] for n in range(20000)]
    [host] = hosts_of({"much": fleet.said(much)})
    assert host.answered, "it is read, and cut"
    assert len(page([host], fleet.NOW + 1)) < 60_000
    assert "40 more, which are not shown here" in page([host], fleet.NOW + 1)


def test_answer_without_end_is_not_read() -> None:
    answer = {"rc": 0, "stdout": json.dumps(fleet.host("much")) + " " * 3 * 2**20}
    assert "gave no answer that can be read" in drawn({"much": answer}).text


# What is hostile


@pytest.mark.parametrize("kind", fleet.NASTY)
def test_nasty_text_is_shown_as_text(kind: str) -> None:
    text = fleet.NASTY[kind]
    found = drawn({text: fleet.said(fleet.filled(fleet.host("x"), text))})
    # A digest that is none, a state, a name, a reason, a command, a line of the history.
    for element, longest in (("h2", 160), ("h4", 60), ("b", 160), ("code", 300), ("span", 40)):
        places = "".join(data for tag, data in found.inside if tag in (element, "bdi"))
        assert clean(text, longest) in places, element


def test_turned_text_does_not_turn_the_line() -> None:
    """Its marks are gone, and what runs right to left by nature runs inside an element of its own."""
    found = drawn({"a": fleet.said(fleet.filled(fleet.host("x"), fleet.NASTY["arabic"]))})
    places = {tag for tag, data in found.inside if data == clean(fleet.NASTY["arabic"])}
    assert places <= {"bdi", "code", "title", "p"}
    assert clean("abc\u202edef\u2066g") == "abc\ufffddef\ufffdg"


def test_pile_of_marks_is_cut() -> None:
    assert clean(fleet.NASTY["marks"]) == "Z\u0335\u0321algo"


@pytest.mark.parametrize("wrong", fleet.WRONG)
def test_wrong_types_are_unknown(wrong: Any) -> None:
    status = fleet.host("x")
    for part in (*status["services"], *status["models"]):
        for key in part:
            part[key] = wrong if key != "memory" else dict.fromkeys(part["memory"], wrong)
    status["versions"] = dict.fromkeys(status["versions"], wrong)
    found = drawn({"x": fleet.said(status)})
    assert found.text.count("unknown") > 15
    assert "nan" not in found.text and "Infinity" not in found.text


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*fleet.NASTY.values()]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["time", "name", "memory", "x"]), inner)
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(fleet.host("x"), JSON)), JSON)
def test_whatever_a_host_says_it_is_drawn(status: dict[str, Any], inner: Any) -> None:
    whole = fleet.host("x") | status | {"format": 1}
    whole["models"] = [dict.fromkeys(fleet.host("x")["models"][0], inner)]
    whole["services"] = [dict.fromkeys(fleet.host("x")["services"][0], inner)]
    hosts = hosts_of({"x": fleet.said(whole), "y": {"stdout": inner, "stderr": inner, "msg": inner, "rc": inner}})
    Page(page(hosts, fleet.NOW))
    markdown(hosts, fleet.NOW).encode()


def test_attributes_and_children_are_escaped_where_they_are_put_in() -> None:
    nasty = "<a b=\"c\" d='e'>&"
    found = Page(tag("p", nasty, title=nasty))
    assert found.elements == [("p", {"title": nasty})]
    assert found.text == nasty


# What a person is to see


def test_healthy_host_tells_all_that_it_has() -> None:
    text = one().text
    for word in ("0.34.2", "1.1.0", "29.8.0", "5.6.0", fleet.MODEL, fleet.DIGEST[7:19], "✓ the wanted one", "3 h ago"):
        assert word in text
    for pair in ("Cached✓ yes", "Intact✓ yes", "Healthy✓ yes", "Loaded✓ yes", "Pinned✓ yes", "Answer0.6 s, 3 h ago"):
        assert pair in text
    assert "1 host, as wanted" in text
    assert "What is wrong" not in text
    assert text.count("deploy") == 3, "each line of the history stands there"


def test_gate_has_a_line_where_there_is_one() -> None:
    gate = {"wanted": True, "waiting": 2, "at_work": 1, "questions": 13, "refused": 8}
    assert (
        "Gate2 waiting, 1 at work; since its last reload 13 questions taken, 8 requests refused" in one(gate=gate).text
    )
    assert "Gateunknown waiting, unknown at work" in one(gate={"wanted": True}).text
    assert all("Gate" not in one(gate=none).text for none in (None, {}, {**gate, "wanted": False}, "text"))


LEASE = {"user": "anna", "controller": "admin-1", "doing": "deployed", "since": fleet.NOW - 60}


def test_who_works_on_a_host_now_is_told() -> None:
    told = "being deployed by anna from admin-1 since 2026-11-27 07:59 UTC"
    assert f"Now{told}" in one(lease=LEASE).text
    answers = {"archive-1": fleet.said(fleet.host("archive-1") | {"lease": LEASE})}
    assert f"archive-1 is {told}" in markdown(hosts_of(answers), fleet.NOW).replace("\\", "")
    wrong: list[Any] = [None, {}, [], "text", {**LEASE, "since": "x"}, {**LEASE, "since": 1e300}]
    assert all("being deployed" not in one(lease=none).text for none in wrong)


def test_name_of_who_works_on_a_host_is_text() -> None:
    answers = {"archive-1": fleet.said(fleet.host("archive-1") | {"lease": {**LEASE, "user": "<b>[x](http://y)</b>"}})}
    found = tokens(markdown(hosts_of(answers), fleet.NOW))
    assert not {token.type for token in found} & {"html_block", "html_inline", "link_open"}
    assert "<b>[x]" in drawn(answers).text


def test_interrupted_switch_needs_attention() -> None:
    why = "switch interrupted: begun at 2026-11-27 07:00 UTC by anna from admin-1, it did not end"
    command = "ansible-playbook playbooks/deploy.yml -l archive-1"
    reason = {"kind": "switch_interrupted", "subject": "release 4", "why": why, "action": "ask", "command": command}
    answers = {"archive-1": fleet.said(fleet.host("archive-1") | {"clean": False, "reasons": [reason]})}
    assert f"release 4: {why}" in drawn(answers).text and command in drawn(answers).text
    told = markdown(hosts_of(answers), fleet.NOW)
    assert f"- release 4: {why}" in told and "needs attention" in told and f"On the controller: `{command}`" in told


def test_digest_is_whole_in_its_title() -> None:
    assert {"title": fleet.DIGEST} in one().named("code")


def test_memory_is_a_bar_with_its_words() -> None:
    found = drawn({"a": fleet.said(fleet.killed("a"))})
    assert "7.6 GiB of 8.0 GiB (95 %, over 90 % of its limit)" in found.text
    assert ("title", "Memory of ollama: 7.6 GiB of 8.0 GiB (95 %, over 90 % of its limit)") in found.inside
    [bar] = [rect for rect in found.named("rect") if rect["class"] == "over"]
    assert bar["width"] == "95.0"
    near = fleet.host("a")
    near["services"][1]["memory"]["unreclaimable"] = 7 * fleet.GIB
    assert "close to its limit" in drawn({"a": fleet.said(near)}).text


def test_plot_has_a_point_for_each_quarter_and_a_gap_where_nobody_looked() -> None:
    whole, broken = (drawn({"a": fleet.said(status)}) for status in (fleet.host("a"), fleet.killed("a")))
    lines = [[path["d"] for path in one.named("path") if path["class"] == "line"] for one in (whole, broken)]
    assert 90 <= len(lines[0][0].split(" ")) <= 97
    assert [line[0].count("M") for line in lines] == [1, 2]


def test_plot_keeps_a_peak_between_two_points() -> None:
    status = fleet.host("a")
    # The first of three in its quarter of an hour.
    status["samples"]["memory"][101][1] = int(7.9 * fleet.GIB)
    assert "and 7.9 GiB in the last 24 hours" in drawn({"a": fleet.said(status)}).text


def test_samples_that_are_none_make_no_plot() -> None:
    assert "No samples yet" in one(samples={"memory": [[fleet.NOW, "much"], [1], 3, [fleet.NOW - 9e6, 5]]}).text


@pytest.mark.parametrize(
    ("answer", "state", "why", "command"),
    [
        pytest.param(
            fleet.unreachable(), "does not answer", "No route to host", "ansible 'a host' -m ping", id="unreachable"
        ),
        pytest.param(
            fleet.without_command(),
            "unknown",
            "it is not installed",
            "ansible-playbook archiv.ollama.deploy -l 'a host'",
            id="without-command",
        ),
        pytest.param(
            {"rc": 1, "stdout": "", "stderr": "Traceback:\n  x\nMemoryError"},
            "does not answer",
            "it gave no answer that can be read: MemoryError",
            "ansible 'a host' -b -a '/usr/local/bin/ollama-stack doctor'",
            id="traceback",
        ),
        pytest.param(
            {"rc": 2, "stdout": "", "stderr": "usage: ollama-stack"},
            "does not answer",
            "usage: ollama-stack",
            "doctor",
            id="usage-is-not-missing",
        ),
        pytest.param({}, "does not answer", "no answer that can be read", "doctor", id="no-result"),
        pytest.param(
            fleet.said({"format": 2, "clean": True}), "unknown", "not of format 1", "archiv.ollama.deploy", id="format"
        ),
        pytest.param(
            fleet.said(fleet.host("x") | {"clean": False}),
            "needs attention",
            "does not say why",
            "doctor",
            id="no-reason",
        ),
        pytest.param(
            fleet.said(fleet.host("x") | {"time": fleet.NOW - 300}),
            "needs attention",
            "301 seconds behind",
            "timedatectl",
            id="clock",
        ),
        pytest.param(
            fleet.said(fleet.damaged("x")),
            "needs attention",
            "weights: its bytes do not match its digest (deploy will install it)",
            "ansible-playbook archiv.ollama.deploy -l x",
            id="reasons",
        ),
    ],
)
def test_trouble_is_told_with_a_command(answer: dict[str, Any], state: str, why: str, command: str) -> None:
    found = drawn({"a host": answer})
    assert "1 host, 1 needs attention" in found.text
    assert ("span", f" {state}") in found.inside
    assert why in found.text
    assert any(command in data for tag, data in found.inside if tag == "code")
    told = markdown(hosts_of({"a host": answer}), fleet.NOW + 1)
    assert f" {state}" in told
    assert command in told


def test_clock_is_judged_by_when_the_host_can_have_answered() -> None:
    answer = fleet.said(fleet.host("a"))
    slow = read_host("a", answer, fleet.NOW + 600, fleet.NOW - 5)
    assert slow.state == "well", "another host took ten minutes"
    for began, now, why in ((70, 600, "70 seconds behind"), (-600, -70, "70 seconds ahead of")):
        [trouble] = read_host("a", answer, fleet.NOW + now, fleet.NOW + began).troubles
        assert why in trouble.why


def test_host_that_says_nothing_of_clean_is_unknown() -> None:
    [host] = hosts_of({"a": fleet.said(fleet.host("a") | {"clean": "yes"})})
    assert host.state == "unknown"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        pytest.param({}, "well", id="all"),
        pytest.param({"models": []}, "unknown", id="no-model"),
        pytest.param({"services": True}, "unknown", id="no-server"),
        pytest.param({"time": None}, "unknown", id="no-time"),
        pytest.param({"models": fleet.damaged("a")["models"]}, "attention", id="damaged-model"),
        pytest.param({"store": {"blobs_damaged": 1}}, "attention", id="damaged-blob"),
    ],
)
def test_host_is_as_wanted_only_where_what_it_shows_agrees(changes: dict[str, Any], state: str) -> None:
    [host] = hosts_of({"a": fleet.said(fleet.host("a") | changes)})
    assert host.state == state
    assert bool(host.troubles) == (state != "well")


def test_reasons_that_leave_a_host_clean_are_told_and_are_no_fault() -> None:
    note = {"subject": "m", "why": "not hashed", "action": "prove", "command": "ollama-stack verify --full"}
    hosts = hosts_of({"a": fleet.said(fleet.host("a") | {"reasons": [note]})})
    text = page(hosts, fleet.NOW)
    assert hosts[0].state == "well" and "1 host, as wanted" in text and "What is wrong" not in text
    assert "Worth knowing" in text and "ollama-stack verify --full" in text
    assert "not hashed" not in markdown(hosts, fleet.NOW)
    [unclean] = hosts_of({"a": fleet.said(fleet.host("a") | {"reasons": [note], "clean": False})})
    assert unclean.state == "attention"


def test_init_service_that_has_ended_is_no_fault() -> None:
    init = fleet.service("ollama-model-init", 0, 1) | {"state": "exited", "health": None}
    assert "○ ended, as it does" in one(services=[init, *fleet.host("a")["services"]]).text


def test_reasons_go_before_what_a_host_calls_clean() -> None:
    [host] = hosts_of({"a": fleet.said(fleet.damaged("a") | {"clean": True})})
    assert host.state == "attention"


def test_one_command_for_two_troubles_stands_once() -> None:
    found = drawn({"a": fleet.said(fleet.damaged("a"))})
    assert found.text.count("ansible-playbook archiv.ollama.deploy -l a") == 1


def test_trouble_stands_first_and_the_summary_names_it() -> None:
    answers = fleet.trouble() | {"archive-10": fleet.said(fleet.host("archive-10"))}
    found = drawn(answers)
    cards = [data for tag, data in found.inside if tag == "bdi" and data in answers]
    worst = ["archive-2", "archive-3", "archive-5", "archive-4", "archive-staging"]
    assert cards[: 2 * len(worst) + 2] == [*worst, *worst, "archive-1", "archive-10"]
    assert "7 hosts, 5 need attention" in found.text
    assert "Ollama differs: 0.34.2 on 4, 0.34.1 on 1" in found.text


def test_bytes_not_verified_and_models_on_demand_are_no_fault() -> None:
    status = fleet.host("a")
    status["models"][0].update(
        intact=None, unproven=["weights: hashed a week ago"], warm=False, resident=False, pinned=False
    )
    text = drawn({"a": fleet.said(status)}).text
    for told in ("Intact? not verified", "weights: hashed a week ago", "Loaded○ on demand", "Pinned○ not wanted"):
        assert told in text


# Text for a chat


def tokens(text: str) -> list[Any]:
    """What a chat with GitHub's tables, HTML and bare links makes of it."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [inner for token in parser.parse(text) for inner in (token, *(token.children or []))]


def test_markdown_has_a_row_for_each_host_and_says_what_is_wrong() -> None:
    text = markdown(hosts_of(fleet.trouble()), fleet.NOW + 1)
    assert text.startswith("**Ollama: 6 hosts, 5 need attention** (2026-11-27 08:00 UTC)\n")
    assert sum(token.type == "tr_open" for token in tokens(text)) == 7
    assert "- ollama: it was killed for memory 2 times" in text
    assert "On the host: `docker logs --tail 50 archiv-ollama-1`" in text
    assert "On the controller: `ansible-playbook archiv.ollama.deploy -l archive-2`" in text


def test_markdown_of_hostile_hosts_holds_no_link_picture_or_tag() -> None:
    answers = fleet.hostile()
    text = markdown(hosts_of(answers), fleet.NOW + 1)
    found = tokens(text)
    kinds = {token.type for token in found}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "fence", "code_block", "s_open", "em_open"}
    assert sum(token.type == "tr_open" for token in found) == len(answers) + 1
    cells = sum(token.type in ("td_open", "th_open") for token in found)
    assert cells == 5 * (len(answers) + 1)
    assert not re.search(r"(?<!\\)@|(?<!\\):\/\/|www\.", re.sub(r"(`+) ?.*?\1", "", text))


@pytest.mark.parametrize("text", ["a", "`", "``a`", "a``", "` `` ```", "a ` b"])
def test_code_keeps_every_letter(text: str) -> None:
    [inline] = [token for token in tokens(code(text)) if token.type == "code_inline"]
    assert inline.content == text


def test_line_names_who_needs_attention() -> None:
    assert line(hosts_of(fleet.healthy()), fleet.NOW) == "3 hosts, all as wanted"
    assert line(hosts_of({"b": {}, "a": {}}), fleet.NOW) == "2 hosts, 2 need attention: a, b"
    assert line([], fleet.NOW) == "No host was asked"


def test_filter_takes_what_ansible_registers_and_names_its_formats() -> None:
    assert status_page({"a": fleet.unreachable(), "b": None}).startswith("<!DOCTYPE html>")
    assert status_page({"a": fleet.unreachable()}, format="line") == "1 host, 1 needs attention: a"
    with pytest.raises(AnsibleFilterError, match='format is "pdf", and must be html or markdown or line'):
        status_page({}, format="pdf")
