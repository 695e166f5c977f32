/* Regular expressions in Java's syntax, run by PCRE2. Inside src/function only. */
#ifndef MILLRACE_FUNCTION_REGEXP_PRIVATE_H
#define MILLRACE_FUNCTION_REGEXP_PRIVATE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum {
    REGEXP_MAX_PATTERN_BYTES = 64 << 10,
    REGEXP_MAX_DEPTH = 200,              /* of groups and classes */
    REGEXP_MATCH_LIMIT = 2 * 1000 * 1000 /* steps of backtracking for one match */
};

/* Rewrites a java.util.regex pattern to a PCRE2 pattern (UTF, no other options) that matches the same. What PCRE2 cannot do
 * the same way is refused with INVALID_ARGUMENT: \N{name}, \b{g}, \p{block=…}, the flags d and U. Flags are resolved
 * here, so that i is ASCII-only without u, and . ^ $ \b follow Java's rules. The text is appended to out. */
enum status regexp_translate(struct str pattern, struct strbuf *out, struct error *err);

/* SQL's SIMILAR TO pattern as a PCRE2 pattern that matches the whole text. escape: one character or empty. */
enum status regexp_translate_similar(struct str pattern, struct str escape, struct strbuf *out, struct error *err);

#endif
