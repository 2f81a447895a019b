/* Where the network looks for the class that it predicts: examples beside their Grad-CAM. */
#include "study/figures/figures_examples.h"

#include "base/memory.h"
#include "eval/grad_cam.h"
#include "nn/feed.h"

#include <math.h>
#include <stdlib.h>

enum { EXAMPLES = 6, KINDS = 2, PAIRS = 2, ROWS = EXAMPLES / PAIRS };

typedef struct Looks {
    const FigureBook *book;
    const cf_set *set;
    const Evaluation *evaluation;
    Feed feed;
    GradCam *cam;
    Shape shape;               /* of the map */
    float *input, *map;        /* of one example */
    unsigned char *small, *on; /* the map in bytes, of its own size and of the image's */
    unsigned char *overlays;   /* [KINDS][EXAMPLES] RGB images of the set's size */
    char *captions[KINDS][EXAMPLES * PAIRS];
    CanvasImage images[KINDS][EXAMPLES * 2]; /* [ROWS][PAIRS][image, overlay] */
    FileDraft *csv;
} Looks;

static size_t pixel_count(const Looks *l) {
    return (size_t)l->set->height * (size_t)l->set->width;
}

static cf_status looks_new(const cf_model *model, Looks *l) {
    const Shape input = model->layers.input;
    FORWARD(feed_new(l->set, input, (const char *const *)model->class_names, model->classes, 1, &l->feed));
    FORWARD(grad_cam_new(model, cpu_engine(), &l->cam));
    l->shape = grad_cam_shape(l->cam);
    const size_t places = (size_t)l->shape.H * (size_t)l->shape.W;
    FORWARD(memory_new((size_t)input.C * (size_t)input.H * (size_t)input.W, sizeof(float), &l->input));
    FORWARD(memory_new(places, sizeof(float), &l->map));
    FORWARD(memory_new(places, 1, &l->small));
    FORWARD(memory_new(pixel_count(l), 1, &l->on));
    return memory_new(KINDS * EXAMPLES * 3 * pixel_count(l), 1, &l->overlays);
}

static void looks_free(Looks *l) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < EXAMPLES * PAIRS; i++) free(l->captions[kind][i]);
    grad_cam_free(l->cam);
    feed_free(&l->feed);
    free(l->input);
    free(l->map);
    free(l->small);
    free(l->on);
    free(l->overlays);
}

/* From violet over orange to light yellow, ever lighter: the order is seen in grey, too. */
static Colour heat(double share) {
    static const Colour stops[4] = {{0.08, 0.04, 0.25}, {0.55, 0.12, 0.42}, {0.96, 0.49, 0.13}, {0.99, 0.98, 0.65}};
    const int stop = share < 1 ? (int)(3 * share) : 2;
    return colour_between(stops[stop], stops[stop + 1], 3 * share - stop);
}

static double lightness(const CanvasImage *image, size_t pixel) {
    const unsigned char *p = image->pixels + pixel * (size_t)image->channels;
    return (image->channels == 3 ? 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] : p[0]) / 255;
}

/* The map, 0 to its largest value, over the image in grey. */
static cf_status overlay(Looks *l, const CanvasImage *image, unsigned char *out) {
    const int from[3] = {1, l->shape.H, l->shape.W}, to[3] = {1, image->height, image->width};
    const size_t places = (size_t)l->shape.H * (size_t)l->shape.W;
    float largest = 0;
    for (size_t i = 0; i < places; i++) largest = fmaxf(largest, l->map[i]);
    for (size_t i = 0; i < places; i++)
        l->small[i] = (unsigned char)(largest > 0 ? lroundf(255 * l->map[i] / largest) : 0);
    FORWARD(resize_bytes(l->small, from, to, l->on));
    for (size_t i = 0; i < pixel_count(l); i++) {
        const double grey = 0.3 * lightness(image, i);
        const Colour c = heat(l->on[i] / 255.0);
        const double rgb[3] = {c.red, c.green, c.blue};
        for (int k = 0; k < 3; k++) out[3 * i + (size_t)k] = (unsigned char)lround(255 * (grey + 0.7 * rgb[k]));
    }
    return CF_OK;
}

static void write_map(const Looks *l, const Example *x) {
    const Metrics *m = &l->evaluation->metrics;
    for (int r = 0; r < l->shape.H; r++)
        for (int c = 0; c < l->shape.W; c++) {
            fprintf(l->csv->stream, "%u,", (unsigned)l->evaluation->images[x->at]);
            csv_text(l->csv->stream, m->class_names[x->truth]);
            fputc(',', l->csv->stream);
            csv_text(l->csv->stream, m->class_names[x->predicted]);
            fprintf(l->csv->stream, ",%d,%d,%.6g\n", r + 1, c + 1, (double)l->map[r * l->shape.W + c]);
        }
}

