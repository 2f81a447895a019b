#include "draw/chart_scatter.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The points, in pixels of a raster [height][width][3] of which a point of the page has two. */
typedef struct Raster {
    int width, height;
    float *rgb;
    unsigned char *bytes;
} Raster;

static cf_status raster_new(Box box, Colour ground, Raster *raster) {
    *raster = (Raster){.width = (int)(CANVAS_PIXELS_PER_POINT * box.width),
                       .height = (int)(CANVAS_PIXELS_PER_POINT * box.height)};
    const size_t pixels = (size_t)raster->width * (size_t)raster->height;
    FORWARD(memory_new(pixels * 3, sizeof *raster->rgb, &raster->rgb));
    cf_status status = memory_new(pixels * 3, 1, &raster->bytes);
    for (size_t i = 0; !status && i < pixels; i++) {
        raster->rgb[3 * i] = (float)ground.red;
        raster->rgb[3 * i + 1] = (float)ground.green;
        raster->rgb[3 * i + 2] = (float)ground.blue;
    }
    return status;
}

static void raster_free(Raster *raster) {
    free(raster->rgb);
    free(raster->bytes);
}

/* A disc over what is there; its edge is smoothed over one pixel. */
static void raster_disc(Raster *raster, double x, double y, double radius, double alpha, Colour colour) {
    const int x0 = (int)fmax(0, floor(x - radius - 1)), x1 = (int)fmin(raster->width - 1, ceil(x + radius + 1));
    const int y0 = (int)fmax(0, floor(y - radius - 1)), y1 = (int)fmin(raster->height - 1, ceil(y + radius + 1));
    const float ink[3] = {(float)colour.red, (float)colour.green, (float)colour.blue};
    for (int py = y0; py <= y1; py++)
        for (int px = x0; px <= x1; px++) {
            const double distance = hypot(px + 0.5 - x, py + 0.5 - y);
            const double cover = fmin(1, fmax(0, radius + 0.5 - distance));
            float *at = raster->rgb + 3 * ((size_t)py * (size_t)raster->width + (size_t)px);
            for (int k = 0; k < 3; k++) at[k] += (float)(alpha * cover) * (ink[k] - at[k]);
        }
}

static cf_status find_range(const ScatterPlot *plot, double x[2], double y[2]) {
    size_t used = 0;
    for (size_t i = 0; i < plot->count; i++) {
        const double px = (double)plot->points[2 * i], py = (double)plot->points[2 * i + 1];
        if (!isfinite(px) || !isfinite(py)) continue;
        range_add(x, AXIS_LINEAR, &px, 1);
        range_add(y, AXIS_LINEAR, &py, 1);
        used++;
    }
    FAIL_IF(used == 0, CF_BAD_USE, "the scatter plot%s%s has no finite point to draw", plot->title ? " " : "",
            plot->title ? plot->title : "");
    return CF_OK;
}

/* From values to the raster, the same length for both axes, y upward, centred. */
typedef struct Mapping {
    double scale, x, y, middle_x, middle_y;
} Mapping;

static Mapping map_onto(const Raster *raster, const double x[2], const double y[2], double radius) {
    const double room = 2 * radius + 6, wide = fmax(x[1] - x[0], 1e-12), high = fmax(y[1] - y[0], 1e-12);
    const double scale = fmin((raster->width - room) / wide, (raster->height - room) / high);
    return (Mapping){scale, (x[0] + x[1]) / 2, (y[0] + y[1]) / 2, raster->width / 2.0, raster->height / 2.0};
}

/* Steps of a number that has no factor in common with the count come by every point once, in an order that has nothing
 * to do with theirs. */
static size_t mixing_step(size_t count) {
    size_t step = (size_t)(0.6180339887 * (double)count) | 1;
    for (;; step += 2) {
        size_t a = step, b = count;
        while (b) {
            size_t rest = a % b;
            a = b, b = rest;
        }
        if (a == 1) return step;
    }
}

static void draw_points(const ScatterPlot *plot, const Theme *theme, const Mapping *map, double radius, double alpha,
                        Raster *raster) {
    const size_t step = mixing_step(plot->count);
    for (size_t k = 0, i = 0; k < plot->count; k++, i = (i + step) % plot->count) {
        const double x = (double)plot->points[2 * i], y = (double)plot->points[2 * i + 1];
        if (isfinite(x) && isfinite(y))
            raster_disc(raster, map->middle_x + (x - map->x) * map->scale, map->middle_y - (y - map->y) * map->scale,
                        radius, alpha, theme_class(theme, plot->labels[i]));
    }
    const size_t values = 3 * (size_t)raster->width * (size_t)raster->height;
    for (size_t i = 0; i < values; i++) raster->bytes[i] = (unsigned char)lrintf(255 * raster->rgb[i]);
}

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The median of one class along one axis; false where it has no finite point. `room` has place for all. */
static bool median(const ScatterPlot *plot, int label, int axis, float *room, double *value) {
    size_t count = 0;
    for (size_t i = 0; i < plot->count; i++) {
        const float v = plot->points[2 * i + (size_t)axis];
        if (plot->labels[i] == label && isfinite(v)) room[count++] = v;
    }
    if (!count) return false;
    qsort(room, count, sizeof *room, by_value);
    *value = (double)room[count / 2];
    return true;
}

