/* The embedded store as a connector and as a catalog.
 *
 * Tables of a store catalog carry their store in connector_data; everything else is read from the store itself when a
 * source, sink or lookup opens, so a plan never sees half of a change that another process makes. */
#ifndef MILLRACE_CONNECTOR_STORE_STORE_CONNECTOR_H
#define MILLRACE_CONNECTOR_STORE_STORE_CONNECTOR_H

#include "connector/connector.h"
#include "store/store.h"

enum {
    STORE_BLOCK_ROWS = 16384,    /* of a source's block */
    STORE_SPLIT_ROWS = 65536,    /* a scan is cut in slices of about so many rows, */
    STORE_SPLITS_PER_WORKER = 4, /* at most so many per worker, */
    STORE_MAX_SPLITS = 256,      /* and in all */
    STORE_MAX_POINTS = 10000,    /* key ranges that IN lists may multiply to; more is a full scan */
    STORE_LOOKUP_BATCH = 1024,   /* keys per ask */
};

extern const struct connector store_connector;
extern const struct catalog_class store_catalog_class; /* type 'store' */

/* A catalog over an open store (takes a reference of its own); makes the default database when it is missing. */
enum status store_catalog_create(const char *name, const char *default_database, struct store *store,
                                 struct catalog **out, struct error *err);
/* CREATE CATALOG name WITH ('type'='store', …): opens the store by the options, which have passed options_check. */
enum status store_catalog_open(const char *name, const struct option_list *options, struct catalog **out,
                               struct error *err);
struct store *store_catalog_store(const struct catalog *catalog);
/* Empties a table and frees its rows. */
enum status store_catalog_truncate(struct catalog *catalog, const char *database, const char *name, struct error *err);

#endif
