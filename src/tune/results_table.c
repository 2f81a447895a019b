/* The table of configurations as text, and all trials as CSV. */
#include "tune/results.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 4 * SPACE_LABEL + 1, FIXED = 8 }; /* columns besides the parameters */

/* [rows + 1][columns] of texts; the names first. */
typedef struct Table {
    size_t rows, columns;
    char (*cells)[CELL];
    bool *left; /* [columns] */
} Table;

static void table_free(Table *table) {
    free(table->cells);
    free(table->left);
}

static char *cell(const Table *table, size_t row, size_t column) {
    return table->cells[row * table->columns + column];
}

/* Best and last epoch of the first trial. */
static void epochs_text(const Configuration *c, char *text) {
    const Trial *t = c->trials[0];
    if (t->best_epoch)
        snprintf(text, CELL, "%d/%d", t->best_epoch, t->epochs_run);
    else
        snprintf(text, CELL, "%d", t->epochs_run);
}

static void state_text(const Configuration *c, char *text) {
    if (c->count > 1 && c->done == c->count)
        snprintf(text, CELL, "%zu seeds", c->count);
    else if (c->count > 1)
        snprintf(text, CELL, "%zu of %zu seeds", c->done, c->count);
    else
        snprintf(text, CELL, "%s", trial_state_words[c->trials[0]->state]);
}

/* "0.0312" or, over seeds, "0.0312 +- 0.0007", half of the 95 % interval. */
static void loss_text(const Configuration *c, char *text) {
    char mean[32], half[32];
    if (c->loss.count > 1)
        snprintf(text, CELL, "%s \xc2\xb1 %s", text_loss(c->loss.mean, mean),
                 text_loss((c->loss.high - c->loss.low) / 2, half));
    else if (c->loss.count)
        text_loss(c->loss.mean, text);
}

static void write_row(const TuneResults *r, const Configuration *c, const Table *table, size_t row) {
    const size_t P = (size_t)r->space.count;
    snprintf(cell(table, row, 0), CELL, "%s%zu", c == results_best(r) ? "* " : "", row);
    snprintf(cell(table, row, 1), CELL, "%d", c->trials[0]->id);
    for (size_t p = 0; p < P; p++) snprintf(cell(table, row, 2 + p), CELL, "%s", configuration_label(r, c, (int)p));
    loss_text(c, cell(table, row, 2 + P));
    if (c->accuracy.count) snprintf(cell(table, row, 3 + P), CELL, "%.2f", 100 * c->accuracy.mean);
    if (isfinite(c->accuracy_low))
        snprintf(cell(table, row, 4 + P), CELL, "%.2f to %.2f", 100 * fmax(0, c->accuracy_low),
                 100 * fmin(1, c->accuracy_high));
    epochs_text(c, cell(table, row, 5 + P));
    snprintf(cell(table, row, 6 + P), CELL, "%.1f", c->seconds);
    state_text(c, cell(table, row, 7 + P));
}

static cf_status make_table(const TuneResults *r, size_t rows, Table *table) {
    static const char *const fixed[FIXED] = {"", "trial", "loss", "accuracy %", "95 %", "epochs", "seconds", "state"};
    const size_t P = (size_t)r->space.count;
    *table = (Table){.rows = rows, .columns = FIXED + P};
    FORWARD(memory_new((rows + 1) * table->columns, CELL, &table->cells));
    FORWARD(memory_new(table->columns, 1, &table->left));
    for (size_t c = 0; c < FIXED; c++) snprintf(cell(table, 0, c < 2 ? c : c + P), CELL, "%s", fixed[c]);
    for (size_t p = 0; p < P; p++) {
        snprintf(cell(table, 0, 2 + p), CELL, "%s", r->space.parameters[p].name);
        table->left[2 + p] = true;
        for (size_t i = 0; i < r->count && table->left[2 + p]; i++) { /* numbers stand at the right */
            char *end;
            strtod(r->configurations[i].values[p], &end);
            if (!*end) table->left[2 + p] = false;
        }
    }
    table->left[FIXED + P - 1] = true;
    for (size_t i = 0; i < rows; i++) write_row(r, &r->configurations[i], table, i + 1);
    return CF_OK;
}

static void print_table(const Table *table, FILE *out) {
    for (size_t row = 0; row <= table->rows; row++) {
        for (size_t c = 0; c < table->columns; c++) {
            int wide = 0;
            for (size_t i = 0; i <= table->rows; i++)
                if (text_columns(cell(table, i, c)) > wide) wide = text_columns(cell(table, i, c));
            const char *text = cell(table, row, c);
            const int room = wide - text_columns(text);
            if (c) fputs("  ", out);
            if (table->left[c])
                fprintf(out, "%s%*s", text, c + 1 < table->columns ? room : 0, "");
            else
                fprintf(out, "%*s%s", room, "", text);
        }
        fputs(row ? "\n" : "\n\n", out);
    }
}

cf_status results_print(const TuneResults *results, size_t rows, FILE *out) {
    const size_t shown = rows && rows < results->count ? rows : results->count;
    AUTO(table_free) Table table = {0};
    char images[32];
    if (results->count == 0) {
        fputs("no trial yet\n", out);
        return CF_OK;
    }
    FORWARD(make_table(results, shown, &table));
    print_table(&table, out);
    if (shown < results->count) fprintf(out, "... and %zu more; trials.csv has all of them\n", results->count - shown);
    if (results->images) { /* what the intervals are */
        fprintf(out, "\n95 %%: Wilson's interval over the %s validation images",
                text_thousands((long long)results->images, images));
        if (results->seeds > 1) fputs("; over seeds, behind the mean, Student's t, as after \xc2\xb1", out);
        fputc('\n', out);
    }
    for (const Trial *t = results->list.trials; t < results->list.trials + results->list.count; t++)
        if (t->state == TRIAL_FAILED)
            fprintf(out, "trial %d failed: %s\n", t->id, t->reason ? t->reason : "no reason was recorded");
    return CF_OK;
}

cf_status results_write(const TuneResults *results, const char *path) {
    const Space *space = &results->space;
    FileDraft draft;
    FORWARD(file_draft(path, &draft));
    FILE *const out = draft.stream;
    fputs("trial,state,repeats,seed", out);
    for (int p = 0; p < space->count; p++) {
        fputc(',', out);
        csv_text(out, space->parameters[p].name);
    }
    fputs(",validation_loss,validation_accuracy,best_epoch,epochs,seconds,weights_sha256,reason\n", out);
    for (const Trial *t = results->list.trials; t < results->list.trials + results->list.count; t++) {
        char number[SPACE_NUMBER];
        fprintf(out, "%d,%s,%d,%llu", t->id, trial_state_words[t->state], t->repeats, (unsigned long long)t->seed);
        for (int p = 0; p < space->count; p++) {
            fputc(',', out);
            csv_text(out, space_value(space, &t->point, p, number));
        }
        if (t->best_epoch)
            fprintf(out, ",%.9g,%.9g,%d", t->validation_loss, t->validation_accuracy, t->best_epoch);
        else
            fputs(",,,", out);
        fprintf(out, ",%d,%.3f,%s,", t->epochs_run, t->seconds, t->weights_sha256);
        csv_text(out, t->reason ? t->reason : "");
        fputc('\n', out);
    }
    return file_commit(&draft);
}
