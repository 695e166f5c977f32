/* Lookups: rows by partition key, and by as many clustering columns behind it as are given. Hundreds of keys are asked for at
 * the same time; what one `ask` has begun and not finished when it fails is dropped as it arrives. A partition with many rows comes
 * page by page: at most a page of every key in flight is in memory here. Requests are sent again by the client (src/cql),
 * with back-off. */
#include <pthread.h>
#include <stdlib.h>

#include "cass/bytes.h"
#include "cass/murmur3.h"
#include "connector/cassandra/cassandra_private.h"

struct lookup {
    struct arena arena;
    struct cassandra_target target;
    const struct cql_prepared *select;
    int key_count;
    int partition_count;
    int *partition; /* which of the keys make the partition key, in its order */
    struct cass_codec *keys;
    int column_count, selected_count;
    struct cass_codec *codecs;
    const struct type **types;
    enum cql_consistency consistency;
    int page_size, max_in_flight;
    int max_attempts; /* of a request, 0: the connection's */
    pthread_mutex_t lock;
    bool cancelled;
    struct asking *asking; /* the one that runs */
};

/* ---- Opening ---- */

/* The columns must be the whole partition key and a prefix of the clustering columns. */
static bool is_prefix(const struct cassandra_schema *schema, const struct table *table, const int *key_columns,
                      int key_count) {
    if (key_count < schema->partition_count || key_count > schema->partition_count + schema->clustering_count)
        return false;
    for (int k = 0; k < key_count; k++) { /* the schema's first columns, in any order */
        bool found = false;
        for (int i = 0; i < key_count; i++)
            found |= strcmp(table->columns[key_columns[i]].name, schema->columns[k].name) == 0;
        if (!found) return false;
    }
    return true;
}

/* A key that SQL and CQL compare differently for some value cannot be looked up: floats (0.0 and -0.0), decimals (1.0 and
 * 1.00). */
static bool can_be_asked(const struct cass_codec *codec) {
    return cass_codec_matches(codec) && codec->type->id != TYPE_FLOAT && codec->type->id != TYPE_DOUBLE;
}

static enum pushdown_answer lookup_accepts(const struct table *table, const int *key_columns, int key_count,
                                           struct strbuf *explain) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct cassandra_target target;
    bool accepted = false;
    if (cassandra_target_open(table, &arena, &target, NULL) == STATUS_OK) {
        accepted = is_prefix(target.schema, table, key_columns, key_count);
        for (int i = 0; accepted && i < key_count; i++) {
            struct cass_codec codec;
            accepted = cassandra_codec(&target, table, key_columns[i], &arena, &codec, NULL) == STATUS_OK &&
                       can_be_asked(&codec);
        }
        if (accepted && explain)
            strbuf_puts(explain, key_count == target.schema->partition_count + target.schema->clustering_count
                                     ? "by primary key"
                                 : key_count == target.schema->partition_count ? "by partition key"
                                                                               : "by a prefix of the primary key");
        cassandra_handle_release(target.handle);
    }
    arena_destroy(&arena);
    return accepted ? PUSHDOWN_EXACT : PUSHDOWN_NO;
}

static void lookup_close(struct lookup *lookup) {
    pthread_mutex_destroy(&lookup->lock);
    cql_prepared_release(lookup->select);
    cassandra_handle_release(lookup->target.handle);
    struct arena arena = lookup->arena; /* the struct lies in it */
    arena_destroy(&arena);
}

