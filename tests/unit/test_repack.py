"""Two archives of the same files are the same bytes, and what Ansible checks of one stays right."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.sanity.repack import repack

FILES = {"docs/a.md": b"one\n", "plugins/run.sh": b"#!/bin/sh\n", "README.md": b"two\n"}
PROGRAMS = {"plugins/run.sh"}


def built(path: Path, names: list[str], time: int, umask: int) -> Path:
    """As ansible-galaxy builds: its own two first, then all in the order in which the file system lists it."""
    listed = json.dumps({"files": [{"name": ".", "chksum_sha256": None}, *map(listing, names)]}, indent=True)
    checksum = hashlib.sha256(listed.encode()).hexdigest()
    manifest = {"collection_info": {"name": "ollama"}, "file_manifest_file": {"chksum_sha256": checksum}}
    contents = {"MANIFEST.json": json.dumps(manifest, indent=True).encode(), "FILES.json": listed.encode()}
    with tarfile.open(path, "w:gz") as tar:
        for name in [*contents, *names]:
            content = {**contents, **FILES}.get(name)
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.mode = (0o777 if content is None or name in PROGRAMS else 0o666) & ~umask
            info.size, info.mtime, info.uid, info.uname = len(content or b""), time, time % 1000, "somebody"
            tar.addfile(info, io.BytesIO(content or b""))
    return path


def listing(name: str) -> dict[str, str | None]:
    return {"name": name, "chksum_sha256": hashlib.sha256(FILES[name]).hexdigest() if name in FILES else None}


@pytest.fixture
def archives(tmp_path: Path) -> tuple[Path, Path]:
    names = ["docs", "docs/a.md", "plugins", "plugins/run.sh", "README.md"]
    one = built(tmp_path / "one.tar.gz", names, time=1_700_000_000, umask=0o022)
    other = built(tmp_path / "other.tar.gz", ["README.md", *names[2:4], *names[:2]], time=1_800_000_123, umask=0o077)
    assert one.read_bytes() != other.read_bytes()
    for each in (one, other):
        repack(each)
    return one, other


def test_order_times_owners_and_umask_leave_no_trace(archives: tuple[Path, Path]) -> None:
    one, other = archives
    assert one.read_bytes() == other.read_bytes()


def test_entries_are_sorted_and_bare(archives: tuple[Path, Path]) -> None:
    with tarfile.open(archives[0]) as tar:
        members = tar.getmembers()
    assert [each.name for each in members] == sorted([*FILES, "docs", "plugins", "FILES.json", "MANIFEST.json"])
    assert {(each.mtime, each.uid, each.gid, each.uname, each.gname) for each in members} == {(0, 0, 0, "", "")}
    assert {each.name for each in members if each.mode == 0o755} == {"docs", "plugins", "plugins/run.sh"}
    assert {each.mode for each in members} == {0o755, 0o644}


def test_gzip_holds_neither_time_nor_name(archives: tuple[Path, Path]) -> None:
    head = archives[0].read_bytes()[:10]
    flags, time = head[3], head[4:8]
    assert (flags, time) == (0, bytes(4))


def test_checksums_are_those_of_what_is_in_it(archives: tuple[Path, Path]) -> None:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archives[0].read_bytes()))) as tar:
        held = {each.name: file.read() for each in tar if (file := tar.extractfile(each))}
    manifest, listed = json.loads(held["MANIFEST.json"]), json.loads(held["FILES.json"])
    assert manifest["file_manifest_file"]["chksum_sha256"] == hashlib.sha256(held["FILES.json"]).hexdigest()
    sums = {file["name"]: file["chksum_sha256"] for file in listed["files"]}
    assert {name: sums[name] for name in FILES} == {
        name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }
    assert {name: held[name] for name in FILES} == FILES


def test_a_link_is_refused_by_name(tmp_path: Path) -> None:
    archive = built(tmp_path / "one.tar.gz", ["README.md"], time=0, umask=0)
    with tarfile.open(archive) as tar, tarfile.open(tmp_path / "linked.tar.gz", "w:gz") as linked:
        for member in tar:
            linked.addfile(member, tar.extractfile(member))
        link = tarfile.TarInfo("docs")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        linked.addfile(link)
    with pytest.raises(ValueError, match="docs is neither a file nor a folder"):
        repack(tmp_path / "linked.tar.gz")
