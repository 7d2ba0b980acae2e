-- 36-template-respiratory.sql
-- A ready-made model: respiratory care programmes sold to organisations.
--
-- It reads sixteen columns of the leads table, named in its description, and
-- three of an activity table (kind, page and the time).  Every example ends in
-- its stage whether engagement is counted or not.

CREATE FUNCTION lead_stage._template_respiratory() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $function$
SELECT $json$
{
"model": {
    "name": "respiratory",
    "title": "Respiratory care programmes",
    "description": "For a company that sells respiratory care programmes and consulting to hospitals, health systems, payers and employers. Marketing qualifies by who asks (role, organisation, region, service) and how (forms, webinars, content); sales confirms five checks before a lead is an SQL. Columns read from the leads table: role_type, organisation_type, region, service_interest, timeline, decision_process (text); webinar_attended, consultation_requested, pricing_requested, eligibility_asked, asked_for_call, need_now, service_match, next_step_agreed (boolean); first_call_at, meeting_at (timestamptz). Activities, source \"web\": kind, page (text).",
    "labels": {"disqualified": "Not a fit", "lost": "Lost", "lead": "Enquiry", "nurture": "Nurture", "mql": "Marketing qualified", "sal": "MQL reviewed", "sql": "Sales qualified", "opportunity": "Proposal", "customer": "Programme running"},
    "time_zone": "Europe/London",
    "calendar": "office",
    "on_refused": "error",
    "on_rule_error": "skip",
    "notify": false
},

"category": [
    {"name": "profile", "max_points": 40},
    {"name": "coverage", "max_points": 30},
    {"name": "content", "max_points": 30},
    {"name": "events", "max_points": 40},
    {"name": "intent", "max_points": 50}
],

"band": [
    {"kind": "fit", "label": "A", "min_points": 50},
    {"kind": "fit", "label": "B", "min_points": 30},
    {"kind": "fit", "label": "C", "min_points": 0},
    {"kind": "fit", "label": "D", "min_points": -1000},
    {"kind": "engagement", "label": "1", "min_points": 40},
    {"kind": "engagement", "label": "2", "min_points": 20},
    {"kind": "engagement", "label": "3", "min_points": 5},
    {"kind": "engagement", "label": "4", "min_points": -1000}
],

"rule": [
    {"name": "role_decides", "kind": "fit", "category": "profile", "points": 20, "condition": "role_type IN ('executive', 'medical_director', 'programme_manager', 'procurement')", "note": "Can sign or recommend a programme."},
    {"name": "role_influences", "kind": "fit", "category": "profile", "points": 10, "condition": "role_type IN ('physician', 'nurse', 'respiratory_therapist')", "note": "Works with the patients; brings in who decides."},
    {"name": "role_outside", "kind": "fit", "points": -40, "condition": "role_type IN ('student', 'job_seeker', 'vendor')", "note": "Reads a lot, buys nothing."},
    {"name": "organisation_core", "kind": "fit", "category": "profile", "points": 20, "condition": "organisation_type IN ('hospital', 'health_system', 'payer')", "note": "The organisations the programmes were made for."},
    {"name": "organisation_possible", "kind": "fit", "category": "profile", "points": 10, "condition": "organisation_type IN ('clinic', 'home_care', 'employer')", "note": "Served where the region has a team."},
    {"name": "region_covered", "kind": "fit", "category": "coverage", "points": 15, "condition": "region IN ('UK', 'IE', 'NL', 'DE')", "note": "Regions with a care team."},
    {"name": "region_not_covered", "kind": "fit", "points": -60, "condition": "region NOT IN ('UK', 'IE', 'NL', 'DE')", "note": "Outweighs every other sign: nobody could deliver."},
    {"name": "service_matches", "kind": "fit", "category": "coverage", "points": 15, "condition": "service_interest IN ('pulmonary_rehab', 'copd_programme', 'asthma_programme', 'home_oxygen')", "note": "A service we deliver today."},

    {"name": "asset_downloaded", "kind": "engagement", "source": "web", "category": "content", "points": 8, "cap": 24, "half_life": "30 days", "condition": "kind = 'asset_download'"},
    {"name": "video_watched", "kind": "engagement", "source": "web", "category": "content", "points": 8, "cap": 16, "half_life": "30 days", "condition": "kind = 'video_watched'"},
    {"name": "case_study_read", "kind": "engagement", "source": "web", "category": "content", "points": 3, "cap": 9, "half_life": "14 days", "condition": "kind = 'page_view' AND page = 'case_study'"},
    {"name": "email_clicked", "kind": "engagement", "source": "web", "category": "content", "points": 2, "cap": 8, "half_life": "14 days", "condition": "kind = 'email_click'"},
    {"name": "webinar_joined", "kind": "engagement", "source": "web", "category": "events", "points": 20, "cap": 40, "half_life": "60 days", "condition": "kind = 'webinar_attended'"},
    {"name": "pricing_page_viewed", "kind": "engagement", "source": "web", "category": "intent", "points": 10, "cap": 20, "half_life": "14 days", "condition": "kind = 'page_view' AND page = 'pricing'"},
    {"name": "eligibility_checker_used", "kind": "engagement", "source": "web", "category": "intent", "points": 12, "cap": 24, "half_life": "21 days", "condition": "kind = 'eligibility_check'"},
    {"name": "unsubscribed", "kind": "engagement", "source": "web", "points": -30, "condition": "kind = 'unsubscribe'", "note": "Does not fade."}
],

"criterion": [
    {"name": "need_now", "required_for": "sql", "position": 1, "condition": "need_now", "question": "Which problem with respiratory patients do they have to solve, and do they have it now?"},
    {"name": "service_scope", "required_for": "sql", "position": 2, "condition": "service_match", "question": "Is what they need within the services we deliver, for their patients and in their region?"},
    {"name": "timeline", "required_for": "sql", "position": 3, "condition": "timeline IN ('0-3 months', '3-6 months')", "question": "When does the programme have to start?"},
    {"name": "decision_process", "required_for": "sql", "position": 4, "condition": "decision_process <> ''", "question": "Who decides, in which steps, and who holds the budget?"},
    {"name": "next_step", "required_for": "sql", "position": 5, "condition": "next_step_agreed", "question": "Have they agreed to a next step with a date?"},
    {"name": "meeting_set", "required_for": "opportunity", "position": 6, "condition": "meeting_at IS NOT NULL", "question": "When is the meeting about the proposal?"}
],

"transition": [
    {"name": "disqualify_outside_market", "from_stage": "lead", "to_stage": "disqualified", "position": 10, "automatic": true, "condition": "role_type IN ('student', 'job_seeker', 'vendor')", "note": "However much they read."},
    {"name": "mql_fast_track", "from_stage": "lead", "to_stage": "mql", "position": 20, "automatic": true, "min_fit": 20, "condition": "consultation_requested OR pricing_requested OR eligibility_asked OR asked_for_call", "note": "They ask to be contacted: no score is needed, only a fit that is not poor."},
    {"name": "mql_by_fit_and_form", "from_stage": "lead", "to_stage": "mql", "position": 30, "automatic": true, "min_fit": 40, "condition": "webinar_attended AND service_interest IS NOT NULL", "note": "Attended, filled in the form, and fits."},
    {"name": "mql_by_score", "from_stage": "lead", "to_stage": "mql", "position": 40, "automatic": true, "min_fit": 30, "min_engagement": 20, "min_score": 60, "note": "Fits, and keeps coming back."},
    {"name": "nurture_after_a_month", "from_stage": "lead", "to_stage": "nurture", "position": 50, "automatic": true, "in_stage_for": "30 days", "note": "Nothing came of it yet."},
    {"name": "mql_again_fast_track", "from_stage": "nurture", "to_stage": "mql", "position": 60, "automatic": true, "min_fit": 20, "condition": "consultation_requested OR pricing_requested OR eligibility_asked OR asked_for_call"},
    {"name": "mql_again_by_fit_and_form", "from_stage": "nurture", "to_stage": "mql", "position": 70, "automatic": true, "min_fit": 40, "condition": "webinar_attended AND service_interest IS NOT NULL"},
    {"name": "mql_again_by_score", "from_stage": "nurture", "to_stage": "mql", "position": 80, "automatic": true, "min_fit": 30, "min_engagement": 20, "min_score": 60},
    {"name": "mql_gone_cold", "from_stage": "mql", "to_stage": "nurture", "position": 90, "automatic": true, "idle_for": "60 days", "below_engagement": 5, "hold_for": "90 days", "note": "Nobody took it up and the interest has faded."},

    {"name": "sales_accepts", "from_stage": "mql", "to_stage": "sal", "position": 110, "note": "Sales has looked at it and will call: MQL reviewed."},
    {"name": "sql_confirmed", "from_stage": "sal", "to_stage": "sql", "position": 120, "note": "After the call: all checks confirmed."},
    {"name": "sql_confirmed_at_review", "from_stage": "mql", "to_stage": "sql", "position": 130, "note": "The intake form answered every check and the review agrees."},
    {"name": "proposal_opened", "from_stage": "sql", "to_stage": "opportunity", "position": 140},
    {"name": "won", "from_stage": "opportunity", "to_stage": "customer", "position": 150},

    {"name": "recycle", "to_stage": "nurture", "position": 210, "reasons": ["no need now", "starts later than six months", "no budget this year", "decision process unclear", "questions not answered", "no answer after five attempts"], "hold_for": "30 days", "note": "A good fit that is not ready; left alone for a month."},
    {"name": "disqualify", "to_stage": "disqualified", "position": 220, "reasons": ["outside our regions", "service not offered", "not an organisation we serve", "supplier, student or job seeker", "duplicate", "asked not to be contacted"]},
    {"name": "lost_before_proposal", "from_stage": "sql", "to_stage": "lost", "position": 230, "reasons": ["chose another provider", "does it in house", "programme cancelled", "no decision"]},
    {"name": "lost", "from_stage": "opportunity", "to_stage": "lost", "position": 240, "reasons": ["chose another provider", "does it in house", "price", "programme cancelled", "no decision"]},
    {"name": "reopen_lost", "from_stage": "lost", "to_stage": "nurture", "position": 250, "reasons": [], "hold_for": "30 days", "note": "Say what has changed."},
    {"name": "reopen_disqualified", "from_stage": "disqualified", "to_stage": "nurture", "position": 260, "reasons": [], "hold_for": "30 days", "note": "Say what has changed."}
],

"route": [
    {"name": "nurture_to_marketing", "stage": "nurture", "position": 10, "assign_to": "marketing"},
    {"name": "disqualified_to_marketing", "stage": "disqualified", "position": 20, "assign_to": "marketing"},
    {"name": "mql_to_intake_desk", "stage": "mql", "position": 30, "assign_to": "intake desk"},
    {"name": "sql_payers", "stage": "sql", "position": 40, "condition": "organisation_type = 'payer'", "assign_to": "payer team", "reassign": true},
    {"name": "sql_providers", "stage": "sql", "position": 50, "assign_to": "provider team", "reassign": true}
],

"rep": [],

"sla": [
    {"name": "call_back", "stage": "mql", "condition": "consultation_requested OR asked_for_call", "target": "04:00:00", "met_at": "first_call_at", "warn_before": "01:00:00", "escalate_to": "sales manager"},
    {"name": "review_mql", "stage": "mql", "target": "2 days", "warn_before": "04:00:00", "escalate_to": "sales manager"},
    {"name": "qualify_sal", "stage": "sal", "target": "10 days", "warn_before": "2 days", "pause_when": "meeting_at > lead_stage.now()", "breach_to": "nurture"},
    {"name": "first_response_sql", "stage": "sql", "target": "04:00:00", "met_at": "first_call_at", "warn_before": "01:00:00", "escalate_to": "sales manager"}
],

"milestone": [
    {"name": "meeting_booked", "condition": "meeting_at IS NOT NULL"},
    {"name": "first_call", "condition": "first_call_at IS NOT NULL"},
    {"name": "pricing_asked", "condition": "pricing_requested"}
],

"example": [
    {"name": "asset and video, then a need confirmed", "expected": "sql",
     "note": "Content brought them in, the call request made an MQL, the call confirmed every check.",
     "lead": {"role_type": "programme_manager", "organisation_type": "hospital", "region": "UK", "service_interest": "pulmonary_rehab"},
     "activities": [{"source": "web", "at": "-6 days", "kind": "asset_download"}, {"source": "web", "at": "-5 days", "kind": "video_watched"}],
     "steps": [{"asked_for_call": true},
               {"need_now": true, "service_match": true, "timeline": "0-3 months", "decision_process": "medical director, then the board in March", "next_step_agreed": true, "stage": "sql"}]},
    {"name": "webinar, form and fit", "expected": "mql",
     "note": "Marketing can qualify this far; an SQL needs the checks.",
     "lead": {"role_type": "medical_director", "organisation_type": "health_system", "region": "IE", "service_interest": "copd_programme", "webinar_attended": true},
     "activities": [{"source": "web", "at": "-3 days", "kind": "webinar_attended"}],
     "steps": []},
    {"name": "webinar, form, fit, intake reviewed", "expected": "sql",
     "note": "The intake form answers the checks; the review accepts it and confirms them.",
     "lead": {"role_type": "medical_director", "organisation_type": "health_system", "region": "IE", "service_interest": "copd_programme", "webinar_attended": true},
     "activities": [{"source": "web", "at": "-3 days", "kind": "webinar_attended"}],
     "steps": [{"need_now": true, "service_match": true, "timeline": "3-6 months", "decision_process": "clinical board, budget with the director"},
               {"stage": "sal"},
               {"next_step_agreed": true, "stage": "sql"}]},
    {"name": "much interest, no answers", "expected": "mql",
     "note": "Downloads and pricing pages are no SQL: the move is refused and nothing changes.",
     "lead": {"role_type": "procurement", "organisation_type": "payer", "region": "DE", "service_interest": "home_oxygen", "pricing_requested": true},
     "activities": [{"source": "web", "at": "-9 days", "kind": "asset_download"}, {"source": "web", "at": "-8 days", "kind": "asset_download"}, {"source": "web", "at": "-4 days", "kind": "page_view", "page": "pricing"}, {"source": "web", "at": "-3 days", "kind": "page_view", "page": "pricing"}, {"source": "web", "at": "-2 days", "kind": "video_watched"}, {"source": "web", "at": "-1 days", "kind": "eligibility_check"}],
     "steps": [{"stage": "sql"},
               {"need_now": true, "stage": "sql"}]},
    {"name": "much interest, no answers, recycled", "expected": "nurture",
     "note": "Refused as an SQL, it goes back to nurture with a reason and stays there.",
     "lead": {"role_type": "procurement", "organisation_type": "payer", "region": "DE", "service_interest": "home_oxygen", "pricing_requested": true},
     "activities": [{"source": "web", "at": "-9 days", "kind": "asset_download"}, {"source": "web", "at": "-4 days", "kind": "page_view", "page": "pricing"}, {"source": "web", "at": "-3 days", "kind": "page_view", "page": "pricing"}, {"source": "web", "at": "-1 days", "kind": "eligibility_check"}],
     "steps": [{"stage": "sql"},
               {"stage": "nurture", "stage_reason": "questions not answered"},
               {"asked_for_call": true}]},
    {"name": "a fit without a sign of interest", "expected": "lead",
     "note": "Fit alone does not qualify.",
     "lead": {"role_type": "executive", "organisation_type": "hospital", "region": "NL", "service_interest": "asthma_programme"},
     "activities": [], "steps": []},
    {"name": "asks for a call from outside our regions", "expected": "disqualified",
     "note": "The request does not make up for a region without a team; no MQL, and a person says why it ends.",
     "lead": {"role_type": "executive", "organisation_type": "hospital", "region": "US", "service_interest": "pulmonary_rehab", "asked_for_call": true},
     "activities": [],
     "steps": [{"stage": "mql"},
               {"stage": "disqualified", "stage_reason": "outside our regions"}]},
    {"name": "a student who reads everything", "expected": "disqualified",
     "note": "Behaviour without fit is no lead.",
     "lead": {"role_type": "student", "organisation_type": "hospital", "region": "UK", "service_interest": "copd_programme", "webinar_attended": true},
     "activities": [{"source": "web", "at": "-3 days", "kind": "webinar_attended"}, {"source": "web", "at": "-2 days", "kind": "asset_download"}, {"source": "web", "at": "-1 days", "kind": "video_watched"}],
     "steps": []},
    {"name": "a reason that is not on the list", "expected": "lead",
     "note": "Refused: reports can only count reasons that everybody shares.",
     "lead": {"role_type": "nurse", "organisation_type": "clinic", "region": "UK"},
     "activities": [],
     "steps": [{"stage": "disqualified", "stage_reason": "not interesting"}]},
    {"name": "all checks, but never an MQL", "expected": "lead",
     "note": "There is no move from enquiry to SQL: marketing's step comes first.",
     "lead": {"role_type": "executive", "organisation_type": "payer", "region": "UK", "service_interest": "home_oxygen"},
     "activities": [],
     "steps": [{"need_now": true, "service_match": true, "timeline": "0-3 months", "decision_process": "chief executive", "next_step_agreed": true, "stage": "sql"}]}
],

"calendar": [
    {"name": "office", "time_zone": "Europe/London",
     "hours": [
        {"dow": 1, "opens": "09:00:00", "closes": "17:00:00"},
        {"dow": 2, "opens": "09:00:00", "closes": "17:00:00"},
        {"dow": 3, "opens": "09:00:00", "closes": "17:00:00"},
        {"dow": 4, "opens": "09:00:00", "closes": "17:00:00"},
        {"dow": 5, "opens": "09:00:00", "closes": "17:00:00"}],
     "holiday": []}
]
}
$json$::jsonb
$function$;
COMMENT ON FUNCTION lead_stage._template_respiratory() IS 'template: respiratory care programmes';
