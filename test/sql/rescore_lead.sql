-- rescore_lead judges one lead, for what changed elsewhere.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_rescore;
CREATE ROLE regress_other;
CREATE SCHEMA rescore AUTHORIZATION regress_rescore;
GRANT USAGE ON SCHEMA rescore TO regress_other;
SET ROLE regress_rescore;
SET search_path = rescore, public;

CREATE TABLE country (code text PRIMARY KEY, served bool NOT NULL);
INSERT INTO country VALUES ('a', false), ('b', true);
CREATE FUNCTION served(code text) RETURNS bool LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.served FROM country AS c WHERE c.code = served.code;
END;
CREATE TABLE lead (id int PRIMARY KEY, country text, note text);
CREATE TABLE visit (at date, code text, country text, PRIMARY KEY (code, at));
INSERT INTO lead_stage.model (name) VALUES ('rescore');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('rescore', 'served', 'fit', 'rescore.served(country)', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('rescore', 'up', 'lead', 'mql', true, 10);
SELECT lead_stage.attach('lead', 'rescore'), lead_stage.attach('visit', 'rescore');
SELECT lead_stage.rescore_lead('lead', 42);
SELECT lead_stage.publish('rescore') > 0 AS published;
INSERT INTO lead VALUES (42, 'a', 'x'), (43, 'a', 'x'), (44, 'b', 'x');
INSERT INTO visit VALUES ('2026-01-01', '42', 'a'), ('2026-01-02', '42', 'a');
UPDATE country SET served = NOT served;
SELECT id, stage, fit_score FROM lead ORDER BY id;

-- With 42, '42', a variable of another integer type, and the parts of a key in
-- its order, whatever the order of the columns.
SELECT lead_stage.rescore_lead('lead', 42);
SELECT id, stage, fit_score FROM lead ORDER BY id;
SELECT lead_stage.rescore_lead('lead', '43'), lead_stage.rescore_lead('lead', 44::bigint);
SELECT id, stage, fit_score FROM lead ORDER BY id;
SELECT lead_stage.rescore_lead('visit', '42', '2026-01-02'::date), lead_stage.rescore_lead('visit', 42, '2026-01-03');
SELECT code, at, stage, fit_score FROM visit ORDER BY code, at;
SELECT lead_stage.rescore_lead('visit', VARIADIC ARRAY['42', '2026-01-01']);
SELECT code, at, stage, fit_score FROM visit ORDER BY code, at;
SELECT count(*) AS rescored FROM (SELECT lead_stage.rescore_lead('lead', id) AS done FROM lead) AS l WHERE done;
SELECT lead_id, event, from_stage, to_stage, fit_score FROM lead_history ORDER BY lead_id, id;

-- Nothing new: nothing written.
SELECT xmin AS version FROM lead WHERE id = 42 \gset before_
SELECT lead_stage.rescore_lead('lead', 42);
SELECT xmin = :'before_version' AS untouched FROM lead WHERE id = 42;

-- No such lead, and what is no key.
SELECT lead_stage.rescore_lead('lead', 99);
SELECT lead_stage.rescore_lead('lead', 'abc');
SELECT lead_stage.rescore_lead('lead', NULL);
SELECT lead_stage.rescore_lead('lead');
SELECT lead_stage.rescore_lead('lead', 42, 43);
SELECT lead_stage.rescore_lead('visit', '42');
SELECT lead_stage.rescore_lead('visit', '42', NULL);
SELECT lead_stage.rescore_lead('visit', VARIADIC NULL::text[]);
SELECT lead_stage.rescore_lead(NULL, 42);
SELECT lead_stage.rescore_lead('country', 'a');

-- Not by just anybody.
GRANT SELECT, UPDATE ON lead TO regress_other;
SET ROLE regress_other;
SELECT lead_stage.rescore_lead('lead', 42);
CALL lead_stage.rescore('lead');
SET ROLE regress_rescore;

SELECT lead_stage.unpublish('lead');
SELECT lead_stage.rescore_lead('lead', 42);
SELECT lead_stage.detach('lead'), lead_stage.detach('visit');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'rescore';
DROP SCHEMA rescore CASCADE;
DROP ROLE regress_rescore, regress_other;
