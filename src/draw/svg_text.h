/* What Cairo's SVG lacks. */
#ifndef DRAW_SVG_TEXT_H
#define DRAW_SVG_TEXT_H

#include "base/status.h"

/* A copy in which images keep sharp pixels when enlarged, which Cairo 1.16 does not write, and in which the numbers
 * of images and surfaces, which it counts over the whole process, count from 0. Release with free(). */
cf_status svg_text_settle(const char *svg, size_t size, char **settled, size_t *settled_size);

#endif
