/* Reading topics. A split is a partition ("clicks/3"); an offset is the next message's and, for bounded reading, the end,
 * which is fixed when the split is first listed. Each reader has one client with its partitions assigned by hand: no
 * consumer group decides anything; the group's offsets are only where reading may begin and where checkpoints are noted.
 *
 * Offsets of a partition have gaps (compacted, aborted, control records), so a block's records and its offsets are counted
 * apart. Messages without a value (tombstones) are no records. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "connector/kafka/kafka_private.h"
#include "types/number.h"

enum start_mode { MODE_EARLIEST, MODE_LATEST, MODE_GROUP, MODE_TIMESTAMP, MODE_SPECIFIC, MODE_UNBOUNDED };

/* Where a projected column comes from. */
enum origin { FROM_VALUE, FROM_KEY, FROM_TOPIC, FROM_PARTITION, FROM_OFFSET, FROM_TIMESTAMP, FROM_TIMESTAMP_TYPE };

struct source {
    struct kafka_client *client; /* first: the client's callbacks find it here */
    struct arena arena;
    const struct table *table;
    const char **topics;
    int topic_count;
    enum start_mode start, end;
    bool has_group, leaves_offsets;
    int column_count;
    const struct type **types;
    enum origin *origins;
    struct format_reader *value, *key; /* key NULL: nothing is read from it */
    int value_count, key_count;        /* projected fields */
    int *value_columns, *key_columns;  /* by projected field: the chunk's column */
    char **listed;                     /* splits that were listed before; on the heap */
    int listed_count, listed_capacity;
};

/* What a message has besides its value. */
struct message_info {
    int64_t offset, timestamp_ms;
    rd_kafka_timestamp_type_t timestamp_type;
};

struct kafka_block {
    struct block base;
    const char *topic; /* within the source */
    int32_t partition;
    struct strbuf values, keys; /* each part followed by a line feed (so that no two run together), padded at the end */
    struct format_record *value_records, *key_records;
    struct message_info *infos;
    size_t count, value_capacity, key_capacity, info_capacity;
    uint8_t offsets[2][KAFKA_OFFSET_BYTES];
};

struct partition {
    const char *topic;
    int32_t number;
    int index;
    int64_t next, end;   /* end -1: none */
    int64_t block_start; /* `next` behind the last block */
    int64_t ordinal;
    bool done;
    struct kafka_block *block; /* being filled; NULL: none */
};

struct source_reader {
    struct kafka_client *client; /* first, as in struct source */
    struct source *source;
    rd_kafka_queue_t *queue;
    struct partition *partitions;
    int count, open_count, emit_from;
    rd_kafka_message_t **messages; /* KAFKA_BATCH_MESSAGES */
};

static void put_i64(uint8_t *p, int64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)((uint64_t)v >> (8 * i));
}

static int64_t get_i64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return (int64_t)v;
}

/* ---- Opening ---- */

static enum start_mode mode_of(const struct table *table, const char *key) {
    static const struct {
        const char *name;
        enum start_mode mode;
    } modes[] = {{"earliest-offset", MODE_EARLIEST},  {"latest-offset", MODE_LATEST},
                 {"group-offsets", MODE_GROUP},       {"timestamp", MODE_TIMESTAMP},
                 {"specific-offsets", MODE_SPECIFIC}, {"unbounded", MODE_UNBOUNDED}};
    const char *name = option_string(&table->options, kafka_options, key);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (str_compare_nocase(name, modes[i].name) == 0) return modes[i].mode;
    assert(!"mode");
    return MODE_UNBOUNDED;
}

static bool is_bounded(const struct table *table) { return mode_of(table, "scan.bounded.mode") != MODE_UNBOUNDED; }

static void source_close(struct source *source) {
    enum { COMMIT_WAIT_MS = 2000 };
    int64_t begin = kafka_now_ms();
    while (source->client && source->client->rk && kafka_now_ms() - begin < COMMIT_WAIT_MS) {
        pthread_mutex_lock(&source->client->mutex);
        bool pending = source->client->pending_commits > 0;
        pthread_mutex_unlock(&source->client->mutex);
        if (!pending) break;
        rd_kafka_poll(source->client->rk, 50);
    }
    kafka_client_close(source->client);
    if (source->value) source->value->format->reader_close(source->value);
    if (source->key) source->key->format->reader_close(source->key);
    for (int i = 0; i < source->listed_count; i++) free(source->listed[i]);
    free(source->listed);
    arena_destroy(&source->arena);
    free(source);
}

