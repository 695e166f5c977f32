/* Checksums of the native protocol v5: CRC24 of segment headers, CRC32 of their payloads
 * (native_protocol_v5.spec, section 2.2). Thread-safe. */
#ifndef MILLRACE_CQL_CRC_H
#define MILLRACE_CQL_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Of the `len` (<= 8) low bytes of header, least significant first. Polynomial 0x1974F0B, start 0x875060. */
uint32_t cql_crc24(uint64_t header, int len);

/* The common CRC32 (reflected 0xEDB88320) of the bytes FA 2D 55 CA and then data. */
uint32_t cql_crc32(const void *data, size_t len);

/* The common CRC32 going on from crc (0 at the start): for tests, by the table and by the fast way. */
uint32_t cql_crc32_table(uint32_t crc, const void *data, size_t len);
uint32_t cql_crc32_update(uint32_t crc, const void *data, size_t len);

#endif
