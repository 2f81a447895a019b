/* What a tune searches: parameters with their values or ranges, and a model line with places for them.
 *
 * A parameter is a training option that may be searched (train/train_options.c), or a name that stands in braces in the model line:
 *
 *     model       conv {width} 3x3 | bn | {activation} | maxpool 2 | dense classes
 *     optimizer   sgd, adam                   a list
 *     lr          0.0001 to 0.1, log          a range, uniform in the logarithm; also: uniform, integer
 *     width       16, 32
 *     activation  relu, leakyrelu
 *     model       paper, resnet8, conv 16 3x3 | ..      whole models, in place of the line
 *
 * Numbers of ranges have six significant digits, so that a point and its texts say the same.
 */
#pragma once

#include "base/files.h"

#include <jansson.h>

typedef enum ParameterKind {
    PARAMETER_LIST,
    PARAMETER_UNIFORM,
    PARAMETER_LOG_UNIFORM,
    PARAMETER_INTEGER
} ParameterKind;

enum { SPACE_MAX_PARAMETERS = 16, SPACE_MAX_VALUES = 256, SPACE_NAME = 48, SPACE_NUMBER = 32, SPACE_LABEL = 40 };

typedef struct SpaceParameter {
    char *name; /* "lr", or a place in the model line */
    ParameterKind kind;
    char **texts, **labels; /* PARAMETER_LIST: [count], as they were given; the same for tables, of SPACE_LABEL columns at most */
    int count;
    double low, high; /* ranges: both belong to it */
} SpaceParameter;

typedef struct Space {
    char *name;  /* "paper", or the file's name without folder and ending */
    char *model; /* name of a model, or a line with {places} */
    SpaceParameter *parameters;
    int count;
} Space;

/* One value per parameter: its index in a list, or a number of its range. */
typedef struct SpacePoint {
    double values[SPACE_MAX_PARAMETERS];
} SpacePoint;

/* Makes a parameter on zeroed memory one of `count` values. */
cf_status space_list(SpaceParameter *parameter, const char *name, const char *const *texts, int count);
/* The study's: optimizer x lr x batch x activation, 24 points. */
cf_status space_paper(Space *space);
/* "paper", or the path of a YAML file (space_yaml.c). */
cf_status space_read(const char *name_or_path, Space *space);
cf_status space_yaml_read(const char *path, Space *space);
/* Fine on a zeroed one. */
void space_free(Space *space);
/* Names, values and places fit together. A message names the parameter. */
cf_status space_check(const Space *space);
/* Parts of it: parameter i beside those before it; every place of the model line has a parameter. */
cf_status space_check_parameter(const Space *space, int i);
cf_status space_check_model(const Space *space);

/* Points when all parameters are lists (the first varies slowest); 0 when there is a range. */
int64_t space_points(const Space *space);
/* SpacePoint `index` of a space of lists, below space_points. */
SpacePoint space_point(const Space *space, int64_t index);
bool space_points_equal(const Space *space, const SpacePoint *a, const SpacePoint *b);

/* The value of parameter i: "adam", "0.00512", a list's as it was given; and short, for tables. Points into the space or to `number`. */
const char *space_value(const Space *space, const SpacePoint *point, int i, char number[SPACE_NUMBER]);
const char *space_label(const Space *space, const SpacePoint *point, int i, char number[SPACE_NUMBER]);
/* "optimizer=sgd lr=0.001 batch=64 activation=relu" of labels, in a new string; release with free(). */
cf_status space_point_text(const Space *space, const SpacePoint *point, char **text);
/* Lays the point's options onto `options`, and makes its model line; release that with free(). */
cf_status space_apply(const Space *space, const SpacePoint *point, cf_train_options *options, char **model_line);

/* {"optimizer": "sgd", "lr": 0.001, ...}: numbers where the text is one. A new reference. */
cf_status space_point_json(const Space *space, const SpacePoint *point, json_t **json);
cf_status space_point_from_json(const Space *space, const json_t *json, SpacePoint *point);
/* The whole space, and back; a new reference. */
cf_status space_json(const Space *space, json_t **json);
cf_status space_from_json(const json_t *json, Space *space);
