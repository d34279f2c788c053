-- Threads that were read to their end, as the platform counted them then: while it counts the same, they need no reading.
CREATE TABLE thread_read (
    channel_pk   bigint NOT NULL REFERENCES channel ON DELETE CASCADE,
    thread_id    text NOT NULL,
    replies      bigint NOT NULL,                -- all of them, also those that are never stored, such as the bot's own
    latest_id    text NOT NULL,
    PRIMARY KEY (channel_pk, thread_id)
);
