#!/bin/sh
# Fuzzes parsers and renderers, led by what code an input reaches, then gives the property tests examples that they had
# not; `make fuzz` calls it. No part of the tests.
#
#   FUZZ_SECONDS=600 make fuzz                seconds for each target; 60 unless told
#   FUZZ_TARGETS="citing slack" make fuzz     these alone; `python -m tests.fuzz.run` names all, `properties` is the tests
#
# The fuzzer lies beside the environment, not in it. What was learnt is kept in .fuzz/corpus, what was found in
# .fuzz/findings: `tests/fuzz/run.py` says how to read one again. The fuzzer is made for Linux alone.
set -eu
cd "$(dirname "$0")/.."

python=.venv/bin/python
seconds=${FUZZ_SECONDS:-60}
fuzzer=.fuzz/fuzzer-$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')-$(cksum < tools/fuzz.lock | cut -d' ' -f1)

if [ ! -d "$fuzzer" ]; then
    mkdir -p .fuzz
    rm -rf "$fuzzer.unfinished"
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet --require-hashes --no-deps --only-binary :all: \
        --target "$fuzzer.unfinished" --requirement tools/fuzz.lock
    mv "$fuzzer.unfinished" "$fuzzer"
fi

examine() { # a target; prints what was seen of it
    case $1 in
    properties) "$python" -m pytest -q -m hypothesis --hypothesis-profile=fresh ;;
    *) PYTHONPATH=$fuzzer "$python" -m tests.fuzz.run "$1" "$seconds" .fuzz ;;
    esac
}

found=0
for target in ${FUZZ_TARGETS:-$("$python" -m tests.fuzz.run) properties}; do
    log=.fuzz/$target.log
    begun=$(date +%s)
    if examine "$target" > "$log" 2>&1; then
        state=sound
    else
        state="FOUND SOMETHING, see $log"
        found=1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p; s/^\([0-9]* failed, \)*\([0-9]*\) passed.*/\2/p' "$log")
    printf '%-18s %9s runs %6s s  %s\n' "$target" "${runs:-?}" "$(($(date +%s) - begun))" "$state"
done
exit "$found"
