-- The definitions as one document: everything that a model says is in it, and
-- nothing that a modeller typed can break it.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_guide;
SET ROLE regress_guide;

-- A model with one of everything.
SELECT lead_stage.import_model($json${
    "model": {"name": "one of each", "title": "Sleep clinics | 2026", "description": "For *clinics* <only> & R&D; prices in $.",
              "labels": {"sal": "MQL reviewed", "mql": "Warm", "lead": "Enquiry"}, "time_zone": "Europe/Berlin", "calendar": "shop", "on_refused": "keep"},
    "category": [{"name": "who", "max_points": 30}, {"name": "free"}],
    "band": [{"kind": "fit", "label": "A", "min_points": 20}, {"kind": "fit", "label": "B|C", "min_points": 0}, {"kind": "engagement", "label": "1", "min_points": 12.5}, {"kind": "engagement", "label": "2", "min_points": 2}],
    "rule": [{"id": 1, "name": "size", "kind": "fit", "points": 20, "category": "who", "condition": "size >= 100"},
             {"id": 2, "name": "role|x", "kind": "fit", "points": 15, "category": "who", "condition": "role IN ('a', 'b')\n    OR role || 'x' LIKE '%`%'", "note": "# _why_ [link](http://x) `code` snake_case"},
             {"id": 3, "name": "everybody", "kind": "fit", "points": -5},
             {"id": 4, "name": "off", "kind": "fit", "points": 99, "condition": "true", "enabled": false},
             {"id": 5, "name": "page", "kind": "engagement", "source": "web", "points": 3, "cap": 12, "half_life": "14 days", "category": "free", "condition": "kind = 'page'"},
             {"id": 6, "name": "call", "kind": "engagement", "source": "phone", "points": 0}],
    "criterion": [{"name": "budget", "required_for": "sql", "position": 2, "condition": "budget > 0", "question": "How much?"},
                  {"name": "called", "required_for": "sal", "position": 3, "signal": "call", "signal_within": "30 days", "question": "Did they pick up?"},
                  {"name": "need", "required_for": "sql", "position": 1, "condition": "need"}],
    "transition": [{"name": "warm", "from_stage": "lead", "to_stage": "mql", "position": 1, "automatic": true, "min_fit": 10, "min_engagement": 5, "min_score": 20.5, "signal": "page", "signal_within": "7 days", "not_before": "follow_up", "condition": "asked", "note": "Knocks on the door."},
                   {"name": "warm again", "from_stage": "nurture", "to_stage": "mql", "position": 2, "automatic": true, "min_fit": 10, "min_engagement": 5, "min_score": 20.5, "signal": "page", "signal_within": "7 days", "not_before": "follow_up", "condition": "asked"},
                   {"name": "accept", "from_stage": "mql", "to_stage": "sal", "position": 3},
                   {"name": "confirm", "from_stage": "sal", "to_stage": "sql", "position": 4, "note": "After the call."},
                   {"name": "confirm at once", "from_stage": "mql", "to_stage": "sql", "position": 4, "note": "By the form."},
                   {"name": "vouched for", "from_stage": "sal", "to_stage": "sql", "position": 4, "reasons": ["known to us", "referred"], "hold_for": "1 day"},
                   {"name": "rest", "from_stage": "lead", "to_stage": "nurture", "position": 5, "automatic": true, "in_stage_for": "30 days", "idle_for": "36:00:00", "below_engagement": 5},
                   {"name": "back", "to_stage": "nurture", "position": 6, "reasons": ["not now", "no | money"], "hold_for": "2 days"},
                   {"name": "out", "to_stage": "disqualified", "position": 7},
                   {"name": "gone", "from_stage": "sql", "to_stage": "lost", "position": 8, "reasons": []},
                   {"name": "won", "from_stage": "sql", "to_stage": "customer", "position": 9}],
    "route": [{"name": "big", "stage": "sql", "position": 1, "condition": "size > 500", "assign_to": "Zoë", "reassign": true},
              {"name": "others", "stage": "sql", "position": 2, "pool": "north", "reassign": false},
              {"name": "some", "stage": "mql", "position": 2, "condition": "asked", "pool": "north"},
              {"name": "poor", "stage": "disqualified", "position": 3, "assign_to": "marketing"}],
    "rep": [{"pool": "north", "name": "ann", "weight": 2, "max_open": 10}, {"pool": "north", "name": "ben", "enabled": false},
            {"pool": "north", "name": "cat", "away": "{[2026-03-01 08:00+00,2026-03-04 08:00+00),[2026-12-24 00:00+01,)}"}, {"pool": "north", "name": "dan", "away": "{(,)}"}],
    "sla": [{"name": "call back", "stage": "sql", "condition": "asked", "target": "1 day 02:30", "met_at": "called_at", "warn_before": "00:45", "escalate_to": "boss", "repeat": true, "pause_when": "waiting"},
            {"name": "accept", "stage": "mql", "calendar": "always", "target": "2 days", "breach_to": "nurture"},
            {"name": "pick up", "stage": "sal", "target": "04:00", "met_signal": "call"},
            {"name": "on", "stage": "sal", "target": "3 days", "condition": "size > 5", "escalate_to": "north"}],
    "milestone": [{"name": "meeting_booked", "condition": "meeting IS NOT NULL"}, {"name": "phone", "signal": "call", "note": "First one."}],
    "example": [{"name": "good", "expected": "mql", "lead": {"size": 100, "asked": true}, "activities": [{"source": "web", "at": "-1 days", "kind": "page"}, {"source": "web", "at": "2026-01-01", "kind": "page"}], "note": "Asked."},
                {"name": "bad", "expected": "lead", "lead": {"size": null}, "steps": [{"stage": "sql"}, {"asked": true}]}],
    "calendar": [{"name": "shop", "time_zone": "Europe/Berlin",
                  "hours": [{"dow": 1, "opens": "09:00", "closes": "12:00"}, {"dow": 1, "opens": "13:00", "closes": "24:00"}, {"dow": 2, "opens": "22:00", "closes": "06:00"},
                            {"dow": 3, "opens": "09:00", "closes": "17:00"}, {"dow": 4, "opens": "09:00", "closes": "17:00"}],
                  "holiday": [{"day": "2026-12-25", "note": "Christmas"}, {"day": "2026-12-24", "opens": "09:00", "closes": "12:00"}]}]
    }$json$);
