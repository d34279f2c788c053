-- Whoever deletes what they asked takes its text back from here too.
ALTER TABLE answer ADD COLUMN message_id text NOT NULL DEFAULT ''; -- the message that asked; '' for a command

-- What was read of a channel's readers is outdated when something was told of them meanwhile.
ALTER TABLE channel ADD COLUMN readers_seq bigint NOT NULL DEFAULT 0; -- one more with each change of who may read it
