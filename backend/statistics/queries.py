"""The counting itself. Statistics read what every domain has written and write nothing, so the statements stand here
together; each is kept to the units (`:units`) that the caller reaches, and counts what the domain's own list counts.
"""

from sqlalchemy import TextClause, text

_LOCAL = "AT TIME ZONE 'Asia/Shanghai'"
# Fillings that were corrected or withdrawn count no more.
_FILLINGS = """
    FROM fillings f LEFT JOIN cylinders c ON c.company_id = f.company_id AND c.code = f.code
    WHERE f.organisation_id = ANY(:units) AND f.corrected_by = '' AND f.withdrawn_at IS NULL
      AND f.filled_on BETWEEN :since AND :until AND (:specification = '' OR c.specification = :specification)
"""

FILLED = text(
    f"""
    SELECT f.organisation_id, f.filled_on AS day, extract(hour FROM f.ended_at {_LOCAL})::int AS hour,
           coalesce(c.specification, '') AS specification, count(*) AS number, sum(f.net_kg) AS kg,
           count(*) FILTER (WHERE c.owned) AS owned
    {_FILLINGS} GROUP BY 1, 2, 3, 4
    """  # noqa: S608 - our own words
)
FILLED_NUMBER = text(f"SELECT count(*) {_FILLINGS}")


def _counted(selected: str, table: str, alias: str, moment: str, where: str = "") -> TextClause:
    return text(
        f"""
        SELECT {alias}.organisation_id, ({moment} {_LOCAL})::date AS day,
               extract(hour FROM {moment} {_LOCAL})::int AS hour, {selected}
        FROM {table}
        WHERE {alias}.organisation_id = ANY(:units)
          AND {moment} >= :begin AND {moment} < :end {where}
        GROUP BY 1, 2, 3
        """  # noqa: S608 - our own words
    )


REFUSED = _counted(
    "count(*) AS number, count(*) FILTER (WHERE 'inspection_overdue' = ANY(r.reasons)) AS overdue",
    "refused_fillings r LEFT JOIN cylinders c ON c.company_id = r.company_id AND c.code = r.code",
    "r",
    "r.at",
    "AND r.stage = 'before' AND (:specification = '' OR c.specification = :specification)",
)
CHECKED = _counted("count(*) AS number", "delivery_checks k", "k", "k.at", "AND k.voided_at IS NULL")
FAILED_VISITS = _counted("count(*) AS number", "failed_visits v", "v", "v.at", "AND v.voided_at IS NULL")
HAZARDS = _counted("count(*) AS number", "hazards h", "h", "h.reported_at")

