-- Input errors that can be asked about instead of being raised (PostgreSQL 16
-- and later).
SELECT pg_input_is_valid('MQL', 'lead_stage') AS yes, pg_input_is_valid('suspect', 'lead_stage') AS no,
    pg_input_is_valid('{lead,sql}', 'lead_stage[]') AS yes, pg_input_is_valid('{lead,suspect}', 'lead_stage[]') AS no;
SELECT * FROM pg_input_error_info('suspect', 'lead_stage');
SELECT state, pg_input_is_valid(state, 'lead_score') AS valid, sql_error_code
FROM (VALUES ('{1}'), ('{1;2,3,4,0,2026-01-02T03:04:05Z}'), ('{1;2}'), ('{0}'), ('')) v (state), pg_input_error_info(state, 'lead_score')
ORDER BY state COLLATE "C";
