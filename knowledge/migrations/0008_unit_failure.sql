-- A unit whose text an embedding model fails on: it has no vector from that model, and words alone find it.
CREATE TABLE unit_failure (
    unit_pk      bigint NOT NULL REFERENCES unit ON DELETE CASCADE,
    model_pk     integer NOT NULL REFERENCES embedding_model,
    tries        integer NOT NULL,               -- given up after the fifth
    reason       text NOT NULL,
    PRIMARY KEY (unit_pk, model_pk)
);

-- Formerly a whole family was given up for one text in it.
UPDATE dirty SET lease_until = '-infinity', tries = 0, reason = NULL WHERE lease_until = 'infinity';