SELECT lead_stage.publish('one of each', 'first | cut') AS version \gset v1_
\pset format unaligned
\pset tuples_only on
SELECT regexp_replace(lead_stage.guide('one of each', :v1_version), '(published |\*\*, )\d{4}-\d\d-\d\d \d\d:\d\d', '\1THEN', 'g') AS guide \gset
SELECT replace(replace(:'guide', 'ersion ' || :v1_version, 'ersion V1'), 'by ' || session_user, 'by ME') AS guide;

-- The draft says that it is one, and what it would change.
UPDATE lead_stage.rule SET name = 'large', points = 25 WHERE model = 'one of each' AND name = 'size';
DELETE FROM lead_stage.transition WHERE model = 'one of each' AND name = 'won';
INSERT INTO lead_stage.route (model, name, stage, assign_to) VALUES ('one of each', 'new', 'nurture', 'marketing');
SELECT line FROM regexp_split_to_table(replace(lead_stage.guide('one of each'), 'ersion ' || :v1_version, 'ersion V1'), '\n') WITH ORDINALITY AS l (line, n)
WHERE line ~ 'Draft|^  - (rule|transition|route)|large' ORDER BY n;
-- What was published stays as it was.
SELECT lead_stage.guide('one of each', :v1_version) LIKE '%| +20 | `size` |%' AS old_points, lead_stage.guide('one of each', :v1_version) LIKE '%In force.%' AS in_force,
       lead_stage.guide('one of each', :v1_version) LIKE '%Draft%' AS speaks_of_draft;
