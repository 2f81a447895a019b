/* Where the network looks: examples beside Grad-CAM of the class that it predicts, and beside attention rollout; and what each head
 * attends to. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/text.h"
#include "eval/attention_rollout.h"
#include "eval/grad_cam.h"
#include "nn/feed.h"

#include <math.h>
#include <stdlib.h>

enum { EXAMPLES = 6, KINDS = 2, PAIRS = 2, ROWS = EXAMPLES / PAIRS };

typedef struct Looks {
    const FigureBook *book;
    const cf_set *set;
    const Evaluation *evaluation;
    Example examples[KINDS][EXAMPLES]; /* wrong, right */
    int counts[KINDS];
    Feed feed;
    GradCam *cam; /* one of the two */
    AttentionRollout *rollout;
    Shape shape;               /* of a map: H x W */
    float *input;              /* of one example */
    unsigned char *small, *on; /* a map in bytes, of its own size and of the image's */
    FileDraft csv;
} Looks;

static size_t pixel_count(const Looks *l) {
    return (size_t)l->set->height * (size_t)l->set->width;
}

static size_t place_count(const Looks *l) {
    return (size_t)l->shape.H * (size_t)l->shape.W;
}

/* Of the wrong ones the most confident; of the right ones each of another class, as far as there are so many. */
static cf_status choose_examples(Looks *l, int kind) {
    AUTO_FREE Example *examples = NULL;
    Example *chosen = l->examples[kind];
    size_t found;
    FORWARD(list_examples(l->evaluation, kind == 1, &examples, &found));
    for (size_t i = 0; i < found && l->counts[kind] < EXAMPLES; i++) {
        int known = 0;
        while (known < l->counts[kind] && chosen[known].truth != examples[i].truth) known++;
        if (kind == 0 || known == l->counts[kind]) chosen[l->counts[kind]++] = examples[i];
    }
    return CF_OK;
}

static cf_status looks_new(const cf_model *model, bool attention, Looks *l) {
    const Shape input = model->layers.input;
    for (int kind = 0; kind < KINDS; kind++) FORWARD(choose_examples(l, kind));
    FORWARD(feed_new(l->set, input, (const char *const *)model->class_names, model->classes, 1, &l->feed));
    if (attention) {
        FORWARD(attention_rollout_new(model, cpu_engine(), 1, &l->rollout));
        l->shape = attention_rollout_layer(l->rollout, 0)->out;
    } else {
        FORWARD(grad_cam_new(model, cpu_engine(), &l->cam));
        l->shape = grad_cam_shape(l->cam);
    }
    FORWARD(memory_new(shape_size(input), sizeof(float), &l->input));
    FORWARD(memory_new(place_count(l), 1, &l->small));
    return memory_new(pixel_count(l), 1, &l->on);
}

