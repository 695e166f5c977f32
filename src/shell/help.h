/* millrace help TOPIC: the commands, and what the tables of settings, connectors, formats and functions say about themselves. */
#ifndef MILLRACE_SHELL_HELP_H
#define MILLRACE_SHELL_HELP_H

#include "base/str.h"

/* topic NULL: the overview. STATUS_USAGE, with the nearest topic, when there is none of that name. */
MUST_CHECK enum status help_topic(struct strbuf *out, const char *topic, struct error *err);

#endif