static cf_status draw_names(Canvas *canvas, const Theme *theme, const ScatterPlot *plot, Box box, const Mapping *map) {
    const TextStyle style = {9, true, TEXT_CENTRE};
    float *room;
    FORWARD(memory_new(plot->count, sizeof *room, &room));
    for (int c = 0; c < plot->classes; c++) {
        double x, y;
        if (!median(plot, c, 0, room, &x) || !median(plot, c, 1, room, &y)) continue;
        const double at_x = box.x + (map->middle_x + (x - map->x) * map->scale) / CANVAS_PIXELS_PER_POINT;
        const double at_y = box.y + (map->middle_y - (y - map->y) * map->scale) / CANVAS_PIXELS_PER_POINT + 3.2;
        /* A halo of the ground, so that letters are read on any points. */
        for (int k = 0; k < 8; k++)
            canvas_text(canvas, at_x + cos(k * acos(-1) / 4), at_y + sin(k * acos(-1) / 4), style, theme->background,
                        plot->class_names[c]);
        canvas_text(canvas, at_x, at_y, style, theme->text, plot->class_names[c]);
    }
    free(room);
    return CF_OK;
}

/* The classes that a point has; a legend of the others would name colours that are not there. */
static void find_classes(const ScatterPlot *plot, bool there[256]) {
    for (size_t i = 0; i < plot->count; i++) there[plot->labels[i]] = true;
}

/* Title and legend above; the rest is for the points. */
static Box draw_head(Canvas *canvas, const Theme *theme, Box box, const ScatterPlot *plot) {
    double x = box.x, y = box.y + 10;
    bool there[256] = {false};
    char room[512];
    find_classes(plot, there);
    if (plot->title) {
        canvas_text(canvas, x, y, chart_title, theme->text, text_fit(plot->title, chart_title, box.width, room));
        y += 14;
    }
    for (int c = 0; c < plot->classes; c++) {
        if (!there[c]) continue;
        const double width = 10 + text_width(plot->class_names[c], chart_label) + 10;
        if (x > box.x && x + width - 10 > box.x + box.width) x = box.x, y += 12;
        canvas_disc(canvas, (Point){x + 3.5, y - 2.8}, 3, theme_class(theme, c));
        canvas_text(canvas, x + 10, y, chart_label, theme->text, plot->class_names[c]);
        x += width;
    }
    const double top = y + 6 - box.y;
    return (Box){box.x, box.y + top, box.width, box.height - top};
}

cf_status scatter_plot_draw(Canvas *canvas, const Theme *theme, Box box, const ScatterPlot *plot) {
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY};
    const double many = log10(fmax(10, (double)plot->count)); /* 1 to about 5 */
    const double radius = CANVAS_PIXELS_PER_POINT * (plot->radius > 0 ? plot->radius : fmax(0.6, 2.6 - 0.45 * many));
    const double alpha = plot->alpha > 0 ? plot->alpha : fmax(0.35, 1 - 0.14 * many);
    Raster raster = {0};
    cf_status status;
    FORWARD(find_range(plot, x, y));
    const Box inside = draw_head(canvas, theme, box, plot);
    FAIL_IF(inside.height < 10 || inside.width < 10, CF_BAD_USE, "a box of %.0f x %.0f points has no room for a plot",
            box.width, box.height);
    FORWARD_TO(done, raster_new(inside, theme->background, &raster));
    const Mapping map = map_onto(&raster, x, y, radius);
    draw_points(plot, theme, &map, radius, alpha, &raster);
    canvas_image(canvas, inside.x, inside.y, (double)raster.width / CANVAS_PIXELS_PER_POINT,
                 (double)raster.height / CANVAS_PIXELS_PER_POINT,
                 &(CanvasImage){raster.bytes, 3, raster.height, raster.width});
    if (plot->names_inside) FORWARD_TO(done, draw_names(canvas, theme, plot, inside, &map));
    status = CF_OK;
done:
    raster_free(&raster);
    return status;
}