static enum status open_columns(struct source *source, const struct scan_request *request, struct error *err) {
    const struct table *table = source->table;
    struct arena *arena = &source->arena;
    struct kafka_schema schema;
    TRY(kafka_schema_of(table, arena, &schema, err));
    int count = request->column_count;
    source->column_count = count;
    source->types = ARENA_ARRAY(arena, const struct type *, count + 1);
    source->origins = ARENA_ARRAY(arena, enum origin, count + 1);
    source->value_columns = ARENA_ARRAY(arena, int, count + 1);
    source->key_columns = ARENA_ARRAY(arena, int, count + 1);
    int *value_fields = ARENA_ARRAY(arena, int, count + 1), *key_fields = ARENA_ARRAY(arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        const struct table_column *column = &table->columns[request->columns[i]];
        source->types[i] = column->type;
        if (column->kind == COLUMN_METADATA) {
            const char *key = column->metadata_key;
            source->origins[i] = strcmp(key, "topic") == 0       ? FROM_TOPIC
                                 : strcmp(key, "partition") == 0 ? FROM_PARTITION
                                 : strcmp(key, "offset") == 0    ? FROM_OFFSET
                                 : strcmp(key, "timestamp") == 0 ? FROM_TIMESTAMP
                                                                 : FROM_TIMESTAMP_TYPE;
            continue;
        }
        for (int f = 0; f < schema.value.schema.field_count; f++)
            if (schema.value.positions[f] == request->columns[i]) {
                source->origins[i] = FROM_VALUE;
                value_fields[source->value_count] = f;
                source->value_columns[source->value_count++] = i;
                goto next;
            }
        for (int f = 0; f < schema.key.schema.field_count; f++)
            if (schema.key.positions[f] == request->columns[i]) {
                /* fields are to be ascending; the key's may stand in any order */
                int at = source->key_count++;
                for (; at > 0 && key_fields[at - 1] > f; at--) {
                    key_fields[at] = key_fields[at - 1];
                    source->key_columns[at] = source->key_columns[at - 1];
                }
                source->origins[i] = FROM_KEY;
                key_fields[at] = f;
                source->key_columns[at] = i;
                goto next;
            }
    next:;
    }
    TRY(schema.value.format->reader_open(&schema.value.schema, value_fields, source->value_count, &schema.value.options,
                                         &source->value, err));
    if (source->key_count)
        TRY(schema.key.format->reader_open(&schema.key.schema, key_fields, source->key_count, &schema.key.options,
                                           &source->key, err));
    return STATUS_OK;
}

static enum status open_source(struct source *source, const struct scan_request *request, struct error *err) {
    const struct table *table = source->table;
    TRY(kafka_topics(table, &source->arena, &source->topics, &source->topic_count, err));
    source->start = mode_of(table, "scan.startup.mode");
    source->end = mode_of(table, "scan.bounded.mode");
    source->has_group = option_given(&table->options, "properties.group.id");
    const char *commits = option_find(&table->options, "properties.enable.auto.commit");
    source->leaves_offsets = source->has_group && !(commits && strcmp(commits, "false") == 0);
    if ((source->start == MODE_GROUP || source->end == MODE_GROUP) && !source->has_group) {
        error_set(err, STATUS_INVALID_OPTION,
                  "table '%s': '%s' = 'group-offsets' needs the option 'properties.group.id'", table->name,
                  source->start == MODE_GROUP ? "scan.startup.mode" : "scan.bounded.mode");
        if (source->start == MODE_GROUP && !option_given(&table->options, "scan.startup.mode"))
            error_hint(
                err, "group-offsets is the default; 'scan.startup.mode' = 'earliest-offset' reads from the beginning");
        return STATUS_INVALID_OPTION;
    }
    if (request->bounded_only && source->end == MODE_UNBOUNDED) {
        error_set(err, STATUS_NOT_SUPPORTED, "table '%s' never ends, so it cannot be read as a batch", table->name);
        error_hint(err, "give it 'scan.bounded.mode' = 'latest-offset', or set 'execution.runtime-mode' = 'streaming'");
        return STATUS_NOT_SUPPORTED;
    }
    TRY(open_columns(source, request, err));
    const char *const properties[] = {source->has_group ? NULL : "group.id", "millrace", NULL};
    return kafka_client_open(table, RD_KAFKA_CONSUMER, properties, NULL, source, &source->client, err);
}

