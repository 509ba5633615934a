-- Where the samples of some tags are, for who reads in one round trip without BEGIN: the tenant is bound to the
-- transaction that PostgreSQL makes of the one statement, and ends with it.
SET LOCAL lock_timeout = '5s';

-- Three arrays of records: the tags, by id; their segments with anything in [first_us, end_us), and the nearest that lie
-- wholly before or after, which bounding values are taken from ("good" because bad samples may have to be passed over);
-- the frames of the tags' gateways that are not sealed, in order of arrival.
CREATE FUNCTION read_scope(tenant text, tags bigint[], first_us bigint, end_us bigint) RETURNS record
LANGUAGE plpgsql AS $$
DECLARE
    answer record;
BEGIN
    -- To the end of the transaction, whatever comes of it: `true` is what keeps connections without a tenant.
    PERFORM set_config('dualspan.tenant', tenant, true);
    SELECT
        ARRAY(SELECT ROW(known.*) FROM (
            SELECT tag_id, gateway_id, kind, retention_class, sloped, retired_at IS NOT NULL AS retired
            FROM tag WHERE tenant_id = tenant AND tag_id = ANY(tags) ORDER BY tag_id
        ) AS known),
        ARRAY(SELECT ROW(near.*) FROM (
            SELECT tag_id, segment_id, arrival, kind, t_min, t_max, sample_count, good_count, v_min, v_max, v_sum,
                   greatest(decoded_bytes, byte_count) AS decoded_bytes
            FROM segment
            WHERE tenant_id = tenant AND tag_id = ANY(tags) AND t_max >= first_us AND t_min < end_us
            UNION
            SELECT earlier.* FROM unnest(tags) AS wanted (id) CROSS JOIN LATERAL (
                SELECT tag_id, segment_id, arrival, kind, t_min, t_max, sample_count, good_count, v_min, v_max, v_sum,
                       greatest(decoded_bytes, byte_count) AS decoded_bytes
                FROM segment
                WHERE tenant_id = tenant AND tag_id = wanted.id AND t_max < first_us
                ORDER BY t_max DESC LIMIT 1
            ) AS earlier
            UNION
            SELECT earlier.* FROM unnest(tags) AS wanted (id) CROSS JOIN LATERAL (
                SELECT tag_id, segment_id, arrival, kind, t_min, t_max, sample_count, good_count, v_min, v_max, v_sum,
                       greatest(decoded_bytes, byte_count) AS decoded_bytes
                FROM segment
                WHERE tenant_id = tenant AND tag_id = wanted.id AND t_max < first_us AND good_count > 0
                ORDER BY t_max DESC LIMIT 2
            ) AS earlier
            UNION
            SELECT later.* FROM unnest(tags) AS wanted (id) CROSS JOIN LATERAL (
                SELECT tag_id, segment_id, arrival, kind, t_min, t_max, sample_count, good_count, v_min, v_max, v_sum,
                       greatest(decoded_bytes, byte_count) AS decoded_bytes
                FROM segment
                WHERE tenant_id = tenant AND tag_id = wanted.id AND t_max >= end_us AND t_min >= end_us
                ORDER BY t_min LIMIT 1
            ) AS later
            UNION
            SELECT later.* FROM unnest(tags) AS wanted (id) CROSS JOIN LATERAL (
                SELECT tag_id, segment_id, arrival, kind, t_min, t_max, sample_count, good_count, v_min, v_max, v_sum,
                       greatest(decoded_bytes, byte_count) AS decoded_bytes
                FROM segment
                WHERE tenant_id = tenant AND tag_id = wanted.id AND t_max >= end_us AND t_min >= end_us AND good_count > 0
                ORDER BY t_min LIMIT 1
            ) AS later
        ) AS near),
        ARRAY(SELECT ROW(waiting.*) FROM (
            SELECT gateway_id, epoch, sequence, arrival, t_min, t_max, sample_count, decoded_bytes
            FROM frame
            WHERE tenant_id = tenant AND gateway_id = ANY(ARRAY(
                SELECT DISTINCT gateway_id FROM tag WHERE tenant_id = tenant AND tag_id = ANY(tags)))
            ORDER BY arrival
        ) AS waiting)
    INTO answer;
    RETURN answer;
END
$$;
