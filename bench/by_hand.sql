-- The profiles of 03_tag as one would write them by hand for DuckDB.
COPY (
WITH lines AS (
  SELECT o.customer_id, o.order_id, o.store_id, o.ordered_at, o.line_value_minor, o.discount_minor,
    o.coupon_minor, o.is_discounted, p.department, p.brand
  FROM read_parquet('{orders}/*.parquet') o
  LEFT JOIN read_parquet('{products}') p USING (product_id)
  WHERE o.ordered_at < TIMESTAMPTZ '{as_of} 00:00:00+00' + INTERVAL 1 DAY
),
baskets AS MATERIALIZED (
  SELECT customer_id, order_id, date_diff('day', min(ordered_at)::DATE, DATE '{as_of}') AS ago,
    isodow(min(ordered_at)) >= 6 AS is_weekend, hour(min(ordered_at)) >= 17 AS is_evening,
    sum(line_value_minor)::BIGINT AS minor, count(*) AS n_lines, min(store_id) AS store_id
  FROM lines GROUP BY ALL
),
habits AS (
  SELECT customer_id, min(ago) AS recency_days, count(*) AS frequency,
    sum(minor) / (count(*) * 100) AS monetary_value, max(ago) AS tenure_days,
    count(*) FILTER (ago < 30) AS n_orders_30, count(*) FILTER (ago < 90) AS n_orders_90,
    count(*) FILTER (ago < 365) AS n_orders_365,
    coalesce(sum(minor) FILTER (ago < 30), 0) / 100 AS spend_30_value,
    coalesce(sum(minor) FILTER (ago < 90), 0) / 100 AS spend_90_value,
    coalesce(sum(minor) FILTER (ago < 365), 0) / 100 AS spend_365_value,
    coalesce(sum(minor) FILTER (ago >= 90 AND ago < 180), 0) / 100 AS spend_prior_90_value,
    sum(n_lines) / count(*) AS items_per_order,
    count(*) FILTER (is_weekend) / count(*) AS weekend_share,
    count(*) FILTER (is_evening) / count(*) AS evening_share,
    count(DISTINCT store_id) AS n_stores
  FROM baskets GROUP BY customer_id
),
gaps AS (
  SELECT customer_id, count(gap) AS n, sum(gap) AS total, sum(gap * gap) AS squares
  FROM (
    SELECT customer_id, ago - lag(ago) OVER (PARTITION BY customer_id ORDER BY ago) AS gap
    FROM (SELECT DISTINCT customer_id, ago FROM baskets)
  ) GROUP BY customer_id
),
prices AS (
  SELECT customer_id,
    least(sum(discount_minor + coupon_minor) / nullif(sum(line_value_minor + discount_minor), 0), 1)
      AS discount_share,
    count(*) FILTER (is_discounted) / count(*) AS discounted_lines_share,
    coalesce(sum(line_value_minor) FILTER (brand = 'Private'), 0)
      / nullif(sum(line_value_minor) FILTER (brand IS NOT NULL), 0) AS private_brand_share
  FROM lines GROUP BY customer_id
),
interests AS (
  SELECT *, spend_minor / nullif(sum(spend_minor) OVER (PARTITION BY customer_id), 0) AS share
  FROM (
    SELECT customer_id, department, sum(line_value_minor)::BIGINT AS spend_minor
    FROM lines
    WHERE department IS NOT NULL
      AND ordered_at >= TIMESTAMPTZ '{as_of} 00:00:00+00' - INTERVAL 729 DAY
    GROUP BY ALL
  )
),
breadth AS (
  SELECT customer_id, count(*) AS n_departments,
    first(department ORDER BY spend_minor DESC, department) FILTER (share > 0) AS top_department,
    max(share) FILTER (share > 0) AS top_department_share,
    sum(round(-share * ln(share) * 1000000000)::BIGINT) FILTER (share > 0) / 1000000000
      AS department_entropy
  FROM interests GROUP BY customer_id
),
scores AS (
  SELECT customer_id,
    1 + (5 * (rank() OVER (ORDER BY recency_days DESC) - 1)) // count(*) OVER () AS r_score,
    1 + (5 * (rank() OVER (ORDER BY frequency) - 1)) // count(*) OVER () AS f_score,
    1 + (5 * (rank() OVER (ORDER BY monetary_value) - 1)) // count(*) OVER () AS m_score
  FROM habits
)
SELECT h.customer_id, DATE '{as_of}' AS as_of_date, h.* EXCLUDE (customer_id),
  r_score, f_score, m_score,
  total / nullif(n, 0) AS gap_mean_days,
  sqrt((n * squares - total * total) / nullif(n * (n - 1), 0)) AS gap_std_days,
  recency_days / (total / nullif(n, 0)) AS overdue_ratio,
  discount_share, discounted_lines_share, private_brand_share,
  coalesce(n_departments, 0) AS n_departments, top_department, top_department_share,
  department_entropy, 0 AS n_redemptions_365, 0 AS n_exposures_365,
  CASE WHEN recency_days >= 90 THEN 'lapsed' WHEN tenure_days < 30 THEN 'new'
    WHEN recency_days >= 21 AND coalesce(recency_days / (total / nullif(n, 0)), 2) >= 2
    THEN 'slipping' ELSE 'active' END AS lifecycle
FROM habits h
LEFT JOIN scores USING (customer_id) LEFT JOIN gaps USING (customer_id)
LEFT JOIN prices USING (customer_id) LEFT JOIN breadth USING (customer_id)
ORDER BY h.customer_id
) TO '{target}' (FORMAT parquet)