static void looks_free(Looks *l) {
    file_abandon(&l->csv);
    attention_rollout_free(l->rollout);
    grad_cam_free(l->cam);
    feed_free(&l->feed);
    free(l->input);
    free(l->small);
    free(l->on);
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

/* A map, 0 to its largest value, over the image in grey. */
static cf_status overlay(Looks *l, const CanvasImage *image, const float *map, unsigned char *out) {
    const int from[3] = {1, l->shape.H, l->shape.W}, to[3] = {1, image->height, image->width};
    float largest = 0;
    for (size_t i = 0; i < place_count(l); i++) largest = fmaxf(largest, map[i]);
    for (size_t i = 0; i < place_count(l); i++)
        l->small[i] = (unsigned char)(largest > 0 ? lroundf(255 * map[i] / largest) : 0);
    FORWARD(resize_bytes(l->small, from, to, l->on));
    for (size_t i = 0; i < (size_t)image->height * (size_t)image->width; i++) {
        const double grey = 0.3 * lightness(image, i);
        const Colour c = heat(l->on[i] / 255.0);
        const double rgb[3] = {c.red, c.green, c.blue};
        for (int k = 0; k < 3; k++) out[3 * i + (size_t)k] = (unsigned char)lround(255 * (grey + 0.7 * rgb[k]));
    }
    return CF_OK;
}

/* `which`: columns of the table between the classes and the places: ",attention1,2". */
static void write_map(const Looks *l, const Example *x, const char *which, const float *map) {
    const Metrics *m = &l->evaluation->metrics;
    for (int r = 0; r < l->shape.H; r++)
        for (int c = 0; c < l->shape.W; c++) {
            csv_print(l->csv.stream, "%u,%s,%s", l->evaluation->images[x->at], m->class_names[x->truth],
                      m->class_names[x->predicted]);
            fprintf(l->csv.stream, "%s,%d,%d,%.6g\n", which, r + 1, c + 1, (double)map[r * l->shape.W + c]);
        }
}

/* Weights so large that gradients overflow are not this figure's fault: what cannot be drawn is CF_BAD_USE (figures.c). */
static cf_status map_of(Looks *l, const Example *x, float *map) {
    const uint32_t image = l->evaluation->images[x->at];
    cf_status status;
    if (l->rollout) {
        status = attention_rollout_maps(l->rollout, &l->feed, &image, 1, map);
    } else {
        feed_image(&l->feed, 0, image, l->input);
        status = grad_cam_map(l->cam, l->input, x->predicted, map);
    }
    if (status != CF_BAD_INPUT) return status;
    status_prefix(status, "image %u", (unsigned)image);
    return CF_BAD_USE;
}

/* ---- Examples, each beside its map ---- */

typedef struct Pairs {
    Looks *looks;
    float *map;
    unsigned char *overlays; /* [KINDS][EXAMPLES] RGB images of the set's size */
    char *captions[KINDS][EXAMPLES * PAIRS];
    CanvasImage images[KINDS][EXAMPLES * 2]; /* [ROWS][PAIRS][image, overlay] */
} Pairs;

static cf_status add_example(Pairs *p, int kind, int place) {
    Looks *l = p->looks;
    const Example *x = &l->examples[kind][place];
    const Metrics *m = &l->evaluation->metrics;
    const CanvasImage image = image_of(l->set, l->evaluation, x);
    unsigned char *out = p->overlays + (size_t)(kind * EXAMPLES + place) * 3 * pixel_count(l);
    char percent[16];
    FORWARD(map_of(l, x, p->map));
    write_map(l, x, "", p->map);
    FORWARD(overlay(l, &image, p->map, out));
    p->images[kind][2 * place] = image;
    p->images[kind][2 * place + 1] = (CanvasImage){out, 3, image.height, image.width};
    if (kind == 0) return caption_of(m, x, &p->captions[kind][2 * place]);
    percent_text((double)x->confidence, percent);
    return memory_print(&p->captions[kind][2 * place], "%s\n%s", m->class_names[x->truth], percent);
}

static cf_status draw_pairs(const Pairs *p, const char *name, const char *what) {
    static const char *const headings[KINDS] = {"Wrong", "Right"}, *const abouts[KINDS] = {"the most confident",
                                                                                           "the most confident of each class"};
    const int *counts = p->looks->counts, longest = counts[0] > counts[1] ? counts[0] : counts[1];
    char note[200];
    GridGroup groups[KINDS];
    for (int kind = 0; kind < KINDS; kind++)
        groups[kind] = (GridGroup){.heading = headings[kind],
                                   .about = counts[kind] ? abouts[kind] : "none",
                                   .columns = 2 * PAIRS,
                                   .images = p->images[kind],
                                   .blank = true,
                                   .captions = (const char *const *)p->captions[kind]};
    snprintf(note, sizeof note, "%s: %s", p->looks->book->subject, what);
    const ImageGrid grid = {
        .note = note, .rows = (longest + PAIRS - 1) / PAIRS, .side = 56, .group_count = KINDS, .groups = groups};
    return book_grid(p->looks->book, name, &grid);
}

static void pairs_free(Pairs *p) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < EXAMPLES * PAIRS; i++) free(p->captions[kind][i]);
    free(p->map);
    free(p->overlays);
}

static cf_status figure_pairs(Looks *l, const char *name, const char *what) {
    AUTO(pairs_free) Pairs p = {.looks = l};
    FORWARD(memory_new(place_count(l), sizeof(float), &p.map));
    FORWARD(memory_new(KINDS * EXAMPLES * 3 * pixel_count(l), 1, &p.overlays));
    FORWARD(book_table(l->book, name, "image,true,predicted,row,column,value", &l->csv));
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < l->counts[kind]; i++) FORWARD(add_example(&p, kind, i));
    FORWARD(file_commit(&l->csv));
    return draw_pairs(&p, name, what);
}

