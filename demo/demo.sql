CREATE EXTENSION lead_stage;

\dx lead_stage
