/* Images that are worth a look, each with what the network makes of it. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- Choosing examples ---- */

static int surest_first(const void *a, const void *b) {
    const Example *x = a, *y = b;
    if (x->confidence != y->confidence) return x->confidence < y->confidence ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

cf_status list_examples(const Evaluation *e, bool right, Example **examples, size_t *count) {
    Example *list;
    size_t found = 0;
    FORWARD(memory_new(e->count, sizeof *list, &list));
    for (size_t i = 0; i < e->count; i++) {
        const float *p = e->probabilities + i * (size_t)e->metrics.classes;
        const int predicted = first_largest(p, e->metrics.classes);
        if ((predicted == e->labels[i]) == right) list[found++] = (Example){i, e->labels[i], predicted, p[predicted]};
    }
    qsort(list, found, sizeof *list, surest_first);
    *examples = list;
    *count = found;
    return CF_OK;
}

CanvasImage picture_of(const cf_set *set, size_t image) {
    return (CanvasImage){set->pixels + image * set_image_size(set), set->channels, set->height, set->width};
}

CanvasImage image_of(const cf_set *set, const Evaluation *e, const Example *example) {
    return picture_of(set, e->images[example->at]);
}

void percent_text(double share, char text[16]) {
    if (share < 1 && share >= 0.9995)
        snprintf(text, 16, ">99.9 %%");
    else
        snprintf(text, 16, share >= 0.995 ? "%.1f %%" : "%.0f %%", 100 * share);
}

/* ---- Mistakes ---- */

static const float *probabilities_of(const Evaluation *e, size_t at) {
    return e->probabilities + at * (size_t)e->metrics.classes;
}

enum { COLUMNS = 8, ROWS = 3, PLACES = COLUMNS * ROWS };

static cf_status write_misclassified(const FigureBook *book, const Evaluation *e, const Example *examples,
                                     size_t count) {
    const Metrics *m = &e->metrics;
    FileDraft csv;
    FORWARD(book_table(book, "misclassified",
                       e->files ? "image,file,true,predicted,confidence,probability_of_true"
                                : "image,true,predicted,confidence,probability_of_true",
                       &csv));
    for (size_t i = 0; i < count; i++) {
        const Example *x = &examples[i];
        evaluation_write_image(csv.stream, e, x->at);
        csv_print(csv.stream, "%s,%s,%.6g,%.6g\n", m->class_names[x->truth], m->class_names[x->predicted], (double)x->confidence,
                  (double)probabilities_of(e, x->at)[x->truth]);
    }
    return file_commit(&csv);
}

cf_status caption_of(const Metrics *m, const Example *x, char **caption) {
    char percent[16];
    const char *truth = m->class_names[x->truth], *predicted = m->class_names[x->predicted];
    percent_text((double)x->confidence, percent);
    return memory_print(caption, "%s%s\xe2\x86\x92 %s\n%s", truth, strlen(truth) + strlen(predicted) > 6 ? "\n" : " ",
                        predicted, percent);
}

/* What fits below an image of a file's name: the end of its stem, where numbers are. Drawn as it can be: see text_replace_controls. */
static cf_status short_file(const char *file, char **text) {
    enum { COLUMNS_OF_TEXT = 7 };
    AUTO_FREE char *name = NULL;
    FORWARD(memory_copy_string(file_base_name(file), &name));
    text_replace_controls(name);
    char *ending = strrchr(name, '.');
    if (ending && ending > name) *ending = '\0';
    const char *from = name;
    while (text_columns(from) > COLUMNS_OF_TEXT) {
        from++;
        while (((unsigned char)*from & 0xc0) == 0x80) from++; /* within a code point of UTF-8 */
    }
    return memory_print(text, "%s%s", from > name ? "\xe2\x80\xa6" : "", from);
}

/* The caption with the name of the image's file below it, where it has one. */
static cf_status add_file(const Evaluation *e, size_t at, char **caption) {
    if (!e->files) return CF_OK;
    AUTO_FREE char *file = NULL, *plain = memory_take(caption);
    FORWARD(short_file(e->files[e->images[at]], &file));
    return memory_print(caption, "%s\n%s", plain, file);
}

/* Up to PLACES examples with their captions. */
static cf_status draw_examples(const FigureBook *book, const char *name, const char *note, const cf_set *set,
                               const Evaluation *e, const Example *examples, int shown, char **captions) {
    CanvasImage images[PLACES] = {0};
    for (int i = 0; i < shown; i++) {
        images[i] = image_of(set, e, &examples[i]);
        FORWARD(add_file(e, examples[i].at, &captions[i]));
    }
    /* Always as wide, so that the note has its room. */
    const GridGroup group = {
        .columns = COLUMNS, .images = images, .blank = true, .captions = (const char *const *)captions};
    const ImageGrid grid = {
        .note = note, .rows = (shown + COLUMNS - 1) / COLUMNS, .side = 54, .group_count = 1, .groups = &group};
    return book_grid(book, name, &grid);
}

typedef struct Captions {
    char *of[PLACES];
} Captions;

static void captions_free(Captions *captions) {
    for (int i = 0; i < PLACES; i++) free(captions->of[i]);
}

static cf_status draw_misclassified(const FigureBook *book, const cf_set *set, const Evaluation *e,
                                    const Example *examples, size_t count) {
    AUTO(captions_free) Captions captions = {0};
    char note[160];
    const int shown = count < PLACES ? (int)count : PLACES;
    for (int i = 0; i < shown; i++) FORWARD(caption_of(&e->metrics, &examples[i], &captions.of[i]));
    if (shown < (int)count)
        snprintf(note, sizeof note, "%s: the %d most confident of %zu mistakes among %zu images", book->subject, shown,
                 count, e->count);
    else
        snprintf(note, sizeof note, "%s: all %zu mistakes among %zu images", book->subject, count, e->count);
    return draw_examples(book, "misclassified", note, set, e, examples, shown, captions.of);
}

cf_status figure_misclassified(const FigureBook *book, const cf_set *set, const Evaluation *e) {
    AUTO_FREE Example *examples = NULL;
    size_t count;
    FORWARD(list_examples(e, false, &examples, &count));
    FORWARD(write_misclassified(book, e, examples, count));
    if (count) return draw_misclassified(book, set, e, examples, count);
    notice("%s: every image is classified right, so there is no figure of mistakes", book->subject);
    return CF_OK;
}

/* ---- Rankings ---- */

/* Of a ranked example: the class that is named first, and the one it is held against: the true one and the predicted one, or the
 * predicted one and the one behind it. */
typedef struct RankedClasses {
    const char *first, *other;
    double loss, probability; /* of the example; of the other class */
} RankedClasses;

static RankedClasses ranked_classes(const Evaluation *e, Ranking ranking, const RankedExample *x) {
    const char *const *names = e->metrics.class_names;
    const float *p = probabilities_of(e, x->example);
    int second = x->predicted == 0 ? 1 : 0;
    for (int c = 0; c < e->metrics.classes; c++)
        if (c != x->predicted && p[c] > p[second]) second = c;
    if (ranking == RANK_TOP_LOSSES) return (RankedClasses){names[x->label], names[x->predicted], x->loss, 0};
    return (RankedClasses){names[x->predicted], names[second], 0, (double)p[second]};
}

static cf_status write_ranked(const FigureBook *book, const char *name, const Evaluation *e, Ranking ranking,
                              const RankedExample *ranked, int count) {
    FileDraft csv;
    FORWARD(book_csv(book, name, &csv));
    fprintf(csv.stream, "image,%s%s\n", e->files ? "file," : "",
            ranking == RANK_TOP_LOSSES ? "true,predicted,confidence,loss"
                                       : "predicted,second,confidence,probability_of_second");
    for (int i = 0; i < count; i++) {
        const RankedClasses c = ranked_classes(e, ranking, &ranked[i]);
        evaluation_write_image(csv.stream, e, ranked[i].example);
        csv_print(csv.stream, "%s,%s,%.6g,%.6g\n", c.first, c.other, ranked[i].confidence,
                  ranking == RANK_TOP_LOSSES ? c.loss : c.probability);
    }
    return file_commit(&csv);
}

/* "4 → 9" and "loss 7.31", or "4, not 9" and "51 : 48 %". */
static cf_status ranked_caption(const Evaluation *e, Ranking ranking, const RankedExample *x, char **caption) {
    const RankedClasses c = ranked_classes(e, ranking, x);
    const char *between = strlen(c.first) + strlen(c.other) > 6 ? "\n" : " ";
    if (ranking != RANK_TOP_LOSSES)
        return memory_print(caption, "%s,%snot %s\n%.0f : %.0f %%", c.first, between, c.other, 100 * x->confidence,
                            100 * c.probability);
    return x->label == x->predicted ? memory_print(caption, "%s\nloss %.2f", c.first, x->loss)
                                    : memory_print(caption, "%s%s\xe2\x86\x92 %s\nloss %.2f", c.first, between, c.other, x->loss);
}

static cf_status figure_ranked(const FigureBook *book, const char *name, const char *about, const cf_set *set,
                               const Evaluation *e, Ranking ranking) {
    const Predictions predictions = evaluation_predictions(e);
    AUTO_FREE RankedExample *ranked = NULL;
    AUTO(captions_free) Captions captions = {0};
    Example examples[PLACES];
    size_t count;
    char note[200];
    FORWARD(rank_examples(&predictions, ranking, PLACES, &ranked, &count));
    snprintf(note, sizeof note, "%s: the %zu %s of %zu images", book->subject, count, about, e->count);
    FORWARD(write_ranked(book, name, e, ranking, ranked, (int)count));
    for (size_t i = 0; i < count; i++) {
        const RankedExample *x = &ranked[i];
        examples[i] = (Example){x->example, x->label, x->predicted, (float)x->confidence};
        FORWARD(ranked_caption(e, ranking, x, &captions.of[i]));
    }
    return count ? draw_examples(book, name, note, set, e, examples, (int)count, captions.of) : CF_OK;
}

cf_status figure_top_losses(const FigureBook *book, const cf_set *set, const Evaluation *e) {
    return figure_ranked(book, "top-losses", "largest losses", set, e, RANK_TOP_LOSSES);
}

cf_status figure_unsure(const FigureBook *book, const cf_set *set, const Evaluation *e) {
    return figure_ranked(book, "unsure", "least confident right ones", set, e, RANK_UNSURE_RIGHT);
}
