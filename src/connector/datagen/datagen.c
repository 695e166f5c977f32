/* 'connector' = 'datagen': rows made up from options, as Flink's datagen.
 *
 * Every value is a function of (seed, field, ordinal of the row), so a replay gives the same rows. There is one split; an
 * offset is the next row's ordinal and the wall clock when the source was first opened: the time columns of row n are that
 * time + n / rows-per-second (what the clock shows when the row is due), less a random part of max-past. */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "connector/connector.h"
#include "connector/pace.h"
#include "types/decimal.h"
#include "types/number.h"

enum {
    DATAGEN_BLOCK_ROWS = 32768,
    DATAGEN_OFFSET_BYTES = 16, /* ordinal, microseconds since the epoch; little-endian */
    DATAGEN_DEFAULT_LENGTH = 100,
    DATAGEN_MAX_LENGTH = 1 << 20,
    DATAGEN_MAX_BATCH_ELEMENTS = 1 << 24, /* of one array column in one chunk */
    DATAGEN_DEFAULT_ELEMENTS = 3,
};

static const struct option_def options[] = {
    {.name = "rows-per-second",
     .type = OPTION_INT,
     .default_value = "10000",
     .min = 0,
     .max = INT64_C(1) << 40,
     .doc = "how many rows come per second; 0: as fast as they are taken"},
    {.name = "number-of-rows",
     .type = OPTION_INT,
     .min = 0,
     .max = INT64_MAX,
     .doc = "the source ends behind this many rows; without it (and without a sequence) it never ends"},
    {.name = "seed", .type = OPTION_INT, .default_value = "0", .doc = "another seed gives other random values"},
    {.name = "fields.",
     .type = OPTION_STRING,
     .prefix = true,
     .doc =
         "fields.<column>.kind = random | sequence; .min, .max of numbers; .length and .var-len of strings, bytes and "
         "collections; .start and .end of a sequence; .null-rate (0 … 1); .max-past of times. The parts of nested "
         "columns are "
         "<column>.element, <column>.key, <column>.value, <column>.<field>"},
    OPTION_END,
};

/* How one column, or a part of a nested one, is made. */
struct generator {
    const struct type *type;
    enum phys phys;
    uint64_t salt;
    bool is_sequence;
    int64_t start;    /* sequence */
    int64_t min, max; /* integers, intervals */
    double real_min, real_max;
    int128 decimal_min, decimal_max;
    int32_t length;
    bool variable_length;
    uint64_t null_below; /* of 2^64; UINT64_MAX: always */
    int64_t max_past_micros;
    int child_count;
    struct generator *children;
};

struct source {
    struct arena arena;
    const struct table *table;
    int column_count;
    const struct type **types;
    struct generator **generators; /* of the projected columns */
    uint64_t seed;
    int64_t rows_per_second, row_count; /* row_count: INT64_MAX when endless */
    int64_t row_bytes;                  /* rough, for the queue's accounting */
};

struct source_reader {
    struct source *source;
    int index;
    int64_t first, next, base_micros;
    struct pace pace;
};

struct generated_block {
    struct block base;
    int64_t first, base_micros;
    uint8_t offsets[2][DATAGEN_OFFSET_BYTES];
};

/* ---- Options ---- */

struct compiler {
    const struct table *table;
    struct arena *arena;
    bool *used; /* by option */
    int64_t row_limit;
    uint64_t salt;
};

/* "fields.<path>.<name>", NULL when it is not given. */
static const char *field_option(struct compiler *compiler, const char *path, const char *name, const char **key) {
    *key = arena_printf(compiler->arena, "fields.%s.%s", path, name);
    for (int i = 0; i < compiler->table->options.count; i++)
        if (strcmp(compiler->table->options.keys[i], *key) == 0) {
            compiler->used[i] = true;
            return compiler->table->options.values[i];
        }
    return NULL;
}

static enum status bad_option(const char *key, const char *value, const char *wanted, struct error *err) {
    error_set(err, STATUS_INVALID_OPTION, "option '%s' cannot be '%s'", key, value);
    error_hint(err, "%s", wanted);
    return STATUS_INVALID_OPTION;
}

