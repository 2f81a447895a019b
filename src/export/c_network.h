/* A network on its way into C source: the calls that compute it, the constants that they read, and where its values lie.
 *
 * A front end (c_layers.c: float32; c_int8.c) adds values, constants and calls in the order in which they run; c_network_place then
 * gives every value its place in one arena; c_source.c writes it all down. The functions that are called are the parts of a text
 * that the library carries (c_float.inc, nn/int8/int8_kernels.inc), each taken along if it
 * is called.
 */
#pragma once

#include "base/placement.h"
#include "base/text_draft.h"
#include "nn/int8/int8.h"

/* How a format of numbers is written; one row for each. */
typedef struct CFormat {
    const char *word;    /* "float32" */
    const char *element; /* the type of a value, of so many bytes */
    size_t element_bytes;
    const char *input;   /* the value of a pixel image[i] */
    const char *always;  /* parts of the texts that every network needs, between spaces */
    const char *softmax; /* the function of the last call */
} CFormat;

typedef struct CCall {
    int layer, last;    /* whose work it does: the first and the last of several in one */
    const char *kernel; /* the part of the text, and its function */
    int x[2], y, room;  /* values: what it reads, writes, and works in; -1: none */
    char *arguments;    /* in front of the values', with a comma at the end; or "" */
    bool in_place;      /* y may lie where x[0] or x[1] does */
    double products;    /* multiply-adds */
} CCall;

enum { MOST_CALLS = 10000 };

/* A network being written. The first failure stays in `status`, and what follows is passed over. */
typedef struct CNetwork {
    cf_status status;
    const cf_model *model;
    const char *name; /* the prefix of its public names */
    char *upper;      /* the same in capitals, of its constants */
    const CFormat *format;
    int layer;        /* the one under way, after which constants are named */
    const char *part; /* of that layer, "fc1_"; "": it has none */
    char *logits;     /* what stands in front of the logits in the call of softmax, as in CCall */
    Placed *values;
    int *lies_with; /* [values] the value whose memory it has */
    int value_count;
    CCall *calls;
    int call_count;
    TextDraft constants;    /* the text of all arrays */
    size_t *constant_bytes; /* [layers] */
    int result;             /* the value that holds the logits */
    size_t arena_bytes;
} CNetwork;

cf_status c_network_new(const cf_model *model, const char *name, const CFormat *format, CNetwork *net);
void c_network_free(CNetwork *net);

/* A value of so many elements: its number. */
int c_value(CNetwork *net, size_t count);
/* A call for the layer under way, from value x to value y. */
CCall c_call_of(const CNetwork *net, const char *kernel, int x, int y);
/* Adds a call; `format` prints its arguments. in_place as in CCall. */
void c_call(CNetwork *net, const CCall *call, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* How a constant is named in a call: "conv1_1_weight", in which the layer's number makes names unique. */
typedef struct CSymbol {
    char text[LAYER_NAME + 80];
} CSymbol;
/* An array of constants of the layer under way. Those of filters, [K][channels][taps], are written as [K][taps][channels], in which a
 * filter meets the values in the order in which they lie; filters NULL: as they are. */
CSymbol c_floats(CNetwork *net, const char *what, const float *values, size_t count, const Window *filters);
/* Of 1 or 4 bytes each. */
CSymbol c_integers(CNetwork *net, const char *what, int bytes, const void *values, size_t count);
/* A constant of a structure of integers, "&add1_3_sum". */
CSymbol c_structure(CNetwork *net, const char *what, const char *type, const int *values, size_t count);
/* The constant of a window, "&conv1_1_window"; `groups`, `dilation` 1 of a pool. */
CSymbol c_window(CNetwork *net, const char *what, const Window *window);
/* ASCII letters, digits and '_' of a name. */
void c_identifier(char *text);

/* Finds in-place values and the places of all, when all calls are there; fails with `status`, too. */
cf_status c_network_place(CNetwork *net);
/* Bytes that are in use while call `number` runs. */
size_t c_live_bytes(const CNetwork *net, int number);
/* Of all arrays. */
size_t c_constant_bytes(const CNetwork *net);

/* ---- Front ends ---- */

extern const CFormat c_float32;
/* Every layer that the classes need as calls in float32. */
cf_status c_layers_float32(CNetwork *net);
extern const CFormat c_int8;
cf_status c_layers_int8(CNetwork *net, const Int8Network *integers);
/* Whether a word of the model line has its row. */
bool c_layer_known(const char *word);

/* ---- c_source.c ---- */

/* Images for the generated test: bytes of the network's input, and what it should say of them. */
typedef struct CExamples {
    unsigned char *images;
    float *probabilities;
    int count;
} CExamples;

enum { C_FILES = 4 };
/* The file's name behind the network's ("_test.c"), or whole where it begins with '/'; and what writes it. */
typedef struct CFile {
    const char *name;
    void (*write)(const CNetwork *net, const CExamples *examples, FILE *out);
} CFile;
extern const CFile c_files[C_FILES];
