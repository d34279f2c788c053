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