static enum status open_lookup(const struct table *table, const int *key_columns, int key_count, const int *columns,
                               int column_count, struct lookup *lookup, struct error *err) {
    struct arena *arena = &lookup->arena;
    TRY(cassandra_target_open(table, arena, &lookup->target, err));
    const struct cassandra_schema *schema = lookup->target.schema;
    if (!is_prefix(schema, table, key_columns, key_count))
        return error_set(err, STATUS_NOT_SUPPORTED, "table %s cannot be looked up by these columns", schema->full_name);
    lookup->key_count = key_count;
    lookup->keys = ARENA_ARRAY(arena, struct cass_codec, key_count);
    for (int i = 0; i < key_count; i++) {
        TRY(cassandra_codec(&lookup->target, table, key_columns[i], arena, &lookup->keys[i], err));
        if (!can_be_asked(&lookup->keys[i]))
            return error_set(err, STATUS_NOT_SUPPORTED, "table %s cannot be looked up by column '%s'",
                             schema->full_name, lookup->keys[i].column);
    }
    lookup->partition_count = schema->partition_count;
    lookup->partition = ARENA_ARRAY(arena, int, schema->partition_count);
    for (int k = 0; k < schema->partition_count; k++)
        while (strcmp(lookup->keys[lookup->partition[k]].column, schema->columns[k].name) != 0) lookup->partition[k]++;
    lookup->column_count = column_count;
    lookup->selected_count = column_count ? column_count : 1;
    lookup->codecs = ARENA_ARRAY(arena, struct cass_codec, column_count);
    lookup->types = ARENA_ARRAY(arena, const struct type *, column_count);
    struct strbuf text = {0};
    strbuf_puts(&text, "SELECT ");
    enum status status = STATUS_OK;
    for (int i = 0; i < column_count && status == STATUS_OK; i++) {
        status = cassandra_codec(&lookup->target, table, columns[i], arena, &lookup->codecs[i], err);
        if (status != STATUS_OK) break;
        lookup->types[i] = lookup->codecs[i].type;
        if (i) strbuf_puts(&text, ", ");
        cassandra_put_selected(&text, &table->columns[columns[i]]);
    }
    if (!column_count) cass_put_name(&text, schema->columns[0].name);
    strbuf_puts(&text, " FROM ");
    cassandra_put_table(&text, schema->keyspace, schema->name);
    for (int i = 0; i < key_count; i++) {
        strbuf_puts(&text, i ? " AND " : " WHERE ");
        cass_put_name(&text, lookup->keys[i].column);
        strbuf_puts(&text, " = ?");
    }
    if (status == STATUS_OK)
        status = cql_prepare(cassandra_handle_cluster(lookup->target.handle), text.data, schema->full_name,
                             &lookup->select, err);
    strbuf_free(&text);
    TRY(status);
    if (lookup->select->column_count != lookup->selected_count || lookup->select->bind_count != key_count)
        return error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: %d columns announced for %d", schema->full_name,
                         lookup->select->column_count, lookup->selected_count);
    lookup->page_size = (int)cassandra_setting(table, "scan.page-size");
    if (lookup->page_size > CASSANDRA_LOOKUP_PAGE_ROWS) lookup->page_size = CASSANDRA_LOOKUP_PAGE_ROWS;
    if (option_given(&table->options, "lookup.max-retries"))
        lookup->max_attempts = 1 + (int)cassandra_setting(table, "lookup.max-retries");
    lookup->max_in_flight = (int)cassandra_setting(table, "lookup.max-in-flight");
    return cassandra_consistency(table, CQL_LOCAL_ONE, &lookup->consistency, err);
}

static enum status lookup_open(const struct table *table, const int *key_columns, int key_count, const int *columns,
                               int column_count, struct mem_account *account, struct lookup **out, struct error *err) {
    struct arena arena;
    arena_init(&arena, account);
    struct lookup *lookup = ARENA_NEW(&arena, struct lookup);
    lookup->arena = arena;
    pthread_mutex_init(&lookup->lock, NULL);
    enum status status = open_lookup(table, key_columns, key_count, columns, column_count, lookup, err);
    if (status != STATUS_OK) {
        lookup_close(lookup);
        return status;
    }
    *out = lookup;
    return STATUS_OK;
}

/* ---- Asking ---- */

struct question {
    struct cql_request request;
    struct strbuf values, paging_state;
    struct asking *asking;
    int key_row;
    bool had_rows;
    struct cql_response *response;
    struct question *next; /* answered ones */
};

