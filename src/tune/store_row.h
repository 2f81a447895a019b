/* Values of a store's row. A message says where they stand, what is expected and what is there. */
#pragma once

#include "tune/store.h"
#include "tune/store_inside.h"

typedef struct Row {
    const Store *store;
    sqlite3_stmt *s;
    char name[40]; /* "trial 7" */
} Row;

/* Fails: the column's value is not what is expected. */
cf_status row_refuse(const Row *row, int column, const char *expected);
/* A whole number from 0 to `most`; nothing is 0. */
cf_status row_whole(const Row *row, int column, int most, int *value);
/* A number from `low` to `high`; nothing is 0. SQLite keeps no NaN. */
cf_status row_number(const Row *row, int column, double low, double high, double *value);
cf_status row_loss(const Row *row, int column, double *value);
/* From 0 to 1. */
cf_status row_share(const Row *row, int column, double *value);
cf_status row_seconds(const Row *row, int column, double *value);
/* In a new string that can go to a terminal; *value stays as it is where there is nothing. */
cf_status row_text(const Row *row, int column, char **value);
