"""Applies a table of texts to the tracked files of a checkout: python3 words.py ROOT [--dry]. Safe to run twice."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
from pathlib import Path

TREES = ("plugins", "roles", "playbooks", "molecule", "tests", "docs", "README.md", "changelogs", "inventory", "CONTRIBUTING.md", "SECURITY.md")
# Never: recorded answers, what is rendered onto hosts, this release's published text, what tests count lines of.
NEVER = (
    "*/fixtures/*.json", "*/fixtures/*.txt", "*/fixtures/*/*",
    "roles/*/templates/docker*", "roles/*/templates/network*", "roles/*/templates/*.sh*", "roles/*/templates/lock.yml.j2",
    "roles/*/templates/model*", "roles/*/templates/keeper*", "roles/*/files/*", "molecule/*/files/*",
    "changelogs/changelog.yaml", "CHANGELOG*", "tests/lab/*_image.py", "tests/mutants/requirements.txt",
)


def read_table(text: str) -> list[tuple[str, str, str, bool]]:
    """Lines `@ glob`, `- old` (`~ old` may be missing), `+ new`; a glob holds for what follows, `*` is everything."""
    scope, old, optional, pairs = "*", None, False, []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("@ "):
            scope = line[2:].strip()
        elif line.startswith(("- ", "~ ")):
            assert old is None, (number, line)
            old, optional = line[2:], line[0] == "~"
        elif line.startswith("+ ") or line == "+":
            assert old is not None, (number, line)
            pairs.append((scope, old, line[2:], optional))
            old = None
        else:
            assert not line or line.startswith("#"), (number, line)
    assert old is None, old
    return pairs


def run(table: str, default_never: tuple[str, ...] = NEVER) -> int:
    root, dry = Path(sys.argv[1]), "--dry" in sys.argv
    names = subprocess.run(["git", "-C", str(root), "ls-files", "-z", *[t for t in TREES if (root / t).exists()]], capture_output=True, text=True, check=True)
    texts: dict[str, str] = {}
    for name in filter(None, names.stdout.split("\0")):
        path = root / name
        if path.is_file() and not path.is_symlink() and not any(fnmatch.fnmatch(name, glob) for glob in default_never):
            try:
                texts[name] = path.read_bytes().decode()
            except UnicodeDecodeError:
                continue
    before = dict(texts)
    pairs, missed, hits, already = read_table(table), [], 0, 0
    for scope, old, new, optional in pairs:
        globs = scope.split()
        found = False
        for name, text in texts.items():
            if not any(fnmatch.fnmatch(name, glob) for glob in globs):
                continue
            # What is new already stays, also where it contains the old words.
            parts = text.split(new) if new and (old in new) else [text]
            count = sum(part.count(old) for part in parts)
            if count:
                found, hits = True, hits + count
                texts[name] = (new if len(parts) > 1 else "").join(part.replace(old, new) for part in parts)
            elif new and new in text:
                already += 1
                found = found or "already"
        if found is not True and not optional:
            missed.append((scope, old, "already new" if found else "not found"))
    changed = [name for name in texts if texts[name] != before[name]]
    if not dry:
        for name in changed:
            (root / name).write_bytes(texts[name].encode())
    long = [f"{name}:{n}" for name in changed for n, line in enumerate(texts[name].splitlines(), 1)
            if len(line) > (120 if name.endswith(".py") else 999 if name.endswith(".md") else 160) and line not in before[name].splitlines()]
    print(f"{len(pairs)} pairs, {hits} places, {len(changed)} files{' (dry run)' if dry else ''}")
    for name in long:
        print("too long:", name)
    for scope, old, why in missed:
        print(f"{why}: [{scope}] {old}")
    return 0


