"""A process that accepts deliveries until it is killed: ids come in by standard input, accepted ones go out by line.

Arguments: the database's address; "honest", or "hasty" for the mutant that acknowledges before it commits.
"""

import asyncio
import os
import sys

from bot.conversation import Delivery
from bot.inbox import PostgresInbox
from knowledge.database import Database

AT_ONCE = 8


def acknowledge(delivery_id: str) -> None:
    os.write(1, f"{delivery_id}\n".encode())  # one write: the line is out, whole, before anything else happens


async def accept_honestly(inbox: PostgresInbox, delivery: Delivery) -> None:
    await inbox.accept(delivery)
    acknowledge(delivery.delivery_id)


async def accept_hastily(inbox: PostgresInbox, delivery: Delivery) -> None:
    acknowledge(delivery.delivery_id)
    await inbox.accept(delivery)


async def main(url: str, way: str) -> None:
    accept = accept_honestly if way == "honest" else accept_hastily
    ids = [line.strip() for line in sys.stdin]
    places = asyncio.Semaphore(AT_ONCE)

    async def one(inbox: PostgresInbox, delivery_id: str) -> None:
        async with places:
            payload = {"id": delivery_id, "text": "tide tables"}
            await accept(inbox, Delivery("slack", "tidepool", delivery_id, "event", payload))

    async with Database(url, size=AT_ONCE) as database:
        inbox = PostgresInbox(database)
        await asyncio.gather(*(one(inbox, delivery_id) for delivery_id in ids))


asyncio.run(main(*sys.argv[1:]))
