-- A replica's session does not fire our triggers, and two-phase commit keeps
-- history with the rows.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_replica
\i :setup

RESET ROLE;
INSERT INTO lead (id, size) VALUES (1, 500);
SET session_replication_role = replica;
INSERT INTO lead (id, size, stage, stage_since, fit_score) VALUES (2, 500, 'sql', '2026-01-01 00:00+00', 77);
UPDATE lead SET owner = 'ann' WHERE id = 1;
RESET session_replication_role;
SELECT id, stage, fit_score, owner FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
-- A lead that came with a stage_since and no history is one that verify shows.
SELECT * FROM lead_stage.verify_history('lead');
BEGIN;
INSERT INTO lead (id, size) VALUES (3, 500);
UPDATE lead SET size = 5 WHERE id = 3;
PREPARE TRANSACTION 'write_replica a';
BEGIN;
INSERT INTO lead (id, size) VALUES (4, 500);
PREPARE TRANSACTION 'write_replica b';
SELECT count(*) AS leads FROM lead WHERE id > 2;
COMMIT PREPARED 'write_replica a';
ROLLBACK PREPARED 'write_replica b';
SELECT * FROM story WHERE lead > 2 ORDER BY lead;
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
