import ast
import inspect
import subprocess
import sys

from bot.commands import serve

SHOW = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"


def test_a_process_that_holds_tokens_leaves_no_core_dump():
    script = f"from bot.lifecycle import no_core_dumps; no_core_dumps(); {SHOW}"
    assert (
        subprocess.check_output([sys.executable, "-c", script], text=True, cwd=sys.path[0] or ".").strip() == "(0, 0)"
    )


def test_run_forbids_core_dumps_before_anything_else():
    body = ast.parse(inspect.getsource(serve.serve)).body[0].body
    assert ast.unparse(body[1]) == "no_core_dumps()"
