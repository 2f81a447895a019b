/* The files of an exported network: header, source, test and page. */
#include "export/c_network.h"

#include "base/embedded.h"

#include <stdlib.h>
#include <string.h>

extern const EmbeddedFile c_kernels[];

/* ---- Texts ---- */

/* A string literal: bytes beyond ASCII as octal numbers, question marks so that three of them are no trigraph. */
static void write_literal(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\' || byte == '?')
            fprintf(out, "\\%c", byte);
        else if (byte >= ' ' && byte < 127)
            fputc(byte, out);
        else
            fprintf(out, "\\%03o", byte);
    }
    fputc('"', out);
}

/* A part of the texts of functions: from behind its line to the next one's. The tests compile each. */
static void write_part(const char *part, FILE *out) {
    char heading[64];
    const char *text = NULL;
    snprintf(heading, sizeof heading, "/* ---- %s ---- */\n", part);
    for (const EmbeddedFile *file = c_kernels; file->name && !text; file++)
        text = strstr((const char *)file->text, heading);
    if (!text) return;
    text += strlen(heading);
    const char *end = strstr(text, "\n/* ---- ");
    fprintf(out, "\n%.*s", (int)(end ? end - text : (long)strlen(text)), text);
}

static void write_parts(const CNetwork *net, FILE *out) {
    const char *rest = net->format->always;
    char word[32];
    for (int used; sscanf(rest, "%31s%n", word, &used) == 1; rest += used) write_part(word, out);
    for (int i = 0; i < net->call_count; i++) {
        int k = 0;
        while (strcmp(net->calls[k].kernel, net->calls[i].kernel) != 0) k++;
        if (k == i) write_part(net->calls[i].kernel, out);
    }
}

/* ---- Header ---- */

size_t c_constant_bytes(const CNetwork *net) {
    size_t bytes = 0;
    for (int i = 0; i < net->model->layers.count; i++) bytes += net->constant_bytes[i];
    return bytes;
}

static void write_header(const CNetwork *net, const CExamples *examples, FILE *out) {
    const Shape in = net->model->layers.input;
    const int classes = net->model->classes;
    const char *U = net->upper, *channels = in.C == 1 ? "grey" : in.C == 3 ? "red, green and blue" : "several channels";
    (void)examples;
    fprintf(out,
            "/* A trained network as C, made by cifra %s: %dx%d pixels of %s in, %d classes out, in %s.\n *\n"
            " * It allocates nothing and keeps no state but its arena, so that one call at a time may run. */\n",
            cf_version(), in.W, in.H, channels, classes, net->format->word);
    fprintf(out,
            "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
            "#define %s_HEIGHT %d\n#define %s_WIDTH %d\n#define %s_CHANNELS %d\n#define %s_CLASSES %d\n"
            "#define %s_ARENA_BYTES %zu /* memory for the values of all layers */\n"
            "#define %s_CONSTANT_BYTES %zu /* weights and settings */\n",
            U, U, U, in.H, U, in.W, U, in.C, U, classes, U, net->arena_bytes, U, c_constant_bytes(net));
    fprintf(
        out,
        "\nextern const char *const %s_class_names[%d];\n"
        "\n/* The class of an image (its number), and the probabilities of all, [%d]. image [%d][%d][%d]: rows, columns,\n"
        " * channels; 0 is black. */\n"
        "int %s_predict(const uint8_t *image, float *probabilities);\n"
        "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n",
        net->name, classes, classes, in.H, in.W, in.C, net->name);
}

/* ---- Source ---- */

static void write_value(const CNetwork *net, int value, const char *before, FILE *out) {
    if (value >= 0) fprintf(out, "%sarena + %zu", before, net->values[value].offset / net->format->element_bytes);
}

static void write_call(const CNetwork *net, const CCall *call, FILE *out) {
    fprintf(out, "    %s(%s", call->kernel, call->arguments);
    write_value(net, call->x[0], "", out);
    write_value(net, call->x[1], ", ", out);
    write_value(net, call->room, ", ", out);
    write_value(net, call->y, ", ", out);
    fputs(");\n", out);
}