/* Weights so large that gradients overflow are not this figure's fault: what cannot be drawn is CF_BAD_USE (figures.c). */
static cf_status map_of(Looks *l, const Example *x) {
    cf_status status = grad_cam_map(l->cam, l->input, x->predicted, l->map);
    if (status != CF_BAD_INPUT) return status;
    status_prefix(status, "image %u", (unsigned)l->evaluation->images[x->at]);
    return CF_BAD_USE;
}

static cf_status add_example(Looks *l, int kind, int place, const Example *x) {
    const CanvasImage image = image_of(l->set, l->evaluation, x);
    unsigned char *out = l->overlays + (size_t)(kind * EXAMPLES + place) * 3 * pixel_count(l);
    feed_image(&l->feed, 0, l->evaluation->images[x->at], l->input);
    FORWARD(map_of(l, x));
    write_map(l, x);
    FORWARD(overlay(l, &image, out));
    l->images[kind][2 * place] = image;
    l->images[kind][2 * place + 1] = (CanvasImage){out, 3, image.height, image.width};
    char percent[16];
    if (kind == 0) return caption_of(&l->evaluation->metrics, x, &l->captions[kind][2 * place]);
    percent_text((double)x->confidence, percent);
    return memory_print(&l->captions[kind][2 * place], "%s\n%s", l->evaluation->metrics.class_names[x->truth], percent);
}

/* Of the wrong ones the most confident; of the right ones each of another class, as far as there are so many. */
static cf_status add_kind(Looks *l, int kind, int *count) {
    Example *examples;
    size_t found;
    int seen[EXAMPLES];
    cf_status status = CF_OK;
    FORWARD(list_examples(l->evaluation, kind == 1, &examples, &found));
    *count = 0;
    for (size_t i = 0; i < found && *count < EXAMPLES && !status; i++) {
        const int truth = examples[i].truth;
        int known = 0;
        while (known < *count && seen[known] != truth) known++;
        if (kind == 1 && known < *count) continue;
        seen[*count] = truth;
        status = add_example(l, kind, (*count)++, &examples[i]);
    }
    free(examples);
    return status;
}

static cf_status draw_looks(const Looks *l, const int counts[KINDS]) {
    static const char *const headings[KINDS] = {"Wrong", "Right"}, *const abouts[KINDS] = {
                                                                       "the most confident",
                                                                       "the most confident of each class"};
    const int longest = counts[0] > counts[1] ? counts[0] : counts[1];
    char note[200];
    GridGroup groups[KINDS];
    for (int kind = 0; kind < KINDS; kind++)
        groups[kind] = (GridGroup){.heading = headings[kind],
                                   .about = counts[kind] ? abouts[kind] : "none",
                                   .columns = 2 * PAIRS,
                                   .images = l->images[kind],
                                   .blank = true,
                                   .captions = (const char *const *)l->captions[kind]};
    snprintf(note, sizeof note,
             "%s: Grad-CAM of the predicted class, each to its largest value; yellow speaks most for it",
             l->book->subject);
    const ImageGrid grid = {
        .note = note, .rows = (longest + PAIRS - 1) / PAIRS, .side = 56, .group_count = KINDS, .groups = groups};
    return book_grid(l->book, "grad-cam", &grid);
}

cf_status figure_grad_cam(const FigureBook *book, const cf_model *model, const cf_set *set, const Evaluation *e) {
    int counts[KINDS];
    FileDraft csv = {0};
    Looks looks = {.book = book, .set = set, .evaluation = e, .csv = &csv};
    cf_status status;
    if (!grad_cam_possible(model)) {
        notice("the model has no convolution, so there is no figure of where it looks");
        return CF_OK;
    }
    FORWARD_TO(done, looks_new(model, &looks));
    FORWARD_TO(done, book_csv(book, "grad-cam", &csv));
    fputs("image,true,predicted,row,column,value\n", csv.stream);
    for (int kind = 0; kind < KINDS; kind++) FORWARD_TO(done, add_kind(&looks, kind, &counts[kind]));
    FORWARD_TO(done, file_commit(&csv));
    FORWARD_TO(done, draw_looks(&looks, counts));
done:
    file_abandon(&csv);
    looks_free(&looks);
    return status;
}
