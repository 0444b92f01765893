#!/bin/sh
# Makes .venv with exactly what requirements-dev.txt locks. Called by `make venv`.
set -eu
lock_file=requirements-dev.txt

fail() {
  echo "make venv: $1" >&2
  exit 1
}

suitable() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
  for candidate in python3.11 python3.12 python3.13 python3; do
    if suitable "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fail "no Python 3.11, 3.12 or 3.13 on the PATH; install one (Debian 12: apt-get install python3 python3-venv) and run again."
}

# Debian keeps ensurepip, which venv needs, in a package of its own.
have_ensurepip() {
  "$1" -c 'import ensurepip' 2>/dev/null && return
  package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } ||
    fail "$1 cannot make virtual environments; install the package $package (or what your system calls it) and run again."
  echo "Installing $package ..."
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "$package"; } >/dev/null ||
    fail "apt-get could not install $package; its reason stands above. Install it by hand and run again."
}

python=$(find_python)
have_ensurepip "$python"

# Two makes started at once must not fill one folder together.
mkdir -p .lab
exec 9>.lab/venv.lock
! command -v flock >/dev/null || flock 9

if ! suitable .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  "$python" -m venv --clear .venv
fi
echo "Installing the tools of $lock_file into .venv (about a minute) ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock_file" ||
  fail "pip could not install what $lock_file locks; its reason stands above. What is installed stays, run again to go on."
# Without it molecule warns that scenarios «should migrate» to extensions/molecule.
grep -q MOLECULE_GLOB .venv/bin/activate ||
  echo "export MOLECULE_GLOB='molecule/*/molecule.yml'" >>.venv/bin/activate
cp "$lock_file" .venv/installed.txt