static enum status source_open(const struct table *table, const struct scan_request *request, int parallelism,
                               struct mem_account *account, struct source **out, struct error *err) {
    (void)parallelism;
    struct source *source = xcalloc(1, sizeof *source);
    arena_init(&source->arena, account);
    source->table = table;
    enum status status = open_source(source, request, err);
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    *out = source;
    return STATUS_OK;
}

/* ---- Splits ---- */

/* Asks for offsets, until an answer or the client's timeout. ask: returns an error code; repeated while that is transient. */
static enum status ask_offsets(struct source *source, rd_kafka_topic_partition_list_t *list,
                               rd_kafka_resp_err_t (*ask)(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                                          int timeout_ms),
                               const char *what, struct error *err) {
    struct kafka_client *client = source->client;
    int64_t begin = kafka_now_ms();
    for (;;) {
        int64_t left = client->timeout_ms - (kafka_now_ms() - begin);
        rd_kafka_resp_err_t code = ask(client->rk, list, (int)(left < 5000 ? left > 1 ? left : 1 : 5000));
        for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) code = list->elems[i].err;
        rd_kafka_poll(client->rk, 0);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STATUS_OK;
        if (!kafka_is_transient(code) || left <= 0) return kafka_error(client, code, what, err);
        kafka_client_trouble(client, code, NULL);
        TRY(kafka_client_check(client, err));
    }
}

/* The first (or behind the last) offset of each partition. */
static rd_kafka_resp_err_t ask_watermarks(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms) {
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *at = &list->elems[i];
        int64_t low, high;
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(rk, at->topic, at->partition, &low, &high, timeout_ms);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
        if (at->offset == RD_KAFKA_OFFSET_BEGINNING) at->offset = low;
        if (at->offset == RD_KAFKA_OFFSET_END) at->offset = high;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* "partition:0,offset:42;partition:1,offset:300" */
static enum status read_specific(const char *key, const char *text, int32_t partition, int64_t *out,
                                 struct error *err) {
    const char *p = text;
    while (*p) {
        size_t len = strcspn(p, ";");
        long long number, offset;
        int used = 0;
        char item[64];
        snprintf(item, sizeof item, "%.*s", (int)(len < sizeof item ? len : sizeof item - 1), p);
        if (sscanf(item, " partition:%lld , offset:%lld %n", &number, &offset, &used) < 2 || item[used] || offset < 0 ||
            number < 0 || len >= sizeof item) {
            error_set(err, STATUS_INVALID_OPTION, "option '%s' cannot be '%s'", key, text);
            error_hint(err, "it looks like 'partition:0,offset:42;partition:1,offset:300'");
            return STATUS_INVALID_OPTION;
        }
        if (number == partition) *out = offset;
        p += len + (p[len] == ';');
    }
    return STATUS_OK;
}

/* Sets each partition's offset as the mode says; missing: what stands for partitions that have none. */
static enum status resolve(struct source *source, rd_kafka_topic_partition_list_t *list, enum start_mode mode,
                           const char *option_prefix, int64_t missing, struct error *err) {
    const struct option_list *options = &source->table->options;
    char key[64];
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        list->elems[i].offset = mode == MODE_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING
                                : mode == MODE_LATEST ? RD_KAFKA_OFFSET_END
                                                      : missing;
    }
    if (mode == MODE_SPECIFIC) {
        snprintf(key, sizeof key, "%s.specific-offsets", option_prefix);
        for (int i = 0; i < list->cnt; i++)
            TRY(read_specific(key, option_string(options, kafka_options, key), list->elems[i].partition,
                              &list->elems[i].offset, err));
    }
    if (mode == MODE_TIMESTAMP) {
        snprintf(key, sizeof key, "%s.timestamp-millis", option_prefix);
        for (int i = 0; i < list->cnt; i++) list->elems[i].offset = option_int(options, kafka_options, key);
        TRY(ask_offsets(source, list, rd_kafka_offsets_for_times, "cannot look up offsets by time", err));
    }
    if (mode == MODE_GROUP) {
        TRY(ask_offsets(source, list, rd_kafka_committed, "cannot ask for the group's offsets", err));
        const char *reset = option_find(options, "properties.auto.offset.reset");
        for (int i = 0; i < list->cnt; i++) {
            if (list->elems[i].offset >= 0) continue;
            bool earliest = reset && (strcmp(reset, "earliest") == 0 || strcmp(reset, "smallest") == 0);
            bool latest = reset && (strcmp(reset, "latest") == 0 || strcmp(reset, "largest") == 0);
            if (!earliest && !latest) {
                error_set(err, STATUS_SERVER_ERROR, "group '%s' has no offset for topic '%s' partition %d",
                          option_find(options, "properties.group.id"), list->elems[i].topic,
                          (int)list->elems[i].partition);
                error_hint(err, "'properties.auto.offset.reset' = 'earliest' or 'latest' says where to begin then");
                return STATUS_SERVER_ERROR;
            }
            list->elems[i].offset = earliest ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
        }
    }
    return ask_offsets(source, list, ask_watermarks, "cannot ask for the ends of partitions", err);
}

