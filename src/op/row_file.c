/* Rows in a file; see row_file.h. The file is a sequence of blocks: struct block_header, then the rows in row form. */
#include "op/row_file.h"

#include <stdlib.h>

struct block_header {
    uint64_t row_count, size_bytes;
};

struct row_file {
    const struct row_layout *layout;
    struct spill_file *file;
    int64_t position; /* of the next block to be read */
};

enum status row_file_create(const struct row_layout *layout, struct spill *spill, struct row_file **out,
                            struct error *err) {
    struct spill_file *file;
    TRY(spill_file_create(spill, &file, err));
    *out = xcalloc(1, sizeof **out);
    (*out)->layout = layout;
    (*out)->file = file;
    return STATUS_OK;
}

void row_file_destroy(struct row_file *file) {
    if (!file) return;
    spill_file_destroy(file->file);
    free(file);
}

enum status row_file_add(struct row_file *file, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                         struct arena *scratch, struct error *err) {
    if (!chunk->sel_count) return STATUS_OK;
    uint32_t sizes[VECTOR_CAPACITY];
    uint8_t *dst[VECTOR_CAPACITY];
    TRY(row_sizes_checked(file->layout, chunk, columns, sizes, err));
    struct block_header header = {.row_count = (uint64_t)chunk->sel_count};
    for (int i = 0; i < chunk->sel_count; i++) header.size_bytes += sizes[i];
    uint8_t *bytes = arena_alloc(scratch, header.size_bytes + 1), *at = bytes;
    for (int i = 0; i < chunk->sel_count; i++) {
        dst[i] = at;
        at += sizes[i];
    }
    row_encode(file->layout, chunk, columns, hash, sizes, dst);
    TRY(spill_write(file->file, &header, sizeof header, err));
    return spill_write(file->file, bytes, header.size_bytes, err);
}

void row_file_rewind(struct row_file *file) { file->position = 0; }

bool row_file_is_at_end(const struct row_file *file) { return file->position == spill_size(file->file); }

enum status row_file_next(struct row_file *file, struct arena *arena, const uint8_t **rows, int *count,
                          struct error *err) {
    *count = 0;
    if (row_file_is_at_end(file)) return STATUS_OK;
    struct block_header header;
    TRY(spill_read(file->file, file->position, &header, sizeof header, err));
    uint8_t *bytes = arena_alloc(arena, header.size_bytes + 1);
    file->position += (int64_t)sizeof header;
    TRY(spill_read(file->file, file->position, bytes, header.size_bytes, err));
    file->position += (int64_t)header.size_bytes;
    for (*count = 0; *count < (int)header.row_count; ++*count) {
        rows[*count] = bytes;
        bytes += row_size(bytes);
    }
    return STATUS_OK;
}
