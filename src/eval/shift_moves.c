#include "eval/shift_moves.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "data/augment/operation.h"
#include "data/augment/warp.h"
#include "data/prepare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const shift_move_names[SHIFT_MOVES] = {"polarity", "contrast", "scale and place", "background",
                                                   "neighbours"};
const char *const shift_move_about[SHIFT_MOVES] = {
    "inverted where the subject is on the other side of its ground than the source's",
    "darkest and lightest grey (1st and 99th percentile) as in the source",
    "the subject's middle and size (moments) as in the source",
    "what is no subject is flattened to the image's own ground",
    "columns where the source has hardly any subject are flattened to the image's own ground"};

/* ---- Looks ---- */

/* Of values 0 to `most`: the border between two classes with the largest variance between them (Otsu 1979), in the middle of a gap. */
static double otsu_threshold(const float *grey, int count, double ground, double most) {
    enum { BINS = 64 };
    double counts[BINS] = {0}, all = 0, below = 0, below_sum = 0, best = -1;
    int first = 0, last = 0;
    for (int i = 0; i < count; i++) {
        const int bin = (int)(fabs((double)grey[i] - ground) / most * (BINS - 1e-6));
        counts[bin]++, all += bin;
    }
    for (int k = 0; k < BINS - 1; k++) {
        below += counts[k], below_sum += k * counts[k];
        if (below == 0 || below == count) continue;
        const double apart = below_sum / below - (all - below_sum) / (count - below);
        const double between = below * (count - below) * apart * apart;
        if (between > best * (1 + 1e-9)) best = between, first = k;
        if (between >= best) last = k; /* empty bins give the same */
    }
    return (0.5 * (first + last) + 1) * most / BINS;
}

/* Marks the pixels that hang together with `first` (eight neighbours) by `mark`, and returns their weight: squared differences, less
 * towards the edges, so that what is cut by the frame does not win over what is shown. `marks` 0: stands out, not yet seen; below 0:
 * does not. */
static double mark_piece(const float *grey, const ImageLook *look, Shape shape, int first, float mark, float *marks,
                         float *stack) {
    const int H = shape.H, W = shape.W;
    double weight = 0;
    int waiting = 0;
    stack[waiting++] = (float)first; /* places are below 2^24: exact */
    marks[first] = mark;
    while (waiting) {
        const int at = (int)stack[--waiting], y = at / W, x = at % W;
        const double down = (2.0 * y + 1) / H - 1, right = (2.0 * x + 1) / W - 1, d = (double)grey[at] - look->ground;
        weight += d * d * fmax(1 - 0.5 * (down * down + right * right), 0);
        for (int near = 0; near < 9; near++) {
            const int row = y + near / 3 - 1, column = x + near % 3 - 1;
            if (row < 0 || row >= H || column < 0 || column >= W || marks[row * W + column] != 0) continue;
            marks[row * W + column] = mark;
            stack[waiting++] = (float)(row * W + column);
        }
    }
    return weight;
}

/* Leaves in `marks` 1 where the subject is: of all that stands out from the ground the piece with the most weight. */
static void find_subject(const float *grey, const ImageLook *look, Shape shape, float *marks, float *stack) {
    const int pixels = shape.H * shape.W;
    double most = -1;
    float best = 0, mark = 0;
    for (int i = 0; i < pixels; i++) marks[i] = fabs((double)grey[i] - look->ground) < look->threshold ? -1 : 0;
    for (int i = 0; i < pixels; i++) {
        if (marks[i] != 0) continue;
        const double weight = mark_piece(grey, look, shape, i, ++mark, marks, stack);
        if (weight > most) most = weight, best = mark;
    }
    for (int i = 0; i < pixels; i++) marks[i] = marks[i] == best ? 1 : 0;
}

