/* The inputs that the fuzz targets begin with, made by the project's own writers: make_corpus OUT writes OUT/NAME/... for every
 * target fuzz_NAME.c, whose head says how its input is laid out. Other files of the corpus stand beside: make_pictures.c, make_downloads.c, make_store.c. */
#include "make_corpus.h"

#include "base/memory.h"
#include "data/npy.h"
#include "data/set_files.h"
#include "embed/umap.h"
#include "export/onnx_networks.h"
#include "nn/cpu/cpu.h"
#include "study/pipeline/recipe.h"
#include "study/run/run.h"
#include "tune/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---- Files ---- */

void must_(cf_status status, const char *what) {
    if (!status) return;
    fprintf(stderr, "make_corpus: %s: %s\n", what, cf_error());
    exit(1);
}

Bytes bytes_read(const char *path) {
    Bytes file;
    must(file_read(path, 1 << 20, &file.bytes, &file.size));
    return file;
}

const char *corpus_path(const Corpus *corpus, const char *target, const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", corpus->folder, target);
    must(file_make_folder(path));
    snprintf(path, sizeof path, "%s/%s/%s", corpus->folder, target, name);
    return path;
}

void put(const Corpus *corpus, const char *target, const char *name, const void *bytes, size_t size) {
    must(file_write(corpus_path(corpus, target, name), bytes, size));
}

void put_texts(const Corpus *corpus, const char *target, const char *const *texts) {
    char name[16];
    for (int i = 0; texts[i]; i++) {
        snprintf(name, sizeof name, "text%02d", i);
        put(corpus, target, name, texts[i], strlen(texts[i]));
    }
}

/* `head` bytes, then two files. */
static void put_joined(const Corpus *corpus, const char *target, const char *name, const void *head, size_t head_size,
                       const Bytes *a, const Bytes *b) {
    unsigned char *all;
    must(memory_new(head_size + a->size + b->size, 1, &all));
    if (head_size) memcpy(all, head, head_size);
    memcpy(all + head_size, a->bytes, a->size);
    memcpy(all + head_size + a->size, b->bytes, b->size);
    put(corpus, target, name, all, head_size + a->size + b->size);
    free(all);
}

static void replace(const Bytes *in, const char *text, const char *by) {
    char *found = memmem(in->bytes, in->size, text, strlen(text));
    if (found) memcpy(found, by, strlen(by));
}

/* Without the checksum that every file is written with, changes reach what lies behind it. */
static void unseal(const Bytes *header) {
    replace(header, "file_sha256", "file_sha___");
    replace(header, "cifra-checkpoint-2", "cifra-checkpoint-1");
}

/* A safetensors file as it stands, and, without its checksum, as header, zero byte, data. */
static void put_tensors(const Corpus *corpus, const char *target, const char *name, const char *head,
                        const char *path) {
    char other[64];
    Bytes file = bytes_read(path), header = {file.bytes + 8, (size_t)file.bytes[0] | (size_t)file.bytes[1] << 8};
    Bytes none = {file.bytes, 0}, data = {header.bytes + header.size - 1, file.size - 8 - header.size + 1};
    put_joined(corpus, target, name, head, strlen(head), &file, &none);
    unseal(&header);
    snprintf(other, sizeof other, "%s-header", name);
    unsigned char *last = header.bytes + header.size - 1;
    if (*last == '}') { /* no padding to be overwritten by the zero byte */
        unsigned char *longer;
        must(memory_new(header.size + 1, 1, &longer));
        memcpy(longer, header.bytes, header.size);
        const Bytes ended = {longer, header.size + 1}, rest = {data.bytes + 1, data.size - 1};
        put_joined(corpus, target, other, head, strlen(head), &ended, &rest);
        free(longer);
    } else {
        *last = 0;
        header.size--;
        put_joined(corpus, target, other, head, strlen(head), &header, &data);
    }
    free(file.bytes);
}

/* ---- Images ---- */

enum { IMAGES = 12 };

static cf_set *make_set(int channels, int height, int width) {
    cf_set *set;
    must(set_new("seed", "seed", IMAGES, channels, height, width, 10, &set));
    must(set_name_classes_by_number(set));
    for (size_t i = 0; i < IMAGES; i++) set->labels[i] = (unsigned char)(i % 10);
    for (size_t i = 0; i < IMAGES * set_image_size(set); i++) set->pixels[i] = (unsigned char)(i * 37 % 251);
    return set;
}

