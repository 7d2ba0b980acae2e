-- COPY judges every row as INSERT does: text with columns left to their
-- defaults, CSV, binary.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_copy
\i :setup

COPY lead (id, size, email) FROM stdin;
1	500	a
2	5	\N
3	\N	c
\.
COPY lead (id, size, stage, owner, stage_reason) FROM stdin WITH (FORMAT csv);
4,500,lead,ann,
5,5,nurture,,no budget
\.
-- A refused row takes the whole COPY with it.
COPY lead (id, size, stage) FROM stdin WITH (FORMAT csv);
6,500,mql
7,5,sql
\.
-- Binary, of everything, into another attached table: as good as new leads.
CREATE TABLE other (LIKE lead INCLUDING DEFAULTS, PRIMARY KEY (id));
SELECT lead_stage.attach('other', 'write_copy');
\getenv abs_builddir PG_ABS_BUILDDIR
\set file :abs_builddir /results/write_copy.data
\set ECHO none
\set out '\\copy (SELECT id, email, size, need, met, note FROM lead) TO ' :'file' ' WITH (FORMAT binary)'
\set in '\\copy other (id, email, size, need, met, note) FROM ' :'file' ' WITH (FORMAT binary)'
:out
:in
\set ECHO all
SELECT id, stage, fit_score, owner, stage_reason FROM lead ORDER BY id;
SELECT id, stage, fit_score, owner, stage_reason FROM other ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT h.lead_id, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM other_history AS h GROUP BY h.lead_id ORDER BY h.lead_id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
SELECT count(*) AS problems FROM lead_stage.verify_history('other');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