static enum status read_int(struct compiler *compiler, const char *path, const char *name, int64_t min, int64_t max,
                            int64_t *out, bool *given, struct error *err) {
    const char *key, *value = field_option(compiler, path, name, &key);
    if (given) *given = value != NULL;
    if (!value || number_parse_int(str_from(value), min, max, out)) return STATUS_OK;
    return bad_option(
        key, value,
        arena_printf(compiler->arena, "it is a whole number from %lld to %lld", (long long)min, (long long)max), err);
}

static enum status read_real(struct compiler *compiler, const char *path, const char *name, double *out,
                             struct error *err) {
    const char *key, *value = field_option(compiler, path, name, &key);
    double v;
    if (!value) return STATUS_OK;
    if (!number_parse_double(str_from(value), &v) || !isfinite(v)) return bad_option(key, value, "it is a number", err);
    *out = v;
    return STATUS_OK;
}

static enum status read_decimal(struct compiler *compiler, const char *path, const char *name, const struct type *type,
                                int128 *out, struct error *err) {
    const char *key, *value = field_option(compiler, path, name, &key);
    if (!value || decimal_parse(str_from(value), type->precision, type->scale, out) == DECIMAL_PARSE_OK)
        return STATUS_OK;
    return bad_option(key, value, arena_printf(compiler->arena, "it is a %s", type_to_string(compiler->arena, type)),
                      err);
}

static void int_range(const struct type *type, int64_t *min, int64_t *max) {
    switch (type->id) {
    case TYPE_TINYINT: *min = INT8_MIN, *max = INT8_MAX; break;
    case TYPE_SMALLINT: *min = INT16_MIN, *max = INT16_MAX; break;
    case TYPE_INT: *min = INT32_MIN, *max = INT32_MAX; break;
    case TYPE_INTERVAL_YEAR_MONTH: *min = 0, *max = 120000; break;
    case TYPE_INTERVAL_DAY_TIME: *min = 0, *max = INT64_C(1000) * 365 * 86400000; break;
    default: *min = INT64_MIN, *max = INT64_MAX;
    }
}

static enum status check_order(const char *path, bool wrong, struct error *err) {
    if (!wrong) return STATUS_OK;
    return error_set(err, STATUS_INVALID_OPTION, "'fields.%s.min' is greater than 'fields.%s.max'", path, path);
}

