/* What millrace help says about load, unload and count: before and behind the list of options. */
#ifndef MILLRACE_SHELL_TRANSFER_HELP_H
#define MILLRACE_SHELL_TRANSFER_HELP_H

extern const char transfer_load_help[], transfer_load_notes[];
extern const char transfer_unload_help[], transfer_unload_notes[];
extern const char transfer_count_help[], transfer_count_notes[];

#endif
