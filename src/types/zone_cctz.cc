#include "types/zone_cctz.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <new>

namespace {

/* cctz's own limits are far beyond these; they keep its arithmetic away from overflow. 10^13 s are 300,000 years. */
constexpr int64_t kMaxSeconds = 10000000000000;

int64_t Clamp(int64_t seconds) {
    return seconds > kMaxSeconds ? kMaxSeconds : seconds < -kMaxSeconds ? -kMaxSeconds : seconds;
}

cctz::time_point<cctz::seconds> Instant(int64_t seconds) {
    return cctz::time_point<cctz::seconds>(cctz::seconds(seconds));
}

} // namespace

extern "C" void *zone_cctz_load(const char *name) try {
    cctz::time_zone zone;
    if (!cctz::load_time_zone(name, &zone)) return nullptr;
    return new cctz::time_zone(zone);
} catch (...) {
    return nullptr;
}

extern "C" int32_t zone_cctz_offset(const void *zone, int64_t utc_seconds) {
    return static_cast<const cctz::time_zone *>(zone)->lookup(Instant(Clamp(utc_seconds))).offset;
}

extern "C" int32_t zone_cctz_local_offset(const void *zone, int64_t local_seconds) {
    local_seconds = Clamp(local_seconds);
    const cctz::civil_second local = cctz::civil_second(1970, 1, 1) + local_seconds;
    const auto lookup = static_cast<const cctz::time_zone *>(zone)->lookup(local);
    return static_cast<int32_t>(local_seconds - lookup.pre.time_since_epoch().count());
}
