-- 37-template-bant.sql
-- A ready-made model: budget, authority, need, timeline, and little else; the
-- shortest one that works, and a start for a model of one's own.

CREATE FUNCTION lead_stage._template_bant() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $function$
SELECT $json$
{
"model": {
    "name": "bant",
    "title": "Budget, authority, need, timeline",
    "description": "The four classic sales checks. Columns read from the leads table: company_size (integer), demo_requested (boolean), budget (numeric), authority (boolean), need (text), timeline (text), meeting_at (timestamptz). Activities, source \"web\": kind (text).",
    "labels": {},
    "time_zone": "UTC",
    "on_refused": "error",
    "on_rule_error": "skip",
    "notify": false
},
"category": [],
"band": [
    {"kind": "fit", "label": "A", "min_points": 30},
    {"kind": "fit", "label": "B", "min_points": 10},
    {"kind": "fit", "label": "C", "min_points": 0}
],
"rule": [
    {"name": "company_known", "kind": "fit", "points": 10, "condition": "company_size > 0"},
    {"name": "company_of_50", "kind": "fit", "points": 20, "condition": "company_size >= 50"},
    {"name": "visit", "kind": "engagement", "source": "web", "points": 5, "cap": 40, "half_life": "14 days", "condition": "kind = 'visit'"}
],
"criterion": [
    {"name": "budget", "required_for": "sql", "position": 1, "condition": "budget > 0", "question": "How much money is set aside for this?"},
    {"name": "authority", "required_for": "sql", "position": 2, "condition": "authority", "question": "Are we talking to who decides?"},
    {"name": "need", "required_for": "sql", "position": 3, "condition": "need <> ''", "question": "Which problem do they need to solve?"},
    {"name": "timeline", "required_for": "sql", "position": 4, "condition": "timeline IN ('0-3 months', '3-6 months')", "question": "By when?"}
],
"transition": [
    {"name": "mql_by_demo", "from_stage": "lead", "to_stage": "mql", "position": 10, "automatic": true, "min_fit": 10, "condition": "demo_requested"},
    {"name": "mql_by_score", "from_stage": "lead", "to_stage": "mql", "position": 20, "automatic": true, "min_engagement": 15, "min_score": 40},
    {"name": "mql_again", "from_stage": "nurture", "to_stage": "mql", "position": 30, "note": "By hand: who sent it back knows when to look again."},
    {"name": "sql_confirmed", "from_stage": "mql", "to_stage": "sql", "position": 40},
    {"name": "opportunity_opened", "from_stage": "sql", "to_stage": "opportunity", "position": 50},
    {"name": "won", "from_stage": "opportunity", "to_stage": "customer", "position": 60},
    {"name": "recycle", "to_stage": "nurture", "position": 70, "reasons": ["no budget", "no authority", "no need", "not in time"], "hold_for": "30 days"},
    {"name": "disqualify", "to_stage": "disqualified", "position": 80, "reasons": ["poor fit", "duplicate", "not a business"]},
    {"name": "lost", "to_stage": "lost", "position": 90, "reasons": [], "note": "Any text."}
],
"route": [],
"rep": [],
"sla": [
    {"name": "first_response", "stage": "sql", "target": "24:00:00", "calendar": "always", "warn_before": "04:00:00", "escalate_to": "sales manager"}
],
"milestone": [
    {"name": "meeting_booked", "condition": "meeting_at IS NOT NULL"}
],
"example": [
    {"name": "all four answers", "expected": "sql", "note": "The demo made an MQL; sales has an answer to each of the four questions.",
     "lead": {"company_size": 120, "demo_requested": true},
     "activities": [{"source": "web", "at": "-1 days", "kind": "visit"}],
     "steps": [{"budget": 50000, "authority": true, "need": "replace spreadsheets", "timeline": "0-3 months", "stage": "sql"}]},
    {"name": "three of four", "expected": "mql", "note": "Refused: nobody knows who decides.",
     "lead": {"company_size": 120, "demo_requested": true},
     "activities": [],
     "steps": [{"budget": 50000, "need": "replace spreadsheets", "timeline": "0-3 months", "stage": "sql"}]},
    {"name": "demo for nobody we know", "expected": "lead", "note": "No fit: of the company nothing is known, so asking for a demo is not enough.",
     "lead": {"demo_requested": true},
     "activities": [], "steps": []},
    {"name": "not this year", "expected": "nurture", "note": "A need without a date goes back, with the reason, and is left alone for a month.",
     "lead": {"company_size": 10, "demo_requested": true},
     "activities": [],
     "steps": [{"stage": "nurture", "stage_reason": "not in time"}]}
],
"calendar": []
}
$json$::jsonb
$function$;
COMMENT ON FUNCTION lead_stage._template_bant() IS 'template: budget, authority, need, timeline';
