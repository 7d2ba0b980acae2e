-- What users of other systems complain about in how leads are given out, and in
-- what an MQL is, each played through.  2026-03-02 is a Monday; the office is
-- open from Monday to Friday, 9 to 17.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_complaint;
CREATE ROLE regress_complaint_reader;
GRANT SET ON PARAMETER lead_stage.now TO regress_complaint;
CREATE SCHEMA complaint AUTHORIZATION regress_complaint;
SET ROLE regress_complaint;
SET search_path = complaint, public;
SET timezone = 'UTC';
SET lead_stage.now = '2026-03-02 09:00+00';

INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('complaint office', 'UTC');
INSERT INTO lead_stage.calendar_hours SELECT 'complaint office', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
CREATE TABLE lead (id int PRIMARY KEY, grp text, ready bool, called_at timestamptz);
CREATE TABLE visit (id int PRIMARY KEY, lead_id int REFERENCES lead, at timestamptz);
INSERT INTO lead_stage.model (name, calendar) VALUES ('complaint', 'complaint office');
INSERT INTO lead_stage.rule (model, name, kind, source, points) VALUES ('complaint', 'came', 'engagement', 'visit', 1);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition, reasons) VALUES
    ('complaint', 'ready', 'lead', 'mql', 1, true, 'ready', NULL), ('complaint', 'accept', 'mql', 'sal', 2, false, NULL, NULL),
    ('complaint', 'sql', 'sal', 'sql', 3, false, NULL, NULL), ('complaint', 'jump', 'lead', 'sql', 4, false, NULL, NULL),
    ('complaint', 'won', 'sql', 'customer', 5, false, NULL, NULL),
    ('complaint', 'reject', 'mql', 'nurture', 6, false, NULL, '{no need now,no budget,wrong contact}');
INSERT INTO lead_stage.route (model, name, stage, position, condition, pool, assign_to, reassign) VALUES
    ('complaint', 'desk', 'mql', 1, 'grp = ''desk''', 'desk', NULL, NULL),
    ('complaint', 'hot', 'sal', 2, 'grp = ''hot''', 'hot', NULL, true),
    ('complaint', 'full', 'sql', 3, 'grp = ''full''', 'full', NULL, true),
    ('complaint', 'spill', 'sql', 4, 'grp = ''full''', NULL, 'overflow', true);
INSERT INTO lead_stage.rep (model, pool, name, max_open) VALUES
    ('complaint', 'desk', 'ann', NULL), ('complaint', 'desk', 'ben', NULL), ('complaint', 'desk', 'cat', NULL),
    ('complaint', 'hot', 'dan', NULL), ('complaint', 'hot', 'eva', NULL), ('complaint', 'full', 'fay', 30);
INSERT INTO lead_stage.sla (model, name, stage, condition, target, met_at, escalate_to, breach_to) VALUES
    ('complaint', 'call', 'sal', NULL, '4 hours', 'called_at', 'manager', NULL),
    ('complaint', 'decide', 'mql', 'grp = ''taxonomy''', '8 hours', NULL, NULL, 'nurture');
SELECT lead_stage.attach('lead', 'complaint');
SELECT lead_stage.attach_activity('visit', 'lead');
SELECT lead_stage.publish('complaint') > 0 AS published;

-- "Each run favours the older members of the team."  Runs of two leads for
-- three: nobody is ever a lead ahead of his share.
DO $$
BEGIN
    FOR run IN 1 .. 20 LOOP
        INSERT INTO lead (id, grp, ready) SELECT run * 10 + i, 'desk', true FROM generate_series(1, 2) AS i;
    END LOOP;
END
$$;
SELECT count(*) AS turns, count(DISTINCT owner) AS reps, max(abs(got - k / 3.0)) < 1 AS within_one
    FROM (SELECT owner, k, count(*) OVER (PARTITION BY owner ORDER BY k) AS got
          FROM (SELECT owner, row_number() OVER (ORDER BY id) AS k FROM lead_history WHERE event = 'owner') AS h) AS g;
