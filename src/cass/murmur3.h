/* Tokens: where a partition lies on Cassandra's ring.
 *
 * The token is the first half of MurmurHash3_x64_128 (public domain, A. Appleby) with seed 0, as Cassandra's
 * Murmur3Partitioner computes it: the bytes of the tail are taken as signed, INT64_MIN becomes INT64_MAX (the minimum
 * token is kept for "before everything"), and the empty key has the minimum token.
 *
 * The partition key is the value of its column, or for several columns each value as u16 length, bytes, one 0 byte
 * (CompositeType). Thread-safe, no allocation but in the buffer. */
#ifndef MILLRACE_CASS_MURMUR3_H
#define MILLRACE_CASS_MURMUR3_H

#include "base/str.h"

#define CASS_TOKEN_MIN INT64_MIN
#define CASS_TOKEN_MAX INT64_MAX

enum { CASS_KEY_MAX_BYTES = 65535 }; /* of a partition key, and of each of its parts */

int64_t cass_murmur3_token(const void *partition_key_bytes, size_t len);

/* Appends one column of a partition key with `columns` columns to key. STATUS_LIMIT_EXCEEDED when the part or the whole
 * is longer than CASS_KEY_MAX_BYTES. */
enum status cass_partition_key_add(struct strbuf *key, int columns, struct str part, struct error *err);

/* Takes part `index` of a partition key of `columns` columns apart; false when the bytes are malformed. */
bool cass_partition_key_part(struct str key, int columns, int index, struct str *part);

#endif
