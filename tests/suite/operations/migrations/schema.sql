-- A line for all that a schema has, but for its comments and for what the migrations record of themselves.
SELECT line FROM (
    SELECT format('table %s %s', relname, CASE relpersistence WHEN 'u' THEN 'unlogged' ELSE 'logged' END) AS line
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    UNION ALL
    SELECT format('column %s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN ' not null' END,
                  ' default ' || pg_get_expr(d.adbin, d.adrelid),
                  ' collate ' || nullif(l.collname, 'default'))
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN pg_collation l ON l.oid = a.attcollation
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('statistics %s.%s %s', c.relname, a.attname, a.attstattarget)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget >= 0
    UNION ALL
    SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT format('partition %s %s', oid::regclass, pg_get_expr(relpartbound, oid))
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relispartition AND relkind = 'r'
    UNION ALL
    SELECT format('function %s returns %s, %s %s%s', oid::regprocedure, pg_get_function_result(oid),
                  (SELECT lanname FROM pg_language WHERE oid = prolang),
                  CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
                  ' set ' || array_to_string(proconfig, ', '))
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) lines
WHERE line !~ 'schema_(migrations|functions)'
ORDER BY line COLLATE "C"
