#include "study/figures/figures_tune.h"

#include "base/memory.h"
#include "base/text.h"
#include "draw/chart_dot.h"
#include "draw/chart_parallel.h"

#include <math.h>
#include <stdlib.h>

const char *const figures_tune_names[] = {"tune-configurations", "tune-parallel", "tune-effects",
                                          "tune-curves",         "tune-slices",   NULL};

cf_status figures_tune_draw(const FigureBook *book, const TuneResults *results) {
    FORWARD(figure_tune_configurations(book, results));
    FORWARD(figure_tune_parallel(book, results));
    FORWARD(figure_tune_effects(book, results));
    FORWARD(figure_tune_curves(book, results));
    return figure_tune_slices(book, results);
}

cf_status figures_tune_make(const char *folder, const TuneResults *results, const FigureOptions *options,
                            FigureList *list) {
    char *figures, *real = realpath(folder, NULL); /* of "." too a name */
    FigureBook book = {NULL,
                       "",
                       file_base_name(real ? real : folder),
                       options->formats,
                       list};
    cf_status status = file_join(folder, "figures", &figures);
    if (!status) {
        book.folder = figures;
        if (options->formats) status = file_make_folder(figures);
        if (!status && options->formats) status = figures_tune_draw(&book, results);
        free(figures);
    }
    free(real);
    return status;
}

static void parameter_fields(const TuneResults *r, const Configuration *c, FILE *out) {
    for (int p = 0; p < r->space.count; p++) {
        fputc(',', out);
        csv_text(out, c ? c->values[p] : r->space.parameters[p].name);
    }
}

/* ---- Configurations in order ---- */

enum { MOST_ROWS = 48, NOTE = 160 };

typedef struct Rows {
    int count, columns;
    double *loss, *loss_low, *loss_high, *accuracy, *low, *high; /* [count] in one piece that begins with `loss` */
    const char **cells, **headings, **notes;
    char (*ranks)[16], (*reasons)[NOTE];
} Rows;

static void rows_free(Rows *rows) {
    free(rows->loss);
    free(rows->cells);
    free(rows->headings);
    free(rows->notes);
    free(rows->ranks);
    free(rows->reasons);
}

static void fill_row(const TuneResults *r, size_t i, Rows *rows) {
    const Configuration *c = &r->configurations[i];
    const Trial *first = c->trials[0];
    char loss[32];
    rows->loss[i] = c->loss.mean, rows->loss_low[i] = c->loss.low, rows->loss_high[i] = c->loss.high;
    rows->accuracy[i] = c->accuracy.mean, rows->low[i] = c->accuracy_low, rows->high[i] = c->accuracy_high;
    const char **cells = rows->cells + i * (size_t)rows->columns;
    snprintf(rows->ranks[i], sizeof rows->ranks[i], "%zu", i + 1);
    cells[0] = rows->ranks[i];
    for (int p = 0; p < r->space.count; p++) cells[1 + p] = configuration_label(r, c, p);
    cells[rows->columns - 1] = c->done ? "" : trial_state_words[first->state];
    if (c->loss.count && c->loss.mean <= r->far) return;
    rows->notes[i] = rows->reasons[i];
    rows->loss[i] = rows->accuracy[i] = NAN;
    if (c->loss.count)
        snprintf(rows->reasons[i], NOTE, "loss %s, accuracy %.2f %%: it diverged, and is left out",
                 text_loss(c->loss.mean, loss), 100 * c->accuracy.mean);
    else if (first->state == TRIAL_FAILED)
        snprintf(rows->reasons[i], NOTE, "%s", first->reason ? first->reason : "no reason was recorded");
    else
        snprintf(rows->reasons[i], NOTE, "no epoch is done yet");
}

static cf_status rows_new(const TuneResults *r, Rows *rows) {
    const size_t n = r->count < MOST_ROWS ? r->count : MOST_ROWS, columns = (size_t)r->space.count + 2;
    *rows = (Rows){.count = (int)n, .columns = (int)columns};
    FORWARD(memory_new(6 * n, sizeof *rows->loss, &rows->loss));
    double **all[] = {&rows->loss_low, &rows->loss_high, &rows->accuracy, &rows->low, &rows->high};
    for (size_t i = 0; i < COUNT_OF(all); i++) *all[i] = rows->loss + (i + 1) * n;
    FORWARD(memory_new(n * columns, sizeof *rows->cells, &rows->cells));
    FORWARD(memory_new(columns, sizeof *rows->headings, &rows->headings));
    FORWARD(memory_new(n, sizeof *rows->notes, &rows->notes));
    FORWARD(memory_new(n, sizeof *rows->ranks, &rows->ranks));
    FORWARD(memory_new(n, sizeof *rows->reasons, &rows->reasons));
    for (size_t c = 0; c < columns; c++)
        rows->headings[c] = c == 0 || c + 1 == columns ? "" : r->space.parameters[c - 1].name;
    for (size_t i = 0; i < n; i++) fill_row(r, i, rows);
    return CF_OK;
}

