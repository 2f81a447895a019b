#include "draw/charts.h"

#include <math.h>
#include <stdio.h>

static const double title_height = 18, label_height = 13, name_gap = 4;

typedef struct Layout {
    double left, top, cell; /* of the cells, from the box's corner */
    double bottom;          /* below the cells */
    bool turned;            /* names of columns */
    int stride;             /* every so manieth name is written */
    double number;          /* size of the numbers; 0: none */
} Layout;

static void number_text(const HeatMap *map, double value, char text[32]) {
    if (value == 0)
        snprintf(text, 32, "\xc2\xb7");
    else
        snprintf(text, 32, "%.*f", map->decimals, value);
}

/* The largest size, up to that of labels, at which every number fits its cell. */
static double number_size(const HeatMap *map, double cell) {
    double widest = 1;
    for (int i = 0; i < map->rows * map->columns; i++) {
        char text[32];
        if (isnan(map->values[i])) continue;
        number_text(map, map->values[i], text);
        widest = fmax(widest, text_width(text, chart_label));
    }
    const double size = fmin(chart_label.size * fmin(1, (cell - 4.5) / widest), cell * 0.6);
    return size < 4.5 ? 0 : size;
}

static void lay_out(const HeatMap *map, double width, Layout *layout) {
    const double names = fmin(chart_widest(map->column_names, map->columns), CHART_LONGEST_NAME);
    layout->left =
        (map->row_label ? label_height : 0) + fmin(chart_widest(map->row_names, map->rows), CHART_LONGEST_NAME) + name_gap;
    layout->top = map->title ? title_height : 2;
    layout->cell = (width - layout->left - 2) / map->columns;
    layout->turned = names > layout->cell - 2;
    layout->stride = (int)fmax(1, ceil(9 / layout->cell));
    layout->bottom =
        name_gap + (layout->turned ? names : chart_label.size) + (map->column_label ? label_height : 0) + 2;
}

double heat_map_height(const HeatMap *map, double width) {
    Layout layout;
    lay_out(map, width, &layout);
    return layout.top + map->rows * layout.cell + layout.bottom;
}

static cf_status check_chart(const HeatMap *map, double *largest) {
    *largest = -1;
    for (int i = 0; i < map->rows * map->columns; i++) {
        FAIL_IF(map->values[i] < 0 || isinf(map->values[i]), CF_BAD_USE,
                "a heat map of %g; numbers of 0 or more expected", map->values[i]);
        *largest = fmax(*largest, map->values[i]);
    }
    return *largest < 0 ? chart_without("heat map", map->title, "no number to draw") : CF_OK;
}

/* How far a cell's colour goes, 0 to 1. */
static double cell_shade(const HeatMap *map, int at, double largest) {
    const double shade = map->shades ? map->shades[at] : largest > 0 ? map->values[at] / largest : 0;
    return isnan(shade) ? 0 : fmin(1, fmax(0, shade));
}

static void draw_number(Canvas *canvas, const Theme *theme, const HeatMap *map, const Layout *layout, int at, double shade,
                        Box cell) {
    const TextStyle style = {layout->number, false, TEXT_CENTRE};
    const double value = map->values[at], ground = colour_luminance(colour_between(theme->heat[0], theme->heat[1], shade));
    /* The theme's text or its background, whichever stands out more. */
    const double own = ground + 0.05, ink = colour_luminance(theme->text) + 0.05,
                 paper = colour_luminance(theme->background) + 0.05;
    const double with_ink = own > ink ? own / ink : ink / own, with_paper = own > paper ? own / paper : paper / own;
    const Colour colour = value == 0 ? theme->muted : with_ink >= with_paper ? theme->text : theme->background;
    char text[32];
    number_text(map, value, text);
    canvas_text(canvas, cell.x + cell.width / 2, cell.y + cell.height / 2 + CHART_MIDDLE * style.size, style, colour, text);
}

static void draw_cells(Canvas *canvas, const Theme *theme, Box box, const HeatMap *map, const Layout *layout,
                       double largest) {
    const double side = layout->cell, inner = side - fmin(0.8, side / 10);
    for (int r = 0; r < map->rows; r++)
        for (int c = 0; c < map->columns; c++) {
            const int at = r * map->columns + c;
            const double shade = cell_shade(map, at, largest);
            const Box cell = {box.x + layout->left + c * side, box.y + layout->top + r * side, inner, inner};
            if (isnan(map->values[at]))
                canvas_rectangle(canvas, cell.x, cell.y, inner, inner, theme->empty);
            else
                canvas_rectangle_between(canvas, cell, theme->heat[0], theme->heat[1], shade);
            if (!isnan(map->values[at]) && layout->number > 0)
                draw_number(canvas, theme, map, layout, at, shade, cell);
        }
}

static void draw_names(Canvas *canvas, const Theme *theme, Box box, const HeatMap *map, const Layout *layout) {
    const TextStyle right = {chart_label.size, false, TEXT_RIGHT}, centre = {chart_label.size, false, TEXT_CENTRE};
    const double x0 = box.x + layout->left, y0 = box.y + layout->top, y1 = y0 + map->rows * layout->cell;
    for (int r = 0; r < map->rows; r += layout->stride)
        canvas_text_within(canvas, x0 - name_gap, y0 + (r + 0.5) * layout->cell + CHART_MIDDLE * right.size, CHART_LONGEST_NAME,
                           right, theme->text, map->row_names[r]);
    for (int c = 0; c < map->columns; c += layout->stride)
        chart_name_below(canvas, theme, x0 + (c + 0.5) * layout->cell, y1 + name_gap, layout->turned, map->column_names[c]);
    if (map->row_label)
        canvas_text_up(canvas, box.x + centre.size, (y0 + y1) / 2, centre, theme->muted, map->row_label);
    if (map->column_label)
        canvas_text(canvas, x0 + map->columns * layout->cell / 2, y1 + layout->bottom - 3, centre, theme->muted,
                    map->column_label);
}

cf_status heat_map_draw(Canvas *canvas, const Theme *theme, Box box, const HeatMap *map) {
    Layout layout;
    double largest;
    FAIL_IF(map->rows < 1 || map->columns < 1, CF_BAD_USE, "a heat map of %d x %d cells", map->rows, map->columns);
    FORWARD(check_chart(map, &largest));
    lay_out(map, box.width, &layout);
    layout.cell = fmin(layout.cell, (box.height - layout.top - layout.bottom) / map->rows);
    layout.number = number_size(map, layout.cell);
    canvas_text_within(canvas, box.x + layout.left, box.y + 10, box.width - layout.left, chart_title, theme->text, map->title);
    draw_cells(canvas, theme, box, map, &layout, largest);
    draw_names(canvas, theme, box, map, &layout);
    return CF_OK;
}
