#include "export/c_network.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

cf_status c_network_new(const cf_model *model, const char *name, const CFormat *format, CNetwork *net) {
    *net = (CNetwork){.model = model, .name = name, .format = format};
    FORWARD(text_draft(&net->constants));
    const cf_status status = memory_new((size_t)model->layers.count, sizeof(size_t), &net->constant_bytes);
    if (status) c_network_free(net);
    return status;
}

void c_network_free(CNetwork *net) {
    for (int i = 0; i < net->call_count; i++) free(net->calls[i].arguments);
    free(net->calls);
    free(net->values);
    free(net->lies_with);
    free(net->constant_bytes);
    free(net->logits);
    if (net->constants.stream) text_draft_abandon(&net->constants);
    *net = (CNetwork){0};
}

/* ---- Values and calls ---- */

static cf_status grow(void *array, int count, int *room, size_t size) {
    void *before, *after;
    if (count < *room) return CF_OK;
    const int wanted = *room ? 2 * *room : 64;
    memcpy(&before, array, sizeof before);
    after = realloc(before, (size_t)wanted * size);
    FAIL_IF(!after, CF_NO_MEMORY, "out of memory while a network is written as C");
    memcpy(array, &after, sizeof after);
    *room = wanted;
    return CF_OK;
}

cf_status c_value(CNetwork *net, size_t count, int *value) {
    int room = net->value_room;
    FORWARD(grow(&net->values, net->value_count, &room, sizeof *net->values));
    FORWARD(grow(&net->lies_with, net->value_count, &net->value_room, sizeof *net->lies_with));
    *value = net->value_count++;
    net->values[*value] = (Placed){.bytes = (count * net->format->element_bytes + 3) / 4 * 4, .first = -1, .last = -1};
    net->lies_with[*value] = *value;
    return CF_OK;
}

static void use(CNetwork *net, int value, int call) {
    if (value < 0) return;
    Placed *v = &net->values[value];
    if (v->first < 0) v->first = call;
    if (call > v->last) v->last = call;
}

cf_status c_call(CNetwork *net, const CCall *call, const char *format, ...) {
    va_list arguments;
    char *text;
    FORWARD(grow(&net->calls, net->call_count, &net->call_room, sizeof *net->calls));
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    FAIL_IF(length < 0, CF_NO_MEMORY, "out of memory while a network is written as C");
    const int number = net->call_count++;
    net->calls[number] = *call;
    net->calls[number].arguments = text;
    for (int i = 0; i < 2; i++) use(net, call->x[i], number);
    use(net, call->y, number);
    use(net, call->room, number);
    return CF_OK;
}

/* ---- Constants ---- */

void c_identifier(char *text) {
    for (; *text; text++)
        if (!isascii((unsigned char)*text) || !isalnum((unsigned char)*text)) *text = '_';
}

static void name_symbol(const CNetwork *net, int number, const char *what, char symbol[C_SYMBOL]) {
    snprintf(symbol, C_SYMBOL, "%s_%d_%s", net->model->layers.layers[number].name, number + 1, what);
    c_identifier(symbol);
    if (isdigit((unsigned char)*symbol)) *symbol = 'n';
}

static FILE *begin_array(CNetwork *net, int number, const char *what, const char *type, size_t count, size_t bytes,
                         char symbol[C_SYMBOL]) {
    name_symbol(net, number, what, symbol);
    fprintf(net->constants.stream, "static const %s %s[%zu] = {", type, symbol, count);
    net->constant_bytes[number] += bytes;
    return net->constants.stream;
}

cf_status c_floats(CNetwork *net, int number, const char *what, const float *values, size_t count,
                   char symbol[C_SYMBOL]) {
    FILE *out = begin_array(net, number, what, "float", count, count * sizeof *values, symbol);
    for (size_t i = 0; i < count; i++) fprintf(out, "%s%af,", i % 6 ? " " : "\n    ", (double)values[i]);
    fprintf(out, "\n};\n");
    return CF_OK;
}

static long long integer_at(const void *values, int bytes, size_t i) {
    int32_t wide;
    if (bytes == 1) return ((const signed char *)values)[i];
    memcpy(&wide, (const char *)values + i * sizeof wide, sizeof wide);
    return wide;
}

cf_status c_integers(CNetwork *net, int number, const char *what, int bytes, const void *values, size_t count,
                     char symbol[C_SYMBOL]) {
    FILE *out = begin_array(net, number, what, bytes == 1 ? "int8_t" : "int32_t", count, count * (size_t)bytes, symbol);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%lld,", i % (bytes == 1 ? 24 : 10) ? " " : "\n    ", integer_at(values, bytes, i));
    fprintf(out, "\n};\n");
    return CF_OK;
}

cf_status c_structure(CNetwork *net, int number, const char *what, const char *type, const int *values, size_t count,
                      char symbol[C_SYMBOL]) {
    FILE *out = net->constants.stream;
    char name[C_SYMBOL];
    name_symbol(net, number, what, name);
    snprintf(symbol, C_SYMBOL, "&%.*s", C_SYMBOL - 2, name);
    fprintf(out, "static const %s %s = {", type, name);
    for (size_t i = 0; i < count; i++) fprintf(out, "%s%d", i ? ", " : "", values[i]);
    fprintf(out, "};\n");
    net->constant_bytes[number] += count * sizeof(int32_t);
    return CF_OK;
}

cf_status c_window(CNetwork *net, int number, const char *what, const Window *w, char symbol[C_SYMBOL]) {
    const int values[] = {w->C,     w->H,     w->W,      w->K,        w->R, w->S, w->stride,
                          w->pad_h, w->pad_w, w->groups, w->dilation, w->P, w->Q};
    return c_structure(net, number, what, "Window", values, COUNT_OF(values), symbol);
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
    Placed *apart;
    size_t count = 0;
    use(net, net->result, net->call_count); /* softmax reads it */
    for (int i = 0; i < net->call_count; i++) {
        const CCall *call = &net->calls[i];
        if (call->in_place && !take_over(net, call, i, call->x[0])) take_over(net, call, i, call->x[1]);
    }
    FORWARD(memory_new((size_t)net->value_count, sizeof *apart, &apart));
    for (int i = 0; i < net->value_count; i++)
        if (net->lies_with[i] == i) apart[count++] = net->values[i];
    const cf_status status = placement_find(apart, count, &net->arena_bytes);
    count = 0;
    for (int i = 0; i < net->value_count; i++)
        if (net->lies_with[i] == i) net->values[i].offset = apart[count++].offset;
    for (int i = 0; i < net->value_count; i++) net->values[i].offset = net->values[root_of(net, i)].offset;
    free(apart);
    return status;
}

size_t c_live_bytes(const CNetwork *net, int number) {
    size_t bytes = 0;
    for (int i = 0; i < net->value_count; i++)
        if (net->lies_with[i] == i && net->values[i].first <= number && number <= net->values[i].last)
            bytes += net->values[i].bytes;
    return bytes;
}
