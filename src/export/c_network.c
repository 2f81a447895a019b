#include "export/c_network.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

cf_status c_network_new(const cf_model *model, const char *name, const CFormat *format, CNetwork *net) {
    *net = (CNetwork){.model = model, .name = name, .format = format, .part = ""};
    FORWARD(text_draft(&net->constants));
    FORWARD(memory_copy_string(name, &net->upper));
    for (char *c = net->upper; *c; c++) *c = (char)toupper((unsigned char)*c);
    return memory_new((size_t)model->layers.count, sizeof(size_t), &net->constant_bytes);
}

void c_network_free(CNetwork *net) {
    for (int i = 0; i < net->call_count; i++) free(net->calls[i].arguments);
    free(net->calls);
    free(net->values);
    free(net->lies_with);
    free(net->constant_bytes);
    free(net->logits);
    free(net->upper);
    text_draft_abandon(&net->constants);
    *net = (CNetwork){0};
}

/* ---- Values and calls ---- */

int c_value(CNetwork *net, size_t count) {
    const int value = net->value_count;
    const size_t bytes = (count * net->format->element_bytes + 3) / 4 * 4;
    if (!net->status) net->status = memory_grow(&net->values, (size_t)value, sizeof *net->values);
    if (!net->status) net->status = memory_grow(&net->lies_with, (size_t)value, sizeof *net->lies_with);
    if (net->status) return 0;
    net->values[value] = (Placed){.bytes = bytes, .first = -1, .last = -1};
    net->lies_with[value] = value;
    return net->value_count++;
}

static void mark_use(CNetwork *net, int value, int call) {
    if (value < 0) return;
    Placed *v = &net->values[value];
    if (v->first < 0) v->first = call;
    if (call > v->last) v->last = call;
}

CCall c_call_of(const CNetwork *net, const char *kernel, int x, int y) {
    return (CCall){.layer = net->layer, .last = net->layer, .kernel = kernel, .x = {x, -1}, .y = y, .room = -1};
}

void c_call(CNetwork *net, const CCall *call, const char *format, ...) {
    const int number = net->call_count;
    va_list arguments;
    char *text;
    if (!net->status) net->status = memory_grow(&net->calls, (size_t)number, sizeof *net->calls);
    if (net->status) return;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        net->status = FAIL(CF_NO_MEMORY, "out of memory while a network is written as C");
    va_end(arguments);
    if (net->status) return;
    net->call_count++;
    net->calls[number] = *call;
    net->calls[number].arguments = text;
    const int values[] = {call->x[0], call->x[1], call->y, call->room};
    for (size_t i = 0; i < COUNT_OF(values); i++) mark_use(net, values[i], number);
}

/* ---- Constants ---- */

void c_identifier(char *text) {
    for (; *text; text++)
        if (!isascii((unsigned char)*text) || !isalnum((unsigned char)*text)) *text = '_';
}

static CSymbol new_symbol(const CNetwork *net, const char *what) {
    CSymbol symbol;
    snprintf(symbol.text, sizeof symbol.text, "%s_%d_%s%s", net->model->layers.layers[net->layer].name, net->layer + 1,
             net->part, what);
    c_identifier(symbol.text);
    if (isdigit((unsigned char)*symbol.text)) *symbol.text = 'n';
    return symbol;
}

static CSymbol begin_array(CNetwork *net, const char *what, const char *type, size_t count, size_t bytes) {
    const CSymbol symbol = new_symbol(net, what);
    fprintf(net->constants.stream, "static const %s %s[%zu] = {", type, symbol.text, count);
    net->constant_bytes[net->layer] += bytes;
    return symbol;
}

CSymbol c_floats(CNetwork *net, const char *what, const float *values, size_t count, const Window *filters) {
    const CSymbol symbol = begin_array(net, what, "float", count, count * sizeof *values);
    const size_t channels = filters ? (size_t)(filters->C / filters->groups) : 1,
                 taps = filters ? (size_t)filters->R * (size_t)filters->S : 1;
    for (size_t i = 0; i < count; i++) {
        const size_t k = i / (channels * taps), tap = i / channels % taps, c = i % channels;
        fprintf(net->constants.stream, "%s%af,", i % 6 ? " " : "\n    ",
                (double)values[(k * channels + c) * taps + tap]);
    }
    fprintf(net->constants.stream, "\n};\n");
    return symbol;
}

