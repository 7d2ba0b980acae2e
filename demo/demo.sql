-- demo.sql -- sets up a pipeline on a table of leads and tells three stories.
-- Run by demo/run.sh in an empty database; by hand: psql -X -q < demo.sql
-- What it prints is in demo.out, and a test compares the two.

\set SHOW_CONTEXT never
\pset pager off
\pset footer off
\pset format wrapped
\pset columns 96
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';

\echo
\echo '==================================================================='
\echo ' Set-up: tables of leads and page views that are there, and five calls'
\echo '==================================================================='
\echo
\set ECHO queries
CREATE SCHEMA crm;
CREATE TABLE crm.lead (
    id int PRIMARY KEY, name text,
    role_type text, organisation_type text, region text, service_interest text,
    webinar_attended bool, consultation_requested bool, pricing_requested bool,
    eligibility_asked bool, asked_for_call bool,
    need_now bool, service_match bool, timeline text, decision_process text, next_step_agreed bool,
    first_call_at timestamptz, meeting_at timestamptz);
CREATE TABLE crm.activity (lead_id int REFERENCES crm.lead, at timestamptz, kind text, page text);
CREATE INDEX ON crm.activity (lead_id);

CREATE EXTENSION lead_stage;
SELECT lead_stage.import_model(lead_stage.template('respiratory'));
SELECT lead_stage.attach('crm.lead', 'respiratory');
SELECT lead_stage.attach_activity('crm.activity', 'crm.lead', source => 'web');
\set ECHO none
\echo
\echo 'attach added stage, stage_since, stage_reason, fit_score and owner to the'
\echo 'table, and made crm.lead_history and its views.  publish checks the model'
\echo 'against the table, runs its ten examples, and puts it into force:'
\echo
\set ECHO queries
SELECT lead_stage.publish('respiratory', note => 'first version') AS version;
\set ECHO none
\echo
\echo 'From here on, everything is plain INSERT and UPDATE.'
\echo '(The setting lead_stage.now stands in for the days that pass.)'

\echo
\echo '==================================================================='
\echo ' Story 1: an asset and a video, then a need confirmed by sales'
\echo '==================================================================='
\echo
\echo 'Mon 2 March.  Ann downloads a guide, watches a video, and leaves her data.'
\echo 'She fits well, but fit and two looks make no MQL: she stays a lead.'
\echo
SET lead_stage.now = '2026-03-02 09:00+00';
\set ECHO queries
INSERT INTO crm.lead (id, name, role_type, organisation_type, region, service_interest)
VALUES (1, 'Ann', 'programme_manager', 'hospital', 'UK', 'pulmonary_rehab')
RETURNING name, stage, fit_score;
INSERT INTO crm.activity (lead_id, at, kind)
VALUES (1, '2026-03-01 20:00+00', 'asset_download'), (1, '2026-03-02 08:50+00', 'video_watched');
SELECT stage, fit_score, round(engagement_now::numeric, 1) AS engagement FROM crm.lead_live;
\set ECHO none
\echo
\echo 'Wed 4 March.  She asks for a call.  That is the signal: an MQL, on its own.'
\echo
SET lead_stage.now = '2026-03-04 14:30+00';
\set ECHO queries
UPDATE crm.lead SET asked_for_call = true WHERE id = 1
RETURNING name, stage, stage_reason;
\set ECHO none
\echo
\echo 'Thu 5 March.  Sales calls.  An SQL needs five answers; two are still open:'
\echo
SET lead_stage.now = '2026-03-05 10:00+00';
SET lead_stage.actor = 'sam';
\set ECHO queries
UPDATE crm.lead
SET need_now = true, service_match = true, timeline = '0-3 months', stage = 'sql'
WHERE id = 1;
\set ECHO none
\echo
\echo 'The whole UPDATE was refused.  With all answers on record it goes through:'
\echo
\set ECHO queries
UPDATE crm.lead
SET need_now = true, service_match = true, timeline = '0-3 months',
    decision_process = 'medical director, then the board', next_step_agreed = true,
    stage = 'sql'
WHERE id = 1
RETURNING name, stage, to_char(stage_since, 'DD Mon HH24:MI') AS since;
\set ECHO none
\echo
\echo 'Her history says what happened, by which transition, and who did it:'
\echo
\set ECHO queries
SELECT to_char(at, 'Dy DD Mon HH24:MI') AS at, event, from_stage, to_stage, name, actor
FROM crm.lead_history WHERE lead_id = 1 ORDER BY id;
\set ECHO none
RESET lead_stage.actor;

