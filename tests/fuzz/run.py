"""Fuzzes one target for a number of seconds, led by what code the inputs reach. `tools/fuzz.sh` runs it.

python -m tests.fuzz.run                       names every target
python -m tests.fuzz.run NAME SECONDS FOLDER   keeps what it learnt, and what it found, in that folder
"""

import sys
from hashlib import sha256
from pathlib import Path

LONGEST = 1_000  # bytes; most of what goes wrong takes few
SLOW_SECONDS = 5


def main(name, seconds, folder, *files):
    import atheris

    with atheris.instrument_imports(include=["adapters", "bot", "knowledge", "markdown_it"]):
        from tests.fuzz.targets import TARGETS, seeds
    corpus, findings = Path(folder, "corpus", name), Path(folder, "findings")
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    for seed in seeds(name):
        (corpus / sha256(seed).hexdigest()).write_bytes(seed)

    def checked(data):
        try:
            TARGETS[name](data)
        except BaseException:  # written down here: the fuzzer does not always come to it
            (findings / f"{name}-{sha256(data).hexdigest()[:16]}").write_bytes(data)
            raise

    options = {
        "max_total_time": seconds, "max_len": LONGEST, "timeout": SLOW_SECONDS, "verbosity": 0,
        "print_final_stats": 1, "artifact_prefix": f"{findings}/{name}-",
    }  # fmt: skip
    arguments = [f"-{key}={value}" for key, value in options.items()]
    atheris.Setup([__file__, *arguments, *(files or [str(corpus)])], checked)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        from tests.fuzz.targets import TARGETS

        print(*TARGETS, sep="\n")  # noqa: T201 - the answer
    else:
        main(*sys.argv[1:])