# A cylinder is sold when it is handed over in a delivery that stands.
SOLD = text(
    f"""
    SELECT d.organisation_id, (d.at {_LOCAL})::date AS day, extract(hour FROM d.at {_LOCAL})::int AS hour,
           coalesce(c.specification, '') AS specification, count(*) AS number
    FROM deliveries d JOIN organisations o ON o.id = d.organisation_id
      CROSS JOIN LATERAL jsonb_array_elements(d.delivered) AS scan
      LEFT JOIN LATERAL (
        SELECT min(x.specification) AS specification FROM cylinders x JOIN organisations p ON p.id = x.company_id
        WHERE x.company_id = ANY(:companies) AND x.code = scan ->> 'code' AND starts_with(o.path, p.path)
      ) c ON true
    WHERE d.organisation_id = ANY(:units) AND d.voided_at IS NULL AND d.at >= :begin AND d.at < :end
      AND (:specification = '' OR c.specification = :specification)
    GROUP BY 1, 2, 3, 4
    """  # noqa: S608 - our own words
)
HOUSEHOLDS = text(
    """
    SELECT organisation_id, count(DISTINCT customer_id) AS number FROM delivery_checks
    WHERE organisation_id = ANY(:units) AND voided_at IS NULL AND at >= :begin AND at < :end GROUP BY 1
    """
)
AREAS = text(
    """
    SELECT coalesce(nullif(u.road, ''), nullif(u.community, ''), nullif(u.street, ''), u.district, '') AS area,
           v.outcome, count(*) AS number
    FROM (
        SELECT organisation_id, customer_id, at, 'entered' AS outcome FROM delivery_checks WHERE voided_at IS NULL
        UNION ALL SELECT organisation_id, customer_id, at, outcome FROM failed_visits WHERE voided_at IS NULL
    ) v LEFT JOIN customers u ON u.id = v.customer_id
    WHERE v.organisation_id = ANY(:units) AND v.at >= :begin AND v.at < :end
    GROUP BY 1, 2
    """
)
ORDERS = text(
    f"""
    SELECT extract(hour FROM created_at {_LOCAL})::int AS hour, count(*) AS orders,
           percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (
             ORDER BY extract(epoch FROM done_at - created_at) / 60) AS minutes,
           count(*) FILTER (WHERE done_at <= created_at + make_interval(mins => :promise)) AS kept
    FROM delivery_orders
    WHERE organisation_id = ANY(:units) AND status = 'done' AND done_at >= created_at
      AND created_at >= :begin AND created_at < :end
    GROUP BY 1 ORDER BY 1
    """  # noqa: S608 - our own words
)
# What stands now, by unit: name of the figure, unit, number.
STANDING = text(
    """
    SELECT CASE kind WHEN 'storage' THEN 'storage_stations' WHEN 'supply' THEN 'supply_stations'
           ELSE 'supply_points' END AS figure, organisation_id, count(*) AS number
      FROM stations WHERE state = 'open' AND organisation_id = ANY(:units) GROUP BY 1, 2
    UNION ALL SELECT 'delivery_workers', s.organisation_id, count(*) FROM staff s JOIN employees e ON e.staff_id = s.id
      WHERE s.active AND e.post = 'delivery' AND s.organisation_id = ANY(:units) GROUP BY 2
    UNION ALL SELECT 'vehicles', organisation_id, count(*) FROM vehicles
      WHERE NOT retired AND organisation_id = ANY(:units) GROUP BY 2
    UNION ALL SELECT 'customers', organisation_id, count(*) FROM customers
      WHERE state = 'active' AND organisation_id = ANY(:units) GROUP BY 2
    UNION ALL SELECT 'own_cylinders', organisation_id, count(*) FROM cylinders
      WHERE owned AND NOT scrapped AND organisation_id = ANY(:units) GROUP BY 2
    UNION ALL SELECT 'tagged', organisation_id, count(*) FROM cylinders
      WHERE owned AND NOT scrapped AND tag_uid <> '' AND organisation_id = ANY(:units) GROUP BY 2
    UNION ALL SELECT 'overdue', organisation_id, count(*) FROM cylinders
      WHERE owned AND NOT scrapped AND next_inspection_on < (now() AT TIME ZONE 'Asia/Shanghai')::date
        AND organisation_id = ANY(:units) GROUP BY 2
    UNION ALL SELECT 'stock', organisation_id, count(*) FROM cylinders
      WHERE holder_kind = 'station' AND organisation_id = ANY(:units)
        AND (:specification = '' OR specification = :specification) GROUP BY 2
    UNION ALL SELECT 'on_the_way', organisation_id, count(*) FROM cylinders
      WHERE holder_kind = 'vehicle' AND organisation_id = ANY(:units)
        AND (:specification = '' OR specification = :specification) GROUP BY 2
    """
)
SPECIFICATIONS = text("SELECT DISTINCT specification FROM cylinders WHERE organisation_id = ANY(:units) ORDER BY 1")
NAMED = text(
    """
    SELECT organisation_id, count(*) AS customers, count(identity_sealed) AS named FROM customers
    WHERE state = 'active' AND organisation_id = ANY(:units) GROUP BY 1
    """
)
PAPERS = text(
    """
    SELECT u.organisation_id, p.kind, count(p.done_on) AS done, count(p.reviewed_at) AS reviewed
    FROM customer_papers p JOIN customers u ON u.id = p.customer_id
    WHERE u.state = 'active' AND u.organisation_id = ANY(:units) GROUP BY 1, 2
    """
)
