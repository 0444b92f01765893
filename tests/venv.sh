#!/bin/sh
# Makes .venv with exactly what requirements-dev.txt locks. Called by `make venv`, and for environments of their own:
#   venv.sh [FOLDER PYTHON_VERSION [LOCK_FILE [alone]]]   LOCK_FILE takes the place of what it names in
#                                                         requirements-dev.txt, with `alone` of the whole of it
set -eu
lock_file=requirements-dev.txt
folder=${1:-.venv}
# The newest that runs is taken. 3.14 was not tried.
versions=${2:-3.13 3.12 3.11}
over=${3:-}
if [ "${4:-}" = alone ]; then
  lock_file=$over
  over=
fi

fail() {
  echo "make venv: $1" >&2
  exit 1
}

# The interpreter behind a name, if it runs and has that version. pyenv leaves shims on the PATH that fail, and an activated
# environment must not be made anew from itself.
interpreter() {
  "$1" -c 'import os, sys
if "%d.%d" % sys.version_info[:2] != sys.argv[1]:
    sys.exit(1)
print(os.path.realpath(sys.executable))' "$2" 2>/dev/null
}

# One a line: everything of that name on the PATH, then what pyenv has installed, whether a shim activates it or not.
candidates() {
  echo "$PATH" | tr ':' '\n' | while read -r directory; do
    echo "$directory/python$1"
  done
  echo python3
  pyenv_root=$(pyenv root 2>/dev/null) || pyenv_root=${PYENV_ROOT:-${HOME:-}/.pyenv}
  for candidate in "$pyenv_root"/versions/*/bin/python"$1"; do
    echo "$candidate"
  done
}

find_python() {
  for version in $versions; do
    found=$(candidates "$version" | while read -r candidate; do
      if interpreter "$candidate" "$version" </dev/null; then break; fi
    done)
    if [ -n "$found" ]; then
      echo "$found"
      return
    fi
  done
  fail "no Python of $versions runs, neither one on the PATH nor one of pyenv; install one (Debian: apt-get install python3 python3-venv) and run again."
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
mkdir -p .lab "$(dirname "$folder")"
exec 9>.lab/venv.lock
! command -v flock >/dev/null || flock 9

if [ "$(interpreter "$folder/bin/python" "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')")" != "$python" ] ||
  ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
  "$python" -m venv --clear "$folder"
fi
install() {
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes "$@" ||
    fail "pip could not install what it was to take from the lock files; its reason stands above. What is installed stays, run again to go on."
}
echo "Installing the tools of $lock_file into $folder (about a minute) ..."
install -r "$lock_file"
[ -z "$over" ] || install --no-deps -r "$over"
# Without it molecule warns that scenarios «should migrate» to extensions/molecule.
grep -q MOLECULE_GLOB "$folder/bin/activate" ||
  echo "export MOLECULE_GLOB='molecule/*/molecule.yml'" >>"$folder/bin/activate"
cp "$lock_file" "$folder/installed.txt"
