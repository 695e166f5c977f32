/* For the tests of connectors: runs a source as the engine would (splits, readers, blocks decoded in odd pieces) and keeps
 * every split's rows as text, with the offsets that blocks ended at. */
#ifndef MILLRACE_CONNECTOR_TEST_SOURCE_H
#define MILLRACE_CONNECTOR_TEST_SOURCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connector/connector.h"

enum { TEST_MAX_SPLITS = 16, TEST_MAX_MARKS = 4096 };

struct test_split {
    char *id;
    struct strbuf rows; /* a line per row */
    int row_count;
    int mark_count;
    struct {
        uint8_t bytes[64];
        uint32_t len;
        size_t row_bytes;    /* of `rows` before it */
    } marks[TEST_MAX_MARKS]; /* offsets between blocks, the start first */
};

struct test_run {
    struct arena arena;
    int split_count;
    struct test_split *splits;
    int64_t skipped;
    int block_count;
};

struct test_output {
    struct decode_output base;
    struct test_split *split;
    int row_count;
};

static inline void test_put_value(struct strbuf *out, const struct value *value) {
    if (value->is_null) {
        strbuf_puts(out, "NULL");
        return;
    }
    switch (type_phys(value->type)) {
    case PHYS_BOOL: strbuf_puts(out, value->boolean ? "true" : "false"); break;
    case PHYS_F32: strbuf_printf(out, "%.9g", (double)value->f32); break;
    case PHYS_F64: strbuf_printf(out, "%.17g", value->f64); break;
    case PHYS_I128: strbuf_printf(out, "%llx:%016llx", (long long)(value->i128 >> 64), (long long)value->i128); break;
    case PHYS_STR:
        if (!type_is_bytes(value->type)) strbuf_add(out, value->str.data, value->str.len);
        for (size_t i = 0; type_is_bytes(value->type) && i < value->str.len; i++)
            strbuf_printf(out, "%02x", (unsigned char)value->str.data[i]);
        break;
    case PHYS_LIST:
    case PHYS_ROW:
        strbuf_putc(out, '(');
        for (int i = 0; i < value_item_count(value); i++) {
            if (i) strbuf_putc(out, ',');
            test_put_value(out, &value->list.items[i]);
        }
        strbuf_putc(out, ')');
        break;
    default: strbuf_printf(out, "%lld", (long long)value->i64);
    }
}

static inline enum status test_emit(struct decode_output *base, struct chunk *chunk, struct error *err) {
    (void)err;
    struct test_output *output = (struct test_output *)base;
    assert_true(chunk->row_count > 0 && chunk->row_count <= VECTOR_CAPACITY);
    assert_int_equal(chunk->sel_count, chunk->row_count);
    for (int row = 0; row < chunk->row_count; row++) {
        for (int i = 0; i < chunk->column_count; i++) {
            struct value value = vector_get(&chunk->columns[i], row, base->arena);
            if (i) strbuf_putc(&output->split->rows, '|');
            test_put_value(&output->split->rows, &value);
        }
        strbuf_putc(&output->split->rows, '\n');
        output->split->row_count++;
    }
    output->row_count += chunk->row_count;
    return STATUS_OK;
}

static inline void test_run_free(struct test_run *run) {
    for (int i = 0; i < run->split_count; i++) {
        free(run->splits[i].id);
        strbuf_free(&run->splits[i].rows);
    }
    free(run->splits);
    arena_destroy(&run->arena);
}

static inline void test_mark(struct test_split *split, struct offset offset) {
    assert_true(split->mark_count < TEST_MAX_MARKS && offset.len <= sizeof split->marks->bytes);
    memcpy(split->marks[split->mark_count].bytes, offset.bytes, offset.len);
    split->marks[split->mark_count].len = offset.len;
    split->marks[split->mark_count].row_bytes = split->rows.len;
    split->mark_count++;
}

/* Reads table's columns until every reader ends or `max_blocks` were read (0: no limit). pieces: blocks are decoded in up to
 * this many records at a time (0: whole). starts: where each split begins, NULL: at its start. The run is to be freed. */