static long long integer_at(const void *values, int bytes, size_t i) {
    int32_t wide;
    if (bytes == 1) return ((const signed char *)values)[i];
    memcpy(&wide, (const char *)values + i * sizeof wide, sizeof wide);
    return wide;
}

CSymbol c_integers(CNetwork *net, const char *what, int bytes, const void *values, size_t count) {
    const CSymbol symbol = begin_array(net, what, bytes == 1 ? "int8_t" : "int32_t", count, count * (size_t)bytes);
    for (size_t i = 0; i < count; i++)
        fprintf(net->constants.stream, "%s%lld,", i % (bytes == 1 ? 24 : 10) ? " " : "\n    ",
                integer_at(values, bytes, i));
    fprintf(net->constants.stream, "\n};\n");
    return symbol;
}

CSymbol c_structure(CNetwork *net, const char *what, const char *type, const int *values, size_t count) {
    const CSymbol name = new_symbol(net, what);
    CSymbol symbol;
    snprintf(symbol.text, sizeof symbol.text, "&%.*s", (int)sizeof symbol.text - 2, name.text);
    fprintf(net->constants.stream, "static const %s %s = {", type, name.text);
    for (size_t i = 0; i < count; i++) fprintf(net->constants.stream, "%s%d", i ? ", " : "", values[i]);
    fprintf(net->constants.stream, "};\n");
    net->constant_bytes[net->layer] += count * sizeof(int32_t);
    return symbol;
}

CSymbol c_window(CNetwork *net, const char *what, const Window *w) {
    const int values[] = {w->C,     w->H,     w->W,      w->K,        w->R, w->S, w->stride,
                          w->pad_h, w->pad_w, w->groups, w->dilation, w->P, w->Q};
    return c_structure(net, what, "Window", values, COUNT_OF(values));
}

/* ---- Memory ---- */

static int root_of(const CNetwork *net, int value) {
    while (net->lies_with[value] != value) value = net->lies_with[value];
    return value;
}

/* Whether the call is the last that needs the memory of `value`, which then becomes that of its result. */
static bool take_over(CNetwork *net, const CCall *call, int number, int value) {
    if (value < 0) return false;
    Placed *from = &net->values[root_of(net, value)], *to = &net->values[call->y];
    if (from->last != number || from->bytes != to->bytes) return false;
    from->last = to->last;
    net->lies_with[call->y] = root_of(net, value);
    return true;
}

cf_status c_network_place(CNetwork *net) {
    AUTO_FREE Placed *apart = NULL;
    size_t count = 0;
    FORWARD(net->status);
    mark_use(net, net->result, net->call_count); /* softmax reads it */
    for (int i = 0; i < net->call_count; i++) {
        const CCall *call = &net->calls[i];
        if (call->in_place && !take_over(net, call, i, call->x[0])) take_over(net, call, i, call->x[1]);
    }
    FORWARD(memory_new((size_t)net->value_count, sizeof *apart, &apart));
    for (int i = 0; i < net->value_count; i++)
        if (net->lies_with[i] == i) apart[count++] = net->values[i];
    FORWARD(placement_find(apart, count, &net->arena_bytes));
    count = 0;
    for (int i = 0; i < net->value_count; i++)
        if (net->lies_with[i] == i) net->values[i].offset = apart[count++].offset;
    for (int i = 0; i < net->value_count; i++) net->values[i].offset = net->values[root_of(net, i)].offset;
    return CF_OK;
}

size_t c_live_bytes(const CNetwork *net, int number) {
    size_t bytes = 0;
    for (int i = 0; i < net->value_count; i++)
        if (net->lies_with[i] == i && net->values[i].first <= number && number <= net->values[i].last)
            bytes += net->values[i].bytes;
    return bytes;
}
