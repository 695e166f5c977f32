/* Between the files of this folder. */
#ifndef MILLRACE_CONNECTOR_CASSANDRA_CASSANDRA_PRIVATE_H
#define MILLRACE_CONNECTOR_CASSANDRA_CASSANDRA_PRIVATE_H

#include "cass/codec.h"
#include "connector/cassandra/cassandra.h"
#include "cql/cql.h"

extern const struct source_class cassandra_source_class;
extern const struct sink_class cassandra_sink_class;
extern const struct lookup_class cassandra_lookup_class;
extern const struct option_def cassandra_options[];
extern const struct option_def cassandra_catalog_options[];

/* ---- Handles: connections shared within the process ---- */

struct cassandra_handle;
/* The cluster that the options name; connects when there is none yet. Thread-safe. */
enum status cassandra_handle_get(const struct option_list *options, struct cassandra_handle **out, struct error *err);
struct cassandra_handle *cassandra_handle_retain(struct cassandra_handle *handle);
void cassandra_handle_release(struct cassandra_handle *handle);
struct cql_cluster *cassandra_handle_cluster(struct cassandra_handle *handle);
/* The handle that is like this one, but traces or not. The caller releases it. */
enum status cassandra_handle_with_tracing(const struct cassandra_handle *handle, bool tracing,
                                          struct cassandra_handle **out, struct error *err);
bool cassandra_handle_traces(const struct cassandra_handle *handle);

/* The options 'tls', 'tls.…' and 'secure-connect-bundle': out's tls, which the caller releases, and with a bundle its hosts, proxy
 * and, unless it is there, datacenter; texts live in arena. A bundle's service is asked: blocks. */
enum status cassandra_secure(const struct option_list *options, struct arena *arena, struct cql_options *out,
                             struct error *err);
enum status cassandra_bundle_open(const char *path, enum net_tls_verify verify, struct arena *arena,
                                  struct cql_options *out, struct error *err);

/* ---- Notes: warnings and traces, printed to standard error ---- */

struct cassandra_notes;
struct cassandra_notes *cassandra_notes_create(void);
void cassandra_notes_free(struct cassandra_notes *notes); /* NULL allowed */
/* For cql_options; data are the notes. Any thread. */
void cassandra_notes_warned(void *data, const char *server, struct str text);
void cassandra_notes_traced(void *data, const uint8_t session_id[16]);
/* Prints the traces since the last time; asks the server for them, so it blocks. */
void cassandra_notes_print(struct cassandra_notes *notes, struct cassandra_handle *handle);

/* A table's settings: its option, else the catalog's (which find_table puts into the table's options), else the default.
 * Older names of an option count as the option. */
int64_t cassandra_setting(const struct table *table, const char *key);
bool cassandra_setting_bool(const struct table *table, const char *key);
const char *cassandra_setting_text(const struct table *table, const char *key);
/* A table of a catalog has the catalog's connection, all but 'tracing', and its own place: options that say otherwise are an error. */
enum status cassandra_check_connection(const struct option_list *options, struct error *err);
enum status cassandra_consistency(const struct table *table, enum cql_consistency otherwise, enum cql_consistency *out,
                                  struct error *err);
/* 'sink.consistency', 'consistency', LOCAL_QUORUM. */
enum status cassandra_write_consistency(const struct table *table, enum cql_consistency *out, struct error *err);

/* ---- Results of the system tables ---- */

struct cassandra_result {
    struct arena arena;
    struct cql_response *response;
    struct cql_rows rows;
    uint32_t *offsets;
};
enum status cassandra_query(struct cassandra_handle *handle, const char *text, const char *table,
                            struct cassandra_result *out, struct error *err);
struct str cassandra_cell(const struct cassandra_result *result, int row, int column);  /* data NULL: null */
int32_t cassandra_cell_int(const struct cassandra_result *result, int row, int column); /* 0 for null */
void cassandra_result_free(struct cassandra_result *result);

/* ---- Schema: a table as system_schema has it ---- */

enum cassandra_kind { CASSANDRA_PARTITION, CASSANDRA_CLUSTERING, CASSANDRA_STATIC, CASSANDRA_REGULAR };

struct cassandra_column {
    const char *name;
    enum cassandra_kind kind;
    int position; /* within the partition key or the clustering columns */
    bool descending;
    const struct cass_type *type;
};

