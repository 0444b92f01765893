"""Builds the collection's archive: the same bytes from the same files, wherever and whenever. `make archive`"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = "FILES.json"
MANIFEST = "MANIFEST.json"
FOLDER_MODE = PROGRAM_MODE = 0o755
FILE_MODE = 0o644

# A path in the archive, whether whoever unpacks it may run it, and what it holds; a folder holds None.
Entry = tuple[str, bool, bytes | None]


def build(folder: Path, source: Path = ROOT) -> Path:
    """What ansible-galaxy makes of the source, repacked; the archive has its usual name."""
    command = ["ansible-galaxy", "collection", "build", "--force", "--output-path", str(folder), str(source)]
    subprocess.run(command, check=True)
    [archive] = folder.glob("*.tar.gz")
    repack(archive)
    return archive


def repack(archive: Path) -> None:
    """Leaves in an archive only what its source decides: no order of a file system, no time, no owner."""
    archive.write_bytes(packed(in_order(read(archive))))


def read(archive: Path) -> list[Entry]:
    with tarfile.open(archive) as tar:
        return [entry(tar, member) for member in tar]


def entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if not (member.isfile() or member.isdir()):
        raise ValueError(f"{member.name} is neither a file nor a folder, and nothing else ships.")
    held = tar.extractfile(member)
    return member.name, bool(member.mode & 0o100), held.read() if held else None


def in_order(entries: list[Entry]) -> list[Entry]:
    """Sorted, the list of files in the archive too, with the manifest's checksum of that list."""
    held = {name: content for name, _, content in entries}
    listed, manifest = json.loads(held[LIST] or b""), json.loads(held[MANIFEST] or b"")
    listed["files"].sort(key=lambda file: file["name"])
    written = as_json(listed)
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(written).hexdigest()
    anew = {LIST: written, MANIFEST: as_json(manifest)}
    return [(name, runs, anew.get(name, content)) for name, runs, content in sorted(entries, key=lambda each: each[0])]


def as_json(value: object) -> bytes:
    """As ansible-galaxy writes it."""
    return json.dumps(value, indent=True).encode()


def packed(entries: list[Entry]) -> bytes:
    # A TarInfo of its own has time 0 and root's numbers without a name.
    bare = io.BytesIO()
    with tarfile.open(fileobj=bare, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, runs, content in entries:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, FOLDER_MODE
            else:
                info.size, info.mode = len(content), PROGRAM_MODE if runs else FILE_MODE
            tar.addfile(info, io.BytesIO(content or b""))
    # Without a name of the file inside, as `gzip -n`.
    return gzip.compress(bare.getvalue(), compresslevel=9, mtime=0)


def main() -> None:
    folder = ROOT / "dist"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.tar.gz"):
        old.unlink()
    archive = build(folder)
    print(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.relative_to(ROOT)}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"repack: `{error.cmd[0]}` failed; its reason stands above.")
