/* What of a script a Flink cluster would not run (millrace.portable, --portable). One list of rules, portable.def; the parser has
 * marked most of what breaks them (`non_portable` and `flink_reserved` in parse/ast.h). */
#ifndef MILLRACE_BIND_PORTABLE_H
#define MILLRACE_BIND_PORTABLE_H

#include "base/error.h"
#include "parse/ast.h"

enum portable_rule {
#define X(rule, message, instead) PORTABLE_##rule,
#include "bind/portable.def"
#undef X
    PORTABLE_RULE_COUNT
};

/* Sets err to the rule's message (with `word` in it where it has a %s), place and hint; returns STATUS_NOT_PORTABLE. */
enum status portable_error(enum portable_rule rule, const char *word, int32_t offset, int32_t length,
                           struct error *err);

/* Reports everything in the statement that its syntax shows to be beyond Flink, in the order of the text; returns how much that is.
 * streaming: Flink would run it in streaming mode, which is Flink's default. */
int portable_check(const struct ast_node *root, bool streaming, void (*report)(void *data, const struct error *offence),
                   void *data);

#endif