-- And runs of one lead, each in a session of its own, do not all begin with the
-- same one: of twelve, each of the three gets two at least.
SELECT max(id) AS last FROM lead \gset
\set one 'INSERT INTO complaint.lead (id, grp, ready) SELECT max(id) + 1, ''desk'', true FROM complaint.lead;'
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\c -
:one
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET ROLE regress_complaint;
SET search_path = complaint, public;
SET timezone = 'UTC';
SELECT count(*) AS sessions, count(DISTINCT owner) AS reps, min(n) >= 2 AS two_at_least
    FROM (SELECT owner, count(*) OVER (PARTITION BY owner) AS n FROM lead WHERE id > :last) AS s;

-- "Leads of more than seven days are never assigned."  A lead is given away
-- when it enters the stage, whatever its age.
SET lead_stage.now = '2026-03-02 09:00+00';
INSERT INTO lead (id, grp) VALUES (1001, 'desk'), (1002, 'desk');
SET lead_stage.now = '2026-06-01 09:00+00';
UPDATE lead SET ready = true WHERE id = 1001;
INSERT INTO lead (id, grp) VALUES (1003, 'desk');
ALTER TABLE lead DISABLE TRIGGER USER;
UPDATE lead SET ready = true WHERE id = 1002;
ALTER TABLE lead ENABLE TRIGGER USER;
CALL lead_stage.rescore('lead');
SELECT id, stage, owner IN ('ann', 'ben', 'cat') AS of_the_desk, lead_stage.now() - stage_since AS waited FROM lead WHERE id BETWEEN 1001 AND 1003 ORDER BY id;

-- "A thirtieth of the month's capacity a day leaves leads unassigned."  A limit
-- is one of open leads: thirty go to her at once, the rest to the next route,
-- and a lead that is closed makes room on the same day.
INSERT INTO lead (id, grp, stage) SELECT i, 'full', 'sql' FROM generate_series(2001, 2035) AS i;
SELECT owner, count(*) FROM lead WHERE grp = 'full' GROUP BY owner ORDER BY owner;
UPDATE lead SET stage = 'customer' WHERE id = (SELECT min(id) FROM lead WHERE owner = 'fay');
INSERT INTO lead (id, grp, stage) VALUES (2036, 'full', 'sql'), (2037, 'full', 'sql');
SELECT id, owner FROM lead WHERE id > 2035 AND grp = 'full' ORDER BY id;

