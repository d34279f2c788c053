"""What the API's routes do, a file for each kind of thing. Each takes the world and the call, and returns the body."""

from tests.fakes.discord.rest import Route
from tests.fakes.discord.routes import applications, channels, guilds, messages, reactions, threads, users

ROUTES: tuple[Route, ...] = (
    *applications.ROUTES,
    *channels.ROUTES,
    *guilds.ROUTES,
    *messages.ROUTES,
    *reactions.ROUTES,
    *threads.ROUTES,
    *users.ROUTES,
)
