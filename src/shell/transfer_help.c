#include "shell/transfer_help.h"

#define EXIT_STATUS                                                                                                    \
    "\n"                                                                                                               \
    "Without --host the table is one of the embedded store (--data DIR), or of a catalog that a script of -i "         \
    "creates.\n"

const char transfer_load_help[] =
    "usage: millrace load FILE... INTO [catalog.]keyspace.table [options]\n"
    "\n"
    "Loads files into a table. FILE is a file, a directory (all files in it), a quoted pattern ('2024-*.csv'), or - "
    "for\n"
    "standard input; .gz and .zst are decompressed. Fields go to the columns of their name, in any case, after --map.\n"
    "What does not fit a column is a bad row: it goes to a file, and the others are loaded.\n"
    "\n"
    "  millrace load users.csv INTO shop.users --host 10.0.0.5\n"
    "  millrace load 'logs/*.json.gz' INTO shop.logs --host 10.0.0.5 --dry-run\n"
    "  millrace load old.csv INTO shop.users --host 10.0.0.5 -d ';' --null '\\N' --map 'userid=id,mail=email'\n"
    "  millrace load big.csv INTO shop.users --host 10.0.0.5 --checkpoint big.load\n"
    "  millrace load mended.bad INTO shop.users --host 10.0.0.5\n";

const char transfer_load_notes[] =
    "\n"
    "Values: numbers, true and false, 2024-01-31, 12:30:00.5, 2024-01-31 12:30:00 (UTC, or with a zone), blobs as "
    "0x0aff\n"
    "or base64, collections, tuples and user-defined types as JSON. An empty field is NULL, \"\" the empty text; of "
    "rows\n"
    "that are equal in the key the last one stays (with --ignore-null any of one step).\n"
    "The password may stand in $MILLRACE_PASSWORD.\n" EXIT_STATUS "\n"
    "Exit status: 0 when every row was loaded; 1 when some were bad, or it failed; 2 for wrong usage; 3 when the "
    "server\n"
    "cannot be reached; 130 after Ctrl-C.\n";

const char transfer_unload_help[] =
    "usage: millrace unload [catalog.]keyspace.table TO FILE|DIR/|- [options]\n"
    "       millrace unload --query SQL TO FILE|DIR/|- [options]\n"
    "\n"
    "Writes a table, or the rows of a query, into a file, into a directory that is empty or not there yet (several\n"
    "files; its name ends in /), or to standard output. The file appears when it is complete. millrace load reads the\n"
    "same rows back from it.\n"
    "\n"
    "  millrace unload shop.users TO users.csv --host 10.0.0.5\n"
    "  millrace unload shop.users TO users.parquet --host 10.0.0.5\n"
    "  millrace unload shop.users TO backup/ --host 10.0.0.5 --format json --compression zstd\n"
    "  millrace unload shop.users TO - --host 10.0.0.5 --columns id,email --where \"country = 'de'\" | head\n"
    "  millrace unload --query 'SELECT country, COUNT(*) AS n FROM shop.users GROUP BY country' TO - --host 10.0.0.5\n";

const char transfer_unload_notes[] =
    "\n"
    "csv is RFC 4180: NULL is an empty field, the empty text \"\", blobs are 0x0aff, collections, tuples and "
    "user-defined\n"
    "types JSON. json is one object a line. With --host, names in --query are keyspace.table.\n" EXIT_STATUS "\n"
    "Exit status: 0; 1 when it failed; 2 for wrong usage; 3 when the server cannot be reached; 130 after Ctrl-C.\n";

const char transfer_count_help[] =
    "usage: millrace count [catalog.]keyspace.table [options]\n"
    "\n"
    "Prints how many rows a table has: exactly, counted range by range, so that nothing times out.\n"
    "\n"
    "  millrace count shop.users --host 10.0.0.5\n"
    "  millrace count shop.users --host 10.0.0.5 --where \"country = 'de'\"\n"
    "  millrace count shop.users --host 10.0.0.5 --by-range --format json\n"
    "  millrace count shop.events --host 10.0.0.5 --by-partition 10 --at-server\n";

const char transfer_count_notes[] = EXIT_STATUS
    "\n"
    "Exit status: 0; 1 when it failed; 2 for wrong usage; 3 when the server cannot be reached; 130 after Ctrl-C.\n";
