/* Where a drop on images of another kind comes from. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>

/* ---- Gains ---- */

static cf_status write_gains(const FigureBook *book, const Shift *shift) {
    FileDraft csv;
    FORWARD(book_table(book, "shift", "factor,accuracy,gain,low,high,explains,without", &csv));
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

static void add_gain(const Shift *shift, int i, DotRows *rows) {
    const ShiftRow *row = &shift->rows[i];
    const double explains = shift_explains(shift, row);
    dot_rows_cell(rows, i, 0, "%s", row->name);
    rows->opens[i] = i > 0 && row->kind == SHIFT_DIAL && shift->rows[i - 1].kind != SHIFT_DIAL;
    if (*row->cannot) {
        dot_rows_note(rows, i, "cannot be measured");
        return;
    }
    dot_rows_point(rows, i, 0, 100 * row->gain, 100 * row->low, 100 * row->high);
    dot_rows_cell(rows, i, 1, "%.2f", 100 * row->accuracy);
    if (isfinite(explains)) dot_rows_cell(rows, i, 2, "%.0f %%", 100 * explains);
    if (isfinite(row->without)) dot_rows_cell(rows, i, 3, "%.2f", 100 * row->without);
}

static cf_status figure_gains(const FigureBook *book, const Shift *shift) {
    static const char *const headings[] = {"factor moved", "accuracy, %", "of the drop", "all but it, %"};
    AUTO(dot_rows_free) DotRows rows = {0};
    AUTO_FREE char *title = NULL;
    FORWARD(dot_rows_new((size_t)shift->row_count, COUNT_OF(headings), 1, &rows));
    for (int i = 0; i < rows.count; i++) add_gain(shift, i, &rows);
    FORWARD(memory_print(&title, "%s: %.2f %%, %.2f %% on the source's own", book->subject,
                         100 * shift->plain.metrics.summary.accuracy, 100 * shift->source_accuracy));
    FORWARD(write_gains(book, shift));
    const DotPanel panel = dot_rows_panel(&rows, 0, (Axis){.label = "gain, points"}, 2);
    const DotChart chart = dot_rows_chart(&rows, title, headings, 1, &panel);
    return book_dots(book, "shift", 504, dot_chart_height(&(DotChart){.title = title, .row_count = rows.count}) + 24, &chart);
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
    for (size_t i = 0; i < samples->some.count; i++) samples->pictures[at][i] = picture_of(samples->sets[at], i);
    samples->groups[at] = (GridGroup){.about = heading, .columns = 1, .images = samples->pictures[at]};
    return CF_OK;
}

static cf_status add_groups(const Shift *shift, Shape input, MovedSamples *samples) {
    unsigned all = 0;
    char why[160];
    FORWARD(add_group(shift, input, 0, "as it is", samples));
    for (int move = 0; move < SHIFT_MOVES; move++) {
        if (shift_cannot_move(&shift->source, (ShiftMove)move, why)) continue;
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

static void samples_free(MovedSamples *samples) {
    for (int g = 0; g < samples->count; g++) cf_set_free(samples->sets[g]);
}

static cf_status figure_moved(const FigureBook *book, const Shift *shift, const cf_subset *images) {
    AUTO(samples_free) MovedSamples samples = {0};
    const char *labels[SAMPLE_ROWS];
    choose_samples(images, &samples);
    for (size_t i = 0; i < samples.some.count; i++) labels[i] = images->set->class_names[images->set->labels[samples.images[i]]];
    FORWARD(add_groups(shift, shift->model->layers.input, &samples));
    const ImageGrid grid = {.title = book->subject,
                            .note = "the first image of each class as it is, and moved towards the source in one factor",
                            .rows = (int)samples.some.count,
                            .row_labels = labels,
                            .side = 62,
                            .group_count = samples.count,
                            .groups = samples.groups};
    return book_grid(book, "shift-samples", &grid);
}

/* ---- Both ---- */

typedef struct Shown {
    const Shift *shift;
    const cf_subset *images;
} Shown;

static cf_status draw_both(const FigureBook *book, const void *content) {
    const Shown *shown = content;
    FORWARD(figure_gains(book, shown->shift));
    return figure_moved(book, shown->shift, shown->images);
}

cf_status figures_shift_make(const Run *run, const char *folder, const Shift *shift, const cf_subset *images, const char *data,
                             const char *part, const FigureOptions *options, FigureList *list) {
    return figures_of_run(run, folder, data, part, NULL, options->formats, list, draw_both, &(Shown){shift, images});
}
