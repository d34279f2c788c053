"""Reading a channel's past again, page by page, finds what is gone and nothing else."""

import pytest

from adapters.slack import history
from tests.scenarios.slack.scene import caught_up, eventually, rows

JOBS = "SELECT state, seen, gone, note FROM job ORDER BY job_pk DESC LIMIT 1"
KEPT = "SELECT count(*) FROM message WHERE NOT deleted"


@pytest.mark.parametrize("page", [7, 500])
async def test_what_stands_between_two_pages_is_not_taken_for_deleted(slack, bot, page, monkeypatch):
    monkeypatch.setattr(history, "LIMIT", page)
    quince = slack.add_user("quince")
    harvest = slack.add_channel("harvest", members=[quince])
    start = slack.clock.now() - 90_000
    slack.seed(harvest, [(quince, f"row {n} was pruned", f"{start + n * 60:.6f}") for n in range(60)])
    parent = f"{start + 600:.6f}"
    slack.seed(harvest, [(quince, f"reply {n}", f"{start + 600 + n:.6f}", parent) for n in range(1, 25)])
    async with bot() as app:
        await caught_up(app, slack)
        assert await rows(app, KEPT) == [(84,)]
        slack.delete(harvest, f"{start + 1200:.6f}", silent=True)
        slack.delete(harvest, f"{start + 613:.6f}", silent=True)
        ref = (await app.desk.upkeep.joined("slack", slack.team_id))[0].ref
        job = await app.desk.upkeep.jobs.read(ref, "backfill", since=None, full=True)

        async def is_done():
            found = await app.admin.job(job)
            return found if found.state != "running" else None

        done = await eventually(is_done)
        assert (done.state, done.gone, done.note) == ("done", 2, "")
        assert await rows(app, KEPT) == [(82,)]
