-- What falls due without a write.

CREATE PROCEDURE lead_stage.sweep(batch int DEFAULT 1000)
    AS 'MODULE_PATHNAME', 'lead_stage_sweep'
    LANGUAGE C;
COMMENT ON PROCEDURE lead_stage.sweep(int) IS
    'does what has fallen due without a write, for the tables whose owner the caller is a member of; commits each batch';
