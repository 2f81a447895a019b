/* How a catalog grows: for fetch_catalog.c and fetch_yaml.c. */
#pragma once

#include "data/fetch/fetch.h"

/* A new set without files and mirrors, its folder named as itself. */
cf_status catalog_add_set(FetchCatalog *catalog, const char *name, FetchSet **set);
cf_status catalog_add_file(FetchSet *set, const FetchFile *file);
/* At place `at` of the mirrors. */
cf_status catalog_add_mirror(FetchSet *set, const char *url, size_t at);
void catalog_drop_mirrors(FetchSet *set);
FetchSet *catalog_set(const FetchCatalog *catalog, const char *name);