-- "A hot lead sat four hours with somebody who had left, and the round robin
-- kept counting."  Whoever is away gets nothing from that moment, and whoever
-- is there gets no extra turn counted for it; who has left altogether is taken
-- out by the next version.
SET lead_stage.now = '2026-06-01 10:00+00';
INSERT INTO lead (id, grp, ready) SELECT i, 'hot', true FROM generate_series(3001, 3030) AS i;
UPDATE lead SET stage = 'sal' WHERE id BETWEEN 3001 AND 3004;
UPDATE lead_stage.rep SET away = '{[2026-06-01 10:00+00,)}' WHERE model = 'complaint' AND name = 'dan';
UPDATE lead SET stage = 'sal' WHERE id BETWEEN 3005 AND 3009;
SELECT id > 3004 AS since_he_left, owner, count(*) FROM lead WHERE id BETWEEN 3001 AND 3009 GROUP BY 1, 2 ORDER BY 1, 2;
-- What he has already does not wait for him longer than the promise: from 10:00
-- four hours are 14:00, the instant that history gives.
SELECT count(*) AS his FROM lead WHERE owner = 'dan' AND grp = 'hot';
SELECT severity, problem FROM lead_stage.lint('complaint') WHERE object = 'rep "hot dan"';
UPDATE lead SET called_at = lead_stage.now() WHERE owner = 'eva' AND stage = 'sal';
SET lead_stage.now = '2026-06-02 09:00+00';
CALL lead_stage.sweep();
SELECT DISTINCT at, event, name, previous_owner, owner FROM lead_history WHERE event = 'owner' AND name = 'call' ORDER BY at, previous_owner;
SELECT owner, count(*) FROM lead WHERE id BETWEEN 3001 AND 3009 GROUP BY owner ORDER BY owner;
-- Back again, he has his share of what comes, and no pile of what he missed.
UPDATE lead_stage.rep SET away = NULL WHERE model = 'complaint' AND name = 'dan';
UPDATE lead SET stage = 'sal' WHERE id BETWEEN 3010 AND 3017;
SELECT owner, count(*) FROM lead WHERE id BETWEEN 3010 AND 3017 GROUP BY owner ORDER BY owner;
-- Gone for good: out of the pool, and then lint names those he leaves behind.
UPDATE lead_stage.rep SET enabled = false WHERE model = 'complaint' AND name = 'dan';
SELECT lead_stage.publish('complaint') > 0 AS published;
UPDATE lead SET stage = 'sal' WHERE id BETWEEN 3018 AND 3020;
SELECT owner, count(*) FROM lead WHERE id BETWEEN 3018 AND 3020 GROUP BY owner ORDER BY owner;
SELECT severity, problem, advice FROM lead_stage.lint('complaint') WHERE object = 'rep "hot dan"';
-- Everybody gone: nobody's, seen at once, and given to somebody by the promise.
UPDATE lead_stage.rep SET away = '{(,)}' WHERE model = 'complaint' AND pool = 'hot';
UPDATE lead SET stage = 'sal' WHERE id = 3021;
SELECT owner, stage, state FROM lead_tasks WHERE id = 3021 ORDER BY state;
SELECT problem FROM lead_stage.lint('complaint') WHERE problem LIKE '%nobody''s' AND object LIKE 'table%';
SET lead_stage.now = '2026-06-02 13:00+00';
CALL lead_stage.sweep();
SELECT owner, stage, state FROM lead_tasks WHERE id = 3021 ORDER BY state;
SELECT at, name, owner, reason FROM lead_history WHERE lead_id = 3021 AND event = 'owner' ORDER BY id;

-- "Speed to lead, which counts from the interest, and the promise, which counts
-- from the hand-off, are one number."  They are three instants, all kept: the
-- first touch, the hand-off, and the call; each span can be asked for.
INSERT INTO lead_stage.milestone (model, name, signal) VALUES ('complaint', 'first touch', 'came');
UPDATE lead_stage.rep SET away = NULL WHERE model = 'complaint' AND pool = 'hot';
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-06-03 09:00+00';
INSERT INTO lead (id, grp, ready) VALUES (4001, 'hot', true);
SET lead_stage.now = '2026-06-03 09:20+00';
INSERT INTO visit VALUES (1, 4001, '2026-06-03 09:15+00');
SET lead_stage.now = '2026-06-03 11:00+00';
UPDATE lead SET stage = 'sal' WHERE id = 4001;
SET lead_stage.now = '2026-06-03 12:30+00';
UPDATE lead SET called_at = '2026-06-03 12:10+00' WHERE id = 4001;
SELECT touched.at AS touched, handed.at AS handed_over, met.at AS recorded, met.elapsed AS promise_took,
       met.elapsed + (handed.at - touched.at) AS speed_to_lead
    FROM lead_history AS touched JOIN lead_history AS handed USING (lead_id) JOIN lead_history AS met USING (lead_id)
    WHERE lead_id = 4001 AND touched.event = 'milestone' AND handed.event = 'owner' AND handed.name = 'hot' AND met.event = 'sla_met';