struct cassandra_schema {
    const char *keyspace, *name;
    const char *full_name; /* "ks.t", for messages */
    const char *comment;   /* "" when there is none */
    int column_count;      /* partition key, clustering columns, static and regular ones */
    const struct cassandra_column *columns;
    int partition_count, clustering_count;
    bool has_statics, has_counters;
    bool is_view;  /* a materialized view: cannot be written */
    bool is_dense; /* COMPACT STORAGE with clustering columns: the last of these may be missing in a row */
    int64_t default_ttl_s, gc_grace_s;
};
/* *out = NULL when there is no such table. */
enum status cassandra_schema_read(struct cassandra_handle *handle, const char *keyspace, const char *name,
                                  struct arena *arena, const struct cassandra_schema **out, struct error *err);
/* All tables of a keyspace, sorted by name. */
enum status cassandra_schema_list(struct cassandra_handle *handle, const char *keyspace, struct arena *arena,
                                  const struct cassandra_schema ***out, int *count, struct error *err);
/* A user-defined type of the keyspace, for cassandra_ddl_create; data is a struct cassandra_udts. */
struct cassandra_udts {
    struct cassandra_handle *handle;
    struct arena *arena;
    const char *keyspace;
    bool loaded;
    struct cassandra_result types; /* type_name, field_names, field_types */
    int depth;
    enum status status; /* of asking for them */
    struct error *err;
};
const struct cass_type *cassandra_find_udt(void *data, struct str name);
void cassandra_udts_free(struct cassandra_udts *udts);
int cassandra_schema_find(const struct cassandra_schema *schema, const char *column); /* -1: none */

/* What a plan's table is: whose, where, and as it is now. STATUS_UNDEFINED_TABLE when it is gone. The handle is the
 * caller's to release. */
struct cassandra_target {
    struct cassandra_handle *handle;
    const struct cassandra_schema *schema;
};
enum status cassandra_target_open(const struct table *table, struct arena *arena, struct cassandra_target *out,
                                  struct error *err);
/* Codec of a column of the plan's table. STATUS_UNDEFINED_COLUMN when Cassandra's table has none of that name. */
enum status cassandra_codec(const struct cassandra_target *target, const struct table *table, int column,
                            struct arena *arena, struct cass_codec *codec, struct error *err);
/* What SELECT has to name for the column: "c", WRITETIME("c") or TTL("c"). cassandra_codec has seen it. */
void cassandra_put_selected(struct strbuf *text, const struct table_column *column);
/* Metadata columns of a definition: known keys, their types, VIRTUAL where they can only be read. */
enum status cassandra_check_metadata(const struct table *table, struct error *err);
/* Looks for the row that could not be decoded and adds its key to the message, as far as the key is among the columns.
 * cells: of codec i at i * stride. */
void cassandra_name_bad_row(const struct cassandra_schema *schema, const struct cass_codec *codecs, int codec_count,
                            int failed, const uint8_t *base, const struct cass_cell *cells, int stride, int count,
                            struct error *err);

/* ---- Indexes ---- */

struct cassandra_index {
    const char *name;
    int column;  /* of the schema */
    bool is_sai; /* storage-attached; else one of the old kind, by equality only */
};
struct cassandra_indexes {
    int count;
    struct cassandra_index *list;
};
/* Those that are built (as far as the server tells) and compare like SQL. */
enum status cassandra_indexes_read(struct cassandra_handle *handle, const struct cassandra_schema *schema,
                                   struct arena *arena, struct cassandra_indexes *out, struct error *err);

/* ---- Pushdown ---- */

enum cassandra_access_kind {
    CASSANDRA_SCAN,    /* all partitions, by token ranges */
    CASSANDRA_POINTS,  /* partitions by key */
    CASSANDRA_NEAREST, /* one statement: the rows nearest to a vector */
    CASSANDRA_NOTHING  /* no row can match */
};

