/* Which images the page carries. */
#include "base/memory.h"
#include "base/text.h"
#include "study/report/report_inside.h"

#include <stdlib.h>
#include <string.h>

static cf_status read_row(const ReportInput *input, size_t row, ReportImage *image) {
    const CsvTable *table = &input->predictions;
    long long index;
    double confidence;
    image->row = (uint32_t)row;
    image->label = report_class_named(input, csv_table_cell(table, (ptrdiff_t)row, input->label_column));
    image->predicted = report_class_named(input, csv_table_cell(table, (ptrdiff_t)row, input->label_column + 1));
    FAIL_IF(!text_to_integer(csv_table_cell(table, (ptrdiff_t)row, 0), 0, (long long)input->set->count - 1, &index) ||
                image->label < 0 || image->predicted < 0 ||
                !text_to_number(csv_table_cell(table, (ptrdiff_t)row, input->label_column + 3), &confidence),
            CF_BAD_INPUT, "%s/predictions.csv, line %zu: an image of the set, two of its classes and a number expected",
            input->folder, row + 2);
    image->image = (uint32_t)index;
    image->confidence = (float)confidence;
    return CF_OK;
}

/* By label, prediction; most confident first; then as they stand in the file. */
static int by_cell(const void *a, const void *b) {
    const ReportImage *x = a, *y = b;
    if (x->label != y->label) return x->label - y->label;
    if (x->predicted != y->predicted) return x->predicted - y->predicted;
    if (x->confidence != y->confidence) return x->confidence < y->confidence ? 1 : -1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static bool same_cell(const ReportImage *a, const ReportImage *b) {
    return a->label == b->label && a->predicted == b->predicted;
}

/* How many wrong ones would be shown if every cell showed `each` at most. */
static size_t wrong_with(const ReportImage *all, size_t count, size_t each) {
    size_t sum = 0, in_cell = 0;
    for (size_t i = 0; i < count; i++) {
        in_cell = i && same_cell(&all[i], &all[i - 1]) ? in_cell + 1 : 0;
        sum += all[i].label != all[i].predicted && in_cell < each;
    }
    return sum;
}

/* The right ones are spread evenly over the cell's sorted list, so that hesitant ones are among them. */
static void take_images(const ReportImage *all, size_t count, size_t wrong_each, size_t right_each, ReportImages *images) {
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && same_cell(&all[begin], &all[end]);) end++;
        bool right = all[begin].label == all[begin].predicted;
        size_t size = end - begin, most = right ? right_each : wrong_each, shown = size < most ? size : most;
        for (size_t i = 0; i < shown; i++) images->list[images->count++] = all[begin + (right ? i * size / shown : i)];
        *(right ? &images->right_shown : &images->wrong_shown) += shown;
    }
}

/* Of many classes the images of those cells alone that the page has buttons for: of the matrix and of the most confused pairs. */
static cf_status keep_open(const ReportInput *input, ReportImage *all, size_t *count) {
    AUTO_FREE ConfusedPair *pairs = NULL;
    size_t pair_count, kept = 0;
    int classes[MANY_CLASSES], class_count;
    if (input->classes < MANY_CLASSES) return CF_OK;
    FORWARD(confused_classes(&input->counts, classes, &class_count));
    FORWARD(confused_pairs(&input->counts, CONFUSED_PAIRS, &pairs, &pair_count));
    for (size_t i = 0; i < *count; i++) {
        int in_matrix = 0;
        bool open = false;
        for (int k = 0; k < class_count; k++)
            in_matrix += (classes[k] == all[i].label) + (classes[k] == all[i].predicted);
        for (size_t k = 0; k < pair_count; k++)
            open |= pairs[k].truth == all[i].label && pairs[k].predicted == all[i].predicted;
        if (open || in_matrix == 2) all[kept++] = all[i];
    }
    *count = kept;
    return CF_OK;
}

/* How many wrong ones each cell may show: as many as there is room for. */
static size_t wrong_each(const ReportImage *all, size_t count, size_t room) {
    const size_t every_wrong = wrong_with(all, count, count);
    size_t each = 0;
    while (each < count && wrong_with(all, count, each) < every_wrong && wrong_with(all, count, each + 1) <= room) each++;
    return each;
}

cf_status report_images_choose(const ReportInput *input, size_t bytes, ReportImages *images) {
    AUTO_FREE ReportImage *all = NULL;
    size_t count = input->predictions.rows, classes = (size_t)input->classes;
    *images = (ReportImages){0};
    if (!input->set || !count) return CF_OK;
    const size_t name = input->label_column > 1 ? 64 : 0; /* about, of a file */
    /* Of many classes the likeliest with their numbers. */
    const size_t probabilities = classes > WIDE_CLASSES ? LIKELIEST * (sizeof(float) + 5) : classes * sizeof(float);
    const size_t room = bytes / (set_image_size(input->set) + probabilities + name);
    const size_t right_each = room / 4 / classes < RIGHT_EACH ? room / 4 / classes : RIGHT_EACH;
    FORWARD(memory_new(count, sizeof *all, &all));
    for (size_t i = 0; i < count; i++) {
        FORWARD(read_row(input, i, &all[i]));
        ++*(all[i].label == all[i].predicted ? &images->right : &images->wrong);
    }
    FORWARD(keep_open(input, all, &count));
    qsort(all, count, sizeof *all, by_cell);
    FORWARD(memory_new(count, sizeof *images->list, &images->list));
    take_images(all, count, wrong_each(all, count, room - right_each * classes), right_each, images);
    return CF_OK;
}

void report_images_free(ReportImages *images) {
    free(images->list);
}
