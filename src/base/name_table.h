/* Names and their places, for looking many of them up: a table with open addresses. The names are borrowed. */
#pragma once

#include "base/status.h"

typedef struct NameTable {
    struct NameSlot *slots;
    size_t mask;
} NameTable;

/* Room for `most` names. Zeroed, a table is fit for name_table_free. */
cf_status name_table_new(size_t most, NameTable *table);
void name_table_free(NameTable *table);
/* The place of the name that has `length` bytes, or -1. */
int name_table_find(const NameTable *table, const char *name, size_t length);
/* Gives a name a place; one that is there already takes the new one. */
void name_table_put(NameTable *table, const char *name, int place);
