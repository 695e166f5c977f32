/* Zones by name. Every zone that was asked for stays in one list for the life of the process. */
#include <pthread.h>

#include "types/time.h"
#include "types/zone_cctz.h"

enum { ZONE_MAX_NAME = 64, ZONE_MAX_COUNT = 4096 };

struct time_zone {
    struct time_zone *next;
    const void *cctz;       /* NULL: a fixed offset */
    int32_t offset_seconds; /* of a fixed one */
    char name[ZONE_MAX_NAME];
};

static pthread_mutex_t zones_lock = PTHREAD_MUTEX_INITIALIZER;
static struct time_zone *zones;
static int zone_count;

/* "UTC", "Z", "+08:00", "GMT+8", "UTC-03:30"; false for names of regions. */
static bool fixed_offset(struct str name, int32_t *seconds) {
    static const char *const prefixes[] = {"UTC", "GMT", "UT"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct str prefix = str_from(prefixes[i]);
        if (name.len < prefix.len || !str_equal_nocase((struct str){name.data, prefix.len}, prefix)) continue;
        struct str rest = {name.data + prefix.len, name.len - prefix.len};
        if (rest.len == 0) {
            *seconds = 0;
            return true;
        }
        if (rest.data[0] == '+' || rest.data[0] == '-') return time_zone_offset_parse(rest, seconds);
    }
    return time_zone_offset_parse(name, seconds);
}

/* Only what occurs in names of regions: they become part of a file's path. */
static bool is_region_name(struct str name) {
    if (name.len == 0 || name.data[0] == '/') return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '/' && c != '_' && c != '+' && c != '-') return false;
    }
    return true;
}

static struct time_zone *find_known(struct str name) {
    for (struct time_zone *zone = zones; zone; zone = zone->next)
        if (str_equal(str_from(zone->name), name)) return zone;
    return NULL;
}

static enum status load(struct str name, const struct time_zone **out, struct error *err) {
    struct time_zone zone = {0};
    if (name.len > 0 && name.len < ZONE_MAX_NAME) {
        memcpy(zone.name, name.data, name.len);
        bool found = fixed_offset(name, &zone.offset_seconds);
        if (!found && is_region_name(name)) {
            zone.cctz = zone_cctz_load(zone.name);
            found = zone.cctz != NULL;
        }
        if (found) {
            if (zone_count >= ZONE_MAX_COUNT)
                return error_set(err, STATUS_LIMIT_EXCEEDED, "more than %d time zones in use", ZONE_MAX_COUNT);
            struct time_zone *kept = xmalloc(sizeof *kept);
            *kept = zone;
            kept->next = zones;
            zones = kept;
            zone_count++;
            *out = kept;
            return STATUS_OK;
        }
    }
    int shown = name.len < ZONE_MAX_NAME ? (int)name.len : ZONE_MAX_NAME;
    error_set(err, STATUS_INVALID_ARGUMENT, "unknown time zone '%.*s'", shown, name.len ? name.data : "");
    error_hint(err, "use a name of the IANA database (Europe/Berlin) or an offset (UTC, GMT+8, +08:00)");
    return STATUS_INVALID_ARGUMENT;
}

enum status time_zone_find(struct str name, const struct time_zone **out, struct error *err) {
    pthread_mutex_lock(&zones_lock);
    enum status status = STATUS_OK;
    const struct time_zone *zone = find_known(name);
    if (zone)
        *out = zone;
    else
        status = load(name, out, err);
    pthread_mutex_unlock(&zones_lock);
    return status;
}

const char *time_zone_name(const struct time_zone *zone) { return zone ? zone->name : "UTC"; }

static int64_t floor_seconds(int64_t micros) { return micros / MICROS_PER_SECOND - (micros % MICROS_PER_SECOND < 0); }

/* Saturates: the ends of the range stay its ends. */
static int64_t shift(int64_t micros, int64_t seconds) {
    int64_t out;
    if (__builtin_add_overflow(micros, seconds * MICROS_PER_SECOND, &out)) return seconds < 0 ? INT64_MIN : INT64_MAX;
    return out;
}

int64_t time_zone_to_local(const struct time_zone *zone, int64_t utc_micros) {
    if (!zone) return utc_micros;
    return shift(utc_micros,
                 zone->cctz ? zone_cctz_offset(zone->cctz, floor_seconds(utc_micros)) : zone->offset_seconds);
}

int64_t time_zone_to_utc(const struct time_zone *zone, int64_t local_micros) {
    if (!zone) return local_micros;
    int64_t offset =
        zone->cctz ? zone_cctz_local_offset(zone->cctz, floor_seconds(local_micros)) : zone->offset_seconds;
    return shift(local_micros, -offset);
}
