-- Where a platform's rules name who may read a channel: channels with the same rule have the same readers, now and later.
ALTER TABLE channel ADD COLUMN readers text NOT NULL DEFAULT '';

-- What an adapter remembers of its platform from run to run: which commands it has registered, when it connected.
CREATE TABLE platform_note (
    platform     text NOT NULL,
    name         text NOT NULL,
    value        text NOT NULL,
    PRIMARY KEY (platform, name)
);
