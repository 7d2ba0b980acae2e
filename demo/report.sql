-- report.sql -- half a year of a busy pipeline, for the page that report_html
-- writes.  Run by demo/run.sh in an empty database.
--
-- Six hundred invented leads, each with a plan of what happens to it; the plans
-- are played back in the order of time, as an application's single statements.

SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA crm;
CREATE TABLE crm.lead (
    id int PRIMARY KEY, name text, source text,
    role_type text, organisation_type text, region text, service_interest text,
    webinar_attended bool, consultation_requested bool, pricing_requested bool,
    eligibility_asked bool, asked_for_call bool,
    need_now bool, service_match bool, timeline text, decision_process text, next_step_agreed bool,
    first_call_at timestamptz, meeting_at timestamptz);
CREATE TABLE crm.activity (lead_id int REFERENCES crm.lead, at timestamptz, kind text, page text);
CREATE INDEX ON crm.activity (lead_id);

CREATE EXTENSION lead_stage;
SELECT FROM lead_stage.import_model(lead_stage.template('respiratory'));
SELECT FROM lead_stage.attach('crm.lead', 'respiratory');
SELECT FROM lead_stage.attach_activity('crm.activity', 'crm.lead', source => 'web');
SELECT FROM lead_stage.publish('respiratory');

-- Somebody's day at work: the next hour between nine and five that is not at
-- the weekend.
CREATE FUNCTION pg_temp.at_work(at timestamptz) RETURNS timestamptz LANGUAGE sql
    RETURN lead_stage.add_business_time('office', at, '00:00') + (random() * 50)::int * interval '1 minute';

CREATE TEMP TABLE plan (at timestamptz, lead int, step text, reason text);

DO $$
DECLARE
    at timestamptz;
    luck float8;
BEGIN
    PERFORM setseed(0.2026);
    FOR lead IN 1 .. 600 LOOP
        at := timestamptz '2026-01-05 07:00+00' + sqrt(random()) * interval '180 days';
        luck := random();
        INSERT INTO plan VALUES (at, lead, 'new');
        FOR n IN 1 .. (random() * 5)::int LOOP
            INSERT INTO plan VALUES (at + random() * random() * interval '40 days', lead, 'visit');
        END LOOP;
        CONTINUE WHEN luck < 0.25;
        at := at + random() * random() * interval '20 days';
        INSERT INTO plan VALUES (at, lead, 'ask');
        CONTINUE WHEN luck < 0.3;
        IF random() < 0.85 THEN
            INSERT INTO plan VALUES (pg_temp.at_work(lead_stage.add_business_time('office', at, random() * random() * interval '7 hours')), lead, 'call');
        END IF;
        at := pg_temp.at_work(at + random() * random() * interval '6 days');
        IF luck < 0.45 THEN
            INSERT INTO plan VALUES (at, lead, CASE WHEN luck < 0.4 THEN 'back' ELSE 'out' END,
                CASE WHEN luck < 0.33 THEN 'no answer after five attempts' WHEN luck < 0.37 THEN 'no need now'
                     WHEN luck < 0.4 THEN 'questions not answered' WHEN luck < 0.43 THEN 'not an organisation we serve' ELSE 'duplicate' END);
            CONTINUE;
        END IF;
        INSERT INTO plan VALUES (at, lead, 'accept');
        CONTINUE WHEN luck < 0.5;
        at := pg_temp.at_work(at + random() * interval '9 days');
        IF luck < 0.62 THEN
            INSERT INTO plan VALUES (at, lead, 'back', CASE WHEN luck < 0.57 THEN 'no budget this year' ELSE 'starts later than six months' END);
            -- Some come back.
            IF random() < 0.5 THEN
                at := at + interval '31 days' + random() * interval '20 days';
                INSERT INTO plan VALUES (at, lead, 'ask'), (pg_temp.at_work(at + interval '1 day'), lead, 'accept'),
                                        (pg_temp.at_work(at + interval '5 days'), lead, 'confirm');
            END IF;
            CONTINUE;
        END IF;
        INSERT INTO plan VALUES (at, lead, 'confirm'),
            (pg_temp.at_work(lead_stage.add_business_time('office', at, random() * random() * interval '7 hours')), lead, 'call');
        CONTINUE WHEN luck < 0.66;
        IF random() < 0.8 THEN
            INSERT INTO plan VALUES (pg_temp.at_work(at + random() * interval '3 days'), lead, 'meet');
        END IF;
        at := pg_temp.at_work(at + interval '4 days' + random() * interval '8 days');
        IF luck < 0.74 THEN
            INSERT INTO plan VALUES (at, lead, 'lose', CASE WHEN luck < 0.7 THEN 'no decision' ELSE 'does it in house' END);
            CONTINUE;
        END IF;
        INSERT INTO plan VALUES (at, lead, 'offer');
        CONTINUE WHEN luck < 0.8;
        at := pg_temp.at_work(at + interval '10 days' + random() * interval '50 days');
        INSERT INTO plan VALUES (at, lead, CASE WHEN luck < 0.88 THEN 'lose' ELSE 'win' END,
                                 CASE WHEN luck < 0.84 THEN 'chose another provider' WHEN luck < 0.88 THEN 'price' END);
    END LOOP;
    DELETE FROM plan AS p WHERE p.at > '2026-07-06 06:00+00';