/* "conv1 to relu1: 28x28x32" */
static void write_layers(const CNetwork *net, const CCall *call, FILE *out) {
    const Layer *layers = net->model->layers.layers;
    const Shape shape = layers[call->last].out;
    char first[LAYER_NAME], last[LAYER_NAME];
    snprintf(first, sizeof first, "%s", layers[call->layer].name);
    snprintf(last, sizeof last, "%s", layers[call->last].name);
    c_identifier(first);
    c_identifier(last);
    fprintf(out, "    /* %s%s%s: %dx%dx%d */\n", first, call->last > call->layer ? " to " : "",
            call->last > call->layer ? last : "", shape.H, shape.W, shape.C);
}

static void write_predict(const CNetwork *net, FILE *out) {
    int layer = -1;
    fprintf(out, "\nint %s_predict(const uint8_t *image, float *probabilities) {\n", net->name);
    fprintf(out, "    for (int i = 0; i < %zu; i++) arena[%zu + i] = %s;\n", shape_size(net->model->layers.input),
            net->values[0].offset / net->format->element_bytes, net->format->input);
    for (int i = 0; i < net->call_count; i++) {
        const CCall *call = &net->calls[i];
        if (call->layer != layer) write_layers(net, call, out);
        layer = call->layer;
        write_call(net, call, out);
    }
    fprintf(out, "    return %s(%s", net->format->softmax, net->logits);
    write_value(net, net->result, "", out);
    fputs(", probabilities);\n}\n", out);
}

/* A multiply and an add are rounded apart: with contraction (gcc's default but for -std=c99) the last bits would be others. */
static const char contraction[] = "#if defined(__GNUC__) && !defined(__clang__)\n"
                                  "#pragma GCC optimize(\"fp-contract=off\")\n"
                                  "#else\n"
                                  "#pragma STDC FP_CONTRACT OFF\n"
                                  "#endif\n";

static void write_source(const CNetwork *net, const CExamples *examples, FILE *out) {
    (void)examples;
    fprintf(out, "/* %s_predict: see %s.h. Made by cifra %s. */\n#include \"%s.h\"\n\n#include <math.h>\n\n", net->name,
            net->name, cf_version(), net->name);
    fprintf(out, "/* Products and sums are rounded one by one, so that every compiler gives the same bits. */\n%s",
            contraction);
    fprintf(out, "\nconst char *const %s_class_names[%d] = {\n", net->name, net->model->classes);
    for (int c = 0; c < net->model->classes; c++) {
        fputs("    ", out);
        write_literal(out, net->model->class_names[c]);
        fputs(",\n", out);
    }
    fputs("};\n", out);
    write_parts(net, out);
    fprintf(out, "\n/* ---- Weights ---- */\n\n%s", net->constants.text);
    fprintf(out,
            "\n/* ---- The network ---- */\n\n"
            "/* The values of all layers: one lies where another lay that is no longer needed. */\n"
            "static %s arena[%zu];\n",
            net->format->element, net->arena_bytes / net->format->element_bytes);
    write_predict(net, out);
}

/* ---- Test ---- */

static void write_images(const CNetwork *net, const CExamples *examples, FILE *out) {
    const size_t size = shape_size(net->model->layers.input), classes = (size_t)net->model->classes;
    fprintf(out, "static const uint8_t images[%d][%zu] = {", examples->count, size);
    for (size_t i = 0; i < (size_t)examples->count * size; i++)
        fprintf(out, "%s%s%u,",
                i % size ? ""
                : i      ? "},\n    {"
                         : "\n    {",
                i % size % 32 ? "" : "\n     ", examples->images[i]);
    fprintf(out, "}\n};\n\nstatic const float expected[%d][%zu] = {", examples->count, classes);
    for (size_t i = 0; i < (size_t)examples->count * classes; i++)
        fprintf(out, "%s%s%af,",
                i % classes ? ""
                : i         ? "},\n    {"
                            : "\n    {",
                i % classes % 6 ? " " : "\n     ", (double)examples->probabilities[i]);
    fprintf(out, "}\n};\n");
}