static bool was_listed(const struct source *source, const char *id) {
    for (int i = 0; i < source->listed_count; i++)
        if (strcmp(source->listed[i], id) == 0) return true;
    return false;
}

static int compare_partitions(const void *a, const void *b, void *opaque) {
    (void)opaque;
    const rd_kafka_topic_partition_t *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static enum status list_partitions(struct source *source, rd_kafka_topic_partition_list_t *list, struct error *err) {
    for (int t = 0; t < source->topic_count; t++) {
        const struct rd_kafka_metadata *metadata;
        TRY(kafka_client_metadata(source->client, source->topics[t], 0, &metadata, err));
        for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
            rd_kafka_topic_partition_list_add(list, source->topics[t], metadata->topics[0].partitions[i].id);
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_partition_list_sort(list, compare_partitions, NULL);
    return STATUS_OK;
}

static int64_t discovery_interval_ms(const struct source *source) {
    return source->end == MODE_UNBOUNDED
               ? option_int(&source->table->options, kafka_options, "scan.topic-partition-discovery.interval")
               : 0;
}

static enum status source_splits(struct source *source, struct arena *arena, struct split **out, int *out_count,
                                 struct error *err) {
    rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_new(16), *ends = NULL;
    enum status status;
    TRY_CLEANUP(list_partitions(source, starts, err));
    ends = rd_kafka_topic_partition_list_copy(starts);
    bool first_time = source->listed_count == 0;
    /* Partitions that came later are read whole. */
    TRY_CLEANUP(resolve(source, starts, first_time ? source->start : MODE_EARLIEST, "scan.startup",
                        source->start == MODE_SPECIFIC ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END, err));
    if (source->end != MODE_UNBOUNDED)
        TRY_CLEANUP(resolve(source, ends, source->end, "scan.bounded", RD_KAFKA_OFFSET_END, err));
    struct split *splits = ARENA_ARRAY(arena, struct split, starts->cnt + 1);
    for (int i = 0; i < starts->cnt; i++) {
        char *id = arena_printf(arena, "%s/%d", starts->elems[i].topic, (int)starts->elems[i].partition);
        int64_t start = starts->elems[i].offset, end = source->end == MODE_UNBOUNDED ? -1 : ends->elems[i].offset;
        uint8_t *bytes = arena_alloc(arena, KAFKA_OFFSET_BYTES);
        put_i64(bytes, start);
        put_i64(bytes + 8, end);
        splits[i] = (struct split){.id = id,
                                   .start = {.len = KAFKA_OFFSET_BYTES, .bytes = bytes},
                                   .row_estimate = end < 0       ? -1
                                                   : end > start ? end - start
                                                                 : 0};
        if (was_listed(source, id)) continue;
        ARRAY_RESERVE(source->listed, source->listed_capacity, source->listed_count + 1);
        source->listed[source->listed_count++] = xstrdup(id);
    }
    *out = splits;
    *out_count = starts->cnt;
cleanup:
    rd_kafka_topic_partition_list_destroy(starts);
    if (ends) rd_kafka_topic_partition_list_destroy(ends);
    return status;
}

static int reader_count(struct source *source, int split_count, int parallelism) {
    (void)source;
    int count = split_count < parallelism ? split_count : parallelism;
    if (count > KAFKA_MAX_READERS) count = KAFKA_MAX_READERS;
    return count > 1 ? count : 1;
}

/* ---- Blocks ---- */

static void block_release(struct block *base) {
    struct kafka_block *block = (struct kafka_block *)base;
    strbuf_free(&block->values);
    strbuf_free(&block->keys);
    free(block->value_records);
    free(block->key_records);
    free(block->infos);
    free(block);
}

static void add_part(struct strbuf *buf, struct format_record *record, const void *data, size_t len) {
    *record = (struct format_record){(uint32_t)buf->len, (uint32_t)len};
    if (len) strbuf_add(buf, data, len);
    strbuf_putc(buf, '\n');
}

static void add_message(struct source_reader *reader, struct partition *partition, const rd_kafka_message_t *message) {
    struct kafka_block *block = partition->block;
    if (!block) {
        block = partition->block = xcalloc(1, sizeof *block);
        block->topic = partition->topic;
        block->partition = partition->number;
    }
    ARRAY_RESERVE(block->value_records, block->value_capacity, block->count + 1);
    ARRAY_RESERVE(block->infos, block->info_capacity, block->count + 1);
    add_part(&block->values, &block->value_records[block->count], message->payload, message->len);
    if (reader->source->key) {
        ARRAY_RESERVE(block->key_records, block->key_capacity, block->count + 1);
        add_part(&block->keys, &block->key_records[block->count], message->key, message->key_len);
    }
    struct message_info *info = &block->infos[block->count];
    info->offset = message->offset;
    info->timestamp_ms = rd_kafka_message_timestamp(message, &info->timestamp_type);
    block->count++;
}

static struct block *end_block(struct partition *partition) {
    struct kafka_block *block = partition->block;
    partition->block = NULL;
    strbuf_reserve(&block->values, FORMAT_PADDING_BYTES);
    memset(block->values.data + block->values.len, 0, FORMAT_PADDING_BYTES);
    if (block->key_records) {
        strbuf_reserve(&block->keys, FORMAT_PADDING_BYTES);
        memset(block->keys.data + block->keys.len, 0, FORMAT_PADDING_BYTES);
    }
    put_i64(block->offsets[0], partition->block_start);
    put_i64(block->offsets[0] + 8, partition->end);
    put_i64(block->offsets[1], partition->next);
    put_i64(block->offsets[1] + 8, partition->end);
    block->base = (struct block){
        .split = partition->index,
        .start = {.len = KAFKA_OFFSET_BYTES, .bytes = block->offsets[0]},
        .end = {.len = KAFKA_OFFSET_BYTES, .bytes = block->offsets[1]},
        .record_count = (int)block->count,
        .first_record = partition->ordinal,
        .size_bytes = sizeof *block + block->values.capacity + block->keys.capacity +
                      block->value_capacity * sizeof *block->value_records +
                      block->key_capacity * sizeof *block->key_records + block->info_capacity * sizeof *block->infos,
        .data = block,
        .release = block_release,
    };
    partition->block_start = partition->next;
    partition->ordinal += (int64_t)block->count;
    return &block->base;
}

/* ---- Readers ---- */

static void reader_close(struct source_reader *reader) {
    if (reader->queue) rd_kafka_queue_destroy(reader->queue);
    kafka_client_close(reader->client);
    for (int i = 0; i < reader->count; i++)
        if (reader->partitions[i].block) block_release(&reader->partitions[i].block->base);
    free(reader->partitions);
    free(reader->messages);
    free(reader);
}

static enum status find_partition(struct source *source, const char *id, struct partition *out, struct error *err) {
    const char *slash = strrchr(id, '/');
    int64_t number = -1;
    for (int t = 0; slash && t < source->topic_count; t++)
        if (strlen(source->topics[t]) == (size_t)(slash - id) &&
            strncmp(source->topics[t], id, (size_t)(slash - id)) == 0)
            out->topic = source->topics[t];
    if (!slash || !out->topic || !number_parse_int(str_from(slash + 1), 0, INT32_MAX, &number))
        return error_set(err, STATUS_BAD_DATA, "'%s' is no partition of this table's topics", id);
    out->number = (int32_t)number;
    return STATUS_OK;
}

static enum status open_reader(struct source_reader *reader, const struct split *splits, const int *indexes,
                               const struct offset *starts, int count, struct error *err) {
    struct source *source = reader->source;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    enum status status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        struct partition *partition = &reader->partitions[i];
        TRY_CLEANUP(find_partition(source, splits[i].id, partition, err));
        if (starts[i].len != KAFKA_OFFSET_BYTES) {
            status = error_set(err, STATUS_BAD_DATA, "the offset of '%s' has %u bytes, not %d", splits[i].id,
                               starts[i].len, KAFKA_OFFSET_BYTES);
            goto cleanup;
        }
        partition->index = indexes[i];
        partition->next = partition->block_start = get_i64(starts[i].bytes);
        partition->end = get_i64(starts[i].bytes + 8);
        partition->done = partition->end >= 0 && partition->next >= partition->end;
        if (partition->done) continue;
        rd_kafka_topic_partition_list_add(list, partition->topic, partition->number)->offset = partition->next;
        reader->open_count++;
    }
    char kbytes[16];
    snprintf(kbytes, sizeof kbytes, "%d", KAFKA_QUEUE_KBYTES);
    const char *const properties[] = {"group.id",
                                      "millrace",
                                      "enable.auto.commit",
                                      "false",
                                      "enable.auto.offset.store",
                                      "false",
                                      "enable.partition.eof",
                                      "true",
                                      "auto.offset.reset",
                                      "error",
                                      "queued.max.messages.kbytes",
                                      kbytes,
                                      "fetch.wait.max.ms",
                                      "100",
                                      NULL};
    TRY_CLEANUP(kafka_client_open(source->table, RD_KAFKA_CONSUMER, properties, NULL, reader, &reader->client, err));
    rd_kafka_poll_set_consumer(reader->client->rk);
    reader->queue = rd_kafka_queue_get_consumer(reader->client->rk);
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->client->rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) status = kafka_error(reader->client, code, "cannot read", err);
cleanup:
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

static enum status reader_open(struct source *source, const struct split *splits, const int *indexes,
                               const struct offset *starts, int count, struct source_reader **out, struct error *err) {
    struct source_reader *reader = xcalloc(1, sizeof *reader);
    reader->source = source;
    reader->partitions = xcalloc((size_t)count + 1, sizeof *reader->partitions);
    reader->count = count;
    reader->messages = xcalloc(KAFKA_BATCH_MESSAGES, sizeof *reader->messages);
    enum status status = open_reader(reader, splits, indexes, starts, count, err);
    if (status != STATUS_OK) {
        reader_close(reader);
        return status;
    }
    *out = reader;
    return STATUS_OK;
}

static void end_partition(struct source_reader *reader, struct partition *partition) {
    if (partition->done) return;
    partition->done = true;
    reader->open_count--;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition->topic, partition->number);
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(reader->client->rk, list);
    if (error) rd_kafka_error_destroy(error); /* what still comes is ignored */
    rd_kafka_topic_partition_list_destroy(list);
}