static void make_idx(const Corpus *corpus) {
    for (int kind = 0; kind < 8; kind++) {
        char name[32];
        cf_set *set = make_set(kind & 4 ? 3 : 1, 3, 4);
        must(idx_write(set, (const uint16_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, IMAGES, corpus->images,
                       corpus->labels));
        Bytes images = bytes_read(corpus->images), labels = bytes_read(corpus->labels);
        const unsigned char head[3] = {(unsigned char)(kind & 3), (unsigned char)images.size,
                                       (unsigned char)(images.size >> 8)};
        snprintf(name, sizeof name, "kind%d", kind);
        put_joined(corpus, "idx", name, head, sizeof head, &images, &labels);
        if (kind == 0 || kind == 4) put(corpus, "gzip", name, images.bytes, images.size);
        must(idx_write(set, (const uint16_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, IMAGES, corpus->packed,
                       corpus->labels));
        free(images.bytes);
        images = bytes_read(corpus->packed);
        if (kind == 1 || kind == 5) put(corpus, "gzip", name, images.bytes, images.size);
        free(images.bytes);
        free(labels.bytes);
        cf_set_free(set);
    }
}

/* What the compressed element at *at inflates to; moves on to the next. */
static Bytes inflate_element(const Bytes *file, size_t *at) {
    uint32_t tag[2];
    uLongf size = 1 << 16;
    Bytes out;
    memcpy(tag, file->bytes + *at, sizeof tag);
    must(memory_new(size, 1, &out.bytes));
    if (uncompress(out.bytes, &size, file->bytes + *at + 8, tag[1]) != Z_OK) abort();
    out.size = size;
    *at += 8 + tag[1];
    return out;
}

static void make_mat(const Corpus *corpus) {
    for (int channels = 1; channels <= 3; channels += 2) {
        char name[32];
        size_t at = 128;
        cf_set *set = make_set(channels, 3, 4);
        snprintf(name, sizeof name, "channels%d", channels);
        const char *path = corpus_path(corpus, "mat", name);
        must(mat_write(set, (const uint16_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, IMAGES, path));
        Bytes file = bytes_read(path), x = inflate_element(&file, &at), y = inflate_element(&file, &at);
        const unsigned char head[3] = {'U', (unsigned char)x.size, (unsigned char)(x.size >> 8)};
        snprintf(name, sizeof name, "inside%d", channels);
        put_joined(corpus, "mat", name, head, sizeof head, &x, &y);
        /* A matrix may stand there without compression, too. */
        snprintf(name, sizeof name, "plain%d", channels);
        put_joined(corpus, "mat", name, file.bytes, 128, &x, &y);
        free(x.bytes);
        free(y.bytes);
        free(file.bytes);
        cf_set_free(set);
    }
}

/* ---- Models ---- */

static const char *const two[] = {"a", "</script>"};

static void make_models(const Corpus *corpus) {
    static const char *const lines[] = {"dense classes",
                                        "conv 2 3x3 | bn | relu | maxpool 2 | dropout | dense classes"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        char name[32];
        cf_model *model;
        must(model_new(lines[i], (Shape){1, 4, 4}, two, 2, 1, &model));
        must(cf_model_save(model, corpus->images));
        snprintf(name, sizeof name, "model%zu", i);
        put_tensors(corpus, "safetensors", name, "", corpus->images);
        cf_model_free(model);
    }
}

/* A network of each word of the model line. */
static void make_onnx(const Corpus *corpus) {
    for (size_t i = 0; i < COUNT_OF(onnx_networks); i++) {
        cf_model *model;
        must(onnx_network_new(&onnx_networks[i], &model));
        must(cf_export_onnx(model, corpus_path(corpus, "onnx", onnx_networks[i].name), NULL));
        cf_model_free(model);
    }
    /* A graph of nodes as fuzz_onnx builds them: Conv, Relu, GlobalAveragePool, Flatten, Gemm. */
    static const unsigned char graph[] = {'g', 0, 2 | 1 << 3, 128, 0, 2,   4 << 3, 1,          1,   1, 1,  7, 1, 128,
                                          23,  1, 128,        27,  1, 128, 1,      3 | 1 << 3, 128, 6, 11, 8, 1, 1};
    put(corpus, "onnx", "graph", graph, sizeof graph);
}

static void make_checkpoints(const Corpus *corpus) {
    for (int k = 0; k < 4; k++) {
        char name[32];
        EpochRow rows[3] = {{1, 0.01, 2, 0.5, 1.5, 0.6, 1, 100}};
        FitState state = {.epoch = k & 1, .step = 2, .steps_done = 5, .best_epoch = k & 1, .rows = rows};
        const bool adam = k & 2;
        cf_model *model;
        Optimizer optimizer;
        must(model_new("dense classes", (Shape){1, 2, 2}, (const char *const[]){"a", "b"}, 2, 1, &model));
        const cf_train_options options = {.optimizer = adam ? CF_ADAM : CF_SGD, .momentum = 0.9};
        must(optimizer_new(&options, cpu_kernels(), &model->parameters, &optimizer));
        const Checkpoint checkpoint = {.model = model,
                                       .optimizer = &optimizer,
                                       .best = model->parameters.values,
                                       .state = &state,
                                       .epochs = 3,
                                       .settings = "model=tiny seed=1",
                                       .kernels = "plain"};
        must(checkpoint_write(corpus->images, &checkpoint, NULL));
        snprintf(name, sizeof name, "checkpoint%d", k);
        put_tensors(corpus, "checkpoint", name, adam ? "a" : "s", corpus->images);
        optimizer_free(&optimizer);
        cf_model_free(model);
    }
}

static void make_umap(const Corpus *corpus) {
    enum { N = 12, DIM = 3 };
    float values[N * DIM];
    Umap *umap;
    UmapOptions options = umap_options_defaults();
    for (int i = 0; i < N * DIM; i++) values[i] = (float)(i * i % 17);
    options.neighbors = 4;
    options.epochs = 5;
    options.init = UMAP_RANDOM;
    must(umap_fit(&(Points){values, N, DIM}, &options, &umap));
    must(umap_write(umap, corpus->images));
    put_tensors(corpus, "umap", "umap", "", corpus->images);
    umap_free(umap);
}

static void make_npy(const Corpus *corpus) {
    static const char *const kinds[] = {"<f4", "<f8", "|u1", "<i8", "<i4"};
    const float values[12] = {1, 2, 3};
    must(npy_write_rows(corpus_path(corpus, "npy", "rows"), values, 4, 3));
    const Bytes rows = bytes_read(corpus_path(corpus, "npy", "rows"));
    unsigned char archive[2 + 2 * 256] = "z\x0c"; /* halves, and the first is asked for */
    if (rows.size > 256) abort();
    for (size_t i = 0; i < 2; i++) memcpy(archive + 2 + i * rows.size, rows.bytes, rows.size);
    put(corpus, "npy", "two", archive, 2 + 2 * rows.size);
    archive[1] = 0;
    put(corpus, "npy", "one", archive, 2 + rows.size);
    free(rows.bytes);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        unsigned char file[10 + 118 + 6 * 8] = "\x93NUMPY\1\0\x76";
        char name[16];
        memset(file + 10, ' ', 117);
        file[127] = '\n';
        const int length =
            snprintf((char *)file + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (6,), }", kinds[k]);
        file[10 + length] = ' ';
        snprintf(name, sizeof name, "kind%zu", k);
        put(corpus, "npy", name, file, 128 + 6 * (size_t)(kinds[k][2] - '0'));
    }
}

/* ---- Texts ---- */

static void make_lines(const Corpus *corpus) {
    static const char *const tables[] = {"a,b,label\n1,2,x\n3,-4.5e3,\n\"5\",nan,\"y, \"\"z\"\"\"\n",
                                         "1;2;3\n4;5;-1\n6;7;0\n",
                                         "w\tlabel\r\n1e300\t9223372036854775807\r\n2\t-9223372036854775808\r\n",
                                         "y\ncat\n\ndog\n", "\xef\xbb\xbf" "16777217,16777218\n16777219,0.1\n", NULL};
    static const char *const lines[] = {
        "paper",
        "conv 32 3x3 | bn | relu | maxpool 2 | conv 64 3x3 | bn | leakyrelu 0.01 | maxpool 2 | dense 128 | relu | "
        "dense 10",
        "input 3x8x8 | conv 4 5 stride 2 pad 2 nobias | avgpool 2x1 stride 1 pad same | dropout 0.3 | dense 10 bias",
        "conv 10 1 pad valid | globalavgpool",
        "input 65535x1x1 | conv 65536 1024x1024 pad 512 | dense classes",
        "dense 1048576|dense 256|dense classes",
        "conv 4 3x3 | bn | relu | 2x( res( conv 4 3x3 | bn | relu | conv 4 3x3 | bn ) | relu ) | res( conv 6 3x3 "
        "stride 2 | bn "
        "| relu | conv 6 3x3 | bn ) as wide | relu6 | globalavgpool | dense classes",
        "conv 4 3x3 as a | silu | dwconv 3 pad tf | bn eps 0.001 | gelu | add a | se 2 | hardswish | groupnorm 2 | "
        "concat a | "
        "globalmaxpool | dense classes",
        "normalize 0.5 0.5 | patch 4 8 | position | 2x( res( layernorm | attention 2 ) | res( layernorm | conv 16 1 | "
        "gelu | "
        "conv 8 1 | droppath 0.2 ) ) | layernorm | globalavgpool | dense classes",
        "standardize | conv 4 3 groups 1 dilation 2 | instancenorm | sigmoid | head domain ( reverse 0.5 | "
        "globalavgpool | "
        "dense 2 ) | head other ( dense 3 bias ) | maxpool 2 | dropout 0.5 | dense 8 | bn | leakyrelu | dense classes",
        "res(res(res(relu|avgpool 2)as b)as c)|3x(2x(relu)|bn)|dense classes",
        "1000x(1000x(1000x(relu))) | dense classes",
        "((((((((((((((((((((res(relu",
        NULL};
    static const char *const augmentations[] = {
        "neighbours 0.4:0.9 p 0.5 | stroke -1:2 | aspect 0.5:2 | ink 0.1:1 0.3 | background",
        "shift 2 | rotate 10 reflect | scale 0.9:1.1 | shear -3:8 zero | cutout 8 p 0.5 | mixup 0.2",
        "cifar | randaugment 2 9",
        "crop 1 edge|flip 1|perspective 0.9|elastic 34 0.5|cutmix|mixup p 0.5",
        "mnist",
        "flip | shift 1 reflect | rotate 10",
        "none",
        "",
        NULL};
    static const char *const sets[] = {"hand",
                                       "street:blur=2:4,n=1000",
                                       "street:0.5,noise=0",
                                       "hand:n=1000,test=200,seed=7",
                                       "photos:size=96x64,most=32x32,fit=crop,broken=skip,n=5,test=0",
                                       "street:blur=0:2,size=16,fit=pad",
                                       "hand:frequencies=5/1/1/1/1/1/1/1/1/1",
                                       "hand:frequencies=street,10",
                                       "mnist,street:polarity=0.5",
                                       "mnist:n=500,test=20,a/b:c:test=0",
                                       "../../x,/etc/passwd",
                                       "generated",
                                       NULL};
    static const char *const class_lists[] = {"cat\ndog\nbird\n", "0\tcat\r\n2\tdog\r\n1\tT-shirt/top",
                                              "3\t3\n5\t5\n8\t8\n", "\xc3\xa9t\xc3\xa9\nb\nc\n\n", NULL};
    static const char *const splits[] = {"official\n1,2\n1:5,2:10", "at:50\n\n", "pooled\ncat,a:b,</script>\na:b:7",
                                         "at:1\n0, 1\n0:1", NULL};
    static const char *const figures[] = {
        "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 9 9\"><g id=\"g-0\"><use xlink:href=\"#g-0\"/></g><path "
        "clip-path=\"url(#c)\" style=\"fill:rgb(0%,0%,0%)\"/><text>a</text></svg>\n",
        "<svg><g a\"><script>alert(1)</script><g b\"/></svg>",
        "<svg><g a=\" onload=alert(1) b\"/><use href='javascript:alert(1)'/></svg>",
        "<svg><image href=\"data:image/png;base64,AAAA\"/><a href=\"#x\"/><rect onclick=\"x\" fill=\"url(http://x)\"/>"
        "<!-- --><style>*{}</style></svg>",
        "<svg><rect onclick=\"x\"/></svg>",
        "<svg><use href=\"#a\"/><rect fill=\"url(#b)\"/></svg>",
        NULL};
    static const char *const pages[] = {
        "<!DOCTYPE html><head><title>x</title><style>a{}</style></head><body><h1>r &lt;1&gt;</h1><p class=\"lead\">The model <em>m</em></p>"
        "<h2 id=\"a\">Scores</h2><table><caption>Of <b>each</b></caption><thead><tr><th>Class</th><th class=\"n\">F1</th></tr></thead><tbody>"
        "<tr class=\"best\"><th>a|b<small>of 5</small></th><td class=\"n\">0.5</td></tr><tr><th colspan=\"2\">all</th></tr></tbody></table>"
        "<h3>Split</h3><dl class=\"pairs\"><div><dt>mode</dt><dd>at<small>5</small></dd></div></dl><pre><code>a | b\nc</code></pre><ul><li>x"
        "</li></ul></body>",
        "<h1>t</h1><h2>Figures</h2><figure><svg viewBox=\"0 0 9 9\"><defs><symbol id=\"g\"><path d=\"M 1 1 L 2 2 C 1 2 3 4 5 6 Z\"/></symbol>"
        "</defs><g style=\"fill:rgb(10%,20%,30%);stroke-dasharray:1,2;\" transform=\"matrix(1,0,0,1,2,3) rotate(5)\"><use xlink:href=\"#g\" "
        "x=\"1\" y=\"2\"/></g><rect width=\"3\" height=\"2\" fill=\"none\" stroke=\"#ff0000\"/><circle r=\"2\"/><text x=\"1\" "
        "font-size=\"3\" text-anchor=\"end\">a &amp; b</text></svg><figcaption>One</figcaption></figure>"
        "<script>if (a < b) x = '</p>';</script><p class=\"screen\">no</p><p hidden>no</p><dialog><p>no</p></dialog><p>1. yes</p>",
        "<h1>t</h1><figure><svg viewBox=\"0 0 5 5\"><g id=\"a\"><use href=\"#a\"/></g></svg></figure>",
        "<h1>t</h1><table><tr><td>1<table><dl><small>", NULL};
    put_texts(corpus, "document", pages);
    put_texts(corpus, "svg", figures);
    put_texts(corpus, "csv", tables);
    put_texts(corpus, "model_line", lines);
    put_texts(corpus, "augment", augmentations);
    put_texts(corpus, "data_text", sets);
    put_texts(corpus, "split", splits);
    put_texts(corpus, "class_list", class_lists);
}

/* Each line is nine times the one before: a reader that follows aliases runs out of memory. */
#define LAUGHS                                                                                                         \
    "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"                                  \
    "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n"                         \
    "data: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nparameters: *e\n"

static void make_yaml(const Corpus *corpus) {
    static const char *const recipes[] = {
        "data: [../../x, '</script><script>']\nfeatures: null\nimbalance: null\ngrid: none\n",
        "data: &x [hand, street]\nimbalance: {classes: *x, cases: *x}\n",
        "train: {epochs: 3, lr: 1e-3, optimizer: adamw, seed: 7, schedule: cosine}\nsplit: at:100\nimages: 500\n",
        LAUGHS,
        "data: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        NULL};
    static const char *const claims[] = {
        "split: pooled\nsets: [{key: a, name: A, images: [1, 2]}, {key: b, name: B}]\nclaims:\n"
        "  - {section: '1', what: loss, runs: cross.a-on-b, part: validation, path: loss, reported: 0.5, sense: less, condition: all}\n"
        "  - {what: '{1}, {2}', each: attention.*.*, runs: 'attention.{1}.{2}', against: 'attention.{1}.^', path: accuracy, id: '{2}'}\n"
        "  - {what: focal loss, id: focal, unless: [remedies.*.*.focal, '*.*.*.*'], remark: none, detail: true}\n",
        NULL};
    static const char *const spaces[] = {
        "model: conv {width} 3x3 | bn | {activation} | maxpool 2 | dense classes\nparameters:\n"
        "  - name: optimizer\n    values: [sgd, adam]\n  - name: lr\n    log: [0.0001, 0.1]\n"
        "  - name: width\n    values: [16, 32]\n  - name: activation\n    values: [relu, leakyrelu]\n",
        "parameters:\n  - {name: batch, integer: [8, 64]}\n  - {name: momentum, uniform: [0, 0.9]}\n",
        "parameters:\n  - {name: batch, values: [8, 64]}\n  - {name: schedule, values: [constant, cosine]}\n", LAUGHS,
        NULL};
    for (const EmbeddedFile *f = recipe_files; f->name; f++)
        put(corpus, "recipe", f->name, f->text, strlen((const char *)f->text));
    put_texts(corpus, "recipe", recipes);
    put_texts(corpus, "recipe", claims);
    put_texts(corpus, "space", spaces);
}

static void put_json(const Corpus *corpus, const char *target, const char *name, json_t *json) {
    must(json_write(corpus_path(corpus, target, name), json));
    json_decref(json);
}

static void make_json(const Corpus *corpus) {
    Space space;
    RunConfig config;
    json_t *json;
    must(space_paper(&space));
    must(space_json(&space, &json));
    put_json(corpus, "space", "paper", json);
    space_free(&space);
    must(run_config_new(&config));
    must(run_config_text(&config.data, "hand:n=100"));
    must(run_config_json(&config, &json));
    put_json(corpus, "config", "defaults", json);
    config.split.mode = CF_SPLIT_AT;
    config.split.at = 50;
    must(run_config_text((char **)(uintptr_t)&config.split.classes, "1,2"));
    must(run_config_json(&config, &json));
    put_json(corpus, "config", "at", json);
    run_config_free(&config);
}

/* ---- A run ---- */

static void make_run(const Corpus *corpus) {
    static const char *const names[] = {"metrics.json", "config.json", "history.csv", "predictions.csv"};
    RunConfig config;
    Run *run;
    Bytes all = {NULL, 0};
    must(run_config_new(&config));
    must(run_config_text(&config.data, CORPUS_SET));
    must(run_config_text(&config.model, "dense classes"));
    config.train.epochs = 2;
    config.train.threads = 1;
    must(run_prepare(&config, NULL, &run));
    must(run_start(run, corpus->run, false));
    must(run_train(run, false, NULL, NULL));
    must(run_evaluate_test(run));
    run_free(run);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *path;
        must(file_join(corpus->run, names[i], &path));
        const Bytes file = bytes_read(path);
        all.bytes = realloc(all.bytes, all.size + file.size + 1);
        if (!all.bytes) abort();
        memcpy(all.bytes + all.size, file.bytes, file.size);
        all.size += file.size;
        if (i == 0) put(corpus, "report", "metrics", all.bytes, all.size);
        if (i == 0 || i == 2) put(corpus, "config", names[i], file.bytes, i == 0 ? 0 : file.size);
        all.bytes[all.size++] = 0;
        free(file.bytes);
        free(path);
    }
    put(corpus, "report", "run", all.bytes, all.size - 1);
    free(all.bytes);
}

int main(int argc, char **argv) {
    Corpus corpus = {.folder = argv[1]};
    if (argc != 2) {
        fprintf(stderr, "usage: make_corpus OUT\n");
        return 2;
    }
    must(file_make_folder(corpus.folder));
    must(file_join(corpus.folder, ".images", &corpus.images));
    must(file_join(corpus.folder, ".images.gz", &corpus.packed));
    must(file_join(corpus.folder, ".labels", &corpus.labels));
    must(file_join(corpus.folder, ".run", &corpus.run));
    char *scratch[] = {corpus.images, corpus.packed, corpus.labels, corpus.run};
    must(file_remove_tree(corpus.run));
    make_idx(&corpus);
    make_mat(&corpus);
    make_pictures(&corpus);
    make_models(&corpus);
    make_checkpoints(&corpus);
    make_umap(&corpus);
    make_npy(&corpus);
    make_lines(&corpus);
    make_yaml(&corpus);
    make_json(&corpus);
    make_run(&corpus);
    make_study(&corpus);
    make_downloads(&corpus);
    make_weights(&corpus);
    make_onnx(&corpus);
    make_store(&corpus);
    for (size_t i = 0; i < COUNT_OF(scratch); i++) {
        must(file_remove_tree(scratch[i]));
        free(scratch[i]);
    }
    return 0;
}