static void write_test(const CNetwork *net, const CExamples *examples, FILE *out) {
    const char *name = net->name;
    fprintf(out,
            "/* Whether %s answers here as it did where it was made: to the bit. Made by cifra %s.\n"
            " * cc -std=c99 %s.c %s_test.c -lm && ./a.out */\n"
            "#include \"%s.h\"\n\n#include <stdio.h>\n\n",
            name, cf_version(), name, name, name);
    write_images(net, examples, out);
    fprintf(out,
            "\nint main(void) {\n"
            "    const int count = %d, classes = %d;\n"
            "    int right = 0;\n"
            "    for (int i = 0; i < count; i++) {\n"
            "        float got[%d];\n"
            "        const int found = %s_predict(images[i], got);\n"
            "        int same = 1;\n"
            "        for (int k = 0; k < classes; k++) same = same && got[k] == expected[i][k];\n"
            "        printf(\"image %%d: %%s, %%.4f%%s\\n\", i, %s_class_names[found], (double)got[found],\n"
            "               same ? \"\" : \"; other bits than where it was made\");\n"
            "        right += same;\n"
            "    }\n"
            "    printf(\"%%d of %%d answers as expected\\n\", right, count);\n"
            "    return right == count ? 0 : 1;\n"
            "}\n",
            examples->count, net->model->classes, net->model->classes, name, name);
}

/* ---- Page ---- */

static void write_page(const CNetwork *net, const CExamples *examples, FILE *out) {
    const Shape in = net->model->layers.input;
    double products = 0;
    for (int i = 0; i < net->call_count; i++) products += net->calls[i].products;
    fprintf(out,
            "# %s\n\nA trained network as C99, made by cifra %s: %d classes, images of %dx%d pixels and %d channel%s, "
            "%s.\n\n"
            "    %s\n\n"
            "Compile `%s.c` with your program and call `%s_predict` (`%s.h`). `%s_test.c` holds %d images and what the "
            "network\n"
            "must answer: `cc -std=c99 %s.c %s_test.c -lm && ./a.out`.\n\n"
            "| | bytes |\n|---|---:|\n| constants (flash) | %zu |\n| arena (RAM) | %zu |\n\n"
            "Code, the stack (a few hundred bytes), the image (%zu bytes) and the probabilities (%d) come to that.\n\n"
            "| layer | gives | multiply-adds | flash | RAM while it runs |\n|---|---|---:|---:|---:|\n",
            net->name, cf_version(), net->model->classes, in.W, in.H, in.C, in.C == 1 ? "" : "s", net->format->word,
            net->model->layers.line, net->name, net->name, net->name, net->name, examples->count, net->name, net->name,
            c_constant_bytes(net), net->arena_bytes, shape_size(in), 4 * net->model->classes);
    for (int i = 0; i < net->call_count;) {
        const int number = net->calls[i].layer;
        const Layer *layer = &net->model->layers.layers[number], *last = &net->model->layers.layers[net->calls[i].last];
        double of_layer = 0;
        size_t live = 0;
        for (; i < net->call_count && net->calls[i].layer == number; i++) {
            of_layer += net->calls[i].products;
            if (c_live_bytes(net, i) > live) live = c_live_bytes(net, i);
        }
        fprintf(out, "| %s%s%s | %dx%dx%d | %.0f | %zu | %zu |\n", layer->name, last > layer ? " to " : "",
                last > layer ? last->name : "", last->out.H, last->out.W, last->out.C, of_layer,
                net->constant_bytes[number], live);
    }
    fprintf(out, "| all | | %.0f | %zu | %zu |\n", products, c_constant_bytes(net), net->arena_bytes);
}

const CFile c_files[C_FILES] = {
    {".h", write_header}, {".c", write_source}, {"_test.c", write_test}, {"/README.md", write_page}};
