#!/bin/sh
# Writes the lock files: hashed, for every Python from 3.11 on, and without the address of any index.
set -eu
lock() {
    .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade \
        --no-emit-index-url --no-emit-find-links "$1" --output-file "$2"
}
lock requirements/runtime.in requirements.txt
lock requirements/dev.in requirements/dev.txt
lock requirements/stack.in requirements/stack.txt