struct cassandra_access {
    enum cassandra_access_kind kind;
    /* POINTS: bound values of the partition key, in its order. */
    int point_count;
    struct str *points;
    const char *where; /* without the token range: "\"a\" = ? AND \"b\" >= ?"; "" */
    struct str values; /* bound to the restrictions that are the same for all splits, behind token range or point */
    int value_count;   /* of a token range or point and the restrictions together */
    const char *index; /* the index that is asked (one of them), NULL: none */
    bool filtering;    /* ALLOW FILTERING is needed */
    int64_t partition_limit; /* rows of each partition, 0: all */
    const char *order_by;    /* NULL: as they come */
    int64_t nearest;         /* NEAREST: so many rows */
    bool all_exact;          /* every predicate of the request was taken exactly */
};
/* answers: one per predicate of the request. indexes and explain may be NULL. Needs no server. */
enum status cassandra_access_plan(const struct cassandra_schema *schema, const struct table *table,
                                  const struct scan_request *request, const struct cassandra_indexes *indexes,
                                  struct arena *arena, enum pushdown_answer *answers, struct cassandra_access *out,
                                  struct strbuf *explain, struct error *err);
/* Could an index help with the request? Else they need not be read. */
bool cassandra_wants_indexes(const struct cassandra_schema *schema, const struct table *table,
                             const struct scan_request *request);
/* Columns of the statement: the request's, perhaps another behind them. */
int cassandra_selected_count(const struct cassandra_schema *schema, const struct table *table,
                             const struct scan_request *request);
/* The statement. limit -1: none; counting: the number of rows instead of them. */
void cassandra_put_select(struct strbuf *out, const struct cassandra_schema *schema, const struct table *table,
                          const struct scan_request *request, const struct cassandra_access *access, int64_t limit,
                          bool counting);

/* ---- Aggregates at the server (request->groups) ---- */

/* Does the server compute these groups, exactly as the engine would? */
bool cassandra_groups_taken(const struct cassandra_schema *schema, const struct table *table,
                            const struct scan_request *request, const struct cassandra_access *access,
                            struct arena *arena);
/* How many of the aggregates are SUMs; groups may be NULL. Each has the number of its values among the selected columns, behind all
 * others. */
int cassandra_groups_sums(const struct scan_groups *groups);
/* ", COUNT(*), MAX("c")" */
void cassandra_put_aggregates(struct strbuf *out, const struct table *table, const struct scan_groups *groups);
/* " GROUP BY "a", "b"" */
void cassandra_put_group_by(struct strbuf *out, const struct cassandra_schema *schema,
                            const struct scan_request *request);
/* Of what the server sends: a SUM is a varint that is read as BIGINT, for cassandra_finish_sum. */
enum status cassandra_group_codec(const struct cassandra_schema *schema, const struct table *table,
                                  const struct scan_aggregate *aggregate, struct arena *arena, struct cass_codec *codec,
                                  struct error *err);
/* The sums (BIGINT) as out, a flat vector of the SUM's type; NULL where counts (cells at base) says that there were no values.
 * STATUS_OUT_OF_RANGE. */
enum status cassandra_finish_sum(const struct vector *sums, const uint8_t *base, const struct cass_cell *counts,
                                 int count, const char *name, struct vector *out, struct arena *arena,
                                 struct error *err);

/* ---- Token ranges ---- */

/* (start, end] of the ring cut into `count` even parts; the first begins at CASS_TOKEN_MIN (which no row has), the last ends at
 * CASS_TOKEN_MAX. */
void cassandra_token_range(int index, int count, int64_t *start, int64_t *end);
/* The token of the partition whose key's values begin `values`, in the key's order; false when no partition can have that key. */
bool cassandra_partition_token(const struct cassandra_schema *schema, struct str values, int64_t *out);

/* What system.size_estimates has about a table, range by range. end <= start: around the ring's end. */
struct cassandra_estimate {
    int64_t start, end;
    double size_bytes, partitions;
};
struct cassandra_estimates {
    int count;
    struct cassandra_estimate *ranges;
};
/* None when the server does not give them out: a scan does without. */
void cassandra_estimates_read(struct cassandra_handle *handle, const struct cassandra_schema *schema,
                              struct arena *arena, struct cassandra_estimates *out);
/* Bytes and partitions of the table, carried over from the ranges that are known to the whole ring; -1 when none is. */
void cassandra_estimates_sum(const struct cassandra_estimates *estimates, int64_t *size_bytes,
                             int64_t *partition_count);

