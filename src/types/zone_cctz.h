/* Google's cctz behind C functions (private to this folder). Zones stay loaded for the life of the process; lookups are
 * thread-safe. */
#ifndef MILLRACE_TYPES_ZONE_CCTZ_H
#define MILLRACE_TYPES_ZONE_CCTZ_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A zone of the system's tz database, or NULL. The handle is never freed. */
void *zone_cctz_load(const char *name);
/* Seconds east of UTC at an instant. */
int32_t zone_cctz_offset(const void *zone, int64_t utc_seconds);
/* Seconds east of UTC to use for a local time: for those that a gap skips and those that occur twice, the offset before
 * the change, which moves the first forward by the gap and takes the earlier of the second (as java.time). */
int32_t zone_cctz_local_offset(const void *zone, int64_t local_seconds);

#ifdef __cplusplus
}
#endif

#endif
