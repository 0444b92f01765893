"""What a run does about the lease that it finds: by its holder, its end, its boot, and whether somebody renews it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease import (
    SECONDS,
    Lease,
    decide,
    parse,
    told_busy,
    told_lost,
    told_taken_over,
    write,
)

BOOT = "boot 1"
NOW = 5000.0
# 12:03:04 UTC of some day.
LEASE = Lease("a1", "anna", "admin-1", "deployed", 1795824184.0 - 1795824184 % 86400 + 43384, NOW + 30, BOOT)
LAPSED = replace(LEASE, until=NOW - 1)


def test_free_host_is_taken() -> None:
    assert decide(None, "", None, NOW, BOOT) == "take"


def test_lease_in_force_is_waited_for_until_it_is_renewed_or_another_ones() -> None:
    assert decide(LEASE, "", None, NOW, BOOT) == "wait"
    assert decide(LEASE, "", LEASE, NOW + 10, BOOT) == "wait"
    assert decide(replace(LEASE, until=NOW + 69), "", LEASE, NOW + 10, BOOT) == "refuse"
    assert decide(replace(LEASE, id="b2"), "", LEASE, NOW + 10, BOOT) == "refuse"


def test_lease_that_nobody_renews_ends_and_is_taken_over() -> None:
    assert decide(LEASE, "", LEASE, LEASE.until - 0.1, BOOT) == "wait"
    assert decide(LEASE, "", LEASE, LEASE.until, BOOT) == "take over"
    assert decide(LAPSED, "", None, NOW, BOOT) == "take over"


def test_lease_of_another_boot_is_none() -> None:
    """The clock of a boot begins anew, so that the same number means another time."""
    assert decide(LEASE, "", None, NOW, "boot 2") == "take"
    assert not LEASE.in_force(NOW, "boot 2")


def test_lease_without_an_end_is_none() -> None:
    """Whatever wrote it: no host is kept from its deploys for longer than a lease is."""
    assert LEASE.in_force(NOW, BOOT) and replace(LEASE, until=NOW + SECONDS).in_force(NOW, BOOT)
    endless = replace(LEASE, until=NOW + SECONDS + 1)
    assert not endless.in_force(NOW, BOOT) and decide(endless, "", None, NOW, BOOT) == "take over"


def test_own_lease_is_renewed_also_after_its_end_while_nobody_has_taken_it() -> None:
    assert decide(LEASE, "a1", None, NOW, BOOT) == "renew"
    assert decide(LAPSED, "a1", None, NOW, BOOT) == "renew"


@pytest.mark.parametrize(
    "found", [None, replace(LEASE, id="b2"), replace(LAPSED, id="b2"), replace(LEASE, boot="other")]
)
def test_lease_that_is_no_more_is_lost_and_not_taken_again(found: Lease | None) -> None:
    assert decide(found, "a1", None, NOW, BOOT) == "lost"


def test_what_is_written_is_read() -> None:
    assert parse(write(LEASE)) == LEASE


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 2}',
        write(LEASE)[:-30],
        write(LEASE).replace(b'"a1"', b'""'),
        write(LEASE).replace(b'"a1"', b"7"),
        write(LEASE).replace(b'"until": ', b'"until": "x", "was": '),
        write(replace(LEASE, since=1e300)),
        write(replace(LEASE, since=float("nan"))),
    ],
)
def test_what_is_no_lease_is_none(raw: bytes) -> None:
    assert parse(raw) is None


def test_names_cannot_write_on_somebody_elses_terminal() -> None:
    found = parse(write(replace(LEASE, user="anna\x1b[2J\n" + "x" * 500)))
    assert found and found.user.startswith("anna\\x1b[2J\\x0a") and len(found.user) == 80


def test_sentences_say_who_from_where_since_when_and_what_to_do() -> None:
    assert told_busy("archive-1", LEASE) == (
        "archive-1 is being deployed by anna from admin-1 since 12:03:04 UTC; wait for it to end, then run again"
    )
    assert told_taken_over("archive-1", LEASE) == (
        "takes over the lease of anna from admin-1, by whom archive-1 was being deployed since 12:03:04 UTC: it was not"
        " renewed for 60 s, so that run was interrupted"
    )
    assert "archive-1 is being deployed by anna from admin-1" in told_lost("archive-1", LEASE)
    assert "the host was restarted" in told_lost("archive-1", None)