struct cassandra_range {
    int64_t start, end; /* (start, end] */
};
struct cassandra_ranges {
    int count, capacity;
    struct cassandra_range *ranges;
};
/* The whole ring in order, in ranges of at most about split_size_bytes by the estimates: large ones are cut, tiny neighbours
 * put together; at least `least`, at most CASSANDRA_MAX_SPLITS. */
void cassandra_cut_ring(const struct cassandra_estimates *estimates, int64_t split_size_bytes, int least,
                        struct arena *arena, struct cassandra_ranges *out);

/* Ranges in the ring's order are cut at the tokens `ends`, so that each has one set of replicas, and dealt out: one of each
 * owner in turn, so that all nodes are busy. A ring of many more tokens than there are ranges stays as it is: each would be a request. */
void cassandra_cut_at_tokens(struct cassandra_ranges *ranges, const int64_t *ends, const int *owners, int token_count,
                             struct arena *arena);

/* ---- Pieces: a token range that is read a part at a time ---- */

enum {
    CASSANDRA_PLACE_BITS = 20,     /* of a piece's place in its range */
    CASSANDRA_PLACE_ROW_BITS = 24, /* of a row's number in its piece */
};

struct cassandra_span {
    int64_t first, last; /* the range: (first, last]; first < last */
    int64_t start, end;  /* the piece that is being read: (start, end] */
    int64_t limit;       /* the pieces end here: what lies behind has been handed out */
    uint64_t width;      /* of the next piece, in tokens */
    uint64_t ceiling;    /* of width, after a piece that was too much; 0: none was */
    int good;            /* pieces since then */
};
/* The range from start on (first: all of it), in pieces of so many tokens; more than it has: one piece. */
void cassandra_span_open(struct cassandra_span *span, int64_t first, int64_t last, int64_t start, uint64_t width);
/* Of a range of whose rows nothing is known, or that has a guess (0: none): how wide its first piece is, small enough to go wrong. */
uint64_t cassandra_first_width(int64_t first, int64_t last, uint64_t guess);
/* Goes on to the next piece; false when this one was the last. */
bool cassandra_span_next(struct cassandra_span *span);
/* The piece had so many rows: how wide the next ones are, so that they have about wanted_rows. slow: no wider than now. */
void cassandra_span_adapt(struct cassandra_span *span, int64_t rows, int64_t wanted_rows, bool slow);
/* Nothing of the piece has been read, since it is too much: makes it half as wide. false: it cannot be cut. */
bool cassandra_span_shrink(struct cassandra_span *span);
/* Tokens behind the piece that nobody has been asked for. */
uint64_t cassandra_span_rest(const struct cassandra_span *span);
/* Gives half of them to *out, or all when they are no more than a piece; false: there are none. */
bool cassandra_span_hand_out(struct cassandra_span *span, struct cassandra_span *out);
/* The piece's place in its range: grows with the tokens, with room for the numbers of 1 << CASSANDRA_PLACE_ROW_BITS rows behind it. */
int64_t cassandra_span_order(const struct cassandra_span *span);

/* ---- DELETE and TRUNCATE without reading: see struct sink_class ---- */

enum status cassandra_delete_where(const struct table *table, const struct predicate *predicates, int predicate_count,
                                   int64_t write_micros, bool *taken, struct strbuf *explain, struct error *err);
enum status cassandra_truncate(const struct table *table, struct error *err);

/* ---- DDL ---- */

/* The CREATE TABLE statement in CQL. `find` knows the user-defined types that 'cql-type.…' options may name; may be NULL. */
enum status cassandra_ddl_create(const struct table *table, cass_udt_finder *find, void *data, struct strbuf *out,
                                 struct error *err);
/* The statements that make `new` of `old`, which is how SQL sees `schema`; what CQL cannot do is STATUS_NOT_SUPPORTED. */
enum status cassandra_ddl_alter(const struct cassandra_schema *schema, const struct table *old, const struct table *new,
                                cass_udt_finder *find, void *data, struct arena *arena, const char ***statements,
                                int *statement_count, struct error *err);
/* The definition as the catalog shows it. */
enum status cassandra_ddl_table(const struct cassandra_schema *schema, const char *catalog, struct arena *arena,
                                struct table **out, struct error *err);
/* "ks"."t" */
void cassandra_put_table(struct strbuf *buf, const char *keyspace, const char *name);

#endif
