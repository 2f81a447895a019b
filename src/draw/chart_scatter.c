#include "draw/charts.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double longest_name = 90; /* points */

MarkShape scatter_shape(int label) {
    return (MarkShape)((unsigned)label / CLASS_COLOURS % MARK_SHAPES);
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
    return used ? CF_OK : chart_without("scatter plot", plot->title, "no finite point to draw");
}

/* From values to the page, the same length for both axes, y upward, centred. */
typedef struct Mapping {
    double scale, x, y, middle_x, middle_y;
} Mapping;

static Mapping map_onto(Box box, const double x[2], const double y[2], double radius) {
    const double room = 3 * radius + 3, wide = fmax(x[1] - x[0], 1e-12), high = fmax(y[1] - y[0], 1e-12);
    const double scale = fmin((box.width - room) / wide, (box.height - room) / high);
    return (Mapping){scale, (x[0] + x[1]) / 2, (y[0] + y[1]) / 2, box.x + box.width / 2, box.y + box.height / 2};
}

static Point place_of(const Mapping *map, double x, double y) {
    return (Point){map->middle_x + (x - map->x) * map->scale, map->middle_y - (y - map->y) * map->scale};
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

/* In layers of mixed points, each class by class: as single marks they would make a file of megabytes. */
static cf_status draw_points(Canvas *canvas, const ScatterPlot *plot, const Theme *theme, const Mapping *map, double radius,
                             double alpha) {
    enum { LAYERS = 24, ALL = 256 };
    const size_t step = mixing_step(plot->count), each = plot->count / LAYERS + 1;
    AUTO_FREE Point *marks = NULL; /* of a layer, class by class */
    FORWARD(memory_new(each, sizeof *marks, &marks));
    for (size_t begin = 0, start = 0, next; begin < plot->count; begin += each, start = next) {
        const size_t count = begin + each < plot->count ? each : plot->count - begin;
        size_t firsts[ALL + 1] = {0}, ends[ALL]; /* of each class's marks */
        next = start;
        for (size_t k = 0; k < count; k++, next = (next + step) % plot->count) firsts[plot->labels[next] + 1]++;
        for (int label = 0; label < ALL; label++) firsts[label + 1] += firsts[label];
        memcpy(ends, firsts, sizeof ends);
        for (size_t k = 0, i = start; k < count; k++, i = (i + step) % plot->count) {
            const double x = (double)plot->points[2 * i], y = (double)plot->points[2 * i + 1];
            if (isfinite(x) && isfinite(y)) marks[ends[plot->labels[i]]++] = place_of(map, x, y);
        }
        for (int label = 0; label < ALL; label++)
            canvas_marks(canvas, marks + firsts[label], ends[label] - firsts[label], scatter_shape(label), radius, alpha,
                         theme_class(theme, label));
    }
    return CF_OK;
}

/* The median of one class along one axis; false where it has no finite point. `room` has place for all. */
static bool median(const ScatterPlot *plot, int label, int axis, float *room, double *value) {
    size_t count = 0;
    for (size_t i = 0; i < plot->count; i++) {
        const float v = plot->points[2 * i + (size_t)axis];
        if (plot->labels[i] == label && isfinite(v)) room[count++] = v;
    }
    if (!count) return false;
    qsort(room, count, sizeof *room, compare_floats);
    *value = (double)room[count / 2];
    return true;
}

/* ---- Names at their points ---- */

enum { MOST_NAMES = 256 };

/* Many names are smaller, and stand beside their points, which they would cover. */
static bool crowded(const ScatterPlot *plot) {
    return plot->classes > CLASS_COLOURS;
}

static TextStyle name_style(const ScatterPlot *plot) {
    return (TextStyle){crowded(plot) ? 7 : 9, true, TEXT_CENTRE};
}

typedef struct NameTag {
    int label;
    Point anchor; /* the median of its points */
    Box box;      /* of the text */
} NameTag;

static bool boxes_overlap(Box a, Box b) {
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

static bool is_free(const NameTag *tags, int count, Box box, Box inside) {
    if (box.x < inside.x || box.y < inside.y || box.x + box.width > inside.x + inside.width ||
        box.y + box.height > inside.y + inside.height)
        return false;
    for (int i = 0; i < count; i++)
        if (boxes_overlap(tags[i].box, box)) return false;
    return true;
}

/* The place nearest to the anchor, in rings around it, where the name touches none that is there. */
static bool find_room(const NameTag *tags, int count, Box inside, double width, double height, bool beside, NameTag *tag) {
    enum { RINGS = 80, DIRECTIONS = 24 };
    const double step = 3, half_width = beside ? width / 2 : 0, half_height = beside ? height / 2 : 0;
    for (int ring = beside; ring < RINGS; ring++)
        for (int d = 0; d < (ring ? DIRECTIONS : 1); d++) {
            const double angle = 2 * acos(-1) * d / DIRECTIONS;
            const double x = tag->anchor.x + (ring * step + half_width) * cos(angle),
                         y = tag->anchor.y + (ring * step + half_height) * sin(angle);
            tag->box = (Box){x - width / 2, y - height / 2, width, height};
            if (is_free(tags, count, tag->box, inside)) return true;
        }
    return false;
}

static Point middle_of(Box box) {
    return (Point){box.x + box.width / 2, box.y + box.height / 2};
}

/* Lines first: none crosses a name. */
static void draw_tags(Canvas *canvas, const Theme *theme, const ScatterPlot *plot, const NameTag *tags, int count) {
    const TextStyle style = name_style(plot);
    char room[512];
    for (int i = 0; i < count; i++) {
        const Point from = tags[i].anchor, to = middle_of(tags[i].box);
        if (fabs(to.x - from.x) - tags[i].box.width / 2 > style.size || fabs(to.y - from.y) > 1.5 * style.size)
            canvas_segment(canvas, from.x, from.y, to.x, to.y, 0.6, theme->muted);
    }
    for (int i = 0; i < count; i++) {
        const Point at = middle_of(tags[i].box);
        canvas_text_on(canvas, at.x, at.y + 0.36 * style.size, style, theme->background, theme->text,
                       text_fit(plot->class_names[tags[i].label], style, longest_name, room));
    }
}

static cf_status draw_names(Canvas *canvas, const Theme *theme, const ScatterPlot *plot, Box box, const Mapping *map) {
    const TextStyle style = name_style(plot);
    NameTag tags[MOST_NAMES];
    int count = 0;
    AUTO_FREE float *room = NULL;
    FORWARD(memory_new(plot->count, sizeof *room, &room));
    for (int c = 0; c < plot->classes && c < MOST_NAMES; c++) {
        char cut[512];
        double x, y;
        if (!median(plot, c, 0, room, &x) || !median(plot, c, 1, room, &y)) continue;
        tags[count] = (NameTag){.label = c, .anchor = place_of(map, x, y)};
        const double width = text_width(text_fit(plot->class_names[c], style, longest_name, cut), style) + 3;
        count += find_room(tags, count, box, width, style.size + 2, crowded(plot), &tags[count]);
    }
    draw_tags(canvas, theme, plot, tags, count);
    return CF_OK;
}

/* ---- The whole ---- */

/* The legend's rows below y, each class with its mark; with canvas NULL their height alone. */
static double draw_legend(Canvas *canvas, const Theme *theme, Box box, double y, const ScatterPlot *plot) {
    const double row = 12, top = y;
    double x = box.x;
    bool there[256] = {false}, any = false;
    char room[512];
    /* A legend of classes without a point would name colours that are not there. */
    for (size_t i = 0; i < plot->count; i++) there[plot->labels[i]] = true;
    for (int c = 0; c < plot->classes; c++) {
        if (!there[c]) continue;
        const char *name = text_fit(plot->class_names[c], chart_label, box.width - 10, room);
        const double width = 10 + text_width(name, chart_label) + 10;
        if (x > box.x && x + width - 10 > box.x + box.width) x = box.x, y += row;
        any = true;
        if (canvas) {
            canvas_marks(canvas, &(Point){x + 3.5, y - 2.8}, 1, scatter_shape(c), 2.8, 1, theme_class(theme, c));
            canvas_text(canvas, x + 10, y, chart_label, theme->text, name);
        }
        x += width;
    }
    return any ? y + row - top : 0;
}

/* Title and legend above; the rest is for the points. */
static Box draw_head(Canvas *canvas, const Theme *theme, Box box, const ScatterPlot *plot) {
    double y = box.y + 10;
    canvas_text_within(canvas, box.x, y, box.width, chart_title, theme->text, plot->title);
    if (plot->title) y += 14;
    const double height = draw_legend(NULL, theme, box, y, plot);
    if (!plot->names_inside || height <= box.height / 3) y += draw_legend(canvas, theme, box, y, plot);
    const double top = y - 6 - box.y;
    return (Box){box.x, box.y + top, box.width, box.height - top};
}

cf_status scatter_plot_draw(Canvas *canvas, const Theme *theme, Box box, const ScatterPlot *plot) {
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY};
    const double many = log10(fmax(10, (double)plot->count)); /* 1 to about 5 */
    const double radius = plot->radius > 0 ? plot->radius : fmax(0.9, 4.2 - 0.75 * many);
    const double alpha = plot->alpha > 0 ? plot->alpha : fmax(0.45, 1 - 0.12 * many);
    FORWARD(find_range(plot, x, y));
    const Box inside = draw_head(canvas, theme, box, plot);
    FAIL_IF(inside.height < 10 || inside.width < 10, CF_BAD_USE, "a box of %.0f x %.0f points has no room for a plot",
            box.width, box.height);
    const Mapping map = map_onto(inside, x, y, radius);
    FORWARD(draw_points(canvas, plot, theme, &map, radius, alpha));
    return plot->names_inside ? draw_names(canvas, theme, plot, inside, &map) : CF_OK;
}
