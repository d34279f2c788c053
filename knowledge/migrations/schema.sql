-- Channels, people, messages, the units cut from them, and the vectors of those units.
-- Needs pgvector 0.8 or newer: halfvec, and index scans that go on until enough rows are visible.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE channel (
    channel_pk   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform     text NOT NULL,
    workspace    text NOT NULL,
    channel_id   text NOT NULL,
    name         text NOT NULL,
    visibility   text NOT NULL CHECK (visibility IN ('public', 'private', 'direct')),
    shared       boolean NOT NULL DEFAULT false,
    archived     boolean NOT NULL DEFAULT false,
    removed_at   timestamptz,                    -- a tombstone for the whole channel; the scope query checks it
    live_count   bigint NOT NULL DEFAULT 0,      -- messages that are not deleted
    term_count   bigint NOT NULL DEFAULT 0,      -- search terms in them; with live_count, BM25's mean length
    UNIQUE (platform, workspace, channel_id)
);

CREATE TABLE person (
    person_pk    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform     text NOT NULL,
    workspace    text NOT NULL,
    person_id    text NOT NULL,
    name         text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('member', 'guest', 'external', 'bot')),
    active       boolean NOT NULL DEFAULT true,
    UNIQUE (platform, workspace, person_id)
);

CREATE TABLE membership (
    channel_pk   bigint NOT NULL REFERENCES channel ON DELETE CASCADE,
    person_pk    bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    PRIMARY KEY (channel_pk, person_pk)
);
CREATE INDEX membership_person ON membership (person_pk);

CREATE TABLE message (
    message_pk   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_pk   bigint NOT NULL REFERENCES channel ON DELETE CASCADE,
    message_id   text NOT NULL,
    edited_ts    numeric NOT NULL,               -- (edited_ts, event_ts) orders the states of one message
    event_ts     numeric NOT NULL,
    body         text,
    content_hash bytea,
    fresh        boolean NOT NULL DEFAULT true,  -- the last write changed the text
    rev          integer NOT NULL DEFAULT 1,     -- counts changes of the text
    deleted      boolean NOT NULL DEFAULT false, -- a tombstone keeps the row, never the text
    author_pk    bigint REFERENCES person,
    thread_id    text,
    posted_at    timestamptz,
    seq          bigint,
    permalink    text,
    reactions    jsonb NOT NULL DEFAULT '{}',
    terms        integer[],                      -- hashed search terms, repeats kept
    UNIQUE (channel_pk, message_id),
    CHECK (NOT deleted OR (body IS NULL AND content_hash IS NULL AND terms IS NULL))
);
CREATE INDEX message_terms ON message USING gin (terms);
CREATE INDEX message_thread ON message (channel_pk, thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX message_talk ON message (channel_pk, posted_at, seq) WHERE thread_id IS NULL;

-- In how many live messages a term occurs: exact, so that a rare word weighs what it should at once.
CREATE TABLE term (
    term         integer PRIMARY KEY,
    df           integer NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE job (
    job_pk       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('reindex')),
    channel_pk   bigint REFERENCES channel ON DELETE CASCADE,
    state        text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
    total        bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);

-- What must be cut and embedded again: a thread, a day of open talk, or a single undated message.
CREATE TABLE dirty (
    channel_pk   bigint NOT NULL REFERENCES channel ON DELETE CASCADE,
    family       text NOT NULL,
    version      bigint NOT NULL DEFAULT 1,      -- raised by each new mark; the indexer clears only what it saw
    full_rebuild boolean NOT NULL DEFAULT false, -- embed again even where the text is the same
    job_pk       bigint REFERENCES job ON DELETE SET NULL,
    marked_at    timestamptz NOT NULL DEFAULT now(),
    lease_until  timestamptz NOT NULL DEFAULT '-infinity',
    tries        integer NOT NULL DEFAULT 0,
    reason       text,
    PRIMARY KEY (channel_pk, family)
);
CREATE INDEX dirty_queue ON dirty (marked_at);

CREATE TABLE unit (
    unit_pk      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_pk   bigint NOT NULL REFERENCES channel ON DELETE CASCADE,
    family       text NOT NULL,
    text_hash    bytea NOT NULL,
    term_count   integer NOT NULL,
    starts_at    timestamptz
);
CREATE INDEX unit_family ON unit (channel_pk, family);
CREATE INDEX unit_text ON unit (text_hash);

CREATE TABLE unit_line (
    unit_pk      bigint NOT NULL REFERENCES unit ON DELETE CASCADE,
    line_no      integer NOT NULL,
    message_pk   bigint NOT NULL REFERENCES message ON DELETE CASCADE,
    begin_char   integer NOT NULL,               -- a long message is spread over several units
    end_char     integer NOT NULL,
    PRIMARY KEY (unit_pk, line_no)
);
CREATE INDEX unit_line_message ON unit_line (message_pk);

CREATE TABLE embedding_model (
    model_pk     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL UNIQUE,
    dimension    integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('building', 'active', 'retired')),
    source       jsonb NOT NULL DEFAULT '{}'     -- where the model is, to embed questions until a successor is complete
);
CREATE UNIQUE INDEX embedding_model_active ON embedding_model (state) WHERE state = 'active';

-- One partition a model, each with its own dimension and HNSW index.
CREATE TABLE unit_vector (
    model_pk     integer NOT NULL REFERENCES embedding_model,
    unit_pk      bigint NOT NULL REFERENCES unit ON DELETE CASCADE,
    channel_pk   bigint NOT NULL,
    embedding    halfvec NOT NULL,
    PRIMARY KEY (model_pk, unit_pk)
) PARTITION BY LIST (model_pk);
CREATE INDEX unit_vector_unit ON unit_vector (unit_pk);
CREATE INDEX unit_vector_channel ON unit_vector (model_pk, channel_pk);