-- "Ask ten teams what an MQL is."  There is one answer, the same for whoever
-- asks, however his session is set; and every move says by which it was made.
SELECT md5(lead_stage.guide('complaint')) AS guide, max(version) AS version FROM lead_stage.version WHERE model = 'complaint' \gset
SET ROLE regress_complaint_reader;
SET datestyle = 'German';
SET intervalstyle = 'iso_8601';
SET timezone = 'Asia/Tokyo';
SET extra_float_digits = -5;
SELECT md5(lead_stage.guide('complaint')) = :'guide' AS the_same, lead_stage.guide('complaint') LIKE '%From Lead (`ready`), by itself, if this holds:%- `ready`%' AS says_how;
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
SET timezone = 'UTC';
SET ROLE regress_complaint;
SELECT name, version = :version AS by_this FROM lead_history WHERE lead_id = 4001 AND to_stage = 'mql';

-- "An MQL that sales cannot reject, with one of a few reasons and within a day,
-- is vanity."  It can, with a reason of the list and no other; and a working day
-- without a decision is one.
SET lead_stage.now = '2026-06-04 10:00+00';
INSERT INTO lead (id, grp, ready) SELECT i, 'taxonomy', true FROM generate_series(5001, 5004) AS i;
UPDATE lead SET stage = 'nurture' WHERE id = 5001;
UPDATE lead SET stage = 'nurture', stage_reason = 'bad lead' WHERE id = 5001;
UPDATE lead SET stage = 'nurture', stage_reason = 'no budget' WHERE id IN (5001, 5002);
UPDATE lead SET stage = 'sal' WHERE id = 5003;
SET lead_stage.now = '2026-06-08 09:00+00';
CALL lead_stage.sweep();
SELECT id, stage, stage_since, stage_reason FROM lead WHERE grp = 'taxonomy' ORDER BY id;
SELECT to_stage, reason, leads FROM lead_stage.drop_off('lead', '2026-06-04', '2026-06-05', 'grp') WHERE segment = 'taxonomy' ORDER BY reason;

-- "Stage dates that are inferred afterwards make velocity meaningless."  They
-- are those of the moves; writing them later changes nothing.
SET lead_stage.now = '2026-06-09 09:00+00';
INSERT INTO lead (id, grp) VALUES (6001, 'velocity'), (6002, 'velocity');
SET lead_stage.now = '2026-06-10 09:00+00';
UPDATE lead SET ready = true WHERE id = 6001;
SET lead_stage.now = '2026-06-12 09:00+00';
UPDATE lead SET ready = true WHERE id = 6002;
CREATE TABLE before AS SELECT segment, from_stage, to_stage, moves, mean FROM lead_stage.velocity('lead', by => 'grp') WHERE segment = 'velocity';
TABLE before;
UPDATE lead SET stage_since = '2026-06-20' WHERE grp = 'velocity';
UPDATE lead SET stage_since = '2026-06-01' WHERE grp = 'velocity';
UPDATE lead SET stage_since = NULL WHERE grp = 'velocity';
UPDATE lead_history SET at = '2026-06-01' WHERE lead_id = 6001;
SELECT segment, from_stage, to_stage, moves, mean FROM lead_stage.velocity('lead', by => 'grp') WHERE segment = 'velocity' EXCEPT TABLE before;
SELECT id, stage_since FROM lead WHERE grp = 'velocity' ORDER BY id;

-- "Stages that are skipped break the funnel."  They are counted as skipped, and
-- who jumps is no loss of the stage he comes from.
INSERT INTO lead (id, grp) VALUES (7001, 'funnel'), (7002, 'funnel'), (7003, 'funnel');
UPDATE lead SET ready = true WHERE id = 7001;
UPDATE lead SET stage = 'sal' WHERE id = 7001;
UPDATE lead SET stage = 'sql' WHERE id IN (7001, 7002);
SELECT stage, entered, advanced, recycled, dropped, still_here, skipped, conversion FROM lead_stage.funnel('lead', by => 'grp')
    WHERE segment = 'funnel' AND stage BETWEEN 'lead' AND 'sql' ORDER BY stage;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'complaint';
DELETE FROM lead_stage.calendar WHERE name = 'complaint office';
DROP SCHEMA complaint CASCADE;
DROP OWNED BY regress_complaint;
DROP ROLE regress_complaint, regress_complaint_reader;