struct asking {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct cassandra_handle *handle;
    const struct cql_prepared *select;
    struct question *questions;
    int question_count, in_flight;
    struct question *answered, **answered_end;
    bool failed, abandoned;
    int failed_key; /* the key row of the question that failed; -1: of none */
    struct error error;
    char *table, *keyspace;
    bool routes;             /* it matters where the keys' partitions lie */
    struct strbuf partition; /* a key at a time */
};

static void free_asking(struct asking *asking) {
    for (int i = 0; i < asking->question_count; i++) {
        strbuf_free(&asking->questions[i].values);
        strbuf_free(&asking->questions[i].paging_state);
        cql_response_free(asking->questions[i].response);
    }
    cql_prepared_release(asking->select);
    cassandra_handle_release(asking->handle);
    pthread_mutex_destroy(&asking->lock);
    pthread_cond_destroy(&asking->changed);
    free(asking->questions);
    free(asking->table);
    free(asking->keyspace);
    strbuf_free(&asking->partition);
    free(asking);
}

static void on_answer(struct cql_request *request, struct cql_response *response, const struct error *err) {
    struct question *question = request->data;
    struct asking *asking = question->asking;
    pthread_mutex_lock(&asking->lock);
    asking->in_flight--;
    question->response = response;
    if (err) {
        if (!asking->failed) {
            asking->error = *err;
            asking->failed_key = question->key_row;
        }
        asking->failed = true;
    } else {
        question->next = NULL;
        *asking->answered_end = question;
        asking->answered_end = &question->next;
    }
    bool last = asking->abandoned && !asking->in_flight;
    pthread_cond_signal(&asking->changed);
    pthread_mutex_unlock(&asking->lock);
    if (last) free_asking(asking);
}

static void submit(struct asking *asking, struct question *question) {
    pthread_mutex_lock(&asking->lock);
    asking->in_flight++;
    pthread_mutex_unlock(&asking->lock);
    question->request.parameters.paging_state = strbuf_str(&question->paging_state);
    cql_submit(cassandra_handle_cluster(asking->handle), &question->request);
}

/* Where the key's partition lies: by its values as they are bound. */
static bool find_token(const struct lookup *lookup, struct str values, struct strbuf *partition, int64_t *out) {
    strbuf_clear(partition);
    for (int k = 0; k < lookup->partition_count; k++) {
        struct cass_reader r = cass_reader_over(values.data, values.len);
        for (int i = 0; i < lookup->partition[k]; i++) cass_read_bytes(&r);
        if (cass_partition_key_add(partition, lookup->partition_count, cass_read_bytes(&r), NULL) != STATUS_OK)
            return false;
    }
    *out = cass_murmur3_token(partition->data ? partition->data : "", partition->len);
    return true;
}

/* Prepares the question for a key; false when no row can have it. */
static bool make_question(const struct lookup *lookup, const struct chunk *keys, int row, struct asking *asking,
                          struct question *question) {
    for (int i = 0; i < lookup->key_count; i++)
        if (cass_encode_match(&lookup->keys[i], &keys->columns[i], row, &question->values) != CASS_MATCH_EXACT)
            return false;
    question->asking = asking;
    question->key_row = row;
    cql_request_init(&question->request, CQL_REQUEST_EXECUTE);
    question->request.prepared = lookup->select;
    question->request.idempotent = true;
    question->request.table = asking->table;
    question->request.max_attempts = lookup->max_attempts;
    question->request.keyspace = asking->keyspace;
    if (asking->routes)
        question->request.has_token =
            find_token(lookup, strbuf_str(&question->values), &asking->partition, &question->request.token);
    question->request.done = on_answer;
    question->request.data = question;
    question->request.parameters.consistency = lookup->consistency;
    question->request.parameters.value_count = lookup->key_count;
    question->request.parameters.values = strbuf_str(&question->values);
    question->request.parameters.page_size = lookup->page_size;
    question->request.parameters.skip_metadata = true;
    return true;
}

