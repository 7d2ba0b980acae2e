-- One row of the curve: the same statements with so many leads.
\pset footer off
\pset tuples_only on
\pset format unaligned
SET client_min_messages = warning;
SET synchronous_commit = off;
SET session_replication_role = replica;
TRUNCATE ours_activity, ours_lead_state, ours_lead;
INSERT INTO ours_lead (id, email, stage_since, fit_score) SELECT g, 'lead' || g, now(), 0 FROM generate_series(1, :leads) AS g;
INSERT INTO ours_activity
    SELECT g, 1 + g % :leads, now() - g % 1000 * interval '1 hour', 'visit', 10 FROM generate_series(1, 10 * :leads::bigint) AS g;
RESET session_replication_role;
CALL lead_stage.rescore('ours_lead');
VACUUM ANALYZE ours_lead, ours_activity, ours_lead_state;
CHECKPOINT;
TRUNCATE taken;
CREATE OR REPLACE PROCEDURE measure_curve(leads bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR run IN 1 .. 20 LOOP
        CALL timed('hundred', 'ours', VARIADIC (SELECT array_agg(format('INSERT INTO ours_activity VALUES (nextval(''single''), %s, now(), ''visit'', 10)',
                                                                        1 + (random() * (leads - 1))::bigint)) FROM generate_series(1, 100)));
    END LOOP;
    FOR run IN 1 .. 20 LOOP
        CALL timed('thousand', 'ours', format('INSERT INTO ours_activity SELECT nextval(''single''), 1 + (random() * %s)::bigint, now(), ''visit'', 10 FROM generate_series(1, 1000)', leads - 1));
    END LOOP;
END $$;
CALL measure_curve(:leads);
SELECT format('  %s leads: %s µs, %s ms', lpad(:leads::text, 8),
              (SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ms)::numeric * 10) FROM taken WHERE task = 'hundred'),
              (SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ms)::numeric, 1) FROM taken WHERE task = 'thousand'));
