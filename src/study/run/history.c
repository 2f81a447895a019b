#include "study/run/history.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

static cf_status read_row(const char *path, int line, const char *text, EpochRow *row) {
    double values[8];
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char *end;
        values[i] = strtod(text, &end);
        const char after = i + 1 < COUNT_OF(values) ? ',' : '\0';
        FAIL_IF(end == text || (*end != after && !(after == '\0' && *end == '\r')), CF_BAD_INPUT,
                "%s, line %d: %zu numbers between commas expected", path, line, COUNT_OF(values));
        text = end + 1;
    }
    FAIL_IF(!(values[0] >= 1 && values[0] <= 1e6), CF_BAD_INPUT, "%s, line %d: %g is no epoch", path, line, values[0]);
    *row = (EpochRow){(int)values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]};
    return CF_OK;
}

static cf_status read_rows(const char *path, char *text, EpochRow **rows, int *count) {
    static const char head[] = "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,";
    int line = 0, found = 0;
    char *rest = text;
    size_t lines = 1;
    FAIL_IF(strncmp(text, head, strlen(head)) != 0, CF_BAD_INPUT, "%s, line 1: \"%s...\" expected", path, head);
    for (const char *p = text; *p; p++) lines += *p == '\n';
    FORWARD(memory_new(lines, sizeof **rows, rows));
    for (char *one; (one = strsep(&rest, "\n"));) {
        if (++line == 1 || !*one) continue;
        cf_status status = read_row(path, line, one, *rows + found++);
        if (status) {
            free(*rows);
            return status;
        }
    }
    *count = found;
    return CF_OK;
}

cf_status history_read(const char *path, EpochRow **rows, int *count) {
    unsigned char *bytes;
    size_t size;
    FORWARD(file_read(path, MOST_CSV_BYTES, &bytes, &size));
    cf_status status = read_rows(path, (char *)bytes, rows, count);
    free(bytes);
    return status;
}

int history_best(const EpochRow *rows, int count, cf_stop_on stop_on) {
    FitState state = {0};
    int best = -1;
    for (int i = 0; i < count; i++)
        if (early_stopping_note(&state, &rows[i], stop_on)) best = i;
    return best;
}
