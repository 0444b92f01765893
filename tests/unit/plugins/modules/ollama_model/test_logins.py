"""Who is told a login, over redirects and token services."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.unit.support.certificates import Authority
from tests.unit.support.fake_registry import FakeRegistry, Reply, Seen, Twist, registry
from tests.unit.support.model_host import (
    CANARY,
    MODEL,
    PATH,
    Host,
    login,
)
from tests.unit.support.stores import sha256


def expects(authorization: str, challenge: str) -> Twist:
    def twist(seen: Seen, reply: Reply) -> Reply:
        if seen.path.startswith("/v2/") and seen.headers.get("authorization") != authorization:
            return Reply(401, headers={"WWW-Authenticate": challenge})
        return reply

    return twist


BASIC = "Basic " + base64.b64encode(f"me:{CANARY}".encode()).decode()


def test_basic_credentials_open_the_registry(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = expects(BASIC, 'Basic realm="models"')
    host.ok(registries=[login(upstream)])
    assert host.holds()


def test_wrong_credentials_are_told_as_such(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = expects("Basic other", 'Basic realm="models"')
    host.fails("unauthorized", registries=[login(upstream)])
    assert len(upstream.seen) == 2


def test_token_service_of_the_registry_sees_credentials_and_scope(host: Host, upstream: FakeRegistry) -> None:
    guard = expects(
        "Bearer t0ken",
        f'Bearer realm="{upstream.url}/token",service="reg",scope="repository:library/qwen2.5:pull"',
    )

    def twist(seen: Seen, reply: Reply) -> Reply:
        if seen.path == "/token":
            return Reply(200, b'{"token": "t0ken"}')
        return guard(seen, reply)

    upstream.twist = twist
    host.ok(registries=[login(upstream)])
    asked = next(seen for seen in upstream.seen if seen.path == "/token")
    assert asked.headers["authorization"] == BASIC
    assert asked.query == "service=reg&scope=repository%3Alibrary%2Fqwen2.5%3Apull"


@pytest.mark.parametrize("status", [429, 503])
def test_token_service_that_is_ill_is_asked_again(host: Host, upstream: FakeRegistry, status: int) -> None:
    guard = expects("Bearer t0ken", f'Bearer realm="{upstream.url}/token"')
    token = iter([Reply(status), Reply(200, b'{"token": "t0ken"}')])
    upstream.twist = lambda seen, reply: next(token) if seen.path == "/token" else guard(seen, reply)
    host.ok()
    upstream.twist = lambda seen, reply: Reply(status) if seen.path == "/token" else guard(seen, reply)
    assert "token service" in host.fails("server_error", models=["other:1"])


def test_token_service_elsewhere_must_be_https(host: Host, upstream: FakeRegistry) -> None:
    with registry() as thief:
        upstream.twist = expects("Bearer x", f'Bearer realm="{thief.url}/token"')
        host.fails("unauthorized", registries=[login(upstream)])
        assert thief.seen == []


def token_service(tokens: FakeRegistry) -> None:
    """Gives a token to who says BASIC, and to nobody else."""
    tokens.twist = lambda seen, _reply: (
        Reply(200, b'{"token": "t0ken"}') if seen.headers.get("authorization") == BASIC else Reply(401)
    )


def test_token_service_elsewhere_is_shown_the_login_where_it_is_named(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure, registry(authority.server_context()) as tokens:
        secure.publish(PATH, MODEL)
        secure.twist = expects("Bearer t0ken", f'Bearer realm="{tokens.url}/token"')
        token_service(tokens)
        asked = {"mirror": secure.url, "insecure": False, "ca_path": str(authority.path)}
        message = host.fails("unauthorized", registries=[login(secure)], **asked)
        assert f"token_host: {tokens.host}" in message
        assert not any("authorization" in seen.headers for seen in tokens.seen)
        host.ok(registries=[login(secure, token_host=tokens.host)], **asked)
        assert host.holds()
        assert BASIC not in [seen.headers.get("authorization") for seen in secure.seen]


def test_token_service_that_refuses_the_login_is_told_as_such(host: Host, upstream: FakeRegistry) -> None:
    guard = expects("Bearer t0ken", f'Bearer realm="{upstream.url}/token"')
    upstream.twist = lambda seen, reply: Reply(401) if seen.path == "/token" else guard(seen, reply)
    assert f"rejected the login for {upstream.host}" in host.fails("unauthorized", registries=[login(upstream)])
    assert "add one to `registries`" in host.fails("unauthorized")


def test_each_registry_of_a_list_sees_its_own_login_alone(host: Host, upstream: FakeRegistry) -> None:
    with registry() as other:
        other.publish("team/m:1", MODEL)
        theirs = "Basic " + base64.b64encode(f"them:{CANARY}-2".encode()).decode()
        upstream.twist, other.twist = expects(BASIC, 'Basic realm="a"'), expects(theirs, 'Basic realm="b"')
        upstream.publish("team/m:2", MODEL)
        logins = [login(upstream), login(other, username="them", password=f"{CANARY}-2")]
        names = [f"{other.host}/team/m:1", f"{upstream.host}/team/m:2"]
        host.ok(models=names, mirror=None, registries=logins)
        assert {seen.headers.get("authorization") for seen in upstream.seen} == {None, BASIC}
        assert {seen.headers.get("authorization") for seen in other.seen} <= {None, theirs}
        host.fails("unauthorized", models=[f"{other.host}/team/m:3"], mirror=None, registries=logins[:1])
        assert {seen.headers.get("authorization") for seen in other.seen} <= {None, theirs}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"host": "https://reg.example"}, "host 'https://reg.example'"),
        ({"host": f"me:{CANARY}@reg.example"}, "host 'reg.example'"),
        ({"token_host": "reg.example/token"}, "token_host 'reg.example/token'"),
        ({"token_host": "reg.example:70000"}, "token_host 'reg.example:70000'"),
        ({"username": "a:b"}, "username of reg.example contains a colon"),
        ({"password": ""}, "password of reg.example is empty"),
    ],
)
def test_login_that_cannot_be_meant_is_refused(host: Host, wrong: dict[str, str], says: str) -> None:
    entry = {"host": "reg.example", "username": "me", "password": CANARY, **wrong}
    message = host.fails("input", registries=[entry])
    assert f"registries: {says}" in message
    assert host.upstream.seen == []


def test_registry_that_is_given_two_logins_is_refused(host: Host) -> None:
    twice = [{"host": name, "username": "me", "password": CANARY} for name in ("reg.example", "REG.example")]
    assert "host 'reg.example' is listed more than once" in host.fails("input", registries=twice)


def test_blob_host_is_found_once_and_never_sees_credentials(host: Host, upstream: FakeRegistry) -> None:
    guard = expects(BASIC, 'Basic realm="models"')
    with registry() as blobs:
        blobs.blobs = upstream.blobs

        def twist(seen: Seen, reply: Reply) -> Reply:
            answer = guard(seen, reply)
            if answer.status < 400 and "/blobs/" in seen.path:
                return Reply(307, headers={"Location": f"{blobs.url}{seen.path}?sig={CANARY}"})
            return answer

        upstream.twist = twist
        host.ok(registries=[login(upstream)])
        assert host.holds()
        assert len(upstream.blob_requests(sha256(MODEL.blobs["weights"]))) == 1
        assert len(blobs.blob_requests(sha256(MODEL.blobs["weights"]))) == 10
        assert not any("authorization" in seen.headers for seen in blobs.seen)


def test_netrc_of_the_host_is_not_sent(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    host.ok()
    assert not any("authorization" in seen.headers for seen in host.upstream.seen)


def test_address_that_ran_out_is_asked_for_again(host: Host, upstream: FakeRegistry) -> None:
    with registry() as blobs:
        blobs.blobs = upstream.blobs
        signatures, uses = count(), Counter[str]()

        def point(seen: Seen, reply: Reply) -> Reply:
            if "/blobs/" not in seen.path:
                return reply
            return Reply(307, headers={"Location": f"{blobs.url}{seen.path}?sig={next(signatures)}"})

        def run_out(seen: Seen, reply: Reply) -> Reply:
            # Counted, not timed: whoever was just given an address can use it, however long that takes.
            uses[seen.query] += 1
            return replace(reply, status=403) if uses[seen.query] > 2 else reply

        upstream.twist, blobs.twist = point, run_out
        host.ok(connections=2)
        assert host.holds() and len(upstream.blob_requests(sha256(MODEL.blobs["weights"]))) > 1
