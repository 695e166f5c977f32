/* The interactive shell. */
#ifndef MILLRACE_SHELL_REPL_H
#define MILLRACE_SHELL_REPL_H

#include "shell/runner.h"

/* Reads statements from the terminal (standard input) until Ctrl-D, \q or QUIT. */
void repl_run(struct runner *runner);

#endif