static enum status compile_random(struct compiler *compiler, const char *path, struct generator *gen,
                                  struct error *err) {
    const struct type *type = gen->type;
    const char *key, *value;
    int64_t number;
    bool given = false;
    if (type_is_integer(type) || type_is_interval(type)) {
        int64_t min, max;
        int_range(type, &min, &max);
        gen->min = min;
        gen->max = max;
        TRY(read_int(compiler, path, "min", min, max, &gen->min, NULL, err));
        TRY(read_int(compiler, path, "max", min, max, &gen->max, NULL, err));
        TRY(check_order(path, gen->min > gen->max, err));
    } else if (type_is_approximate(type)) {
        gen->real_max = type->id == TYPE_FLOAT ? (double)FLT_MAX : DBL_MAX;
        gen->real_min = -gen->real_max;
        TRY(read_real(compiler, path, "min", &gen->real_min, err));
        TRY(read_real(compiler, path, "max", &gen->real_max, err));
        TRY(check_order(path, gen->real_min > gen->real_max, err));
    } else if (type->id == TYPE_DECIMAL) {
        gen->decimal_max = decimal_pow10(type->precision) - 1;
        gen->decimal_min = -gen->decimal_max;
        TRY(read_decimal(compiler, path, "min", type, &gen->decimal_min, err));
        TRY(read_decimal(compiler, path, "max", type, &gen->decimal_max, err));
        TRY(check_order(path, gen->decimal_min > gen->decimal_max, err));
    } else if (gen->phys == PHYS_STR || gen->phys == PHYS_LIST) {
        bool fixed = gen->phys == PHYS_STR && type->length != TYPE_MAX_LENGTH;
        number = fixed ? type->length : gen->phys == PHYS_STR ? DATAGEN_DEFAULT_LENGTH : DATAGEN_DEFAULT_ELEMENTS;
        if (number > DATAGEN_MAX_LENGTH) number = DATAGEN_MAX_LENGTH;
        TRY(read_int(compiler, path, "length", 0, fixed ? number : DATAGEN_MAX_LENGTH, &number, &given, err));
        gen->length = (int32_t)number;
        if (given && (type->id == TYPE_CHAR || type->id == TYPE_BINARY) && number != type->length)
            return error_set(err, STATUS_INVALID_OPTION, "'fields.%s.length' must be the type's, %d", path,
                             type->length);
        value = field_option(compiler, path, "var-len", &key);
        if (value && option_parse_bool(str_from(value), &gen->variable_length) != STATUS_OK)
            return bad_option(key, value, "it is true or false", err);
        if (gen->variable_length && (type->id == TYPE_CHAR || type->id == TYPE_BINARY))
            return error_set(err, STATUS_INVALID_OPTION, "'%s' is for types of variable length, not %s", key,
                             type_id_name(type->id));
    } else if (type_is_timestamp(type) || type->id == TYPE_DATE || type->id == TYPE_TIME) {
        value = field_option(compiler, path, "max-past", &key);
        if (value && (option_parse_duration(str_from(value), &number) != STATUS_OK || number > INT64_C(1) << 45))
            return bad_option(key, value, "it is a time such as 500 ms, 10 s, 5 min, 2 h or 1 d", err);
        gen->max_past_micros = value ? number * 1000 : 0;
    }
    double null_rate = 0;
    TRY(read_real(compiler, path, "null-rate", &null_rate, err));
    if (null_rate < 0 || null_rate > 1)
        return error_set(err, STATUS_INVALID_OPTION, "'fields.%s.null-rate' must be from 0 to 1", path);
    if (null_rate > 0 && !type->nullable)
        return error_set(err, STATUS_INVALID_OPTION, "'fields.%s.null-rate': the column is NOT NULL", path);
    gen->null_below = null_rate >= 1 ? UINT64_MAX : (uint64_t)(null_rate * 18446744073709551616.0);
    return STATUS_OK;
}

static enum status compile(struct compiler *compiler, const char *path, const struct type *type, struct generator *gen,
                           struct error *err) {
    struct arena *arena = compiler->arena;
    *gen = (struct generator){
        .type = type, .phys = type_phys(type), .salt = ++compiler->salt * UINT64_C(0xD1B54A32D192ED03)};
    const char *key, *kind = field_option(compiler, path, "kind", &key);
    if (kind && str_compare_nocase(kind, "sequence") == 0) {
        if (!type_is_numeric(type) && !type_is_char(type))
            return error_set(err, STATUS_NOT_SUPPORTED, "a sequence cannot fill '%s' of type %s", path,
                             type_id_name(type->id));
        bool has_start, has_end;
        int64_t min, max, end = 0;
        int_range(type, &min, &max);
        if (type->id == TYPE_DECIMAL && type->precision - type->scale < 18) {
            max = decimal_pow10_64[type->precision - type->scale] - 1;
            min = -max;
        }
        gen->is_sequence = true;
        TRY(read_int(compiler, path, "start", min, max, &gen->start, &has_start, err));
        TRY(read_int(compiler, path, "end", min, max, &end, &has_end, err));
        if (!has_start || !has_end)
            return error_set(err, STATUS_INVALID_OPTION, "a sequence needs 'fields.%s.start' and 'fields.%s.end'", path,
                             path);
        if (end < gen->start)
            return error_set(err, STATUS_INVALID_OPTION, "'fields.%s.end' is less than 'fields.%s.start'", path, path);
        uint64_t count = (uint64_t)end - (uint64_t)gen->start;
        if (count < (uint64_t)compiler->row_limit) compiler->row_limit = (int64_t)count + 1;
        return STATUS_OK;
    }
    if (kind && str_compare_nocase(kind, "random") != 0) return bad_option(key, kind, "it is random or sequence", err);
    TRY(compile_random(compiler, path, gen, err));
    gen->child_count = type_child_vectors(type);
    gen->children = ARENA_ARRAY(arena, struct generator, gen->child_count + 1);
    for (int i = 0; i < gen->child_count; i++) {
        const char *part = type->id == TYPE_ROW   ? type->names[i]
                           : type->id == TYPE_MAP ? (i ? "value" : "key")
                                                  : (i ? "count" : "element");
        TRY(compile(compiler, arena_printf(arena, "%s.%s", path, part), type_child(type, i), &gen->children[i], err));
    }
    if (type->id == TYPE_MULTISET) { /* counts */
        gen->children[1].min = 1;
        gen->children[1].max = 10;
    }
    return STATUS_OK;
}

