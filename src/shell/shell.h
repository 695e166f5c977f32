/* The program: millrace sql, millrace run and the rest of the command line. */
#ifndef MILLRACE_SHELL_SHELL_H
#define MILLRACE_SHELL_SHELL_H

/* Everything that main does. Returns the exit status: 0; 1 for an error in SQL or at run time; 2 for wrong usage; 3 when a
 * server cannot be reached; 128 + number after a signal. */
int shell_main(int argc, char **argv);

#endif
