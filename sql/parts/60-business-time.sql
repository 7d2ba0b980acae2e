-- Business time.  A null calendar is round the clock, so none is STRICT in it.

CREATE FUNCTION lead_stage.add_business_time(calendar text, start timestamptz, span interval) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'lead_stage_add_business_time_sql'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage.add_business_time(text, timestamptz, interval)
    IS 'start plus so many open days, at the same time on the wall, and then so much working time; null or "always": round the clock';

CREATE FUNCTION lead_stage.business_time_between(calendar text, a timestamptz, b timestamptz) RETURNS interval
    AS 'MODULE_PATHNAME', 'lead_stage_business_time_between_sql'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage.business_time_between(text, timestamptz, timestamptz)
    IS 'the working time from a to b, negative if a is later; null or "always": round the clock';

CREATE FUNCTION lead_stage.is_open(calendar text, at timestamptz) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_is_open_sql'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage.is_open(text, timestamptz)
    IS 'whether the calendar is open at that instant; null or "always": round the clock';

CREATE FUNCTION lead_stage.next_open(calendar text, at timestamptz) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'lead_stage_next_open_sql'
    LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage.next_open(text, timestamptz)
    IS 'that instant if the calendar is open then, else its next opening; null or "always": round the clock';

-- Sessions keep the calendars they have read until one is changed.  Replicated
-- changes count too: logical replication fires only triggers that are for each
-- row and ALWAYS.

CREATE FUNCTION lead_stage._calendar_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'lead_stage_calendar_changed'
    LANGUAGE C;
COMMENT ON FUNCTION lead_stage._calendar_changed()
    IS 'makes every session read calendars anew';

CREATE TRIGGER calendar_changed AFTER INSERT OR UPDATE OR DELETE ON lead_stage.calendar
    FOR EACH ROW EXECUTE FUNCTION lead_stage._calendar_changed();
CREATE TRIGGER calendar_truncated AFTER TRUNCATE ON lead_stage.calendar
    EXECUTE FUNCTION lead_stage._calendar_changed();
CREATE TRIGGER calendar_changed AFTER INSERT OR UPDATE OR DELETE ON lead_stage.calendar_hours
    FOR EACH ROW EXECUTE FUNCTION lead_stage._calendar_changed();
CREATE TRIGGER calendar_truncated AFTER TRUNCATE ON lead_stage.calendar_hours
    EXECUTE FUNCTION lead_stage._calendar_changed();
CREATE TRIGGER calendar_changed AFTER INSERT OR UPDATE OR DELETE ON lead_stage.holiday
    FOR EACH ROW EXECUTE FUNCTION lead_stage._calendar_changed();
CREATE TRIGGER calendar_truncated AFTER TRUNCATE ON lead_stage.holiday
    EXECUTE FUNCTION lead_stage._calendar_changed();

ALTER TABLE lead_stage.calendar ENABLE ALWAYS TRIGGER calendar_changed;
ALTER TABLE lead_stage.calendar ENABLE ALWAYS TRIGGER calendar_truncated;
ALTER TABLE lead_stage.calendar_hours ENABLE ALWAYS TRIGGER calendar_changed;
ALTER TABLE lead_stage.calendar_hours ENABLE ALWAYS TRIGGER calendar_truncated;
ALTER TABLE lead_stage.holiday ENABLE ALWAYS TRIGGER calendar_changed;
ALTER TABLE lead_stage.holiday ENABLE ALWAYS TRIGGER calendar_truncated;
