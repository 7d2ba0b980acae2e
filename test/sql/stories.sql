-- Three leads of a respiratory care company, told as its people live through
-- them: what each of them sees, and what history says afterwards.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_marketing;
CREATE ROLE regress_sales;
GRANT SET ON PARAMETER lead_stage.now TO regress_marketing, regress_sales;
CREATE SCHEMA crm AUTHORIZATION regress_marketing;
SET ROLE regress_marketing;
SET search_path = crm, public;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE lead (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contact text NOT NULL,
    role_type text,
    organisation_type text,
    region text,
    service_interest text,
    webinar_attended boolean,
    consultation_requested boolean,
    pricing_requested boolean,
    eligibility_asked boolean,
    asked_for_call boolean,
    need_now boolean,
    service_match boolean,
    timeline text,
    decision_process text,
    next_step_agreed boolean,
    first_call_at timestamptz,
    meeting_at timestamptz
);
GRANT USAGE ON SCHEMA crm TO regress_sales;
GRANT SELECT, INSERT, UPDATE ON lead TO regress_sales;
SELECT lead_stage.import_model(lead_stage.template('respiratory'));
SELECT lead_stage.attach('lead', 'respiratory');
SELECT lead_stage.publish('respiratory', note => 'first version') > 0 AS published;

-- 1. An asset and a video, then a near-term need that sales confirms: SQL.
-- Content alone makes no MQL, however well the organisation fits.
SET lead_stage.now = '2026-03-02 09:00+00';
INSERT INTO lead (contact, role_type, organisation_type, region, service_interest)
    VALUES ('Ines Duarte', 'programme_manager', 'hospital', 'UK', 'pulmonary_rehab') RETURNING id, stage, fit_score;
-- She asks to be called.
SET lead_stage.now = '2026-03-04 14:20+00';
UPDATE lead SET asked_for_call = true WHERE id = 1 RETURNING id, stage, stage_reason;
-- Sales calls.  Half of the answers are not enough, and what is missing is said
-- with the question to ask.
SET ROLE regress_sales;
SET lead_stage.actor = 'tom@sales';
SET lead_stage.now = '2026-03-04 16:00+00';
UPDATE lead SET first_call_at = lead_stage.now(), need_now = true, service_match = true WHERE id = 1;
UPDATE lead SET stage = 'sql' WHERE id = 1;
SELECT name, holds, detail FROM lead_stage.explain('lead', 1) WHERE kind = 'criterion';
SELECT name, holds, detail FROM lead_stage.explain('lead', 1) WHERE kind = 'transition' AND name LIKE 'sql%';
SET lead_stage.now = '2026-03-05 10:00+00';
UPDATE lead SET timeline = '0-3 months', decision_process = 'medical director, then the board in March', next_step_agreed = true, stage = 'sql', owner = 'tom' WHERE id = 1
    RETURNING id, stage, owner;
SET ROLE regress_marketing;
RESET lead_stage.actor;

-- 2. A webinar, the form, and a good fit: MQL; the intake review makes it an SQL.
SET lead_stage.now = '2026-03-03 11:00+00';
INSERT INTO lead (contact, role_type, organisation_type, region) VALUES ('Dr Mael Keane', 'medical_director', 'health_system', 'IE') RETURNING id, stage, fit_score;
SET lead_stage.now = '2026-03-10 17:00+00';
UPDATE lead SET webinar_attended = true WHERE id = 2 RETURNING id, stage;
SET lead_stage.now = '2026-03-11 08:30+00';
UPDATE lead SET service_interest = 'copd_programme' WHERE id = 2 RETURNING id, stage, stage_reason, fit_score;
-- The intake form brings the answers, but no agreement to a next step.
SET lead_stage.now = '2026-03-12 09:00+00';
UPDATE lead SET need_now = true, service_match = true, timeline = '3-6 months', decision_process = 'clinical board, budget with the director' WHERE id = 2 RETURNING id, stage;
SET ROLE regress_sales;
SET lead_stage.actor = 'intake desk';
SET lead_stage.now = '2026-03-13 08:45+00';
UPDATE lead SET stage = 'sal' WHERE id = 2 RETURNING id, stage;
UPDATE lead SET stage = 'sql' WHERE id = 2;
SET lead_stage.now = '2026-03-16 15:00+00';
UPDATE lead SET next_step_agreed = true, meeting_at = '2026-03-24 10:00+00', stage = 'sql' WHERE id = 2 RETURNING id, stage;
SET ROLE regress_marketing;
RESET lead_stage.actor;

-- 3. Very interested, but never answers a question: no SQL, and back to nurture
-- with a reason that everybody shares.
SET lead_stage.now = '2026-03-05 12:00+00';
INSERT INTO lead (contact, role_type, organisation_type, region, service_interest, pricing_requested)
    VALUES ('J. Brandt', 'procurement', 'payer', 'DE', 'home_oxygen', true) RETURNING id, stage, stage_reason, fit_score;
SET ROLE regress_sales;
SET lead_stage.actor = 'tom@sales';
SET lead_stage.now = '2026-03-06 09:00+00';
UPDATE lead SET stage = 'sql' WHERE id = 3;
UPDATE lead SET need_now = true, stage = 'sql' WHERE id = 3;
UPDATE lead SET stage = 'opportunity' WHERE id = 3;
SET lead_stage.now = '2026-03-20 09:00+00';
UPDATE lead SET stage = 'nurture' WHERE id = 3;
UPDATE lead SET stage = 'nurture', stage_reason = 'ghosted us' WHERE id = 3;
UPDATE lead SET stage = 'nurture', stage_reason = 'questions not answered' WHERE id = 3 RETURNING id, stage, stage_reason;
-- There it is left alone for a month, whatever it clicks; then it may come again.
SET ROLE regress_marketing;
RESET lead_stage.actor;
SET lead_stage.now = '2026-04-01 09:00+00';
UPDATE lead SET asked_for_call = true WHERE id = 3 RETURNING id, stage;
SET lead_stage.now = '2026-04-19 09:00+00';
UPDATE lead SET eligibility_asked = true WHERE id = 3 RETURNING id, stage, stage_reason;

-- The team's view of it.
SELECT id, contact, stage, stage_since, stage_reason, fit_score, owner FROM lead ORDER BY id;
SELECT id, stage, stage_label, fit_band, stage_age FROM lead_live ORDER BY id;
SELECT lead_id AS lead, at, event, from_stage AS "from", to_stage AS "to", name, reason, actor FROM lead_history ORDER BY lead_id, id;
SELECT id, stage, entered_at, left_at, next_stage, came_from FROM lead_visits ORDER BY id, entered_at, left_at;
SELECT id, lead_at::date, mql_at::date, sal_at::date, sql_at::date, nurture_at::date, stage FROM lead_journey ORDER BY id;
SELECT at, (SELECT string_agg(a.key[1] || ' ' || a.stage, ', ' ORDER BY a.key) FROM lead_stage.as_of('lead', at) AS a) AS pipeline
FROM unnest('{2026-03-02, 2026-03-05 00:00+00, 2026-03-12, 2026-03-17, 2026-03-21, 2026-05-01}'::timestamptz[]) AS at;
SELECT lead_id AS lead, to_stage, lead_stage.evidence('lead', id) FROM lead_history WHERE to_stage IN ('mql', 'sql') AND event = 'stage' ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'respiratory';
DELETE FROM lead_stage.calendar WHERE name = 'office';
DROP SCHEMA crm CASCADE;
DROP OWNED BY regress_marketing, regress_sales;
DROP ROLE regress_marketing, regress_sales;
