#include "draw/image_grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Lengths in points. */
static const double margin = 22, gap = 3, group_gap = 26, label_gap = 10, caption_height = 11, caption_line = 9.5,
                    block_gap = 9, usual_side = 46;
static const TextStyle title_style = {15, true, TEXT_LEFT}, heading_style = {12, true, TEXT_LEFT},
                       about_style = {9, false, TEXT_LEFT}, label_style = {11, true, TEXT_RIGHT},
                       caption_style = {8, false, TEXT_CENTRE}, note_style = {9, false, TEXT_LEFT};

enum { MOST_GROUPS = 8 };

typedef struct Layout {
    double place[MOST_GROUPS], left[MOST_GROUPS],
        wide[MOST_GROUPS];                             /* side of a place, and the group's left and width */
    double row;                                        /* from one row to the next */
    double title, heading, about, captions, top, note; /* base lines; top: of the first row's images */
    double labels;                                     /* width of the row labels with their gap */
    double width, height;
} Layout;

/* A whole number of half points for each of the image's pixels, so that all are alike at 144 dpi and in what SVG and PDF files
 * hold; about as large as wanted. */
static double place_side(const ImageGrid *grid, const GridGroup *group) {
    const int wanted = (int)(2 * (grid->side > 0 ? grid->side : usual_side));
    int longest = 0;
    for (int i = 0; i < grid->rows * group->columns; i++) {
        const CanvasImage *image = &group->images[i];
        if (!image->pixels) continue;
        if (image->height > longest) longest = image->height;
        if (image->width > longest) longest = image->width;
    }
    if (longest == 0) longest = wanted;
    return longest * fmax(1, floor((double)wanted / longest + 0.5)) / 2;
}

static int line_count(const char *text) {
    int lines = 1;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

/* Below the images of a group. */
static double captions_height(const ImageGrid *grid, const GridGroup *group) {
    int most = 1;
    if (!group->captions) return 0;
    for (int i = 0; i < grid->rows * group->columns; i++)
        if (group->captions[i] && line_count(group->captions[i]) > most) most = line_count(group->captions[i]);
    return caption_height + (most - 1) * caption_line;
}

static int block_rows(const ImageGrid *grid) {
    return grid->block_rows > 0 ? grid->block_rows : 1;
}

static double row_top(const ImageGrid *grid, const Layout *layout, int row) {
    return layout->top + row * layout->row + (grid->block_rows > 0 ? row / block_rows(grid) * block_gap : 0);
}

static void lay_columns(const ImageGrid *grid, Layout *layout) {
    double x = margin;
    for (int r = 0; r < grid->rows && grid->row_labels; r++)
        layout->labels = fmax(layout->labels, label_gap + text_width(grid->row_labels[r], label_style));
    x += layout->labels;
    for (int g = 0; g < grid->group_count; g++) {
        const GridGroup *group = &grid->groups[g];
        layout->place[g] = place_side(grid, group);
        layout->left[g] = x;
        layout->wide[g] = group->columns * (layout->place[g] + gap) - gap;
        layout->row = fmax(layout->row, layout->place[g] + gap + captions_height(grid, group));
        x += layout->wide[g] + group_gap;
    }
    layout->width = x - group_gap + margin;
}

/* Goes down by a line of text if there is one, and returns its base line. */
static double take_line(double *y, bool there, TextStyle style, double below) {
    if (!there) return *y;
    double base = *y + style.size;
    *y = base + below;
    return base;
}

static void lay_rows(const ImageGrid *grid, Layout *layout) {
    bool heading = false, about = false, captions = false;
    double y = margin - 4; /* letters do not fill their height */
    for (int g = 0; g < grid->group_count; g++) {
        heading |= grid->groups[g].heading != NULL;
        about |= grid->groups[g].about != NULL;
        captions |= grid->groups[g].column_captions != NULL;
    }
    layout->title = take_line(&y, grid->title, title_style, 12);
    layout->heading = take_line(&y, heading, heading_style, 4);
    layout->about = take_line(&y, about, about_style, 4);
    layout->captions = take_line(&y, captions, caption_style, 1);
    layout->top = y + 5;
    y = row_top(grid, layout, grid->rows - 1) + layout->row - gap + 8;
    layout->note = take_line(&y, grid->note, note_style, 0);
    layout->height = y + margin - 8;
}

/* The last of several lines is what explains the others; so is a single one. */
static void draw_caption(Canvas *canvas, double x, double y, double width, const Theme *theme, const char *text) {
    for (;; y += caption_line) {
        const char *end = strchrnul(text, '\n');
        char line[256];
        snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
        canvas_text_within(canvas, x, y, width, caption_style, *end ? theme->text : theme->muted, line);
        if (!*end) return;
        text = end + 1;
    }
}

static void draw_group(Canvas *canvas, const ImageGrid *grid, int g, const Layout *layout, const Theme *theme) {
    const GridGroup *group = &grid->groups[g];
    const double side = layout->place[g], step = side + gap, left = layout->left[g];
    canvas_text_within(canvas, left, layout->heading, layout->wide[g], heading_style, theme->text, group->heading);
    canvas_text_within(canvas, left, layout->about, layout->wide[g], about_style, theme->muted, group->about);
    for (int c = 0; c < group->columns && group->column_captions; c++)
        canvas_text_within(canvas, left + c * step + side / 2, layout->captions, step, caption_style, theme->muted,
                           group->column_captions[c]);
    for (int r = 0; r < grid->rows; r++)
        for (int c = 0; c < group->columns; c++) {
            const int place = r * group->columns + c;
            const double x = left + c * step, y = row_top(grid, layout, r);
            if (group->images[place].pixels)
                canvas_image_within(canvas, x, y, side, &group->images[place]);
            else if (!group->blank)
                canvas_rectangle(canvas, x, y, side, side, theme->empty);
            if (group->captions && group->captions[place])
                draw_caption(canvas, x + side / 2, y + side + caption_style.size, step, theme, group->captions[place]);
        }
}

cf_status image_grid_draw(const ImageGrid *grid, const Theme *theme, int dpi, const char *path) {
    Layout layout = {0};
    Canvas *canvas;
    FAIL_IF(grid->group_count < 1 || grid->group_count > MOST_GROUPS, CF_INTERNAL, "a grid of %d groups; 1 to %d",
            grid->group_count, MOST_GROUPS);
    lay_columns(grid, &layout);
    lay_rows(grid, &layout);
    FORWARD(canvas_new(path, layout.width, layout.height, theme, dpi, &canvas));
    const double wide = layout.width - margin - layout.left[0];
    canvas_text_within(canvas, layout.left[0], layout.title, wide, title_style, theme->text, grid->title);
    for (int r = 0; r < grid->rows && grid->row_labels; r += block_rows(grid))
        canvas_text(canvas, margin + layout.labels - label_gap,
                    row_top(grid, &layout, r) + (block_rows(grid) - 1) * layout.row / 2 + layout.place[0] / 2 +
                        0.36 * label_style.size,
                    label_style, theme->text, grid->row_labels[r]);
    for (int g = 0; g < grid->group_count; g++) draw_group(canvas, grid, g, &layout, theme);
    canvas_text_within(canvas, layout.left[0], layout.note, wide, note_style, theme->muted, grid->note);
    return canvas_finish(canvas);
}