static enum status unknown_field(const struct table *table, int option, struct arena *arena, struct error *err) {
    const char *key = table->options.keys[option];
    error_set_at(err, STATUS_INVALID_OPTION, table->options.offsets ? table->options.offsets[option] : -1, 0,
                 "connector 'datagen' has no use for the option '%s'", key);
    /* the nearest of what there could be */
    static const char *const names[] = {"kind",  "min", "max",       "length",  "var-len",
                                        "start", "end", "null-rate", "max-past"};
    enum { NAME_COUNT = sizeof names / sizeof *names };
    const char **candidates = ARENA_ARRAY(arena, const char *, table->column_count *NAME_COUNT + 1);
    int count = 0;
    for (int i = 0; i < table->column_count; i++)
        for (int j = 0; j < NAME_COUNT; j++)
            candidates[count++] = arena_printf(arena, "fields.%s.%s", table->columns[i].name, names[j]);
    const char *nearest = str_nearest(key, candidates, count);
    if (nearest && strcmp(nearest, key) != 0)
        error_hint(err, "did you mean '%s'?", nearest);
    else
        error_hint(err, "it does not fit the column's type, or its kind");
    return STATUS_INVALID_OPTION;
}

/* Generators for all physical columns, NULL for the others. */
static enum status compile_table(const struct table *table, struct arena *arena, struct generator ***out,
                                 int64_t *row_limit, struct error *err) {
    struct compiler compiler = {.table = table, .arena = arena, .row_limit = INT64_MAX};
    compiler.used = ARENA_ARRAY(arena, bool, table->options.count + 1);
    struct generator **generators = ARENA_ARRAY(arena, struct generator *, table->column_count + 1);
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->kind != COLUMN_PHYSICAL) continue;
        generators[i] = ARENA_NEW(arena, struct generator);
        TRY(compile(&compiler, column->name, column->type, generators[i], err));
    }
    for (int i = 0; i < table->options.count; i++)
        if (strncmp(table->options.keys[i], "fields.", 7) == 0 && !compiler.used[i])
            return unknown_field(table, i, arena, err);
    if (option_given(&table->options, "number-of-rows")) {
        int64_t count = option_int(&table->options, options, "number-of-rows");
        if (count < compiler.row_limit) compiler.row_limit = count;
    }
    *out = generators;
    *row_limit = compiler.row_limit;
    return STATUS_OK;
}

static enum status check_table(const struct table *table, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct generator **generators;
    int64_t row_limit;
    enum status status = compile_table(table, &arena, &generators, &row_limit, err);
    arena_destroy(&arena);
    return status;
}

static int64_t row_limit_of(const struct table *table) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct generator **generators;
    int64_t row_limit = INT64_MAX;
    (void)compile_table(table, &arena, &generators, &row_limit, NULL);
    arena_destroy(&arena);
    return row_limit;
}

static bool is_bounded(const struct table *table) { return row_limit_of(table) != INT64_MAX; }

static int64_t row_estimate(const struct table *table) {
    int64_t limit = row_limit_of(table);
    return limit == INT64_MAX ? -1 : limit;
}

/* ---- Source ---- */

static void source_close(struct source *source) {
    arena_destroy(&source->arena);
    free(source);
}