SELECT lead_stage.publish('one of each', 'second') AS version \gset v2_
SELECT lead_stage.guide('one of each', :v1_version) LIKE format('%%Replaced: in force is version %s.%%', :v2_version) AS replaced,
       lead_stage.guide('one of each', :v1_version) LIKE '%second%' AS knows_the_future,
       lead_stage.guide('one of each', :v2_version) LIKE format('%%**Version %s**%%second%%- rule `large` changed: name `size` → `large`; points `20` → `25`%%**Version %s**%%', :v2_version, :v1_version) AS has_history;
SELECT lead_stage.guide('one of each') LIKE format('%%**Draft**, not published%%- the same as version %s%%', :v2_version) AS same_as_published;

-- What both sides have to find in it, one thing after the other, in the guide
-- of the template that has everything.
SELECT lead_stage.import_model(lead_stage.template('respiratory'), 'promised') AS model \gset
SELECT lead_stage.guide('promised') AS guide \gset
SELECT p.promise, strpos(:'guide', p.text) > 0 AS kept FROM (VALUES
    (1, 'stages with labels', E'| MQL reviewed | `sal` | sales | Marketing qualified | whoever has it |\n'),
    (2, 'exact criteria of an MQL', E'From Enquiry (`mql_by_score`) or Nurture (`mql_again_by_score`), by itself, if all of this holds:\n   - a fit of at least 30\n   - an engagement of at least 20\n   - fit and engagement together of at least 60\n'),
    (3, 'points of fit', '| +20 | `organisation_core` | `organisation_type IN (''hospital'', ''health_system'', ''payer'')` | profile |'),
    (4, 'points, cap and decay of engagement', '| +8 | `asset_downloaded` | web | `kind = ''asset_download''` | 24 | 30 days | content |'),
    (5, 'caps of groups', 'no more than this: content 30 points, events 40 points, intent 50 points.'),
    (6, 'bands', 'Grades: **A** from 50; **B** from 30, below 50; **C** from 0, below 30; **D** below 0.'),
    (7, 'grade', '**A1** is a fit of A with an engagement of 1.'),
    (8, 'questions of sales', '| Have they agreed to a next step with a date? | `next_step` | `next_step_agreed` is true | Sales qualified |'),
    (9, 'exact criteria of an SQL', '- confirmed: `need_now`, `service_scope`, `timeline`, `decision_process` and `next_step`'),
    (10, 'steps of the hand-off', '| Marketing qualified → MQL reviewed | `sales_accepts` | by hand | nothing more | whoever has it | Sales has looked at it and will call: MQL reviewed. |'),
    (11, 'owners', '| Sales qualified | `organisation_type = ''payer''` | payer team | yes | `sql_payers` |'),
    (12, 'stages without a route', '| Proposal | always | whoever has it | – | no route |'),
    (13, 'response times', '| Marketing qualified | `call_back` | `consultation_requested OR asked_for_call` | 4 hours | working time, office | the time in `first_call_at`, or it moves up | never | 1 hour before | goes to sales manager |'),
    (14, 'calendars', E'Calendar **office**, local time of Europe/London:\n\n| Days | Open |\n| --- | --- |\n| Monday to Friday | 09:00–17:00 |\n\nNo holidays are entered.'),
    (15, 'reasons to recycle', '| any open stage → Nurture | `recycle` | by hand | nothing more | no need now; starts later than six months; no budget this year; decision process unclear; questions not answered; no answer after five attempts | 30 days |'),
    (16, 'reasons to disqualify', '| any open stage → Not a fit | `disqualify` | by hand | nothing more | outside our regions; service not offered; not an organisation we serve; supplier, student or job seeker; duplicate; asked not to be contacted |'),
    (17, 'examples that qualify', E'### Leads that qualify\n\n- **asset and video, then a need confirmed** ends as **Sales qualified**. Content brought them in, the call request made an MQL, the call confirmed every check.\n'),
    (18, 'examples that do not', E'- **all checks, but never an MQL** ends as **Enquiry**. There is no move from enquiry to SQL: marketing''s step comes first.\n'),
    (19, 'versions', E'## Versions\n\nNot published yet.')) AS p (n, promise, text) ORDER BY n;
