#!/bin/sh
# Measures Threadlore's search beside what people would use in its place; `make beside` calls it. No part of the tests.
#
#   make beside DATA="--data DIR --data DIR"   prints a table
#   JSON=1 make beside DATA="--data DIR"       one JSON document
#
# Those others lie beside the environment, not in it. langchain-postgres asks for a pgvector older than ours, but its
# PGVectorStore never loads that package: so the lock leaves it out, as it leaves out what is in the environment anyway.
set -eu
cd "$(dirname "$0")/.."

python=.venv/bin/python
others=.beside/$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')-$(cksum < tools/beside.lock | cut -d' ' -f1)

if [ ! -d "$others" ]; then
    mkdir -p .beside
    rm -rf "$others.unfinished"
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet --require-hashes --no-deps --only-binary :all: \
        --target "$others.unfinished" --requirement tools/beside.lock
    mv "$others.unfinished" "$others"
fi

PYTHONPATH=$others exec "$python" -m tests.beside.run ${JSON:+--json} "$@"