static int64_t estimate_bytes(const struct generator *gen) {
    int64_t size = phys_size(gen->phys);
    if (gen->phys == PHYS_STR) size += gen->length;
    for (int i = 0; i < gen->child_count; i++)
        size += estimate_bytes(&gen->children[i]) * (gen->phys == PHYS_LIST ? gen->length : 1);
    return size;
}

static enum status source_open(const struct table *table, const struct scan_request *request, int parallelism,
                               struct mem_account *account, struct source **out, struct error *err) {
    (void)parallelism;
    struct source *source = xcalloc(1, sizeof *source);
    arena_init(&source->arena, account);
    source->table = table;
    struct generator **generators;
    enum status status = compile_table(table, &source->arena, &generators, &source->row_count, err);
    if (status == STATUS_OK && request->bounded_only && source->row_count == INT64_MAX) {
        status =
            error_set(err, STATUS_NOT_SUPPORTED, "table '%s' never ends, so it cannot be read as a batch", table->name);
        error_hint(err, "give it 'number-of-rows', or set 'execution.runtime-mode' = 'streaming'");
    }
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    source->seed = (uint64_t)option_int(&table->options, options, "seed") * UINT64_C(0x9E3779B97F4A7C15);
    source->rows_per_second = option_int(&table->options, options, "rows-per-second");
    source->column_count = request->column_count;
    source->types = ARENA_ARRAY(&source->arena, const struct type *, request->column_count + 1);
    source->generators = ARENA_ARRAY(&source->arena, struct generator *, request->column_count + 1);
    source->row_bytes = 8;
    for (int i = 0; i < request->column_count; i++) {
        source->types[i] = table->columns[request->columns[i]].type;
        source->generators[i] = generators[request->columns[i]];
        source->row_bytes += estimate_bytes(source->generators[i]);
    }
    *out = source;
    return STATUS_OK;
}

static void put_u64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_u64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static enum status source_splits(struct source *source, struct arena *arena, struct split **splits, int *split_count,
                                 struct error *err) {
    (void)err;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint8_t *start = arena_alloc(arena, DATAGEN_OFFSET_BYTES);
    put_u64(start, 0);
    put_u64(start + 8, (uint64_t)((int64_t)now.tv_sec * MICROS_PER_SECOND + now.tv_nsec / 1000));
    *splits = ARENA_NEW(arena, struct split);
    **splits = (struct split){.id = "datagen/0",
                              .start = {.len = DATAGEN_OFFSET_BYTES, .bytes = start},
                              .row_estimate = source->row_count == INT64_MAX ? -1 : source->row_count};
    *split_count = 1;
    return STATUS_OK;
}

static int reader_count(struct source *source, int split_count, int parallelism) {
    (void)source;
    (void)split_count;
    (void)parallelism;
    return 1;
}

static enum status reader_open(struct source *source, const struct split *splits, const int *indexes,
                               const struct offset *starts, int count, struct source_reader **out, struct error *err) {
    assert(count == 1);
    (void)count;
    if (starts[0].len != DATAGEN_OFFSET_BYTES)
        return error_set(err, STATUS_BAD_DATA, "the offset of '%s' has %u bytes, not %d", splits[0].id, starts[0].len,
                         DATAGEN_OFFSET_BYTES);
    struct source_reader *reader = xcalloc(1, sizeof *reader);
    reader->source = source;
    reader->index = indexes[0];
    reader->first = reader->next = (int64_t)get_u64(starts[0].bytes);
    reader->base_micros = (int64_t)get_u64(starts[0].bytes + 8);
    pace_begin(&reader->pace, source->rows_per_second);
    *out = reader;
    return STATUS_OK;
}

static void reader_close(struct source_reader *reader) { free(reader); }

static void block_release(struct block *block) { free(block); }