/* Middle and spread, sides, polarity. */
static void look_at_subject(const float *grey, const float *marks, int height, int width, ImageLook *look) {
    double weight = 0, row = 0, column = 0, square = 0, signed_sum = 0, sum = 0;
    look->left = width, look->right = -1;
    for (int i = 0; i < height * width; i++) {
        const double d = (double)grey[i] - look->ground, w = d * d;
        const double y = i / width - 0.5 * (height - 1), x = i % width - 0.5 * (width - 1);
        if (marks[i] != 1) continue;
        weight += w, row += w * y, column += w * x, square += w * (y * y + x * x);
        signed_sum += d, sum += fabs(d);
        look->left = fmin(look->left, i % width), look->right = fmax(look->right, i % width);
    }
    if (!(weight > 0)) return;
    look->row = row / weight, look->column = column / weight;
    look->spread = sqrt(fmax(square / weight - look->row * look->row - look->column * look->column, 0));
    look->polarity = signed_sum / sum;
}

static ImageLook look_of(const Picture *picture) {
    const int C = picture->channels, H = picture->height, W = picture->width, pixels = H * W;
    float *grey = picture->other + pixels, *sorted = grey + pixels, *ring = picture->other;
    ImageLook look = {0};
    double most = 0, squares = 0;
    for (int i = 0; i < pixels; i++) grey[i] = pixel_grey(picture->x + i * C, C);
    memcpy(sorted, grey, (size_t)pixels * sizeof *grey);
    qsort(sorted, (size_t)pixels, sizeof *sorted, compare_floats);
    look.low = (double)sorted[pixels / 100], look.high = (double)sorted[pixels - 1 - pixels / 100];
    look.ground = (double)picture_ground(&(Picture){1, H, W, grey, ring}, 0);
    const int count = ring_pixels(H, W);
    for (int i = 0; i < count; i++) squares += ((double)ring[i] - look.ground) * ((double)ring[i] - look.ground);
    look.roughness = sqrt(squares / count);
    for (int i = 0; i < pixels; i++) most = fmax(most, fabs((double)grey[i] - look.ground));
    if (most < 1e-6) return look;
    look.threshold = otsu_threshold(grey, pixels, look.ground, most);
    find_subject(grey, &look, (Shape){.C = 1, .H = H, .W = W}, sorted, ring);
    look_at_subject(grey, sorted, H, W, &look);
    return look;
}

size_t shift_scratch(Shape shape) {
    return picture_scratch(shape.C, shape.H, shape.W);
}

ImageLook image_look(Shape shape, const float *x, float *scratch) {
    return look_of(&(Picture){shape.C, shape.H, shape.W, (float *)x, scratch}); /* only read */
}

/* ---- Many images at work ---- */

typedef struct Work {
    const cf_subset *images;
    Shape input;
    Preparation *preparation;
    size_t stride; /* of a thread's scratch: an image, what preparing it needs, and Picture.other */
    float *scratch;
    size_t step; /* between the images that are looked at */
    ImageLook *looks;
    const SourceLook *source;
    unsigned moves;
    cf_set *moved;
} Work;

static void work_free(Work *work) {
    preparation_free(work->preparation);
    cf_set_free(work->moved);
    free(work->scratch);
    free(work->looks);
}

static cf_status work_new(const cf_subset *images, Shape input, int threads, Work *work) {
    const cf_set *set = images->set;
    const int from[3] = {set->channels, set->height, set->width}, to[3] = {input.C, input.H, input.W};
    FORWARD(preparation_new(from, to, &work->preparation));
    work->images = images, work->input = input;
    work->stride = shape_size(input) + preparation_scratch(work->preparation) + shift_scratch(input) + 16;
    return memory_new((size_t)threads * work->stride, sizeof *work->scratch, &work->scratch);
}

static Picture prepared(const Work *work, size_t image, int thread) {
    float *x = work->scratch + (size_t)thread * work->stride, *more = x + shape_size(work->input);
    const cf_set *set = work->images->set;
    preparation_apply(work->preparation, set->pixels + work->images->images[image] * set_image_size(set), more, x);
    return (Picture){work->input.C, work->input.H, work->input.W, x, more + preparation_scratch(work->preparation)};
}