static cf_status write_configurations(const FigureBook *book, const TuneResults *r) {
    FileDraft csv;
    FORWARD(book_csv(book, "tune-configurations", &csv));
    fputs("rank,trial", csv.stream);
    parameter_fields(r, NULL, csv.stream);
    fputs(",state,seeds,loss,loss_low,loss_high,accuracy,accuracy_low,accuracy_high,reason\n", csv.stream);
    for (size_t i = 0; i < r->count; i++) {
        const Configuration *c = &r->configurations[i];
        const double numbers[] = {c->loss.mean,     c->loss.low,     c->loss.high,
                                  c->accuracy.mean, c->accuracy_low, c->accuracy_high};
        fprintf(csv.stream, "%zu,%d", i + 1, c->trials[0]->id);
        parameter_fields(r, c, csv.stream);
        fprintf(csv.stream, ",%s,%zu", trial_state_words[c->trials[0]->state], c->done);
        for (size_t k = 0; k < COUNT_OF(numbers); k++) csv_number(csv.stream, numbers[k]);
        fputc(',', csv.stream);
        csv_text(csv.stream, c->trials[0]->reason ? c->trials[0]->reason : "");
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static cf_status draw_dots(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return dot_chart_draw(canvas, theme, box, content);
}

static bool knows_a_loss(const TuneResults *r) {
    for (size_t i = 0; i < r->count; i++)
        if (r->configurations[i].loss.count && isfinite(r->configurations[i].loss.mean)) return true;
    notice("no trial has a validation loss yet, so there is no figure of them");
    return false;
}

cf_status figure_tune_configurations(const FigureBook *book, const TuneResults *results) {
    Rows rows = {0};
    char title[256], more[64] = "";
    cf_status status;
    if (!knows_a_loss(results)) return CF_OK;
    FORWARD_TO(done, write_configurations(book, results));
    FORWARD_TO(done, rows_new(results, &rows));
    if ((size_t)rows.count < results->count)
        snprintf(more, sizeof more, ", the first %d of %zu", rows.count, results->count);
    snprintf(title, sizeof title, "%s: configurations by %s%s", book->subject, results_objective(results), more);
    const DotPanel panels[] = {
        {{.label = "validation loss", .kind = axis_kind_of(rows.loss, (size_t)rows.count)},
         rows.loss,
         rows.loss_low,
         rows.loss_high,
         0},
        {{.label = "validation accuracy, %", .percent = true}, rows.accuracy, rows.low, rows.high, 0}};
    const DotChart chart = {.title = title,
                            .row_count = rows.count,
                            .column_count = rows.columns,
                            .headings = rows.headings,
                            .cells = rows.cells,
                            .notes = rows.notes,
                            .best = 0,
                            .panel_count = COUNT_OF(panels),
                            .panels = panels};
    FORWARD_TO(done, book_draw(book, "tune-configurations", 540, dot_chart_height(&chart) + 20, draw_dots, &chart));
done:
    rows_free(&rows);
    return status;
}

/* ---- Parallel coordinates ---- */

static cf_status write_parallel(const FigureBook *book, const TuneResults *r) {
    FileDraft csv;
    FORWARD(book_csv(book, "tune-parallel", &csv));
    fputs("trial", csv.stream);
    parameter_fields(r, NULL, csv.stream);
    fputs(",loss,accuracy\n", csv.stream);
    for (size_t i = 0; i < r->count; i++) {
        fprintf(csv.stream, "%d", r->configurations[i].trials[0]->id);
        parameter_fields(r, &r->configurations[i], csv.stream);
        csv_number(csv.stream, r->configurations[i].loss.mean);
        csv_number(csv.stream, r->configurations[i].accuracy.mean);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static ParallelAxis axis_of(const SpaceParameter *p, const double *values) {
    ParallelAxis axis = {.name = p->name, .values = values};
    if (p->kind == PARAMETER_LIST) {
        axis.categories = (const char *const *)p->labels;
        axis.category_count = p->count;
    } else
        axis.numbers = (Axis){.kind = p->kind == PARAMETER_LOG_UNIFORM ? AXIS_LOG : AXIS_LINEAR,
                              .whole = p->kind == PARAMETER_INTEGER};
    return axis;
}

static cf_status draw_lines(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return parallel_chart_draw(canvas, theme, box, content);
}

cf_status figure_tune_parallel(const FigureBook *book, const TuneResults *results) {
    const size_t n = results->count, P = (size_t)results->space.count;
    const bool errors = results->objective == OBJECTIVE_ACCURACY; /* the lowest is the best, as of losses */
    ParallelAxis axes[SPACE_MAX_PARAMETERS + 1];
    double *values = NULL;
    char title[256];
    cf_status status;
    if (!knows_a_loss(results)) return CF_OK;
    FORWARD_TO(done, write_parallel(book, results));
    FORWARD_TO(done, memory_new((P + 1) * n, sizeof *values, &values));
    for (size_t i = 0; i < n; i++) {
        for (size_t p = 0; p < P; p++) values[p * n + i] = results->configurations[i].trials[0]->point.values[p];
        const Configuration *c = &results->configurations[i];
        values[P * n + i] = c->loss.mean > results->far ? NAN /* as a failed one */
                            : errors                    ? 100 * (1 - c->accuracy.mean)
                                                        : c->loss.mean;
    }
    for (size_t p = 0; p < P; p++) axes[p] = axis_of(&results->space.parameters[p], values + p * n);
    const char *const result = errors ? "validation error, %" : "validation loss";
    axes[P] = (ParallelAxis){
        result, values + P * n, NULL, 0, {.kind = errors ? AXIS_LINEAR : axis_kind_of(values + P * n, n)}};
    snprintf(title, sizeof title, "%s: parameters and %s", book->subject, results_objective(results));
    const ParallelChart chart = {title, (int)P + 1, (int)n, axes, 0};
    const double width = 110.0 * (double)(P + 1) < 504 ? 504 : 110.0 * (double)(P + 1);
    FORWARD_TO(done, book_draw(book, "tune-parallel", width, 300, draw_lines, &chart));
done:
    free(values);
    return status;
}