static enum status fetch(struct source_reader *reader, int timeout_ms, struct block **out, enum fetch_result *result,
                         struct error *err) {
    (void)err;
    int64_t left = reader->source->row_count - reader->next;
    if (left <= 0) {
        *result = FETCH_END;
        return STATUS_OK;
    }
    int64_t count = pace_take(&reader->pace, left < DATAGEN_BLOCK_ROWS ? left : DATAGEN_BLOCK_ROWS, timeout_ms);
    if (count == 0) {
        *result = FETCH_IDLE;
        return STATUS_OK;
    }
    struct generated_block *block = xcalloc(1, sizeof *block);
    block->first = reader->next;
    block->base_micros = reader->base_micros;
    for (int i = 0; i < 2; i++) {
        put_u64(block->offsets[i], (uint64_t)(reader->next + i * count));
        put_u64(block->offsets[i] + 8, (uint64_t)reader->base_micros);
    }
    block->base =
        (struct block){.split = reader->index,
                       .start = {.len = DATAGEN_OFFSET_BYTES, .bytes = block->offsets[0]},
                       .end = {.len = DATAGEN_OFFSET_BYTES, .bytes = block->offsets[1]},
                       .record_count = (int)count,
                       .first_record = reader->next - reader->first,
                       .size_bytes = (size_t)(count * reader->source->row_bytes), /* what decode makes of it */
                       .data = block,
                       .release = block_release};
    reader->next += count;
    *out = &block->base;
    *result = FETCH_BLOCK;
    return STATUS_OK;
}

/* ---- Values ---- */

