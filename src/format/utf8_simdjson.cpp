/* UTF-8 validation with simdjson's kernels (chosen for the processor at run time). */
#include <simdjson.h>

extern "C" bool utf8_valid(const char *data, size_t len);

extern "C" bool utf8_valid(const char *data, size_t len) { return simdjson::validate_utf8(data, len); }
