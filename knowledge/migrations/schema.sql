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
    hidden_at    timestamptz,                    -- closed to every answer at once; erased a day later
    joined_at    timestamptz,                    -- the bot is in it and keeps it in step
    members_at   timestamptz,                    -- when the platform last listed its members
    readers      text NOT NULL DEFAULT '',       -- the platform's rule for who may read it; equal rules, equal readers
    quarantined_at timestamptz,                  -- closed to answers since a restore, until it was compared
    readers_seq  bigint NOT NULL DEFAULT 0,      -- one more with each change of who may read it
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
    read_at      timestamptz,                    -- when the platform last described the account
    opted_out    boolean NOT NULL DEFAULT false, -- nothing this person writes is kept
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
CREATE INDEX message_time ON message (channel_pk, posted_at);
CREATE INDEX message_talk ON message (channel_pk, posted_at, seq) WHERE thread_id IS NULL;

-- In how many live messages a term occurs: exact, so that a rare word weighs what it should at once.
CREATE TABLE term (
    term         integer PRIMARY KEY,
    df           integer NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE job (
    job_pk       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('reindex', 'backfill', 'reconcile')),
    channel_pk   bigint REFERENCES channel ON DELETE CASCADE,
    state        text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
    total        bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    since        timestamptz,                    -- read back to here; NULL: to the beginning
    full_rebuild boolean NOT NULL DEFAULT false,
    cursor       text,                           -- where reading goes on; written with the page before it
    seen         bigint NOT NULL DEFAULT 0,      -- messages read so far
    gone         bigint NOT NULL DEFAULT 0,      -- of those known before, no longer on the platform
    note         text NOT NULL DEFAULT '',       -- one sentence for the admin
    report       text,                           -- JSON: where an admin watches the progress
    fence        integer NOT NULL DEFAULT 0,
    tries        integer NOT NULL DEFAULT 0,
    lease_until  timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX job_running ON job (job_pk) WHERE state = 'running';

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
CREATE INDEX unit_time ON unit (channel_pk, starts_at);

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

-- A unit whose text an embedding model fails on: it has no vector from that model, and words alone find it.
CREATE TABLE unit_failure (
    unit_pk      bigint NOT NULL REFERENCES unit ON DELETE CASCADE,
    model_pk     integer NOT NULL REFERENCES embedding_model,
    tries        integer NOT NULL,               -- given up after the fifth
    reason       text NOT NULL,
    PRIMARY KEY (unit_pk, model_pk)
);

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
    posted_at    timestamptz,
    message_id   text NOT NULL DEFAULT ''        -- the message that asked; '' for a command
);
CREATE INDEX answer_message ON answer (message_id) WHERE message_id <> '';
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

-- Messages that a reading did not find on the platform any more; deleted together at its end, unless too many.
CREATE TABLE missing (
    job_pk       bigint NOT NULL REFERENCES job ON DELETE CASCADE,
    message_id   text NOT NULL,
    PRIMARY KEY (job_pk, message_id)
);

-- Threads that were read to their end, as the platform counted them then: while it counts the same, they need no reading.
CREATE TABLE thread_read (
    channel_pk   bigint NOT NULL REFERENCES channel ON DELETE CASCADE,
    thread_id    text NOT NULL,
    replies      bigint NOT NULL,                -- all of them, also those that are never stored, such as the bot's own
    latest_id    text NOT NULL,
    PRIMARY KEY (channel_pk, thread_id)
);

-- What an adapter remembers of its platform from run to run: which commands it has registered, when it connected.
CREATE TABLE platform_note (
    platform     text NOT NULL,
    name         text NOT NULL,
    value        text NOT NULL,
    PRIMARY KEY (platform, name)
);

-- The channels that this transaction may read for an answer: none, when nothing was set or a former setting is left over as ''.
CREATE FUNCTION channels_in_scope() RETURNS bigint[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_to_array(nullif(current_setting('threadlore.scope', true), ''), ',')::bigint[]
$$;

-- Keys of the messages in scope that hold any of the terms, the latest stored first. A policy keeps PostgreSQL from looking
-- into the index of terms, because && is not leakproof; this looks for its owner, and gives keys alone, never a text.
CREATE FUNCTION messages_holding(scope bigint[], wanted integer[], most integer) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path FROM CURRENT AS $$
BEGIN
    -- EXECUTE plans for these very terms: some are in half of all messages, most in next to none.
    RETURN QUERY EXECUTE 'SELECT message_pk FROM message WHERE channel_pk = ANY($1) AND terms && $2 AND NOT deleted
                          ORDER BY message_pk DESC LIMIT $3'
    USING ARRAY(SELECT unnest(scope) INTERSECT SELECT unnest(channels_in_scope())), wanted, most;
END
$$;
REVOKE EXECUTE ON FUNCTION messages_holding FROM PUBLIC;

-- One row, which no copy made by pg_dump fits: there the table has another oid, and the row another xmin.
CREATE TABLE residence (
    server       bigint NOT NULL,                -- the cluster's system identifier
    table_oid    oid NOT NULL,
    written_by   xid NOT NULL
);
INSERT INTO residence (server, table_oid, written_by)
SELECT system_identifier, 'residence'::regclass::oid, pg_current_xact_id()::xid FROM pg_control_system();

-- Orders to forget that were carried out here. The home keeps a log of them too: what is only there is yet to be done.
CREATE TABLE forget_order (
    order_id     uuid PRIMARY KEY,
    done_at      timestamptz NOT NULL DEFAULT now()
);

-- By which rules the search terms of messages were made, and up to which message they have been made anew. One row.
CREATE TABLE term_rules (
    version      integer NOT NULL,
    upto         bigint NOT NULL
);
INSERT INTO term_rules VALUES (1, 0);
