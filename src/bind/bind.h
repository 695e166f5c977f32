/* From syntax to bound trees: resolves names, checks types, inserts casts. */
#ifndef MILLRACE_BIND_BIND_H
#define MILLRACE_BIND_BIND_H

#include "bind/bound.h"
#include "parse/parse.h"

/* What a statement may refer to. Given by the session. */
struct bind_env {
    struct arena *query_arena;
    /* name parts as written (1 to 3); resolves against the current catalog and database; *table = NULL when there is none.
     * The text in `tried` (arena) says where it looked, for messages. */
    enum status (*find_table)(void *data, const char *const *parts, int part_count, struct arena *arena,
                              const struct table **table, const char **tried, struct error *err);
    /* Names near enough to suggest; may be NULL. */
    const char *(*suggest_table)(void *data, const char *name, struct arena *arena);
    void *data;
    const struct time_zone *zone;
    bool trims_lengths; /* table.exec.sink.type-length-enforcer = TRIM_PAD: INSERT and UPDATE cast to CHAR(n), ... */
    const char *lookup_capacity; /* table.exec.async-lookup.buffer-capacity; NULL: what the tables say */
    bool streaming;              /* execution.runtime-mode resolved for this statement: time attributes matter */
    /* Names of connectors' metadata types etc. come through the table itself. */
    int view_depth;      /* of views inside views, limited by BIND_MAX_VIEW_DEPTH */
    int *next_window_id; /* counter for window TVFs, owned by the caller; NULL: the binder makes one */
};
enum { BIND_MAX_VIEW_DEPTH = 64, BIND_MAX_SUBQUERY_DEPTH = 64 };

enum status bind_query(struct bind_env *env, const struct ast_query *query, struct bound_query *out, struct error *err);
enum status bind_insert(struct bind_env *env, const struct ast_insert *insert, struct bound_insert *out,
                        struct error *err);

/* UPDATE and DELETE: the table's rows that WHERE keeps, as its key (without a primary key: all its columns) and, for UPDATE,
 * the new values. STATUS_INVALID_QUERY for SET of a key column, and for UPDATE of a table without a primary key. */
enum status bind_update(struct bind_env *env, const struct ast_update *update, struct bound_insert *out,
                        struct error *err);
enum status bind_delete(struct bind_env *env, const struct ast_delete *delete, struct bound_insert *out,
                        struct error *err);

/* MERGE; its INSERT does not see the table's columns. */
enum status bind_merge(struct bind_env *env, const struct ast_merge *merge, struct bound_merge *out, struct error *err);

/* CREATE TABLE … AS: the query's columns into the columns of the same names; others stay unset. */
enum status bind_insert_by_name(struct bind_env *env, const struct table *table, const struct ast_query *query,
                                struct bound_insert *out, struct error *err);

/* A table from a CREATE TABLE statement: types, computed columns (typed by binding them), keys, watermark; option
 * values as written. catalog and database are filled by the caller; connector is the option of that name or NULL.
 * With AS the query's columns are added (the caller fills the table with bind_insert_by_name). */
enum status bind_create_table(struct bind_env *env, const struct ast_create_table *create, struct table *out,
                              struct error *err);
/* The definition that ALTER TABLE makes of `base`: ADD, MODIFY, DROP and RENAME of columns, key and watermark. Names, options
 * and connector are the base's. STATUS_NOT_SUPPORTED for the other actions. */
enum status bind_alter_table(struct bind_env *env, const struct table *base, const struct ast_alter *alter,
                             struct table *out, struct error *err);
/* ---- Materialized tables ---- */

/* FRESHNESS = INTERVAL …; text is canonical. */
struct freshness {
    const char *text;
    int64_t ms;
    bool repeats; /* so many go into the next larger unit without a rest, as schedules of FULL tables need it */
};
enum status bind_freshness(struct bind_env *env, const struct ast_literal *literal, struct freshness *out,
                           struct error *err);
/* START_MODE: its text, and the instant in ms since 1970, -1 for the beginning. */
enum status bind_start_mode(struct bind_env *env, const struct ast_start_mode *mode, int64_t now_ms, const char **text,
                            int64_t *start_ms, struct error *err);
/* Gives the tables in the query all parts of their names, in the tree itself; *text is its SQL then. */
enum status bind_whole_names(struct bind_env *env, struct ast_query *query, const char **text, struct error *err);
/* REFRESH of a materialized table, all of it or the partition. insert: fills it from its query. overwrite: one change that replaces
 * the rows; else the query's rows are held, changes[0] writes them and changes[1] deletes those whose key is not among them. */
enum status bind_refresh(struct bind_env *env, const struct ast_insert *insert, const struct ast_partition_spec *spec,
                         bool overwrite, struct bound_insert changes[2], int *change_count, struct error *err);

const struct type *bind_type(struct arena *arena, const struct ast_type *type, struct error *err); /* NULL: failed */

/* Is any source of the tree unbounded? (asks connectors; scans of views are inside already) */
bool rel_is_bounded(const struct rel *rel, bool (*table_is_bounded)(const struct table *table));

#endif