-- Every example of every template says why, in the guide.
SELECT t.name, count(*) AS examples, count(*) FILTER (WHERE line !~ '\*\*\. \S') AS without_why
FROM lead_stage.templates() AS t CROSS JOIN LATERAL regexp_split_to_table(lead_stage.guide(CASE t.name WHEN 'respiratory' THEN 'promised' ELSE lead_stage.import_model(lead_stage.template(t.name)) END), '\n') AS line
WHERE line LIKE '- **% ends as %' GROUP BY t.name ORDER BY t.name;
DELETE FROM lead_stage.model WHERE name = 'promised';

-- No line of any table has another number of cells than its header, and every
-- code span ends, whatever is in it.
CREATE TEMP TABLE line AS
SELECT m.name, l.n, l.line, (length(regexp_replace(l.line, '\\.', '', 'g')) - length(replace(regexp_replace(l.line, '\\.', '', 'g'), '|', ''))) AS bars
FROM (VALUES ('one of each'), (lead_stage.import_model(lead_stage.template('respiratory'))), (lead_stage.import_model(lead_stage.template('bant')))) AS m (name)
     CROSS JOIN LATERAL regexp_split_to_table(lead_stage.guide(m.name), '\n') WITH ORDINALITY AS l (line, n);
SELECT count(*) > 150 AS many_lines, count(*) FILTER (WHERE line LIKE '|%') > 80 AS many_rows FROM line;
SELECT name, line FROM (SELECT *, lag(bars) OVER (PARTITION BY name ORDER BY n) AS before, lag(line) OVER (PARTITION BY name ORDER BY n) AS line_before FROM line) AS l
WHERE line LIKE '|%' AND line_before LIKE '|%' AND bars <> before ORDER BY name, n;
-- Nothing is left over from a value that is not there.
SELECT name, line FROM line WHERE line ~ '\{\}|\mnull\M|version \.| :|: *$|  \w|for then' AND line !~ '(holds|ways|Europe/\w+):$' AND line !~ '^ +[-`*NT]' ORDER BY name, n;

-- Escaping, character by character.
SELECT t, lead_stage._md(t), lead_stage._md_code(t), lead_stage._md_code(t, true)
FROM unnest(ARRAY['a|b', 'a_b', '_a_', '*', '`', '``a` b', 'a\b', '<i>', '&lt;', '&#60;', 'R&D', '# no heading', '- no list', '1. no list', '1.5', E'two\n  lines', '$1$', '']) WITH ORDINALITY AS u (t, n) ORDER BY n;
SELECT t, lead_stage._md_condition(t), lead_stage._md_condition(t, true)
FROM unnest(ARRAY['asked', ' "On Hold" ', 'Größe', 'NOT asked', 'a OR b', 'true', 'FALSE', '1', 'a || b', 'f(x)', 'a.b']) WITH ORDINALITY AS u (t, n) ORDER BY n;
SELECT t, lead_stage._span_words(t) FROM unnest('{1 day,2 days,01:00:00,1 day 02:30:00,00:00:01.5,36:00:00}'::text[]) AS t;
\pset format aligned
\pset tuples_only off

-- Anybody may read it; nobody gets one of what is not there.
RESET ROLE;
CREATE ROLE regress_guide_reader;
SET ROLE regress_guide_reader;
SELECT lead_stage.guide('one of each') LIKE '# Sleep clinics%' AS readable;
SELECT lead_stage.guide(NULL);
SELECT lead_stage.guide('none of each');
\set VERBOSITY sqlstate
SELECT lead_stage.guide('one of each', 0);
RESET ROLE;
DELETE FROM lead_stage.model WHERE name IN ('one of each', 'respiratory', 'bant');
DELETE FROM lead_stage.calendar WHERE name IN ('shop', 'office');
DROP TABLE line;
DROP ROLE regress_guide, regress_guide_reader;