static struct partition *partition_of(struct source_reader *reader, const rd_kafka_message_t *message, int *guess) {
    const char *topic = rd_kafka_topic_name(message->rkt);
    for (int i = 0; i < reader->count; i++) {
        struct partition *partition = &reader->partitions[(*guess + i) % reader->count];
        if (partition->number == message->partition && strcmp(partition->topic, topic) == 0) {
            *guess = (*guess + i) % reader->count;
            return partition;
        }
    }
    return NULL;
}

static enum status take_error(struct source_reader *reader, const rd_kafka_message_t *message,
                              struct partition *partition, struct error *err) {
    rd_kafka_resp_err_t code = message->err;
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        /* Its offset is the next one: records that are not delivered (aborted, control) are behind it. */
        if (partition && partition->end >= 0 && message->offset >= partition->end) end_partition(reader, partition);
        return STATUS_OK;
    }
    const char *reason = rd_kafka_message_errstr(message);
    if (kafka_is_transient(code)) {
        kafka_client_trouble(reader->client, code, reason);
        return STATUS_OK;
    }
    if (!partition) return kafka_error(reader->client, code, "cannot read", err);
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        error_set(err, STATUS_SERVER_ERROR, "topic '%s' partition %d no longer has offset %" PRId64, partition->topic,
                  (int)partition->number, partition->next);
        error_detail(err, "%s", reason);
        error_hint(err, "messages were deleted before they were read; check the topic's retention");
        return STATUS_SERVER_ERROR;
    }
    enum status status = kafka_error(reader->client, code, "cannot read", err);
    error_prefix(err, "topic '%s' partition %d", partition->topic, (int)partition->number);
    return status;
}