static cf_status look_at_piece(void *context, int64_t index, int thread) {
    const Work *work = context;
    const Picture picture = prepared(work, (size_t)index * work->step, thread);
    work->looks[index] = look_of(&picture);
    return CF_OK;
}

/* The value below which so large a share of the images lies. */
static double quantile(const ImageLook *looks, size_t count, size_t member, double share, double *values) {
    for (size_t i = 0; i < count; i++) values[i] = *(const double *)((const char *)&looks[i] + member);
    qsort(values, count, sizeof *values, compare_doubles);
    return values[(size_t)(share * (double)(count - 1) + 0.5)];
}

cf_status source_look(const cf_subset *images, Shape input, int threads, SourceLook *look) {
    AUTO_FREE double *values = NULL;
    double light = 0;
    AUTO(work_free) Work work = {.step = (images->count + MOST_LOOKS - 1) / MOST_LOOKS};
    FAIL_IF(!images->count, CF_BAD_USE, "images of the source expected, found none");
    const size_t count = (images->count + work.step - 1) / work.step;
    *look = (SourceLook){.width = input.W};
    FORWARD(work_new(images, input, threads, &work));
    FORWARD(memory_new(count, sizeof *work.looks, &work.looks));
    FORWARD(slices_run(threads, (int64_t)count, look_at_piece, &work));
    FORWARD(memory_new(count, sizeof *values, &values));
#define QUANTILE(name, share) look->name = quantile(work.looks, count, offsetof(ImageLook, name), share, values)
    QUANTILE(roughness, 0.5), QUANTILE(low, 0.5), QUANTILE(high, 0.5), QUANTILE(row, 0.5), QUANTILE(column, 0.5);
    QUANTILE(spread, 0.5), QUANTILE(left, 0.05), QUANTILE(right, 0.95);
#undef QUANTILE
    for (size_t i = 0; i < count; i++) light += work.looks[i].polarity > 0;
    look->light = light / (double)count;
    return CF_OK;
}

/* ---- Moves ---- */

enum { PLAIN_PERCENT = 5, ONE_SIDED_PERCENT = 90 };

bool shift_cannot_move(const SourceLook *s, ShiftMove move, char why[160]) {
    const double one_side = fmax(s->light, 1 - s->light);
    *why = '\0';
    if (move == MOVE_POLARITY && 100 * one_side < ONE_SIDED_PERCENT)
        snprintf(why, 160, "the source has both: %.0f %% of its subjects are lighter than their ground",
                 100 * s->light);
    else if (move == MOVE_BACKGROUND && 100 * s->roughness > PLAIN_PERCENT)
        snprintf(why, 160, "the source's own grounds are not plain: their deviation is %.3f", s->roughness);
    else if (move == MOVE_NEIGHBOURS && s->left < 1 && s->right > s->width - 2)
        snprintf(why, 160, "the source's subjects, or what stands beside them, reach both sides of its images");
    else if (move == MOVE_PLACE && !(s->spread > 0))
        snprintf(why, 160, "the source's images have no subject");
    return *why != '\0';
}

static void move_polarity(const SourceLook *source, Picture *picture) {
    const ImageLook look = look_of(picture);
    const size_t size = picture_size(picture);
    if (look.polarity == 0 || (look.polarity > 0) == (source->light >= 0.5)) return;
    for (size_t i = 0; i < size; i++) picture->x[i] = 1 - picture->x[i];
}

static void move_contrast(const SourceLook *source, Picture *picture) {
    const ImageLook look = look_of(picture);
    const size_t size = picture_size(picture);
    if (!(look.high > look.low)) return;
    const double scale = (source->high - source->low) / (look.high - look.low);
    for (size_t i = 0; i < size; i++) picture->x[i] = (float)(source->low + ((double)picture->x[i] - look.low) * scale);
}

