#include "study/figures/figures_shift.h"

#include "base/memory.h"
#include "base/slices.h"
#include "draw/chart_dot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Gains ---- */

enum { SHIFT_COLUMNS = 4 };

typedef struct GainRows {
    double gain[MOST_SHIFT_ROWS], low[MOST_SHIFT_ROWS], high[MOST_SHIFT_ROWS];
    const char *cells[MOST_SHIFT_ROWS * SHIFT_COLUMNS], *notes[MOST_SHIFT_ROWS];
    char texts[MOST_SHIFT_ROWS][3][24];
    bool opens[MOST_SHIFT_ROWS];
    int count;
    const char *title;
} GainRows;

static void fill_rows(const Shift *shift, GainRows *rows) {
    for (int i = 0; i < shift->row_count; i++) {
        const ShiftRow *row = &shift->rows[i];
        const bool known = !*row->cannot;
        const double explains = shift_explains(shift, row);
        rows->gain[i] = known ? 100 * row->gain : NAN;
        rows->low[i] = known ? 100 * row->low : NAN, rows->high[i] = known ? 100 * row->high : NAN;
        if (known) snprintf(rows->texts[i][0], 24, "%.2f", 100 * row->accuracy);
        if (known && isfinite(explains)) snprintf(rows->texts[i][1], 24, "%.0f %%", 100 * explains);
        if (known && isfinite(row->without)) snprintf(rows->texts[i][2], 24, "%.2f", 100 * row->without);
        rows->cells[SHIFT_COLUMNS * i] = row->name;
        for (int k = 0; k < 3; k++) rows->cells[SHIFT_COLUMNS * i + 1 + k] = rows->texts[i][k];
        rows->notes[i] = known ? NULL : "cannot be measured";
        rows->opens[i] = i > 0 && row->kind == SHIFT_DIAL && shift->rows[i - 1].kind != SHIFT_DIAL;
    }
    rows->count = shift->row_count;
}

static cf_status draw_gains(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    static const char *const headings[] = {"factor moved", "accuracy, %", "of the drop", "all but it, %"};
    const GainRows *rows = content;
    const DotPanel panel = {{.label = "gain, points"}, rows->gain, rows->low, rows->high, 2};
    const DotChart chart = {.title = rows->title,
                            .row_count = rows->count,
                            .column_count = SHIFT_COLUMNS,
                            .headings = headings,
                            .cells = rows->cells,
                            .notes = rows->notes,
                            .opens = rows->opens,
                            .best = -1,
                            .panel_count = 1,
                            .panels = &panel};
    return dot_chart_draw(canvas, theme, box, &chart);
}

