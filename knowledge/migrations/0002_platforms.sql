-- Connected platforms: who is connected, what they sent, what was answered, how channels are kept in step.

ALTER TABLE channel
    ADD COLUMN hidden_at   timestamptz,          -- closed to every answer at once; erased a day later
    ADD COLUMN joined_at   timestamptz,          -- the bot is in it and keeps it in step
    ADD COLUMN members_at  timestamptz;          -- when the platform last listed its members

CREATE INDEX message_time ON message (channel_pk, posted_at);

ALTER TABLE person
    ADD COLUMN read_at     timestamptz,          -- when the platform last described the account
    ADD COLUMN opted_out   boolean NOT NULL DEFAULT false; -- nothing this person writes is kept

-- A workspace whose platform is connected. Here memberships count only while they are fresh.
CREATE TABLE workspace (
    platform     text NOT NULL,
    workspace    text NOT NULL,
    name         text NOT NULL DEFAULT '',
    connected_at timestamptz NOT NULL DEFAULT now(),
    seen_until   timestamptz,                    -- events up to here have been received
    PRIMARY KEY (platform, workspace)
);

-- Accepted platform events, committed before they are acknowledged. Handled ones lose their text and stay as keys.
CREATE TABLE inbox (
    inbox_pk     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform     text NOT NULL,
    workspace    text NOT NULL,
    delivery_id  text NOT NULL,
    kind         text NOT NULL,
    payload      text,                           -- JSON; text, because jsonb refuses what people manage to send
    received_at  timestamptz NOT NULL DEFAULT now(),
    lease_until  timestamptz NOT NULL DEFAULT '-infinity',
    tries        integer NOT NULL DEFAULT 0,
    finished_at  timestamptz,
    reason       text,                           -- why it was given up
    UNIQUE (platform, workspace, delivery_id)
);
CREATE INDEX inbox_waiting ON inbox (received_at) WHERE finished_at IS NULL;
CREATE INDEX inbox_finished ON inbox (finished_at) WHERE finished_at IS NOT NULL;

-- One row a question. Its id is made from where it was asked, so that a repeat finds the row.
CREATE TABLE answer (
    answer_id    uuid PRIMARY KEY,
    platform     text NOT NULL,
    workspace    text NOT NULL,
    channel_id   text NOT NULL,
    thread_id    text,
    asker_id     text,
    private      boolean NOT NULL,               -- only the asker sees it
    request      text NOT NULL,                  -- JSON
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'posting', 'posted', 'removed')),
    fence        integer NOT NULL DEFAULT 0,     -- raised by each claim; a writer with an older one is refused
    lease_until  timestamptz NOT NULL DEFAULT '-infinity',
    tries        integer NOT NULL DEFAULT 0,
    places       jsonb NOT NULL DEFAULT '[]',    -- ids of the platform's messages that show it
    outcome      text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    posted_at    timestamptz
);
CREATE INDEX answer_waiting ON answer (created_at) WHERE state IN ('waiting', 'posting');
CREATE INDEX answer_thread ON answer (platform, workspace, channel_id, thread_id);

-- The messages an answer cites: when one goes, the answer that quotes it goes too.
CREATE TABLE answer_source (
    answer_id    uuid NOT NULL REFERENCES answer ON DELETE CASCADE,
    n            integer NOT NULL,
    message_pk   bigint NOT NULL,
    rev          integer NOT NULL,
    PRIMARY KEY (answer_id, n)
);
CREATE INDEX answer_source_message ON answer_source (message_pk);

CREATE TABLE feedback (
    answer_id    uuid NOT NULL REFERENCES answer ON DELETE CASCADE,
    person_id    text NOT NULL,
    helpful      boolean NOT NULL,
    reason       text NOT NULL DEFAULT '',
    note         text NOT NULL DEFAULT '',
    given_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (answer_id, person_id)
);

-- Kept by the platform's id, so that it outlives a renamed, forgotten or rejoined channel.
CREATE TABLE channel_config (
    platform     text NOT NULL,
    workspace    text NOT NULL,
    channel_id   text NOT NULL,
    config       jsonb NOT NULL,
    PRIMARY KEY (platform, workspace, channel_id)
);

CREATE TABLE audit (
    audit_pk     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    platform     text NOT NULL,
    workspace    text NOT NULL,
    person_id    text NOT NULL,
    action       text NOT NULL,
    target       text NOT NULL DEFAULT '',
    allowed      boolean NOT NULL
);

ALTER TABLE job DROP CONSTRAINT job_kind_check, DROP CONSTRAINT job_state_check;
ALTER TABLE job
    ADD CONSTRAINT job_kind_check CHECK (kind IN ('reindex', 'backfill', 'reconcile')),
    ADD CONSTRAINT job_state_check CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
    ADD COLUMN since        timestamptz,         -- read back to here; NULL: to the beginning
    ADD COLUMN full_rebuild boolean NOT NULL DEFAULT false,
    ADD COLUMN cursor       text,                -- where reading goes on; written with the page before it
    ADD COLUMN seen         bigint NOT NULL DEFAULT 0, -- messages read so far
    ADD COLUMN gone         bigint NOT NULL DEFAULT 0, -- of those known before, no longer on the platform
    ADD COLUMN note         text NOT NULL DEFAULT '', -- one sentence for the admin
    ADD COLUMN report       text,                -- JSON: where an admin watches the progress
    ADD COLUMN fence        integer NOT NULL DEFAULT 0,
    ADD COLUMN tries        integer NOT NULL DEFAULT 0,
    ADD COLUMN lease_until  timestamptz NOT NULL DEFAULT '-infinity';
CREATE INDEX job_running ON job (job_pk) WHERE state = 'running';

-- Messages that a reading did not find on the platform any more; deleted together at its end, unless too many.
CREATE TABLE missing (
    job_pk       bigint NOT NULL REFERENCES job ON DELETE CASCADE,
    message_id   text NOT NULL,
    PRIMARY KEY (job_pk, message_id)
);
