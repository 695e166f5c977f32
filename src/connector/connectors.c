/* The list of connectors. Each is defined in the module of its name. */
#include "connector/connector.h"

extern const struct connector store_connector, cassandra_connector, filesystem_connector, kafka_connector,
    datagen_connector, nexmark_connector, print_connector, blackhole_connector;

static const struct connector *const connectors[] = {
    &store_connector,   &cassandra_connector, &filesystem_connector, &kafka_connector,
    &datagen_connector, &nexmark_connector,   &print_connector,      &blackhole_connector,
};
enum { CONNECTOR_COUNT = sizeof connectors / sizeof *connectors };

const struct connector *connector_at(int index) {
    return index >= 0 && index < CONNECTOR_COUNT ? connectors[index] : NULL;
}

const struct connector *connector_find(const char *name) {
    for (int i = 0; i < CONNECTOR_COUNT; i++)
        if (strcmp(connectors[i]->name, name) == 0) return connectors[i];
    return NULL;
}