/* The places of the new image are turned into those of the old one; by no more than twice as large or small. */
static void move_place(const SourceLook *source, Picture *picture) {
    const int C = picture->channels, H = picture->height, W = picture->width;
    const ImageLook look = look_of(picture);
    if (!(look.spread > 0)) return;
    const double k = fmin(fmax(look.spread / source->spread, 0.5), 2);
    const double map[9] = {k, 0, look.column - k * source->column, 0, k, look.row - k * source->row, 0, 0, 1};
    /* Ground on the outermost pixels, so that beyond them there is ground, too, and not what the frame cuts. */
    for (int c = 0; c < C; c++) {
        const float ground = picture_ground(picture, c);
        for (int i = 0; i < H * W; i++)
            if (i / W == 0 || i / W == H - 1 || i % W == 0 || i % W == W - 1) picture->x[i * C + c] = ground;
    }
    warp_by_map(picture, map, BORDER_EDGE);
}

/* Keeps of a pixel's distance from its channel's ground as much as `kept` says of its grey's distance and its column. */
static void flatten(Picture *picture, const ImageLook *look, double left, double right, bool ground_too) {
    const int C = picture->channels, W = picture->width, pixels = picture->height * W;
    float *kept = picture->other + 2 * pixels;
    for (int i = 0; i < pixels; i++) {
        const double d = fabs((double)pixel_grey(picture->x + i * C, C) - look->ground);
        const double subject = ground_too ? fmin(fmax(2 * d / look->threshold - 1, 0), 1) : 1;
        kept[i] = (float)(i % W < left || i % W > right ? 0 : subject);
    }
    for (int c = 0; c < C; c++) {
        const float ground = picture_ground(picture, c);
        for (int i = 0; i < pixels; i++) {
            float *x = picture->x + i * C + c;
            *x = ground + kept[i] * (*x - ground);
        }
    }
}

static void move_picture(const SourceLook *source, unsigned moves, Picture *picture) {
    if (moves & 1U << MOVE_POLARITY) move_polarity(source, picture);
    if (moves & 1U << MOVE_NEIGHBOURS) {
        const ImageLook look = look_of(picture);
        flatten(picture, &look, source->left, source->right, false);
    }
    if (moves & 1U << MOVE_BACKGROUND) {
        const ImageLook look = look_of(picture);
        if (look.threshold > 0) flatten(picture, &look, 0, picture->width, true);
    }
    if (moves & 1U << MOVE_PLACE) move_place(source, picture);
    if (moves & 1U << MOVE_CONTRAST) move_contrast(source, picture);
    picture_clamp(picture);
}

void shift_move_image(const SourceLook *source, unsigned moves, Shape shape, float *scratch, float *x) {
    move_picture(source, moves, &(Picture){shape.C, shape.H, shape.W, x, scratch});
}

static cf_status move_piece(void *context, int64_t index, int thread) {
    const Work *work = context;
    Picture picture = prepared(work, (size_t)index, thread);
    const size_t size = picture_size(&picture);
    unsigned char *to = work->moved->pixels + (size_t)index * size;
    if (work->moves) move_picture(work->source, work->moves, &picture);
    for (size_t i = 0; i < size; i++) to[i] = (unsigned char)(picture.x[i] * 255 + 0.5f);
    return CF_OK;
}

cf_status shift_move_images(const cf_subset *images, Shape input, const SourceLook *source, unsigned moves, int threads,
                            cf_set **moved) {
    const cf_set *set = images->set;
    AUTO(work_free) Work work = {.source = source, .moves = moves};
    FORWARD(work_new(images, input, threads, &work));
    FORWARD(set_new(set->name, set->source, images->count, input.C, input.H, input.W, set->classes, &work.moved));
    FORWARD(set_name_classes(work.moved, (const char *const *)set->class_names));
    for (size_t i = 0; i < images->count; i++) work.moved->labels[i] = set->labels[images->images[i]];
    FORWARD(slices_run(threads, (int64_t)images->count, move_piece, &work));
    *moved = memory_take(&work.moved);
    return CF_OK;
}