/* ---- What each head attends to ---- */

enum { HEAD_IMAGES = 6, HEADS_SHOWN = 8, HEAD_COLUMNS = 12, LAYERS_SHOWN = 12, HEAD_SIDE = 64 };

typedef struct Heads {
    Looks *looks;
    const Example *examples[HEAD_IMAGES];
    int images, layers, heads; /* that are drawn: of all layers evenly, of heads the first */
    float *maps;               /* of a layer's heads */
    unsigned char *smaller;    /* an example, of HEAD_SIDE at most: a page is to carry all of them */
    CanvasImage picture;       /* that one */
    unsigned char *overlays;   /* [images][layers][heads] RGB images as large */
    CanvasImage *places;       /* likewise */
    const char *labels[LAYERS_SHOWN];
    char columns[HEADS_SHOWN][16], abouts[HEAD_IMAGES][48], *headings[HEAD_IMAGES];
} Heads;

static cf_status heads_new(Looks *l, Heads *h) {
    const int layers = attention_rollout_count(l->rollout);
    int most = 1;
    for (int i = 0; i < layers; i++) {
        const int heads = attention_rollout_layer(l->rollout, i)->number;
        if (heads > most) most = heads;
    }
    h->heads = most < HEADS_SHOWN ? most : HEADS_SHOWN;
    h->layers = layers < LAYERS_SHOWN ? layers : LAYERS_SHOWN;
    for (int i = 0; i < HEAD_IMAGES; i++) { /* a wrong one, a right one */
        const int kind = i % KINDS, which = i / KINDS;
        if (h->images >= KINDS && (h->images + 1) * h->heads > HEAD_COLUMNS) break;
        if (which < l->counts[kind]) h->examples[h->images++] = &l->examples[kind][which];
    }
    const size_t places = (size_t)(h->images * h->layers * h->heads);
    FORWARD(memory_new((size_t)most * place_count(l), sizeof(float), &h->maps));
    FORWARD(memory_new(places, sizeof *h->places, &h->places));
    FORWARD(memory_new((size_t)l->set->channels * pixel_count(l), 1, &h->smaller));
    const size_t most_pixels = pixel_count(l) < HEAD_SIDE * HEAD_SIDE ? pixel_count(l) : HEAD_SIDE * HEAD_SIDE;
    return memory_new(places * 3 * most_pixels, 1, &h->overlays);
}

static cf_status make_smaller(Heads *h, CanvasImage image) {
    const int longest = image.height > image.width ? image.height : image.width,
              side = longest < HEAD_SIDE ? longest : HEAD_SIDE;
    const int height = (image.height * side + longest - 1) / longest,
              width = (image.width * side + longest - 1) / longest;
    const int from[3] = {image.channels, image.height, image.width}, to[3] = {image.channels, height, width};
    h->picture = (CanvasImage){h->smaller, image.channels, height, width};
    return resize_bytes(image.pixels, from, to, h->smaller);
}

/* Layer number `index` of all, in row `row` of the drawing, or -1: only in the table. */
static cf_status add_layer(Heads *h, int image, int index, int row) {
    Looks *l = h->looks;
    const Example *x = h->examples[image];
    const Layer *layer = attention_rollout_layer(l->rollout, index);
    attention_rollout_heads(l->rollout, index, h->maps);
    for (int head = 0; head < layer->number; head++) {
        const float *map = h->maps + (size_t)head * place_count(l);
        char which[LAYER_NAME + 16];
        snprintf(which, sizeof which, ",%s,%d", layer->name, head + 1);
        write_map(l, x, which, map);
        if (row < 0 || head >= h->heads) continue;
        const size_t place = (size_t)((image * h->layers + row) * h->heads + head);
        unsigned char *out = h->overlays + place * 3 * (size_t)h->picture.height * (size_t)h->picture.width;
        FORWARD(overlay(l, &h->picture, map, out));
        h->places[place] = (CanvasImage){out, 3, h->picture.height, h->picture.width};
    }
    if (row >= 0) h->labels[row] = layer->name;
    return CF_OK;
}