static inline enum status test_scan(const struct connector *connector, const struct table *table, const int *columns,
                                    int column_count, int pieces, int max_blocks, const struct offset *starts,
                                    struct test_run *run, struct error *err) {
    const struct source_class *class = connector->source;
    *run = (struct test_run){0};
    arena_init(&run->arena, NULL);
    struct scan_request request = {.column_count = column_count, .columns = columns, .limit = -1};
    struct source *source;
    enum status status = class->open(table, &request, 2, NULL, &source, err);
    if (status != STATUS_OK) return status;
    struct split *splits;
    int split_count;
    status = class->splits(source, &run->arena, &splits, &split_count, err);
    if (status != STATUS_OK) {
        class->close(source);
        return status;
    }
    assert_true(split_count <= TEST_MAX_SPLITS);
    run->splits = calloc((size_t)split_count + 1, sizeof *run->splits);
    run->split_count = split_count;
    int reader_count = split_count ? class->reader_count(source, split_count, 2) : 0;
    assert_true(reader_count <= split_count);
    struct source_reader *readers[TEST_MAX_SPLITS];
    for (int r = 0; r < reader_count; r++) {
        struct split mine[TEST_MAX_SPLITS];
        int indexes[TEST_MAX_SPLITS], count = 0;
        struct offset offsets[TEST_MAX_SPLITS];
        for (int i = r; i < split_count; i += reader_count) {
            run->splits[i].id = strdup(splits[i].id);
            strbuf_puts(&run->splits[i].rows, "");
            mine[count] = splits[i];
            offsets[count] = starts ? starts[i] : splits[i].start;
            test_mark(&run->splits[i], offsets[count]);
            indexes[count++] = i;
        }
        status = class->reader_open(source, mine, indexes, offsets, count, &readers[r], err);
        assert_int_equal(status, STATUS_OK);
    }
    int64_t ordinals[TEST_MAX_SPLITS] = {0};
    uint64_t seed = 99;
    for (int r = 0; r < reader_count; r++) {
        while (status == STATUS_OK && (max_blocks == 0 || run->block_count < max_blocks)) {
            struct block *block;
            enum fetch_result result;
            status = class->fetch(readers[r], 100, &block, &result, err);
            if (status != STATUS_OK || result == FETCH_END) break;
            if (result == FETCH_IDLE) continue;
            run->block_count++;
            assert_true(block->split >= 0 && block->split < split_count && block->record_count > 0);
            struct test_split *split = &run->splits[block->split];
            /* blocks follow each other without gaps */
            assert_int_equal(block->first_record, ordinals[block->split]);
            assert_int_equal(block->start.len, split->marks[split->mark_count - 1].len);
            assert_memory_equal(block->start.bytes, split->marks[split->mark_count - 1].bytes, block->start.len);
            ordinals[block->split] += block->record_count;
            for (int first = 0; status == STATUS_OK && first < block->record_count;) {
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
                int count = block->record_count - first;
                if (pieces && count > pieces) count = 1 + (int)(seed >> 33) % pieces;
                struct arena arena;
                arena_init(&arena, NULL);
                struct test_output output = {.base = {.arena = &arena, .emit = test_emit}, .split = split};
                status = class->decode(source, block, first, count, &output.base, err);
                if (status == STATUS_OK) assert_int_equal(output.row_count + output.base.skipped_records, count);
                run->skipped += output.base.skipped_records;
                arena_destroy(&arena);
                first += count;
            }
            test_mark(split, block->end);
            block->release(block);
        }
        class->reader_close(readers[r]);
    }
    class->close(source);
    return status;
}

/* Reads again from every stride-th offset that the run met: the rows must be those that followed it there. */
static inline void test_resume(const struct connector *connector, const struct table *table, const int *columns,
                               int column_count, const struct test_run *run, int stride) {
    for (int s = 0; s < run->split_count; s++)
        for (int m = 0; m < run->splits[s].mark_count; m += stride) {
            struct offset starts[TEST_MAX_SPLITS];
            for (int i = 0; i < run->split_count; i++) {
                int at = i == s ? m : run->splits[i].mark_count - 1;
                starts[i] = (struct offset){run->splits[i].marks[at].len, run->splits[i].marks[at].bytes};
            }
            struct test_run again;
            struct error err = {0};
            enum status status = test_scan(connector, table, columns, column_count, 5, 0, starts, &again, &err);
            if (status != STATUS_OK) print_error("%s\n", err.message);
            assert_int_equal(status, STATUS_OK);
            for (int i = 0; i < run->split_count; i++) {
                size_t from = i == s ? run->splits[i].marks[m].row_bytes : run->splits[i].rows.len;
                assert_string_equal(again.splits[i].rows.data, run->splits[i].rows.data + from);
            }
            test_run_free(&again);
        }
}

#endif
