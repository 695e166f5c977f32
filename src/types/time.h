/* Dates, times, timestamps, intervals and time zones. Proleptic Gregorian calendar throughout (as java.time).
 *
 * Units: days since 1970-01-01 (int32), ns of day, µs or ns since 1970-01-01T00:00:00 (see types/type.h). Years
 * 0001 … 9999 in texts. */
#ifndef MILLRACE_TYPES_TIME_H
#define MILLRACE_TYPES_TIME_H

#include "types/type.h"

#define MICROS_PER_SECOND INT64_C(1000000)
#define MICROS_PER_MILLI INT64_C(1000)
#define MICROS_PER_DAY (INT64_C(86400) * MICROS_PER_SECOND)
#define NANOS_PER_SECOND INT64_C(1000000000)
#define NANOS_PER_DAY (INT64_C(86400) * NANOS_PER_SECOND)
#define MILLIS_PER_DAY INT64_C(86400000)

enum { TIME_MAX_TEXT = 48 }; /* bytes that any formatting function here needs at most, NUL included */

enum time_unit {
    UNIT_NANOSECOND,
    UNIT_MICROSECOND,
    UNIT_MILLISECOND,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_QUARTER,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM,
    UNIT_EPOCH, /* EXTRACT only, like those below */
    UNIT_DOW,   /* 1 = Sunday */
    UNIT_ISODOW,
    UNIT_DOY,
    UNIT_ISOYEAR,
    UNIT_COUNT
};
bool time_unit_parse(struct str name, enum time_unit *out); /* singular or plural, any case */
const char *time_unit_name(enum time_unit unit);            /* "SECOND" */

void date_to_civil(int32_t days, int32_t *year, int32_t *month, int32_t *day);
/* false when there is no such day. */
bool date_from_civil(int32_t year, int32_t month, int32_t day, int32_t *days);

struct time_zone; /* below */

/* Texts. Parsers accept what Flink's CAST accepts: "2024-1-5", "2024-5", "2024-01-05 10:11", "…T10:11:12.123456789", blanks
 * around, and the years that formatters write: "-0044-03-15", "+12024-01-01"; date_parse also a timestamp, of which it takes the
 * date. For TIMESTAMP_LTZ the text is in `zone` (NULL: UTC), a
 * trailing Z or offset is honoured: the result is then UTC. Fractions beyond the precision are cut. They return false on bad
 * text or out of range. Formatters return the length; `precision` digits of fraction, more are cut; years outside
 * 0000 … 9999 carry a sign. */
bool date_parse(struct str text, int32_t *days);
bool time_parse(struct str text, int64_t *nanos_of_day);
bool timestamp_parse(struct str text, int precision, const struct time_zone *zone, int64_t *out);
int date_format(int32_t days, char out[TIME_MAX_TEXT]);
int time_format(int64_t nanos_of_day, int precision, char out[TIME_MAX_TEXT]);
int timestamp_format(int64_t value, int precision, char out[TIME_MAX_TEXT]);          /* "2024-01-05 10:11:12.123" */
int interval_format(const struct type *type, int64_t value, char out[TIME_MAX_TEXT]); /* "+1-02", "+1 02:03:04.500" */
/* "Z", "+01", "+1:30", "-0800", "+01:02:03", up to 18 hours: seconds east of UTC. */
bool time_zone_offset_parse(struct str text, int32_t *seconds);
/* INTERVAL '10' SECOND, '1 02' DAY TO HOUR, '1-2' YEAR TO MONTH; last == first for a single unit. Gives months or ms. */
bool interval_parse(struct str text, enum time_unit first, enum time_unit last, int64_t *out);

/* µs ⇄ ns ⇄ other precisions of the same TIMESTAMP kind, digits cut towards the past; false when out of range. */
bool timestamp_rescale(int64_t value, int from_precision, int to_precision, int64_t *out);

/* Calendar fields and arithmetic on µs timestamps (scale ns down first where needed). MILLISECOND, MICROSECOND and
 * NANOSECOND fields are of the second (12.345 s: 345 ms), as in Flink. floor, ceil and diff take units up to MILLENNIUM;
 * centuries and millennia begin in years that end in 1, weeks on Sunday (but the field is ISO's), all as in Flink. */
int64_t timestamp_extract(int64_t micros, enum time_unit unit);
bool timestamp_add_months(int64_t micros, int64_t months, int64_t *out); /* day clipped to the month's end */
int64_t timestamp_floor(int64_t micros, enum time_unit unit);
bool timestamp_ceil(int64_t micros, enum time_unit unit, int64_t *out);
/* Whole units, towards zero; months: the most that timestamp_add_months can add without passing to_micros. */
int64_t timestamp_diff(int64_t from_micros, int64_t to_micros, enum time_unit unit);

/* Java's DateTimeFormatter patterns (yyyy MM dd HH mm ss SSS EEE a z 'text' …), as DATE_FORMAT, TO_TIMESTAMP,
 * FROM_UNIXTIME use them. A pattern is compiled once. */
struct time_pattern;
enum status time_pattern_compile(struct arena *arena, struct str pattern, struct time_pattern **out, struct error *err);
void time_pattern_format(const struct time_pattern *pattern, int64_t micros, struct strbuf *out);
bool time_pattern_parse(const struct time_pattern *pattern, struct str text, int64_t *micros);

/* Zones: IANA names, "UTC", "GMT+8", "+08:00". Immutable, process-wide, never freed; lookups are thread-safe.
 * Gaps move forward by the gap, overlaps take the earlier offset (as java.time). NULL stands for UTC everywhere. */
enum status time_zone_find(struct str name, const struct time_zone **out, struct error *err);
const char *time_zone_name(const struct time_zone *zone);
int64_t time_zone_to_local(const struct time_zone *zone, int64_t utc_micros);
int64_t time_zone_to_utc(const struct time_zone *zone, int64_t local_micros);

#endif
