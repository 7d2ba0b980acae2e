-- Wide rows: values moved out of line stay where they are when a lead moves,
-- and rules read them.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_toast
\set own_table
\i :setup

CREATE TABLE lead (id int PRIMARY KEY, body text, email text, size int, need bool, met bool, other text);
ALTER TABLE lead ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN other SET STORAGE EXTERNAL;
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('write_toast', 'long', 'fit', 'length(body) > 10000 AND body LIKE ''%end''', 7);
SELECT lead_stage.attach('lead', 'write_toast'), lead_stage.publish('write_toast') > 0 AS published;
CREATE FUNCTION toast_rows() RETURNS bigint LANGUAGE plpgsql AS
    $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(DISTINCT chunk_id) FROM ' || (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'lead'::regclass) INTO n; RETURN n; END $$;
INSERT INTO lead (id, body, size, other) VALUES (1, repeat('x', 20000) || 'end', 500, repeat('y', 20000)), (2, 'short', 5, repeat('y', 20000));
INSERT INTO lead (id, body, size) SELECT id + 10, body, size FROM lead;
SELECT id, stage, fit_score, md5(body), md5(other) FROM lead ORDER BY id;
RESET ROLE;
GRANT USAGE ON SCHEMA pg_toast TO regress_write_toast;
SELECT set_config('write_toast.before', toast_rows()::text, false);
-- Not copied: a move, an unrelated column, a change of what the rules read.
UPDATE lead SET stage = 'nurture', stage_reason = repeat('reason ', 2000) WHERE id < 3;
UPDATE lead SET met = true;
UPDATE lead SET size = 600;
UPDATE lead SET owner = repeat('o', 3000) WHERE id = 1;
SELECT toast_rows() - current_setting('write_toast.before')::bigint AS new_values;
REVOKE USAGE ON SCHEMA pg_toast FROM regress_write_toast;
SET ROLE regress_write_toast;
UPDATE lead SET body = body || '!' WHERE id = 1;
UPDATE lead SET id = id + 100, body = body WHERE id = 2;
SELECT id, stage, fit_score, length(body) AS body, length(other) AS other, length(owner) AS owner, length(stage_reason) AS reason FROM lead ORDER BY id;
SELECT h.lead_id, h.event, h.to_stage, length(h.reason) AS reason, length(h.owner) AS owner FROM lead_history AS h ORDER BY h.lead_id, h.id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