struct answering {
    const struct lookup *lookup;
    struct arena arena; /* of one page */
    enum status (*answer)(void *data, int key_row, const struct chunk *rows, struct error *err);
    void *data;
};

/* Hands the page's rows out; strings borrow from the page. */
static enum status answer_rows(struct answering *a, struct question *question, const struct cql_response *response,
                               struct error *err) {
    const struct lookup *lookup = a->lookup;
    struct arena *arena = &a->arena;
    struct cql_rows rows;
    TRY(cql_read_rows(response, arena, &rows, err));
    if (rows.columns)
        for (int i = 0; i < rows.column_count; i++)
            if (rows.column_count != lookup->selected_count ||
                !cass_type_equal(rows.columns[i].type, lookup->select->columns[i].type))
                return error_set(err, STATUS_SERVER_ERROR, "the table was changed while it was in use");
    uint32_t *offsets = ARENA_ARRAY(arena, uint32_t, rows.row_count + 1);
    TRY(cql_index_rows(&rows, lookup->selected_count, offsets, err));
    strbuf_clear(&question->paging_state);
    strbuf_add(&question->paging_state, rows.paging_state.data, rows.paging_state.len);
    if (rows.row_count) question->had_rows = true;
    if (!question->had_rows && !rows.paging_state.len) return a->answer(a->data, question->key_row, NULL, err);
    for (int first = 0; first < rows.row_count; first += VECTOR_CAPACITY) {
        int count = rows.row_count - first < VECTOR_CAPACITY ? rows.row_count - first : VECTOR_CAPACITY;
        struct chunk chunk = {.column_count = lookup->column_count, .row_count = count, .sel_count = count};
        chunk.columns = ARENA_ARRAY(arena, struct vector, lookup->column_count + 1);
        struct cass_cell *cells = ARENA_ARRAY(arena, struct cass_cell, (int64_t)lookup->selected_count * count);
        cql_find_cells(rows.cells, offsets[first], count, lookup->selected_count, count, cells);
        for (int i = 0; i < lookup->column_count; i++) {
            vector_init(&chunk.columns[i], arena, lookup->types[i], count);
            TRY(cass_decode(&lookup->codecs[i], rows.cells, cells + (int64_t)i * count, count, &chunk.columns[i], arena,
                            count, 0, err));
        }
        TRY(a->answer(a->data, question->key_row, &chunk, err));
    }
    return STATUS_OK;
}

static enum status answer_page(struct answering *a, struct question *question, struct error *err) {
    struct cql_response *response = question->response;
    question->response = NULL;
    arena_reset(&a->arena);
    enum status status = answer_rows(a, question, response, err);
    if (status == STATUS_BAD_DATA || status == STATUS_SERVER_ERROR || status == STATUS_OUT_OF_RANGE)
        error_prefix(err, "Cassandra, table %s: %s", question->asking->table, response->from);
    cql_response_free(response);
    return status;
}

/* The next answered question; waits. NULL when one failed, or when nothing is in flight. */
static struct question *next_answered(struct asking *asking) {
    pthread_mutex_lock(&asking->lock);
    while (!asking->answered && !asking->failed && asking->in_flight)
        pthread_cond_wait(&asking->changed, &asking->lock);
    struct question *question = asking->failed ? NULL : asking->answered;
    if (question) {
        asking->answered = question->next;
        if (!asking->answered) asking->answered_end = &asking->answered;
    }
    pthread_mutex_unlock(&asking->lock);
    return question;
}

/* Which key it was, for the user. */
static void name_key(const struct lookup *lookup, const struct chunk *keys, int row, struct error *err) {
    if (row < 0 || !err) return;
    struct arena arena;
    struct strbuf text = {0};
    arena_init(&arena, NULL);
    if (err->detail[0]) strbuf_printf(&text, "%s; ", err->detail);
    strbuf_puts(&text, "key:");
    for (int i = 0; i < lookup->key_count; i++) {
        struct value value = vector_get(&keys->columns[i], row, &arena);
        strbuf_printf(&text, "%s %s = ", i ? " and" : "", lookup->keys[i].column);
        value_print_sql(&text, &value);
    }
    error_detail(err, "%s", text.data);
    strbuf_free(&text);
    arena_destroy(&arena);
}

