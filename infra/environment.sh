#!/bin/sh
# Builds one virtual environment from one lock file, and leaves it alone as long as the lock stays the same.
#   sh infra/environment.sh .venv requirements/dev.txt
#   sh infra/environment.sh .venv-stack requirements/stack.txt .venv
# A third argument names an environment whose Python is used: functions built by the one run in the other.
set -eu
venv=$1
lock=$2
like=${3:-}

version() { "$1" -c 'import sys; print(*sys.version_info[:2], sep=".")' 2>/dev/null || echo none; }

if [ -n "$like" ]; then
    candidates="$like/bin/python"
    wanted=$(version "$like/bin/python")
else
    candidates=${PYTHON:-python3.12 python3.13 python3.11 python3 python3.14 python}
    wanted=$(version "$venv/bin/python")
fi

if cmp -s "$lock" "$venv/installed.txt" && [ "$wanted" != none ] && [ "$(version "$venv/bin/python")" = "$wanted" ]; then
    exit 0
fi

# The first of these that is 3.11 or later and can make environments; PYTHON=... overrides the search.
usable='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
for candidate in $candidates; do
    if "$candidate" -c "$usable" 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "${python:-}" ]; then
    echo "Quittance needs Python 3.11 or later with its venv module, and found none." >&2
    echo "Install one (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi

echo "==> $venv: installing $lock for $("$python" --version) (half a minute, once)"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/pip" install -qq --disable-pip-version-check --require-hashes -r "$lock" || {
    echo "Could not install $lock; the lines above say why. Is the package index reachable?" >&2
    exit 1
}
cp "$lock" "$venv/installed.txt"
