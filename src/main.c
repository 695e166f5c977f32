/* millrace: SQL, batch and streaming, on Apache Cassandra. */
#include "shell/shell.h"

int main(int argc, char **argv) { return shell_main(argc, argv); }