static inline uint64_t mix(uint64_t z) { /* splitmix64's finaliser */
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 … range - 1; range 0 stands for 2^64. */
static inline uint64_t below(uint64_t random, uint64_t range) {
    return range == 0 ? random : (uint64_t)((unsigned __int128)random * range >> 64);
}

struct batch {
    const struct source *source;
    struct arena *arena;
    int64_t base_micros;
};

static void put_int(struct vector *vec, int row, int64_t v) {
    switch (vec->phys) {
    case PHYS_I8: ((int8_t *)vec->data)[row] = (int8_t)v; break;
    case PHYS_I16: ((int16_t *)vec->data)[row] = (int16_t)v; break;
    case PHYS_I32: ((int32_t *)vec->data)[row] = (int32_t)v; break;
    default: ((int64_t *)vec->data)[row] = v;
    }
}

static void put_decimal(struct vector *vec, int row, int128 v) {
    if (vec->phys == PHYS_I64)
        ((int64_t *)vec->data)[row] = (int64_t)v;
    else
        ((int128 *)vec->data)[row] = v;
}

static int32_t random_length(const struct generator *gen, uint64_t random) {
    if (!gen->variable_length || gen->length == 0) return gen->length;
    return 1 + (int32_t)below(random, (uint64_t)gen->length);
}

/* Text is hexadecimal digits, as Flink's. */
static void put_string(const struct batch *batch, const struct generator *gen, struct vector *vec, int row,
                       uint64_t key) {
    int32_t len = random_length(gen, mix(key + 1));
    char *text = arena_alloc(batch->arena, (size_t)len + 16);
    bool is_text = type_is_char(gen->type);
    for (int32_t i = 0; i < len; i += is_text ? 16 : 8) {
        uint64_t random = mix(key + 2 + (uint64_t)i);
        if (is_text)
            for (int j = 0; j < 16; j++) text[i + j] = "0123456789abcdef"[random >> (4 * j) & 15];
        else
            memcpy(text + i, &random, 8);
    }
    ((struct strview *)vec->data)[row] = strview_make(text, (uint32_t)len);
}

static void put_time(const struct batch *batch, const struct generator *gen, struct vector *vec, int row,
                     int64_t ordinal, uint64_t key) {
    int64_t rate = batch->source->rows_per_second;
    int64_t micros = batch->base_micros;
    if (rate) micros += (int64_t)((int128)ordinal * MICROS_PER_SECOND / rate);
    if (gen->max_past_micros) micros -= (int64_t)below(key, (uint64_t)gen->max_past_micros + 1);
    int64_t day = micros / MICROS_PER_DAY - (micros % MICROS_PER_DAY < 0);
    int64_t v;
    if (gen->type->id == TYPE_DATE) {
        v = day;
    } else {
        /* in whole units of the precision */
        int64_t unit = gen->type->precision >= 6 ? 1 : decimal_pow10_64[6 - gen->type->precision];
        micros -= ((micros % unit) + unit) % unit;
        v = gen->type->id == TYPE_TIME ? (micros - day * MICROS_PER_DAY) * 1000
            : type_is_nanos(gen->type) ? micros * 1000
                                       : micros;
        if (gen->type->id == TYPE_TIME && v < 0) v = 0;
    }
    put_int(vec, row, v);
}

static void put_sequence(const struct batch *batch, const struct generator *gen, struct vector *vec, int row,
                         int64_t ordinal) {
    int64_t v = (int64_t)((uint64_t)gen->start + (uint64_t)ordinal);
    switch (gen->phys) {
    case PHYS_F32: ((float *)vec->data)[row] = (float)v; break;
    case PHYS_F64: ((double *)vec->data)[row] = (double)v; break;
    case PHYS_STR: {
        char *text = arena_alloc(batch->arena, NUMBER_MAX_TEXT);
        int len = number_format_int(v, text);
        ((struct strview *)vec->data)[row] = strview_make(text, (uint32_t)len);
        break;
    }
    default:
        if (gen->type->id == TYPE_DECIMAL)
            put_decimal(vec, row, v * decimal_pow10(gen->type->scale));
        else
            put_int(vec, row, v);
    }
}

/* Fills rows [0, count) of a flat vector. keys and ordinals are the rows' own. */
static enum status fill(const struct batch *batch, const struct generator *gen, struct vector *vec, int capacity,
                        int count, const uint64_t *keys, const int64_t *ordinals, struct error *err);

static enum status fill_list(const struct batch *batch, const struct generator *gen, struct vector *vec, int count,
                             const uint64_t *keys, const int64_t *ordinals, struct error *err) {
    struct list_entry *entries = vec->data;
    uint64_t total = 0;
    for (int row = 0; row < count; row++) {
        bool is_null = vec->validity && !validity_get(vec->validity, row);
        int32_t length = is_null ? 0 : random_length(gen, mix(keys[row] ^ gen->salt) + 1);
        entries[row] = (struct list_entry){(uint32_t)total, (uint32_t)length};
        total += (uint64_t)length;
        if (total > DATAGEN_MAX_BATCH_ELEMENTS)
            return error_set(err, STATUS_LIMIT_EXCEEDED,
                             "%d rows have more than %d elements in one column; lower its length", count,
                             DATAGEN_MAX_BATCH_ELEMENTS);
    }
    vector_reserve_children(vec, batch->arena, (uint32_t)total);
    vec->child_rows = (uint32_t)total;
    uint64_t *child_keys = arena_alloc(batch->arena, sizeof *child_keys * (size_t)(total + 1));
    int64_t *child_ordinals = arena_alloc(batch->arena, sizeof *child_ordinals * (size_t)(total + 1));
    for (int row = 0; row < count; row++)
        for (uint32_t i = 0; i < entries[row].length; i++) {
            child_keys[entries[row].offset + i] = mix(keys[row] ^ gen->salt) + (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
            child_ordinals[entries[row].offset + i] = ordinals[row];
        }
    for (int i = 0; i < gen->child_count; i++)
        TRY(fill(batch, &gen->children[i], &vec->children[i], (int)vec->child_capacity, (int)total, child_keys,
                 child_ordinals, err));
    return STATUS_OK;
}

static enum status fill(const struct batch *batch, const struct generator *gen, struct vector *vec, int capacity,
                        int count, const uint64_t *keys, const int64_t *ordinals, struct error *err) {
    if (gen->is_sequence) {
        for (int row = 0; row < count; row++) put_sequence(batch, gen, vec, row, ordinals[row]);
        return STATUS_OK;
    }
    if (gen->null_below) {
        uint64_t *validity = vector_validity(vec, batch->arena, capacity);
        for (int row = 0; row < count; row++) {
            uint64_t random = mix((keys[row] ^ gen->salt) + UINT64_C(0xA0761D6478BD642F));
            if (random < gen->null_below || gen->null_below == UINT64_MAX) validity_set_null(validity, row);
        }
    }
    if (gen->phys == PHYS_LIST) return fill_list(batch, gen, vec, count, keys, ordinals, err);
    for (int i = 0; gen->phys == PHYS_ROW && i < gen->child_count; i++)
        TRY(fill(batch, &gen->children[i], &vec->children[i], capacity, count, keys, ordinals, err));
    uint64_t range = (uint64_t)gen->max - (uint64_t)gen->min + 1;
    uint128 decimal_range = (uint128)gen->decimal_max - (uint128)gen->decimal_min + 1;
    for (int row = 0; row < count; row++) {
        if (vec->validity && !validity_get(vec->validity, row)) {
            struct value null = value_null(gen->type);
            vector_set(vec, batch->arena, capacity, row, &null);
            continue;
        }
        uint64_t random = mix(keys[row] ^ gen->salt);
        switch (gen->type->id) {
        case TYPE_BOOLEAN: ((uint8_t *)vec->data)[row] = random >> 63; break;
        case TYPE_FLOAT:
        case TYPE_DOUBLE: {
            double unit = (double)(random >> 11) * 0x1p-53;
            double v = gen->real_min * (1 - unit) + gen->real_max * unit;
            if (gen->phys == PHYS_F32)
                ((float *)vec->data)[row] = (float)v;
            else
                ((double *)vec->data)[row] = v;
            break;
        }
        case TYPE_DECIMAL: {
            uint128 wide = (uint128)random << 64 | mix(random + 1);
            uint128 offset =
                decimal_range >> 64 ? wide % decimal_range : (uint128)below(random, (uint64_t)decimal_range);
            put_decimal(vec, row, (int128)((uint128)gen->decimal_min + offset));
            break;
        }
        case TYPE_CHAR:
        case TYPE_VARCHAR:
        case TYPE_BINARY:
        case TYPE_VARBINARY: put_string(batch, gen, vec, row, random); break;
        case TYPE_DATE:
        case TYPE_TIME:
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ: put_time(batch, gen, vec, row, ordinals[row], random); break;
        case TYPE_ROW: break;
        default: put_int(vec, row, (int64_t)((uint64_t)gen->min + below(random, range)));
        }
    }
    return STATUS_OK;
}

static enum status decode(struct source *source, const struct block *base, int first, int count,
                          struct decode_output *output, struct error *err) {
    const struct generated_block *block = base->data;
    struct batch batch = {.source = source, .arena = output->arena, .base_micros = block->base_micros};
    for (int at = first; at < first + count; at += VECTOR_CAPACITY) {
        int rows = first + count - at < VECTOR_CAPACITY ? first + count - at : VECTOR_CAPACITY;
        struct chunk *chunk = chunk_create(output->arena, source->column_count, source->types, rows);
        uint64_t keys[VECTOR_CAPACITY];
        int64_t ordinals[VECTOR_CAPACITY];
        for (int row = 0; row < rows; row++) {
            ordinals[row] = block->first + at + row;
            keys[row] = mix(source->seed + (uint64_t)ordinals[row] * UINT64_C(0x9E3779B97F4A7C15) + 1);
        }
        for (int i = 0; i < source->column_count; i++)
            TRY(fill(&batch, source->generators[i], &chunk->columns[i], rows, rows, keys, ordinals, err));
        chunk->row_count = chunk->sel_count = rows;
        TRY(output->emit(output, chunk, err));
    }
    return STATUS_OK;
}

static const struct source_class source_class = {
    .is_bounded = is_bounded,
    .row_estimate = row_estimate,
    .open = source_open,
    .splits = source_splits,
    .reader_count = reader_count,
    .reader_open = reader_open,
    .fetch = fetch,
    .reader_close = reader_close,
    .decode = decode,
    .close = source_close,
};

extern const struct connector datagen_connector;
const struct connector datagen_connector = {
    .name = "datagen",
    .doc = "made-up rows: random values and sequences",
    .options = options,
    .source = &source_class,
    .check_table = check_table,
};