static enum status ask_all(struct lookup *lookup, const struct chunk *keys, struct asking *asking,
                           struct answering *answering, struct error *err) {
    int next = 0, open = 0; /* keys begun; questions without their last page */
    for (;;) {
        while (next < keys->row_count && open < lookup->max_in_flight) {
            struct question *question = &asking->questions[next];
            if (make_question(lookup, keys, next, asking, question)) {
                submit(asking, question);
                open++;
            } else {
                TRY(answering->answer(answering->data, next, NULL, err));
            }
            next++;
        }
        if (!open) return STATUS_OK;
        struct question *question = next_answered(asking);
        if (!question) {
            if (err) *err = asking->error;
            name_key(lookup, keys, asking->failed_key, err);
            return asking->error.code;
        }
        enum status status = answer_page(answering, question, err);
        if (status != STATUS_OK) name_key(lookup, keys, question->key_row, err);
        TRY(status);
        if (question->paging_state.len)
            submit(asking, question);
        else
            open--;
    }
}

static void fail_cancelled(struct asking *asking) {
    pthread_mutex_lock(&asking->lock);
    if (!asking->failed) error_set(&asking->error, STATUS_CANCELLED, "cancelled");
    asking->failed = true;
    pthread_cond_signal(&asking->changed);
    pthread_mutex_unlock(&asking->lock);
}

static void lookup_cancel(struct lookup *lookup) {
    pthread_mutex_lock(&lookup->lock);
    lookup->cancelled = true;
    if (lookup->asking) fail_cancelled(lookup->asking);
    pthread_mutex_unlock(&lookup->lock);
}

static enum status lookup_ask(struct lookup *lookup, const struct chunk *keys, struct arena *arena,
                              enum status (*answer)(void *data, int key_row, const struct chunk *rows,
                                                    struct error *err),
                              void *data, struct error *err) {
    struct asking *asking = xcalloc(1, sizeof *asking);
    struct answering answering = {.lookup = lookup, .answer = answer, .data = data};
    arena_init(&answering.arena, arena->account);
    pthread_mutex_init(&asking->lock, NULL);
    pthread_cond_init(&asking->changed, NULL);
    asking->handle = cassandra_handle_retain(lookup->target.handle);
    asking->select = cql_prepared_retain(lookup->select);
    asking->question_count = keys->row_count;
    asking->questions = xcalloc((size_t)keys->row_count + 1, sizeof *asking->questions);
    asking->answered_end = &asking->answered;
    asking->table = xstrdup(lookup->target.schema->full_name);
    asking->keyspace = xstrdup(lookup->target.schema->keyspace);
    asking->routes = cql_cluster_routes(cassandra_handle_cluster(asking->handle));
    asking->failed_key = -1;
    pthread_mutex_lock(&lookup->lock);
    lookup->asking = asking;
    if (lookup->cancelled) fail_cancelled(asking);
    pthread_mutex_unlock(&lookup->lock);
    enum status status = ask_all(lookup, keys, asking, &answering, err);
    arena_destroy(&answering.arena);
    pthread_mutex_lock(&lookup->lock);
    lookup->asking = NULL;
    pthread_mutex_unlock(&lookup->lock);
    pthread_mutex_lock(&asking->lock);
    asking->abandoned = true;
    bool last = !asking->in_flight;
    pthread_mutex_unlock(&asking->lock);
    if (last) free_asking(asking);
    return status;
}

const struct lookup_class cassandra_lookup_class = {
    .accepts = lookup_accepts,
    .open = lookup_open,
    .ask = lookup_ask,
    .max_batch = CASSANDRA_LOOKUP_BATCH,
    .cancel = lookup_cancel,
    .close = lookup_close,
};
