CREATE TABLE search (
    position        bigint      PRIMARY KEY,
    created         bigint      NOT NULL,
    message_id      uuid        NOT NULL,
    conversation_id uuid        NOT NULL,
    created_at      timestamptz NOT NULL,
    grams           integer[]   NOT NULL
);
COMMENT ON TABLE search IS
    'Index of texts: a row for each version of a message, filled behind the log up to search_progress.position. It says which texts to look at; whether they match, and who may see them, is read from the log.';
COMMENT ON COLUMN search.position IS 'Of the event that holds the text: message.created or message.edited.';
COMMENT ON COLUMN search.created IS 'Of the message''s message.created; what hits are ordered by.';
COMMENT ON COLUMN search.created_at IS 'When the message was sent.';
COMMENT ON COLUMN search.grams IS
    'Numbers: of the pieces of the text''s words, of conversation and sender (all from 0 on), and of the places that `created` lies in (below 0).';
-- The planner uses no statistics of it, and to collect them would take longer than all else that ANALYZE does.
ALTER TABLE search ALTER COLUMN grams SET STATISTICS 0;
CREATE INDEX search_message ON search (message_id);
-- New rows wait in the index's pending list, which each batch merges at its end: 83 us a row, and 400 us without the list.
CREATE INDEX search_grams ON search USING gin (grams) WITH (fastupdate = on);

CREATE TABLE search_spans (
    place  bigint      PRIMARY KEY,
    oldest timestamptz NOT NULL,
    newest timestamptz NOT NULL
);
COMMENT ON TABLE search_spans IS 'Oldest and newest message of each span of 4096 positions: where a search by time may begin and end.';
COMMENT ON COLUMN search_spans.place IS 'created >> 12.';

CREATE TABLE search_progress (
    only_one   boolean PRIMARY KEY DEFAULT true,
    position   bigint  NOT NULL,
    rebuilding bigint,
    CONSTRAINT search_progress_has_one_row CHECK (only_one)
);
COMMENT ON TABLE search_progress IS 'How far the log is in `search`. Whoever holds the lock of its row fills the table; nobody else does.';
COMMENT ON COLUMN search_progress.position IS 'All events up to here are in `search`.';
COMMENT ON COLUMN search_progress.rebuilding IS 'Where the rebuild under way ends; null if none is.';
INSERT INTO search_progress (position) VALUES (0);
