#!/bin/sh
# Asks the advisory service for known weaknesses of every pinned package; `make audit` calls it. pip-audit runs in an
# environment of its own, made on demand. Exceptions stand in audit.txt, each with the day on which it ends.
set -eu
cd "$(dirname "$0")/.."

today=$(date +%Y-%m-%d)
options=$(awk -v today="$today" '/^[^#]/ { if ($2 < today) { print "The exception " $1 " ended on " $2 "." > "/dev/stderr" }
    else print "--ignore-vuln " $1 }' tools/audit.txt)

audit() {
    if command -v uvx > /dev/null; then
        uvx --quiet pip-audit "$@"
    elif command -v pip-audit > /dev/null; then
        pip-audit "$@"
    else
        echo "make audit needs uv (its uvx) or pip-audit on the PATH." >&2
        return 127
    fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # several options
if audit --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off $options > "$log" 2>&1; then
    cat "$log"
    exit 0
fi
cat "$log" >&2
if grep -qiE "connection|resolve|timed out|timeout|unreachable|proxy|max retries|403|404|service" "$log" \
    && ! grep -qE "Found [0-9]+ known" "$log"; then
    echo "NOT AUDITED: the advisory service cannot be reached from here. Run make audit where it can." >&2
    exit 69
fi
exit 1