static cf_status write_gains(const FigureBook *book, const Shift *shift) {
    FileDraft csv;
    FORWARD(book_csv(book, "shift", &csv));
    fputs("factor,accuracy,gain,low,high,explains,without\n", csv.stream);
    for (int i = 0; i < shift->row_count; i++) {
        const ShiftRow *row = &shift->rows[i];
        const double explains = shift_explains(shift, row);
        fprintf(csv.stream, "%s,", row->name);
        if (!*row->cannot) fprintf(csv.stream, "%.6g,%.6g,%.6g,%.6g,", row->accuracy, row->gain, row->low, row->high);
        if (!*row->cannot && isfinite(explains)) fprintf(csv.stream, "%.6g", explains);
        fputc(',', csv.stream);
        if (*row->cannot) fputs(",,,,", csv.stream);
        if (!*row->cannot && isfinite(row->without)) fprintf(csv.stream, "%.6g", row->without);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static cf_status figure_gains(const FigureBook *book, const Shift *shift) {
    GainRows *rows;
    char *title;
    FORWARD(memory_new(1, sizeof *rows, &rows));
    fill_rows(shift, rows);
    cf_status status = memory_print(&title, "%s: %.2f %%, %.2f %% on the source's own", book->subject,
                                    100 * shift->plain.metrics.summary.accuracy, 100 * shift->source_accuracy);
    if (!status) {
        rows->title = title;
        const DotChart sized = {.title = title, .row_count = rows->count, .panel_count = 1};
        status = write_gains(book, shift);
        if (!status) status = book_draw(book, "shift", 504, dot_chart_height(&sized) + 24, draw_gains, rows);
        free(title);
    }
    free(rows);
    return status;
}

/* ---- Samples ---- */

enum { SAMPLE_ROWS = 10, SAMPLE_GROUPS = SHIFT_MOVES + 2 };

/* One set per group: as they are, each move that can be measured, all of them. */
typedef struct MovedSamples {
    uint32_t images[SAMPLE_ROWS];
    cf_subset some;
    cf_set *sets[SAMPLE_GROUPS];
    CanvasImage pictures[SAMPLE_GROUPS][SAMPLE_ROWS];
    GridGroup groups[SAMPLE_GROUPS];
    int count;
} MovedSamples;

static cf_status add_group(const Shift *shift, Shape input, unsigned moves, const char *heading,
                           MovedSamples *samples) {
    const int at = samples->count;
    FORWARD(shift_move_images(&samples->some, input, &shift->source, moves, 1, &samples->sets[at]));
    samples->count++;
    for (size_t i = 0; i < samples->some.count; i++)
        samples->pictures[at][i] =
            (CanvasImage){samples->sets[at]->pixels + i * set_image_size(samples->sets[at]), input.C, input.H, input.W};
    samples->groups[at] = (GridGroup){.about = heading, .columns = 1, .images = samples->pictures[at]};
    return CF_OK;
}

static cf_status add_groups(const Shift *shift, Shape input, MovedSamples *samples) {
    unsigned all = 0;
    char why[160];
    FORWARD(add_group(shift, input, 0, "as it is", samples));
    for (int move = 0; move < SHIFT_MOVES; move++) {
        if (shift_cannot_move(&shift->source, move, why)) continue;
        all |= 1U << move;
        FORWARD(add_group(shift, input, 1U << move, shift_move_names[move], samples));
    }
    return add_group(shift, input, all, "all of these", samples);
}

/* The first image of each class, of the first classes. */
static void choose_samples(const cf_subset *images, MovedSamples *samples) {
    samples->some = *images;
    samples->some.images = samples->images;
    samples->some.count = 0;
    for (int label = 0; label < images->set->classes && samples->some.count < SAMPLE_ROWS; label++)
        for (size_t i = 0; i < images->count; i++)
            if (images->set->labels[images->images[i]] == label) {
                samples->images[samples->some.count++] = images->images[i];
                break;
            }
}

static cf_status figure_moved(const FigureBook *book, const Shift *shift, const cf_subset *images) {
    MovedSamples *samples;
    const char *labels[SAMPLE_ROWS];
    FORWARD(memory_new(1, sizeof *samples, &samples));
    choose_samples(images, samples);
    for (size_t i = 0; i < samples->some.count; i++)
        labels[i] = images->set->class_names[images->set->labels[samples->images[i]]];
    cf_status status = add_groups(shift, shift->model->layers.input, samples);
    const ImageGrid grid = {.title = book->subject,
                            .note =
                                "the first image of each class as it is, and moved towards the source in one factor",
                            .rows = (int)samples->some.count,
                            .row_labels = labels,
                            .side = 62,
                            .group_count = samples->count,
                            .groups = samples->groups};
    if (!status) status = book_grid(book, "shift-samples", &grid);
    for (int g = 0; g < samples->count; g++) cf_set_free(samples->sets[g]);
    free(samples);
    return status;
}

/* ---- Both ---- */

cf_status figures_shift_make(const Run *run, const char *to, const Shift *shift, const cf_subset *images,
                             const char *data, const char *part, const FigureOptions *options, FigureList *list) {
    char *folder = NULL, *suffix = NULL, *subject = NULL;
    cf_status status;
    if (options->formats == 0) return CF_OK;
    FORWARD_TO(done, to ? memory_copy_string(to, &folder) : file_join(run->folder, "figures", &folder));
    FORWARD_TO(done, figures_suffix(run, data, part, !to, &suffix));
    FORWARD_TO(done, figures_subject(data, part, NULL, &subject));
    const FigureBook book = {folder, suffix, subject, options->formats, list};
    FORWARD_TO(done, file_make_folder(folder));
    FORWARD_TO(done, figure_gains(&book, shift));
    FORWARD_TO(done, figure_moved(&book, shift, images));
done:
    free(folder);
    free(suffix);
    free(subject);
    return status;
}
