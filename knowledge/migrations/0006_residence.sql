-- Where this database lives, and what of it was restored from a backup and is not checked yet.
ALTER TABLE channel ADD COLUMN quarantined_at timestamptz; -- closed to answers since a restore, until it was compared

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
