/* Catalogs, databases, tables, views: what names in SQL stand for.
 *
 * A catalog is a struct of functions. Built in: the generic in-memory catalog (temporary tables and connector tables), the
 * store catalog (the embedded store; persistent with --data) and the cassandra catalog. The session owns the list.
 * Everything returned lives in the caller's query_arena and stays valid when the catalog changes. Thread: the session's. */
#ifndef MILLRACE_CATALOG_CATALOG_H
#define MILLRACE_CATALOG_CATALOG_H

#include "catalog/options.h"
#include "catalog/statistics.h"
#include "types/type.h"

enum column_kind {
    COLUMN_PHYSICAL,
    COLUMN_COMPUTED, /* `expression`, over the table's other columns */
    COLUMN_METADATA  /* read from `metadata_key`; is_virtual: not written */
};

struct table_column {
    const char *name;
    const struct type *type; /* COMPUTED: NULL until the binder has bound the expression */
    enum column_kind kind;
    const char *expression;   /* COMPUTED: SQL text */
    const char *metadata_key; /* METADATA */
    bool is_virtual;
    const char *comment; /* may be NULL */
};

enum table_kind { TABLE_BASE, TABLE_VIEW };

/* What a materialized table is beside a table: the query that fills it, and how. */
struct materialized {
    const char *query;          /* SQL text; names of tables have all their parts */
    const char *freshness;      /* "INTERVAL '3' MINUTE" */
    bool full;                  /* REFRESH_MODE = FULL: filled by REFRESH; else CONTINUOUS: by a job */
    bool suspended;             /* nothing runs its job until RESUME */
    const char *start_mode;     /* "FROM_NOW(INTERVAL '1' DAY)"; NULL: not given, sources start as their options say */
    int64_t start_ms;           /* what it came to when it was given, in ms since 1970; -1: the beginning */
    int64_t refreshed_ms;       /* end of the last REFRESH that succeeded, in ms since 1970; 0: none has */
    bool has_run;               /* its job has been started */
    const char *checkpoint_dir; /* where the job that was started last keeps its checkpoints; NULL: nowhere */
};
enum { MATERIALIZED_MAX_QUERY_BYTES = 32 << 10 };

struct table {
    enum table_kind kind;
    const char *catalog, *database, *name;
    const char *comment;
    int column_count;
    const struct table_column *columns;
    /* PRIMARY KEY (not enforced): positions in columns, 0 when there is none. The first partition_key_count of them are the
     * partition key (store and cassandra; else = primary_key_count). */
    int primary_key_count, partition_key_count;
    const int *primary_key;
    const bool *clustering_descending; /* by position in primary_key; NULL = all ascending */
    /* WATERMARK FOR column AS expression */
    int watermark_column; /* -1: none */
    const char *watermark_expression;
    struct option_list options; /* WITH, OPTIONS hints merged in by the binder */
    const char *connector;      /* name of the connector ("store" for tables of the embedded store) */
    void *connector_data;   /* given by the catalog to its connector (a cluster handle, a store table); may be NULL */
    bool hidden_key;        /* embedded store, no primary key: rows are kept under a generated key */
    const char *view_query; /* TABLE_VIEW: SQL text */
    const struct materialized *materialized; /* NULL: a plain table, or a view */
    int partitioned_by_count;                /* PARTITIONED BY: positions */
    const int *partitioned_by;
    const struct table_statistics *statistics; /* what ANALYZE TABLE found; NULL: nothing */
};

struct catalog;
struct catalog_class {
    const char *type; /* CREATE CATALOG … WITH ('type'=…) */
    const struct option_def *options;
    const char *doc;
    /* Lists are arrays of names in arena, sorted. */
    enum status (*list_databases)(struct catalog *catalog, struct arena *arena, const char ***names, int *count,
                                  struct error *err);
    enum status (*create_database)(struct catalog *catalog, const char *name, const struct option_list *options,
                                   struct error *err);
    enum status (*drop_database)(struct catalog *catalog, const char *name, bool cascade, struct error *err);
    enum status (*list_tables)(struct catalog *catalog, const char *database, struct arena *arena,
                               const struct table ***tables, int *count, struct error *err);
    /* *table = NULL when there is none (STATUS_OK). */
    enum status (*find_table)(struct catalog *catalog, const char *database, const char *name, struct arena *arena,
                              const struct table **table, struct error *err);
    enum status (*create_table)(struct catalog *catalog, const struct table *table, struct error *err); /* views too */
    enum status (*drop_table)(struct catalog *catalog, const char *database, const char *name, struct error *err);
    /* Replaces the definition (ALTER). NULL: not supported. */
    enum status (*alter_table)(struct catalog *catalog, const struct table *table, struct error *err);
    /* ALTER TABLE and ALTER VIEW … RENAME TO, within the database. NULL: not supported. */
    enum status (*rename_table)(struct catalog *catalog, const char *database, const char *name, const char *new_name,
                                struct error *err);
    /* ALTER DATABASE … SET. NULL: databases have no options. */
    enum status (*alter_database)(struct catalog *catalog, const char *name, const struct option_list *options,
                                  struct error *err);
    bool keeps_statistics; /* alter_table keeps table->statistics, find_table gives them; else the session does */
    /* For CREATE TABLE … LIKE outside of the catalog: adds the options with which a table of the catalog's connector means
     * `table`. NULL: a table's own options do. */
    void (*connector_options)(struct catalog *catalog, const struct table *table, struct arena *arena,
                              struct option_list *out);
    void (*close)(struct catalog *catalog);
};

struct catalog {
    const struct catalog_class *class;
    const char *name;
    const char *default_database;
    struct option_list options;
    const char *comment; /* the session's; may be NULL */
    void *state;
};

/* Deep copy. */
struct table *table_copy(struct arena *arena, const struct table *table);
/* The CREATE TABLE / CREATE VIEW statement that makes it (secrets masked). */
void table_print_create(struct strbuf *buf, const struct table *table);
/* Does the key look as if its value should not be shown ("password", "token", …)? Not in names of columns: "cql-type.token". */
bool option_key_is_secret(const char *key);
/* "\nWITH (…)" with secrets masked; nothing when there are none. */
void table_print_options(struct strbuf *buf, const struct option_list *options);
/* Serialised form kept by persistent catalogs: text of table_print_create's kind is NOT used (it would need the
 * parser); a tagged binary form. decode checks every byte. */
void table_encode(struct strbuf *buf, const struct table *table);
enum status table_decode(struct str bytes, struct arena *arena, struct table **out, struct error *err);

/* The generic in-memory catalog. */
extern const struct catalog_class catalog_memory_class;
struct catalog *catalog_memory_create(const char *name, const char *default_database);

#endif