static enum status take_message(struct source_reader *reader, const rd_kafka_message_t *message, int *guess,
                                struct error *err) {
    struct partition *partition = message->rkt ? partition_of(reader, message, guess) : NULL;
    if (message->err) return take_error(reader, message, partition, err);
    if (!partition || partition->done || message->offset < partition->next) return STATUS_OK;
    if (partition->end >= 0 && message->offset >= partition->end) {
        end_partition(reader, partition);
        return STATUS_OK;
    }
    partition->next = message->offset + 1;
    if (message->payload) add_message(reader, partition, message);
    if (partition->end >= 0 && partition->next >= partition->end) end_partition(reader, partition);
    return STATUS_OK;
}

/* A block that is ready, the partitions in turn. */
static struct block *next_block(struct source_reader *reader) {
    for (int i = 0; i < reader->count; i++) {
        struct partition *partition = &reader->partitions[(reader->emit_from + i) % reader->count];
        if (!partition->block) continue;
        reader->emit_from = (reader->emit_from + i + 1) % reader->count;
        return end_block(partition);
    }
    return NULL;
}

static enum status fetch(struct source_reader *reader, int timeout_ms, struct block **out, enum fetch_result *result,
                         struct error *err) {
    struct block *block = next_block(reader);
    enum status status = STATUS_OK;
    if (!block && reader->open_count) {
        int guess = 0;
        rd_kafka_message_t *first = rd_kafka_consumer_poll(reader->client->rk, timeout_ms);
        size_t bytes = 0;
        if (first) {
            bytes += first->len + first->key_len;
            bool any = !first->err;
            status = take_message(reader, first, &guess, err);
            rd_kafka_message_destroy(first);
            /* and whatever else is there already */
            while (status == STATUS_OK && any && bytes < KAFKA_BLOCK_BYTES) {
                ssize_t count = rd_kafka_consume_batch_queue(reader->queue, 0, reader->messages, KAFKA_BATCH_MESSAGES);
                if (count <= 0) break;
                for (ssize_t i = 0; i < count; i++) {
                    bytes += reader->messages[i]->len + reader->messages[i]->key_len;
                    if (status == STATUS_OK) status = take_message(reader, reader->messages[i], &guess, err);
                    rd_kafka_message_destroy(reader->messages[i]);
                }
            }
        }
        block = status == STATUS_OK ? next_block(reader) : NULL;
        if (status == STATUS_OK && !block) status = kafka_client_check(reader->client, err);
    }
    if (status != STATUS_OK) return status;
    *out = block;
    *result = block ? FETCH_BLOCK : reader->open_count ? FETCH_IDLE : FETCH_END;
    return STATUS_OK;
}

