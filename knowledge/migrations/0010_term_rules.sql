-- By which rules the search terms of messages were made, and up to which message they have been made anew. One row.
CREATE TABLE term_rules (
    version      integer NOT NULL,
    upto         bigint NOT NULL
);
INSERT INTO term_rules VALUES (1, 0);