static cf_status add_image(Heads *h, int image) {
    Looks *l = h->looks;
    const Example *x = h->examples[image];
    const Metrics *m = &l->evaluation->metrics;
    const int all = attention_rollout_count(l->rollout);
    char percent[16];
    FORWARD(map_of(l, x, h->maps));
    FORWARD(make_smaller(h, image_of(l->set, l->evaluation, x)));
    for (int i = 0, row = 0; i < all; i++) {
        const bool shown = row < h->layers && i == (h->layers > 1 ? row * (all - 1) / (h->layers - 1) : 0);
        FORWARD(add_layer(h, image, i, shown ? row : -1));
        row += shown;
    }
    percent_text((double)x->confidence, percent);
    snprintf(h->abouts[image], sizeof h->abouts[image], "%s, %s", x->truth == x->predicted ? "right" : "wrong",
             percent);
    if (x->truth == x->predicted) return memory_copy_string(m->class_names[x->truth], &h->headings[image]);
    return memory_print(&h->headings[image], "%s \xe2\x86\x92 %s", m->class_names[x->truth],
                        m->class_names[x->predicted]);
}

static cf_status draw_heads(Heads *h) {
    const char *columns[HEADS_SHOWN];
    char note[200];
    GridGroup groups[HEAD_IMAGES];
    for (int i = 0; i < h->heads; i++) {
        snprintf(h->columns[i], sizeof h->columns[i], "head %d", i + 1);
        columns[i] = h->columns[i];
    }
    for (int i = 0; i < h->images; i++)
        groups[i] = (GridGroup){.heading = h->headings[i],
                                .about = h->abouts[i],
                                .columns = h->heads,
                                .column_captions = columns,
                                .images = h->places + i * h->layers * h->heads,
                                .blank = true};
    snprintf(note, sizeof note, "%s: mean attention weights of each head, each to its largest value",
             h->looks->book->subject);
    const ImageGrid grid = {
        .note = note, .rows = h->layers, .row_labels = h->labels, .group_count = h->images, .groups = groups};
    return book_grid(h->looks->book, "attention-heads", &grid);
}

static void heads_free(Heads *h) {
    for (int i = 0; i < h->images; i++) free(h->headings[i]);
    free(h->maps);
    free(h->smaller);
    free(h->overlays);
    free(h->places);
}

static cf_status figure_heads(Looks *l) {
    AUTO(heads_free) Heads h = {.looks = l};
    FORWARD(heads_new(l, &h));
    FORWARD(book_table(l->book, "attention-heads", "image,true,predicted,layer,head,row,column,value", &l->csv));
    for (int i = 0; i < h.images; i++) FORWARD(add_image(&h, i));
    FORWARD(file_commit(&l->csv));
    return draw_heads(&h);
}

/* ---- The figures ---- */

cf_status figure_grad_cam(const FigureBook *book, const cf_model *model, const cf_set *set, const Evaluation *e) {
    AUTO(looks_free) Looks looks = {.book = book, .set = set, .evaluation = e};
    if (!grad_cam_possible(model)) {
        notice("the model has no convolution, so there is no figure of where it looks");
        return CF_OK;
    }
    FORWARD(looks_new(model, false, &looks));
    return figure_pairs(&looks, "grad-cam",
                        "Grad-CAM of the predicted class, each to its largest value; yellow speaks most for it");
}

static cf_status attention_figure(const FigureBook *book, const cf_model *model, const cf_set *set, const Evaluation *e,
                                  bool heads) {
    AUTO(looks_free) Looks looks = {.book = book, .set = set, .evaluation = e};
    if (!attention_rollout_possible(model)) return CF_OK;
    FORWARD(looks_new(model, true, &looks));
    return heads ? figure_heads(&looks)
                 : figure_pairs(&looks, "attention-rollout",
                                "attention rollout, each to its largest value; it is the same for every class");
}

cf_status figure_attention_rollout(const FigureBook *book, const cf_model *model, const cf_set *set, const Evaluation *e) {
    return attention_figure(book, model, set, e, false);
}

cf_status figure_attention_heads(const FigureBook *book, const cf_model *model, const cf_set *set, const Evaluation *e) {
    return attention_figure(book, model, set, e, true);
}