/* ---- Decoding ---- */

static enum status decode_part(const struct kafka_block *block, const struct format_reader *reader,
                               const struct strbuf *data, const struct format_record *records, int first, int count,
                               struct vector **columns, int32_t *row_records, struct arena *arena,
                               struct format_batch *batch, struct error *err) {
    *batch = (struct format_batch){.data = data->data,
                                   .records = records,
                                   .first = first,
                                   .count = count,
                                   .arena = arena,
                                   .columns = columns,
                                   .row_records = row_records};
    enum status status = reader->format->decode(reader, batch, err);
    if (status != STATUS_OK)
        error_prefix(err, "topic '%s' partition %d offset %" PRId64, block->topic, (int)block->partition,
                     block->infos[batch->error_record].offset);
    return status;
}

static void fill_metadata(const struct source *source, const struct kafka_block *block, struct chunk *chunk,
                          const int32_t *row_records, struct arena *arena) {
    for (int c = 0; c < source->column_count; c++) {
        struct vector *vec = &chunk->columns[c];
        const struct type *type = source->types[c];
        struct value value = {.type = type};
        switch (source->origins[c]) {
        case FROM_VALUE:
        case FROM_KEY: break;
        case FROM_TOPIC:
            value.str = str_from(block->topic);
            vector_init_const(vec, arena, type, &value);
            break;
        case FROM_PARTITION:
            value.i64 = block->partition;
            vector_init_const(vec, arena, type, &value);
            break;
        case FROM_OFFSET:
            for (int row = 0; row < chunk->row_count; row++)
                ((int64_t *)vec->data)[row] = block->infos[row_records[row]].offset;
            break;
        case FROM_TIMESTAMP:
            for (int row = 0; row < chunk->row_count; row++) {
                int64_t ms = block->infos[row_records[row]].timestamp_ms;
                ((int64_t *)vec->data)[row] = ms < 0 ? 0 : ms * (type_is_nanos(type) ? 1000000 : 1000);
                if (ms < 0 && type->nullable) validity_set_null(vector_validity(vec, arena, VECTOR_CAPACITY), row);
            }
            break;
        case FROM_TIMESTAMP_TYPE:
            for (int row = 0; row < chunk->row_count; row++) {
                rd_kafka_timestamp_type_t kind = block->infos[row_records[row]].timestamp_type;
                const char *name = kind == RD_KAFKA_TIMESTAMP_CREATE_TIME       ? "CreateTime"
                                   : kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime"
                                                                                : "NoTimestampType";
                ((struct strview *)vec->data)[row] = strview_make(name, (uint32_t)strlen(name));
            }
            break;
        }
    }
}

