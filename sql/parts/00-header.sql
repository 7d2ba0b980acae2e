\echo Use "CREATE EXTENSION lead_stage" to load this file. \quit

-- The types live in the schema that CREATE EXTENSION targets; tables and
-- functions live in a schema of their own.
CREATE SCHEMA lead_stage;
COMMENT ON SCHEMA lead_stage IS 'lead qualification: models, functions and what is attached';

-- Whoever writes to an attached table reads the configuration through it.
GRANT USAGE ON SCHEMA lead_stage TO PUBLIC;