END
$$;

-- Only what is still to happen to a lead that is where the plan thinks it is.
CREATE PROCEDURE pg_temp.play() LANGUAGE plpgsql AS $$
DECLARE
    sources constant text[] := '{webinar,search,referral,congress,newsletter,partner}';
    today date := '2026-01-05';
    p record;
BEGIN
    FOR p IN SELECT * FROM plan ORDER BY at, lead LOOP
        WHILE today < p.at::date LOOP
            PERFORM set_config('lead_stage.now', today + time '23:00' || '+00', false);
            CALL lead_stage.sweep();
            today := today + 1;
        END LOOP;
        PERFORM set_config('lead_stage.now', p.at::text, false);
        CASE p.step
            WHEN 'new' THEN
                INSERT INTO crm.lead (id, name, source, role_type, organisation_type, region, service_interest, webinar_attended)
                VALUES (p.lead, 'Lead ' || p.lead, sources[1 + (power(random(), 1.6) * 6)::int % 6],
                        (ARRAY['medical_director', 'programme_manager', 'procurement', 'physician', 'nurse', 'student'])[1 + (p.lead * 7) % 6],
                        (ARRAY['hospital', 'payer', 'health_system', 'clinic', 'employer'])[1 + p.lead % 5],
                        (ARRAY['UK', 'UK', 'DE', 'NL', 'IE', 'UK', 'DE', 'FR'])[1 + (p.lead * 5) % 8],
                        (ARRAY['pulmonary_rehab', 'copd_programme', 'asthma_programme', 'home_oxygen'])[1 + (p.lead * 3) % 4],
                        p.lead % 4 = 0);
            WHEN 'visit' THEN
                INSERT INTO crm.activity
                SELECT p.lead, p.at, (ARRAY['page_view', 'asset_download', 'video_watched', 'email_click'])[1 + (random() * 3)::int], 'pricing';
            WHEN 'ask' THEN UPDATE crm.lead SET asked_for_call = true WHERE id = p.lead;
            WHEN 'call' THEN UPDATE crm.lead SET first_call_at = p.at WHERE id = p.lead AND stage BETWEEN 'mql' AND 'sql';
            WHEN 'accept' THEN UPDATE crm.lead SET stage = 'sal' WHERE id = p.lead AND stage = 'mql';
            WHEN 'confirm' THEN
                UPDATE crm.lead SET need_now = true, service_match = true, timeline = '0-3 months', decision_process = 'board',
                                    next_step_agreed = true, stage = 'sql'
                WHERE id = p.lead AND stage = 'sal';
            WHEN 'meet' THEN UPDATE crm.lead SET meeting_at = p.at + interval '6 days' WHERE id = p.lead AND stage = 'sql';
            WHEN 'offer' THEN UPDATE crm.lead SET stage = 'opportunity' WHERE id = p.lead AND stage = 'sql' AND meeting_at IS NOT NULL;
            WHEN 'win' THEN UPDATE crm.lead SET stage = 'customer' WHERE id = p.lead AND stage = 'opportunity';
            WHEN 'back' THEN UPDATE crm.lead SET stage = 'nurture', stage_reason = p.reason WHERE id = p.lead AND stage IN ('mql', 'sal');
            WHEN 'out' THEN UPDATE crm.lead SET stage = 'disqualified', stage_reason = p.reason WHERE id = p.lead AND stage = 'mql';
            WHEN 'lose' THEN UPDATE crm.lead SET stage = 'lost', stage_reason = p.reason
                WHERE id = p.lead AND (stage = 'opportunity' OR stage = 'sql' AND p.reason IN ('no decision', 'does it in house'));
        END CASE;
    END LOOP;
    PERFORM set_config('lead_stage.now', '2026-07-06 07:00+00', false);
    CALL lead_stage.sweep();
END
$$;
-- In one transaction, so each sweep in it is one batch.
CALL pg_temp.play();
