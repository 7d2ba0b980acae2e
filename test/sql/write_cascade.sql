-- Foreign keys in both directions: what a cascade does to a lead is written
-- down like any other write, and leads that others refer to can go and be
-- renumbered.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_cascade
\set own_table
\i :setup

CREATE TABLE company (id int PRIMARY KEY);
CREATE TABLE rep (name text PRIMARY KEY);
CREATE TABLE lead (
    company int REFERENCES company ON UPDATE CASCADE ON DELETE CASCADE, no int,
    PRIMARY KEY (company, no),
    email text, size int, need bool, met bool,
    owner text REFERENCES rep ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE note (
    id int PRIMARY KEY, company int, no int, body text,
    FOREIGN KEY (company, no) REFERENCES lead ON UPDATE CASCADE ON DELETE CASCADE);
SELECT lead_stage.attach('lead', 'write_cascade'), lead_stage.publish('write_cascade') > 0 AS published;
CREATE VIEW story AS SELECT h.company, h.no, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM lead_history AS h GROUP BY h.company, h.no;

INSERT INTO company VALUES (1), (2), (3);
INSERT INTO rep VALUES ('ann'), ('bob');
INSERT INTO lead (company, no, size, owner) VALUES (1, 1, 500, 'ann'), (1, 2, 5, 'bob'), (2, 1, 500, 'ann'), (3, 1, 5, NULL);
UPDATE lead SET stage = 'nurture', stage_reason = 'hold' WHERE no = 2 OR company = 2;
INSERT INTO note VALUES (1, 1, 1, 'one'), (2, 1, 2, 'two'), (3, 2, 1, 'three');
UPDATE rep SET name = 'anna' WHERE name = 'ann';
DELETE FROM rep WHERE name = 'bob';
UPDATE company SET id = 10 WHERE id = 1;
UPDATE lead SET no = 9 WHERE company = 10 AND no = 1;
DELETE FROM company WHERE id = 2;
DELETE FROM lead WHERE company = 3;
-- A cascade that fails leaves nothing behind.
UPDATE company SET id = 3 WHERE id = 10;

SELECT company, no, stage, owner FROM lead ORDER BY company, no;
SELECT * FROM note ORDER BY id;
SELECT company, no FROM lead_state ORDER BY company, no;
SELECT * FROM story ORDER BY company, no;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
