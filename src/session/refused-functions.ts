/**
 * Functions of PostgreSQL that would be evaluated against the PostgreSQL inside (its files, its processes, its empty
 * tables) and so give a wrong answer or do the wrong thing. 0A000; listed in docs/compatibility.md.
 */
export const refusedFunctions: RegExp = new RegExp(
  `^(${[
    'pg_(cancel|terminate)_backend',
    'pg_sleep(_for|_until)?',
    'pg_notify',
    'pg_listening_channels',
    'lo_.*|lo(read|write|creat|import|export)',
    'pg_(read|stat|ls)_.*(file|dir).*',
    'pg_read_file|pg_read_binary_file|pg_ls_dir|pg_stat_file',
    'pg_reload_conf|pg_rotate_logfile.*|pg_promote|pg_backup_.*|pg_(switch|create_restore|current)_.*',
    'pg_(export|import)_snapshot',
    '(query|table|cursor|schema|database)_to_xml.*',
    'ts_stat|ts_rewrite',
    'pg_(create|drop|copy)_.*replication_slot|pg_logical_.*|pg_replication_.*',
    'txid_.*|pg_current_xact_id.*|pg_snapshot_.*|pg_xact_.*',
    'pg_log_.*|pg_stat_reset.*|pg_collation_actual_version|pg_import_system_collations',
    'tide\\.flush',
  ].join('|')})$`,
);
