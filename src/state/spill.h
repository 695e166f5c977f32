/* Spill: local files for what outgrows a query's memory limit.
 *
 * A spill area is shared by the operators of one query; a spill file belongs to one thread at a time. Files have no name (they
 * are unlinked when they are made), so nothing is left behind however the process ends. Bytes are written in order and read
 * from anywhere. Nothing in a file outlives the process, so there is no format and no checksum. */
#ifndef MILLRACE_STATE_SPILL_H
#define MILLRACE_STATE_SPILL_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/mem.h"

enum { SPILL_BUFFER_BYTES = 256 << 10, SPILL_LEAST_SHARE = 8 /* see spill_least_bytes */ };

struct spill {
    const char *directory; /* NULL: $TMPDIR, else /tmp */
    _Atomic int64_t written_bytes;
    struct spill *whole; /* what is written counts there too; NULL: nowhere else */
};

struct spill_file;

/* STATUS_IO_ERROR, naming the directory. */
enum status spill_file_create(struct spill *spill, struct spill_file **out, struct error *err);
void spill_file_destroy(struct spill_file *file); /* NULL allowed */
/* Appends through a buffer. */
enum status spill_write(struct spill_file *file, const void *data, size_t size_bytes, struct error *err);
/* Writes what is buffered; then other threads may read too, until the next spill_write. */
enum status spill_flush(struct spill_file *file, struct error *err);
/* What was appended so far. */
int64_t spill_size(const struct spill_file *file);
/* Fills data with the bytes at offset, which must have been written. */
enum status spill_read(struct spill_file *file, int64_t offset, void *data, size_t size_bytes, struct error *err);
/* The whole file as read-only memory, until the file is destroyed; nothing may be appended afterwards. */
enum status spill_map(struct spill_file *file, const uint8_t **out, struct error *err);

/* Has the query reached the part of its limit at which the rows that wait in exchanges and sorts go to disk? Half of it, so
 * that the tables of the operators behind have the other half. false without a limit. */
bool spill_is_due(const struct mem_account *account);
/* An operator that spills by itself keeps at least so much in memory, however much the others have: an eighth of the limit,
 * so that it does not pass over its files too often. */
int64_t spill_least_bytes(const struct mem_account *account);

#endif