/* Rows whose key or value was skipped leave the chunk: keeps those with records in both lists (ascending). */
static struct chunk *join_parts(const struct source *source, struct chunk *chunk, int value_rows, int key_rows,
                                int32_t *value_records, const int32_t *key_records, struct arena *arena) {
    sel_index value_sel[VECTOR_CAPACITY], key_sel[VECTOR_CAPACITY];
    int count = 0;
    for (int v = 0, k = 0; v < value_rows && k < key_rows;) {
        if (value_records[v] < key_records[k]) {
            v++;
        } else if (value_records[v] > key_records[k]) {
            k++;
        } else {
            value_sel[count] = (sel_index)v;
            key_sel[count] = (sel_index)k;
            value_records[count++] = value_records[v];
            v++;
            k++;
        }
    }
    struct chunk *out = chunk_create(arena, source->column_count, source->types, VECTOR_CAPACITY);
    for (int c = 0; c < source->column_count; c++)
        if (source->origins[c] == FROM_VALUE || source->origins[c] == FROM_KEY)
            vector_append(&out->columns[c], arena, VECTOR_CAPACITY, 0, &chunk->columns[c],
                          source->origins[c] == FROM_KEY ? key_sel : value_sel, count, false);
    out->row_count = count;
    return out;
}

static enum status decode(struct source *source, const struct block *base, int first, int count,
                          struct decode_output *output, struct error *err) {
    const struct kafka_block *block = base->data;
    struct arena *arena = output->arena;
    struct vector **value_columns = ARENA_ARRAY(arena, struct vector *, source->value_count + 1);
    struct vector **key_columns = ARENA_ARRAY(arena, struct vector *, source->key_count + 1);
    for (int end = first + count; first < end;) {
        struct chunk *chunk = chunk_create(arena, source->column_count, source->types, VECTOR_CAPACITY);
        int32_t value_records[VECTOR_CAPACITY], key_records[VECTOR_CAPACITY];
        for (int i = 0; i < source->value_count; i++) value_columns[i] = &chunk->columns[source->value_columns[i]];
        for (int i = 0; i < source->key_count; i++) key_columns[i] = &chunk->columns[source->key_columns[i]];
        struct format_batch values, keys;
        int batch_count = end - first < VECTOR_CAPACITY ? end - first : VECTOR_CAPACITY;
        TRY(decode_part(block, source->value, &block->values, block->value_records, first, batch_count, value_columns,
                        value_records, arena, &values, err));
        int rows = values.row_count;
        if (source->key) {
            TRY(decode_part(block, source->key, &block->keys, block->key_records, first, values.consumed, key_columns,
                            key_records, arena, &keys, err));
            assert(keys.consumed == values.consumed);
            if (values.skipped || keys.skipped) {
                chunk = join_parts(source, chunk, rows, keys.row_count, value_records, key_records, arena);
                rows = chunk->row_count;
            }
        }
        output->skipped_records += values.consumed - rows;
        first += values.consumed;
        if (rows == 0) continue;
        chunk->row_count = chunk->sel_count = rows;
        fill_metadata(source, block, chunk, value_records, arena);
        TRY(output->emit(output, chunk, err));
    }
    return STATUS_OK;
}

/* ---- Checkpoints ---- */

static void checkpointed(struct source *source, const struct split *splits, const struct offset *offsets, int count) {
    if (!source->leaves_offsets || count == 0) return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        struct partition partition = {0};
        if (offsets[i].len != KAFKA_OFFSET_BYTES || find_partition(source, splits[i].id, &partition, NULL) != STATUS_OK)
            continue;
        rd_kafka_topic_partition_list_add(list, partition.topic, partition.number)->offset = get_i64(offsets[i].bytes);
    }
    struct kafka_client *client = source->client;
    pthread_mutex_lock(&client->mutex);
    client->pending_commits++;
    pthread_mutex_unlock(&client->mutex);
    if (rd_kafka_commit(client->rk, list, 1) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        pthread_mutex_lock(&client->mutex);
        client->pending_commits--;
        pthread_mutex_unlock(&client->mutex);
    }
    rd_kafka_poll(client->rk, 0); /* answers of earlier ones */
    rd_kafka_topic_partition_list_destroy(list);
}

const struct source_class kafka_source = {
    .is_bounded = is_bounded,
    .open = source_open,
    .splits = source_splits,
    .discovery_interval_ms = discovery_interval_ms,
    .reader_count = reader_count,
    .reader_open = reader_open,
    .fetch = fetch,
    .reader_close = reader_close,
    .decode = decode,
    .checkpointed = checkpointed,
    .close = source_close,
};
