import ast
import gc
import inspect
import subprocess
import sys

from bot.commands import serve
from bot.lifecycle import run_until_stopped

SHOW = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"


def test_a_process_that_holds_tokens_leaves_no_core_dump():
    script = f"from bot.lifecycle import no_core_dumps; no_core_dumps(); {SHOW}"
    assert (
        subprocess.check_output([sys.executable, "-c", script], text=True, cwd=sys.path[0] or ".").strip() == "(0, 0)"
    )


def test_run_forbids_core_dumps_before_anything_else():
    body = ast.parse(inspect.getsource(serve.serve)).body[0].body
    assert ast.unparse(body[1]) == "no_core_dumps()"


async def test_what_was_built_at_the_start_is_not_looked_through_for_garbage_while_services_run():
    seen = []

    async def service():
        seen.append(gc.get_freeze_count())

    before = gc.get_freeze_count()
    await run_until_stopped(service())
    assert seen[0] > before + 10_000
    assert gc.get_freeze_count() <= before
