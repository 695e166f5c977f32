/* Ctrl-C and SIGTERM. A signal handler can reach nothing but static memory, so this is the one place of the shell that has
 * some: which session runs a statement now, and which signal came. */
#ifndef MILLRACE_SHELL_SIGNALS_H
#define MILLRACE_SHELL_SIGNALS_H

#include "session/session.h"

/* Handles SIGINT and SIGTERM, ignores SIGPIPE (writing then fails with EPIPE).
 * patient (the interactive shell): signals are only noted while nothing runs, and never end the program. Else a signal ends it
 * at once with 128 + number while nothing runs; while something runs the first one cancels it, the second one ends. */
void signals_install(bool patient);

/* From here to signals_running(NULL) a signal cancels what the session does. */
void signals_running(struct session *session);

/* The signal that came since the last signals_clear, or 0. */
int signals_pending(void);
void signals_clear(void);

#endif
