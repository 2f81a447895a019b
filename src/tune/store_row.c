#include "tune/store_row.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

cf_status row_refuse(const Row *row, int column, const char *expected) {
    const char *found = (const char *)sqlite3_column_text(row->s, column);
    return FAIL(CF_BAD_INPUT, "%s, %s: %s: %s expected, found %.40s", row->store->path, row->name,
                sqlite3_column_name(row->s, column), expected, found ? found : "nothing");
}

cf_status row_whole(const Row *row, int column, int most, int *value) {
    char expected[64];
    const int type = sqlite3_column_type(row->s, column);
    const int64_t found = sqlite3_column_int64(row->s, column);
    *value = 0;
    if (type == SQLITE_NULL) return CF_OK;
    snprintf(expected, sizeof expected, "a whole number from 0 to %d", most);
    if (type != SQLITE_INTEGER || found < 0 || found > most) return row_refuse(row, column, expected);
    *value = (int)found;
    return CF_OK;
}

cf_status row_number(const Row *row, int column, double low, double high, double *value) {
    char expected[64];
    const int type = sqlite3_column_type(row->s, column);
    *value = sqlite3_column_double(row->s, column);
    if (type == SQLITE_NULL) return CF_OK;
    snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
    if ((type != SQLITE_FLOAT && type != SQLITE_INTEGER) || !(*value >= low && *value <= high))
        return row_refuse(row, column, expected);
    return CF_OK;
}

cf_status row_loss(const Row *row, int column, double *value) {
    return row_number(row, column, -LARGEST_LOSS, LARGEST_LOSS, value);
}

cf_status row_share(const Row *row, int column, double *value) {
    return row_number(row, column, 0, 1, value);
}

cf_status row_seconds(const Row *row, int column, double *value) {
    return row_number(row, column, 0, 1e12, value);
}

cf_status row_text(const Row *row, int column, char **value) {
    const char *found = (const char *)sqlite3_column_text(row->s, column);
    if (!found) return CF_OK;
    if (sqlite3_column_bytes(row->s, column) > MOST_STORE_TEXT) return row_refuse(row, column, "a shorter text");
    FORWARD(memory_copy_string(found, value));
    text_replace_controls(*value);
    return CF_OK;
}