\echo
\echo '==================================================================='
\echo ' Story 2: webinar, form and fit make an MQL; the review makes an SQL'
\echo '==================================================================='
\echo
\echo 'Fri 6 March.  Ben attended the webinar and filled in the form.'
\echo
SET lead_stage.now = '2026-03-06 11:00+00';
\set ECHO queries
INSERT INTO crm.lead
    (id, name, role_type, organisation_type, region, service_interest, webinar_attended)
VALUES (2, 'Ben', 'medical_director', 'health_system', 'IE', 'copd_programme', true)
RETURNING name, stage, stage_reason, fit_score;
\set ECHO none
\echo
\echo 'Why is he there, and what is missing for the next stage?'
\echo
\set ECHO queries
SELECT kind, name, points, detail FROM lead_stage.explain('crm.lead', 2)
WHERE kind = 'fit' AND holds;

SELECT name, detail FROM lead_stage.explain('crm.lead', 2)
WHERE kind = 'criterion' AND NOT holds;
\set ECHO none
\echo
\echo 'Mon 9 March.  The intake form brings the answers, sales accepts (sal), and'
\echo 'the review on Tuesday agrees the next step: an SQL.'
\echo
SET lead_stage.now = '2026-03-09 09:00+00';
\set ECHO queries
UPDATE crm.lead
SET need_now = true, service_match = true, timeline = '3-6 months',
    decision_process = 'clinical board', stage = 'sal'
WHERE id = 2;
\set ECHO none
\echo
SET lead_stage.now = '2026-03-10 16:00+00';
\set ECHO queries
UPDATE crm.lead SET next_step_agreed = true, stage = 'sql' WHERE id = 2;
\set ECHO none
\echo
\echo 'The view crm.lead_visits has one row for each stay in a stage:'
\echo
\set ECHO queries
SELECT stage, to_char(entered_at, 'DD Mon HH24:MI') AS entered,
    to_char(left_at, 'DD Mon HH24:MI') AS left, next_stage, transition
FROM crm.lead_visits WHERE id = 2 ORDER BY entered_at, stage;
\set ECHO none

\echo
\echo '==================================================================='
\echo ' Story 3: much interest, no answers: not an SQL, back to nurture'
\echo '==================================================================='
\echo
\echo 'Wed 11 March.  Cleo reads everything and asks for prices: an MQL.'
\echo
SET lead_stage.now = '2026-03-11 08:00+00';
\set ECHO queries
INSERT INTO crm.lead
    (id, name, role_type, organisation_type, region, service_interest, pricing_requested)
VALUES (3, 'Cleo', 'procurement', 'payer', 'DE', 'home_oxygen', true)
RETURNING name, stage, stage_reason, fit_score;
\set ECHO none
\echo
\echo 'Thu 12 March.  She avoids every question.  Somebody wants her as an SQL:'
\echo
SET lead_stage.now = '2026-03-12 15:00+00';
\set ECHO queries
UPDATE crm.lead SET stage = 'sql' WHERE id = 3;
\set ECHO none
\echo
\echo 'So she goes back to nurture, which takes one of the agreed reasons:'
\echo
\set ECHO queries
UPDATE crm.lead SET stage = 'nurture' WHERE id = 3;
\set ECHO none
\echo
\set ECHO queries
UPDATE crm.lead SET stage = 'nurture', stage_reason = 'questions not answered'
WHERE id = 3
RETURNING name, stage, stage_reason;
\set ECHO none
\echo
\echo 'A new request does not bring her back at once: "recycle" holds for 30 days.'
\echo
SET lead_stage.now = '2026-03-13 08:45+00';
\set ECHO queries
UPDATE crm.lead SET asked_for_call = true WHERE id = 3 RETURNING name, stage;

SELECT to_char(at, 'Dy DD Mon HH24:MI') AS at, event, from_stage, to_stage, name, reason
FROM crm.lead_history WHERE lead_id = 3 ORDER BY id;
\set ECHO none

\echo
\echo '==================================================================='
\echo ' The pipeline now, the one of 9 March, and the guard around history'
\echo '==================================================================='
\echo
\set ECHO queries
SELECT id, stage, stage_label, fit_score, fit_band, stage_since
FROM crm.lead_live ORDER BY id;

SELECT key, stage FROM lead_stage.as_of('crm.lead', '2026-03-09 12:00') ORDER BY key;

SELECT count(*) AS problems FROM lead_stage.verify_history('crm.lead');

UPDATE crm.lead_history SET to_stage = 'customer';
\set ECHO none
