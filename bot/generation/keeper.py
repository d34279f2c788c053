"""Keeps one model child alive: starts it, and starts it again in place of a dead one, but not for ever."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from bot.errors import DependencyDown, ModelUnavailable, StartupError
from bot.generation.child import Child
from bot.generation.failures import Restarts
from bot.generation.loading import fewer_and_fewer
from bot.generation.sequence import Failed, ModelSpec, Report

log = structlog.get_logger()

LONGEST_WAIT = 1.0
RELOAD_SECONDS = 0.25
SHORTEST_CONTEXT = 512


class Keeper:
    """The child of one model. `report` says what was loaded last."""

    def __init__(
        self,
        spec: ModelSpec,
        check_files: Callable[[], None],
        restarts: Restarts,
        start_seconds: float,
        command: Sequence[str],
    ) -> None:
        self._spec = spec
        self._check_files = check_files
        self._restarts = restarts
        self._start_seconds = start_seconds
        self._command = command
        self._gpu_layers = spec.gpu_layers
        self._starting = asyncio.Lock()
        self._child: Child | None = None
        self._is_short = False
        self._load_failed = False
        self._closed = False
        self.report: Report | None = None

    @property
    def living(self) -> Child | None:
        """The child, when there is one."""
        return None if self._child is None or self._child.dead else self._child

    @property
    def pid(self) -> int | None:
        """The child's process id, when there is one."""
        return None if self.living is None else self.living.pid

    @property
    def trouble(self) -> str:
        """As `Engine.trouble`."""
        if self.pid is None and self._restarts.used_up(_now()):
            return "restarts_used_up"
        return "not_loaded" if self._load_failed else ""

    async def usable_child(self) -> Child:
        """The child, started again if need be. What keeps it away is for the log, and for a later moment.

        Errors: `ModelUnavailable`.
        """
        try:
            return await self.child()
        except StartupError as error:
            log.error("model_not_loaded", error=type(error).__name__)  # noqa: TRY400 -- a log line quotes no path
            raise ModelUnavailable from error

    async def child(self) -> Child:
        """As `usable_child`. Errors: `StartupError`, which says why it cannot be loaded; `ModelUnavailable`."""
        async with self._starting:
            if self._closed:
                raise ModelUnavailable
            if self._child is not None and not self._child.dead:
                return self._child
            if self._child is not None:
                child, self._child = self._child, None
                await self._bury(child)
            wait = self._restarts.wait(_now())
            if wait > LONGEST_WAIT:
                log.warning("model_restart_waits", wait_seconds=wait, state=self.trouble)
                raise ModelUnavailable
            await asyncio.sleep(max(0.0, wait))
            self._restarts.starting(_now())
            try:
                self._child = await self._start()
            except StartupError:
                self._load_failed = True
                self._restarts.died(_now())
                raise
            self._load_failed = False
            return self._child

    async def close(self) -> None:
        """Ends the child, for good."""
        self._closed = True
        async with self._starting:
            child, self._child = self._child, None
            if child is not None:
                await child.close()

    async def _bury(self, child: Child) -> None:
        """Collects a dead child. One that ran out of memory is followed by one with half the context."""
        await child.close()
        self._restarts.died(_now())
        self._is_short = child.ran_out_of_memory
        log.error("model_died", exit_code=child.exit_code, restarts=self._restarts.total)

    async def _start(self) -> Child:
        """A child that has loaded the model: with fewer layers on the GPU, at last none, where it does not fit."""
        self._check_files()
        advice = "Check that the file is complete and fits into memory."
        reason = f"The model process ended while it loaded {self._spec.path}. {advice}"
        for gpu_layers in fewer_and_fewer(self._gpu_layers):
            if gpu_layers != self._gpu_layers:
                log.warning("model_on_fewer_layers", layers=gpu_layers)
                await asyncio.sleep(RELOAD_SECONDS)
            child, loaded = await self._load(replace(self._spec, gpu_layers=gpu_layers, n_ctx=self._context()))
            if isinstance(loaded, Report):
                self._gpu_layers = gpu_layers
                self._note(loaded)
                self.report = replace(loaded, requested_gpu_layers=self._spec.gpu_layers)
                return child
            await child.close()
            if loaded is not None:
                reason = loaded.sentence
                if not loaded.on_gpu:
                    break
        raise DependencyDown(reason)

    def _note(self, report: Report) -> None:
        """What an operator should know of the first child; those that follow are no other."""
        if self.report is not None or self._spec.embedding:
            return
        if self._spec.gpu_layers > 0 and not report.can_offload:
            log.warning("no_offload_in_this_build", layers=self._spec.gpu_layers)
        if not report.has_template:
            log.warning("no_chat_template_in_model")

    async def _load(self, spec: ModelSpec) -> tuple[Child, Report | Failed | None]:
        """A child, and how its loading went. Errors: `DependencyDown` when it takes too long."""
        child = await Child.open(spec, self._command)
        try:
            async with asyncio.timeout(self._start_seconds):
                return child, await child.loaded()
        except BaseException as error:
            child.kill()
            await child.close()
            if isinstance(error, TimeoutError):
                raise DependencyDown(
                    f"The model {spec.path} was not loaded within {self._start_seconds:.0f} seconds."
                ) from error
            raise

    def _context(self) -> int:
        if not self._is_short or self.report is None:
            return self._spec.n_ctx
        whole = self._spec.n_ctx or self.report.train_ctx
        return max(min(whole, SHORTEST_CONTEXT), whole // 2)


def _now() -> float:
    return asyncio.get_running_loop().time()
