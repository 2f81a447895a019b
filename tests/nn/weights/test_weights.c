/* Names of tensors as others write them; a file of torch.save beside what PyTorch says it holds; pickles and archives that are
 * broken or mean harm. */
#include "testing.h"

#include "base/memory.h"
#include "nn/model.h"
#include "nn/weights/weights_read.h"
#include "pth_making.h"

#include <stdio.h>

static LayerList layers_of(const char *line) {
    LayerList layers;
    assert_ok(model_line_parse(line, (Shape){3, 224, 224}, 1000, &layers));
    return layers;
}

/* ---- Names ---- */

enum { MOST = 400 };

typedef struct Names {
    char all[MOST][96];
    size_t count;
} Names;

static void add_name(Names *names, const char *layer, const char *what) {
    assert_true(names->count < MOST);
    snprintf(names->all[names->count++], sizeof names->all[0], "%s.%s", layer, what);
}

static void add_conv(Names *names, const char *layer) {
    add_name(names, layer, "weight");
}

static void add_norm(Names *names, const char *layer) {
    static const char *const what[] = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
    for (int i = 0; i < 5; i++) add_name(names, layer, what[i]);
}

/* Reads a file with these names, each of one value. */
static cf_status read_named(const Names *names, const LayerList *layers, StoredFile *file) {
    static const float one = 1;
    StoredTensor tensors[MOST] = {0};
    const char *path = path_in(scratch_folder(), "named.safetensors");
    for (size_t i = 0; i < names->count; i++)
        tensors[i] = (StoredTensor){.name = names->all[i], .count = 1, .values = &one};
    assert_ok(safetensors_write(path, tensors, names->count, NULL, 0));
    return weights_read(path, layers, file);
}

/* timm's tf_efficientnet_lite0: stages of blocks. */
static void list_timm(Names *names) {
    static const int repeats[] = {1, 2, 2, 3, 3, 4, 1};
    static const char *const parts[2][6] = {{"conv_dw", "bn1", "conv_pw", "bn2"},
                                            {"conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"}};
    char layer[64];
    add_conv(names, "conv_stem");
    add_norm(names, "bn1");
    for (int stage = 0; stage < 7; stage++)
        for (int block = 0; block < repeats[stage]; block++)
            for (int part = 0; part < 6 && parts[stage > 0][part]; part++) {
                snprintf(layer, sizeof layer, "blocks.%d.%d.%s", stage, block, parts[stage > 0][part]);
                if (part % 2)
                    add_norm(names, layer);
                else
                    add_conv(names, layer);
            }
    add_conv(names, "conv_head");
    add_norm(names, "bn2");
    add_name(names, "classifier", "weight");
    add_name(names, "classifier", "bias");
}

static void timm_names_are_all_mapped(void **state) {
    (void)state;
    static Names names;
    LayerList layers = layers_of("efficientnet-lite0");
    Parameters layout;
    StoredFile file;
    list_timm(&names);
    assert_int_equal(names.count, 296);
    assert_ok(read_named(&names, &layers, &file));
    assert_ok(parameters_layout(&layers, &layout));
    for (int i = 0; i < layout.count; i++) assert_non_null(safetensors_find(&file, layout.table[i].name));
    assert_int_equal(layout.count + 49, file.tensor_count); /* 49 norms have counters */
    assert_string_equal(file.tensors[0].name, "_conv_stem.weight");
    assert_non_null(safetensors_find(&file, "_blocks.14._bn2.num_batches_tracked"));
    parameters_free(&layout);
    safetensors_free(&file);
    layer_list_free(&layers);
}

/* MobileNetV3-small of torchvision (timm 0) or timm (1), as its state lists it. */
static void list_mobile(Names *names, int timm) {
    static const char *const at[] = {"0.0", "1.0", "1.1", "2.0", "2.1", "2.2", "3.0", "3.1", "4.0", "4.1", "4.2"};
    static const char *const parts[2][6] = {{"conv_dw", "bn1", "conv_pw", "bn2"},
                                            {"conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"}};
    char layer[64];
    add_conv(names, timm ? "conv_stem" : "features.0.0");
    add_norm(names, timm ? "bn1" : "features.0.1");
    for (int block = 0; block < 11; block++)
        for (int part = 0; part < 6 && parts[block > 0][part]; part++) {
            const bool gated = block != 1 && block != 2, last = part / 2 == (block ? 2 : 1);
            if (timm)
                snprintf(layer, sizeof layer, "blocks.%s.%s", at[block], parts[block > 0][part]);
            else
                snprintf(layer, sizeof layer, "features.%d.block.%d.%d", block + 1, part / 2 + (gated && last),
                         part % 2);
            if (part % 2)
                add_norm(names, layer);
            else
                add_conv(names, layer);
        }
    add_conv(names, timm ? "blocks.5.0.conv" : "features.12.0");
    add_norm(names, timm ? "blocks.5.0.bn1" : "features.12.1");
}

/* Both list their convolutions and norms in the order of the network, and so do the layers here. */
static void mobilenets_convolutions_and_norms_fit(void **state) {
    (void)state;
    LayerList layers = layers_of("mobilenet-small");
    for (int timm = 0; timm < 2; timm++) {
        static Names names;
        StoredFile file;
        size_t t = 0;
        names.count = 0;
        list_mobile(&names, timm);
        assert_int_equal(names.count, 34 + 34 * 5);
        assert_ok(read_named(&names, &layers, &file));
        for (int i = 0; i < layers.count; i++) {
            char name[96];
            if (!layer_is_conv(&layers.layers[i]) && layers.layers[i].type != &bn_type) continue;
            snprintf(name, sizeof name, "%s.weight", layers.layers[i].name);
            assert_string_equal(file.tensors[t].name, name);
            t += layer_is_conv(&layers.layers[i]) ? 1 : 5;
        }
        assert_int_equal(t, file.tensor_count);
        safetensors_free(&file);
    }
    layer_list_free(&layers);
}

/* Each name alone, so that the order of a file's tensors does not matter. */
static void check_names(const char *line, const char *const (*cases)[2], size_t count) {
    LayerList layers = layers_of(line);
    for (size_t i = 0; i < count; i++) {
        static Names names;
        StoredFile file;
        names.count = 1;
        snprintf(names.all[0], sizeof names.all[0], "%s", cases[i][0]);
        assert_ok(read_named(&names, &layers, &file));
        assert_string_equal(file.tensors[0].name, cases[i][1]);
        assert_ptr_equal(safetensors_find(&file, cases[i][1]), file.tensors);
        safetensors_free(&file);
    }
    layer_list_free(&layers);
}

static void wrappers_are_taken_off(void **state) {
    (void)state;
    static const char *const resnet[][2] = {
        {"layer2.0.downsample.1.running_var", "layer2.0.downsample.1.running_var"},
        {"module.fc.weight", "fc.weight"},
        {"model._orig_mod.layer1.0.conv1.weight", "layer1.0.conv1.weight"},
        {"module.backbone.bn1.num_batches_tracked", "bn1.num_batches_tracked"},
        {"net.conv1.weight", "conv1.weight"},
        {"module.head.weight", "module.head.weight"},
        {"conv_stem.weight", "conv_stem.weight"}, /* a rule for another network */
        {"xmodule.fc.weight", "xmodule.fc.weight"},
        {"module.", "module."},
        {"module.module.module.module.module.module.module.fc.weight",
         "module.module.module.module.module.module.module.fc.weight"},
    };
    static const char *const lite[][2] = {
        {"model.blocks.3.1.conv_pwl.weight", "_blocks.6._project_conv.weight"},
        {"bn1.bias", "_bn0.bias"},
        {"_bn1.bias", "_bn1.bias"},
        {"blocks.7.0.conv_pwl.weight", "blocks.7.0.conv_pwl.weight"},
    };
    check_names("resnet18", resnet, COUNT_OF(resnet));
    check_names("efficientnet-lite0", lite, COUNT_OF(lite));
}

static void two_tensors_of_one_name_are_refused(void **state) {
    (void)state;
    static Names names = {.all = {"module.fc.weight", "model.fc.weight"}, .count = 2};
    LayerList layers = layers_of("resnet18");
    StoredFile file;
    assert_fails(read_named(&names, &layers, &file), CF_BAD_INPUT, "two tensors have the name \"fc.weight\"");
    layer_list_free(&layers);
}

/* ---- A file of torch.save ---- */

static const char *golden(const char *name) {
    return path_in(path_in(getenv("CIFRA_SOURCE"), "tests/golden"), name);
}

static void a_checkpoint_holds_what_pytorch_says(void **state) {
    (void)state;
    LayerList layers = layers_of("paper"); /* has the names without "module." */
    StoredFile file, right;
    assert_ok(weights_read(golden("checkpoint.pth"), &layers, &file));
    assert_ok(weights_read(golden("checkpoint.safetensors"), &layers, &right));
    assert_int_equal(right.tensor_count, 18);
    assert_int_equal(file.tensor_count, right.tensor_count + 1);
    for (size_t t = 0; t < right.tensor_count; t++) {
        const StoredTensor *wanted = &right.tensors[t], *got = safetensors_find(&file, wanted->name);
        assert_non_null(got);
        assert_int_equal(got->dims, wanted->dims);
        assert_memory_equal(got->shape, wanted->shape, sizeof got->shape);
        if (got->count) assert_memory_equal(got->values, wanted->values, got->count * sizeof(float));
    }
    assert_string_equal(file.tensors[0].name, "conv1.weight"); /* the dictionary's order */
    assert_string_equal(safetensors_find(&file, "half")->type, "F16");
    const StoredTensor *counter = safetensors_find(&file, "bn1.num_batches_tracked");
    assert_string_equal(counter->type, "I64");
    assert_null(counter->values);
    safetensors_free(&file);
    safetensors_free(&right);
    layer_list_free(&layers);
}

/* ---- By hand ---- */

static cf_status read_pth(const void *pickle, size_t size, StoredFile *file) {
    unsigned char bytes[65536];
    LayerList layers = layers_of("linear");
    const char *path = path_in(scratch_folder(), "hand.bin"); /* the name says nothing */
    assert_true(size + 4096 < sizeof bytes);
    write_bytes(path, bytes, pth_make(pickle, size, bytes));
    const cf_status status = weights_read(path, &layers, file);
    layer_list_free(&layers);
    return status;
}

#define FLOATS PTH_STORAGE("Float", "0", "\x10")
#define HALVES PTH_STORAGE("Half", "1", "\x0c")
#define VALUE  PTH_VIEW(FLOATS, "\7", ")", ")")
#define GOOD                                                                                                           \
    PTH_DICT PTH_NAME1("m") PTH_VIEW(FLOATS, "\1", "K\2K\3\x86", "K\3K\1\x86") PTH_NAME1("t")                          \
        PTH_VIEW(HALVES, "\0", "(K\4K\3t", "(K\1K\4t") PTH_NAME1("v") VALUE PTH_END

static void views_are_copied_right(void **state) {
    (void)state;
    static const float matrix[] = {2, 3, 4, 5, 6, 7}, turned[] = {1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12};
    StoredFile file;
    assert_ok(read_pth(GOOD, sizeof GOOD - 1, &file));
    assert_int_equal(file.tensor_count, 3);
    assert_memory_equal(safetensors_find(&file, "m")->values, matrix, sizeof matrix);
    assert_memory_equal(safetensors_find(&file, "t")->values, turned, sizeof turned);
    assert_true(*safetensors_find(&file, "v")->values == 8);
    safetensors_free(&file);
}

#define CASE(message, bytes)                                                                                           \
    { message, bytes, sizeof(bytes) - 1 }
/* A tensor "a" in a dictionary. */
#define TENSOR(storage, offset, shape, strides)                                                                        \
    PTH_DICT PTH_NAME1("a") "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset shape strides "\x89NtR" PTH_END

static void hostile_pickles(void **state) {
    (void)state;
    static const struct {
        const char *message, *bytes;
        size_t size;
    } cases[] = {
        CASE("the pickle asks for os.system; only dictionaries of tensors are read and nothing is run (in PyTorch: "
             "torch.save(model.state_dict(), FILE)), at byte 2 of data.pkl",
             "\x80\2cos\nsystem\nX\4\0\0\0true\x85R."),
        CASE("asks for posix.system;", PTH_DICT PTH_NAME1("a") "cposix\nsystem\nX\4\0\0\0true\x85R" PTH_END),
        CASE("asks for builtins.eval;", "\x80\2cbuiltins\neval\n."),
        CASE("asks for torch.ComplexFloatStorage;", TENSOR(PTH_STORAGE("ComplexFloat", "0", "\x10"), "K\0", ")", ")")),
        CASE("the opcode STACK_GLOBAL is none", "\x80\2X\2\0\0\0osX\6\0\0\0system\x93."),
        CASE("the opcode INST is none", "\x80\2(ios\nsystem\n."),
        CASE("the opcode OBJ is none that a dictionary of tensors needs, at byte 28 of",
             "\x80\2(ccollections\nOrderedDict\no."),
        CASE("the opcode NEWOBJ is none", "\x80\2ccollections\nOrderedDict\n)\x81."),
        CASE("the opcode 0xff is none", "\x80\2\xff"),
        CASE("protocol 2 of pickle was expected, found 4, at byte 0", "\x80\4}."),
        CASE("the pickle is cut short, at byte 3", "\x80\2}"),
        CASE("the pickle is cut short, at byte 0", ""),
        CASE("is no dictionary of tensors", "\x80\2)."),
        CASE("is no dictionary of tensors", "\x80\2}}."),
        CASE("found 0", "\x80\2}."),
        CASE("found 0", "\x80\2}q\0X\5\0\0\0modelh\0s."), /* a dictionary that holds itself */
        CASE("found 0", "\x80\2}q\0X\5\0\0\0model}q\1X\5\0\0\0modelh\0ss."),
        CASE("a list was expected", "\x80\2}N\x61."),
        CASE("a dictionary was expected", "\x80\2]NNs."),
        CASE("a dictionary was expected", "\x80\2]}b."),
        CASE("no value to be taken", "\x80\2s."),
        CASE("no value to be taken", "\x80\2(q\0."),
        CASE("the stack has no mark", "\x80\2}u."),
        CASE("a key without a value", "\x80\2}(Nu."),
        CASE("place 1 of the memo is empty", "\x80\2h\1."),
        CASE("place 4294967295 of the memo is empty", "\x80\2j\xff\xff\xff\xff."),
        CASE("place 4294967295 of the memo is beyond", "\x80\2Nr\xff\xff\xff\xff."),
        CASE("a text of 4294967295 bytes ends behind", "\x80\2X\xff\xff\xff\xffx."),
        CASE("a number ends behind the pickle", "\x80\2\x8a\x09."),
        CASE("a name has no end", "\x80\2cos."),
        CASE("the name of a function", "\x80\2NNR."),
        CASE("the name of a function", "\x80\2ccollections\nOrderedDict\nNR."),
        CASE("expected to begin empty", "\x80\2ccollections\nOrderedDict\nN\x85R."),
        CASE("torch.FloatStorage is no function", "\x80\2ctorch\nFloatStorage\n)R."),
        CASE("a storage's type, key", "\x80\2)Q."),
        CASE("a storage's type, key", "\x80\2K\7Q."),
        CASE("a storage's type, key", "\x80\2(X\0\0\0\0ccollections\nOrderedDict\nX\0\0\0\0X\0\0\0\0K\1tQ."),
        CASE("a storage's type, key", "\x80\2(X\0\0\0\0ctorch\nFloatStorage\nX\0\0\0\0X\0\0\0\0J\xff\xff\xff\xfftQ."),
        CASE("a tensor's storage, offset", TENSOR("N", "K\0", ")", ")")),
        CASE("a parameter's tensor", "\x80\2ctorch._utils\n_rebuild_parameter\nN\x85R."),
        CASE("tensor \"a\": an offset from 0", TENSOR(FLOATS, "J\xff\xff\xff\xff", ")", ")")),
        CASE("tensor \"a\": an offset from 0 and as many strides as sizes", TENSOR(FLOATS, "K\0", "K\1\x85", ")")),
        CASE("at most 8, were expected",
             TENSOR(FLOATS, "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t")),
        CASE("tensor \"a\": sizes and strides must be whole",
             TENSOR(FLOATS, "K\0", "J\xfe\xff\xff\xff\x85", "K\1\x85")),
        CASE("tensor \"a\": sizes and strides must be whole",
             TENSOR(FLOATS, "K\0", "K\1\x85", "J\xff\xff\xff\xff\x85")),
        CASE("tensor \"a\": sizes and strides must be whole", TENSOR(FLOATS, "K\0", "N\x85", "K\1\x85")),
        CASE("view of shape [2], strides [1] from value 15 on does not lie once in a storage of 16",
             TENSOR(FLOATS, "K\x0f", "K\2\x85", "K\1\x85")),
        CASE("from value 9223372036854775807 on", TENSOR(FLOATS, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", ")", ")")),
        CASE("does not lie once", TENSOR(FLOATS, "K\1", "K\3\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85")),
        CASE("does not lie once",
             TENSOR(FLOATS, "K\0", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87", "K\0K\0K\0\x87")),
        CASE("shape [5, 5], strides [0, 1]", TENSOR(FLOATS, "K\0", "K\5K\5\x86", "K\0K\1\x86")),
        CASE("shape [17], strides [0]", TENSOR(FLOATS, "K\0", "K\x11\x85", "K\0\x85")),
        CASE("does not lie once", TENSOR(FLOATS, "K\x11", "K\0\x85", "K\1\x85")),
        CASE("the entry x/data/2, its values, is missing", TENSOR(PTH_STORAGE("Float", "2", "\x10"), "K\0", ")", ")")),
        CASE("the entry x/data/0 has 64 bytes, and 17 values of F32",
             TENSOR(PTH_STORAGE("Float", "0", "\x11"), "K\0", ")", ")")),
        CASE("the entry x/data/0 has 64 bytes, and 16 values of F64",
             TENSOR(PTH_STORAGE("Double", "0", "\x10"), "K\0", ")", ")")),
        CASE("the name of a tensor", PTH_DICT PTH_NAME1("\x1b") VALUE PTH_END),
        CASE("the name of a tensor", PTH_DICT PTH_NAME1("\0") VALUE PTH_END),
        CASE("the name of a tensor", PTH_DICT "X\0\0\0\0" VALUE PTH_END),
        CASE("two tensors have the name \"a\"", PTH_DICT PTH_NAME1("a") VALUE PTH_NAME1("a") VALUE PTH_END),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        StoredFile file = {0};
        assert_fails(read_pth(cases[i].bytes, cases[i].size, &file), CF_BAD_INPUT, cases[i].message);
        assert_null(file.bytes);
    }
}

/* Views of one storage over and over, each of which is a copy. */
static void copies_are_bounded(void **state) {
    (void)state;
    static const char view[] = PTH_VIEW(HALVES, "\0", "K\x0c\x85", "K\1\x85");
    char pickle[60000] = PTH_DICT;
    size_t used = sizeof PTH_DICT - 1;
    StoredFile file = {0};
    /* The first is spelt out and remembered, the others are three bytes and a name each. */
    for (int i = 0; i < 3000; i++) {
        memcpy(pickle + used, "X\4\0\0\0", 5);
        used += 5 + (size_t)snprintf(pickle + used + 5, 5, "%04d", i);
        memcpy(pickle + used, i ? "h\0" : view, i ? 2 : sizeof view - 1);
        used += i ? 2 : sizeof view - 1;
        if (i) continue;
        memcpy(pickle + used, "q\0", 2);
        used += 2;
    }
    memcpy(pickle + used, PTH_END, 2);
    assert_fails(read_pth(pickle, used + 2, &file), CF_BAD_INPUT, "would take more memory than the file");
}

static void every_cut_is_refused(void **state) {
    (void)state;
    unsigned char bytes[8192];
    LayerList layers = layers_of("linear");
    const char *path = path_in(scratch_folder(), "cut.pth");
    const size_t size = pth_make(GOOD, sizeof GOOD - 1, bytes);
    StoredFile file = {0};
    for (size_t cut = 0; cut < size; cut++) {
        write_bytes(path, bytes, cut);
        assert_fails(weights_read(path, &layers, &file), CF_BAD_INPUT, "");
    }
    for (size_t cut = 0; cut < sizeof GOOD - 1; cut++)
        assert_fails(read_pth(GOOD, cut, &file), CF_BAD_INPUT, "of data.pkl");
    layer_list_free(&layers);
}

/* ---- Archives ---- */

enum { ENTRY = 46 }; /* bytes of a line of the directory, without its name */

/* What is changed: `bytes` at `at` of the entry's line in the directory (of 0 to 3: pickle, byteorder, storages), or of the end
 * (entry -1). */
static void hostile_archives(void **state) {
    (void)state;
    static const struct {
        const char *message;
        int entry, at;
        const char *bytes;
        size_t size;
    } cases[] = {
        {"is compressed; entries that are stored", 2, 10, "\x08\0", 2},
        {"is encrypted", 0, 8, "\1", 1},
        {"is damaged: the entry \"x/data/0\" has the CRC-32", 2, 16, "\0\0\0\0", 4},
        {"is damaged: the entry \"x/data.pkl\" has the CRC-32", 0, 16, "\0\0\0\0", 4},
        {"overlap at byte", 2, 20, "\x50\0\0\0\x50\0\0\0", 8},
        {"overlap at byte", 0, 20, "\0\2\0\0\0\2\0\0", 8},
        {"do not lie in front of the directory", 3, 20, "\x40\0\0\0\x40\0\0\0", 8},
        {"do not lie in front of the directory", 0, 20, "\xfe\xff\xff\xff\xfe\xff\xff\xff", 8},
        {"its header was expected at byte 4294967294", 1, 42, "\xfe\xff\xff\xff", 4},
        {"its header was expected at byte 1", 1, 42, "\1\0\0\0", 4},
        {"has another name at byte 0", 1, 42, "\0\0\0\0", 4},
        {"has another name", 3, ENTRY + 7, "2", 1},
        {"is cut short", 3, 30, "\xff\xff", 2},
        {"an entry of the directory was expected", 1, 0, "Q", 1},
        {"do not stand in an extra field of zip64", 2, 24, "\xff\xff\xff\xff", 4},
        {"an entry of the directory was expected", -1, 10, "\5\0", 2},
        {"the locator of zip64 was expected", -1, 10, "\xff\xff", 2},
        {"the directory of 16777216 bytes at byte", -1, 12, "\0\0\0\1", 4},
        {"an entry of the directory was expected", -1, 16, "\0\0\0\0", 4},
        {"the end of a directory was expected", -1, 20, "\1", 1},
    };
    LayerList layers = layers_of("linear");
    const char *path = path_in(scratch_folder(), "hostile.pth");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned char bytes[8192];
        const size_t size = pth_make(GOOD, sizeof GOOD - 1, bytes);
        unsigned char *place = bytes + size - 22;
        for (int entry = 3; entry >= cases[i].entry && cases[i].entry >= 0; entry--) {
            static const char *const names[] = {"x/data.pkl", "x/byteorder", "x/data/0", "x/data/1"};
            place -= (size_t)ENTRY + strlen(names[entry]);
        }
        StoredFile file = {0};
        memcpy(place + cases[i].at, cases[i].bytes, cases[i].size);
        write_bytes(path, bytes, size);
        assert_fails(weights_read(path, &layers, &file), CF_BAD_INPUT, cases[i].message);
    }
    layer_list_free(&layers);
}

/* Archives that are sound, and no checkpoints; and what is no archive. */
static void other_files(void **state) {
    (void)state;
    static const char pickle[] = "\x80\2}.", old[] = "\x80\2\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.";
    static const struct {
        const char *message;
        PthEntry entries[3];
        size_t count;
    } cases[] = {
        {"zip archive without a data.pkl", {{"x/other", pickle, 4}}, 1},
        {"zip archive without a data.pkl", {{"data.pkl", pickle, 4}}, 1},
        {"its numbers are big-endian", {{"x/data.pkl", pickle, 4}, {"x/byteorder", "big", 3}}, 2},
        {"two entries have the name \"x/data.pkl\"", {{"x/data.pkl", pickle, 4}, {"x/data.pkl", pickle, 4}}, 2},
        {"found 0", {{"x/data.pkl", pickle, 4}}, 1},
    };
    LayerList layers = layers_of("linear");
    StoredFile file = {0};
    unsigned char bytes[2048];
    const char *path = path_in(scratch_folder(), "other.pth");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        write_bytes(path, bytes, pth_zip(cases[i].entries, cases[i].count, bytes));
        assert_fails(weights_read(path, &layers, &file), CF_BAD_INPUT, cases[i].message);
    }
    write_bytes(path, old, sizeof old - 1);
    assert_fails(weights_read(path, &layers, &file), CF_BAD_INPUT, "a bare pickle, as PyTorch before version 1.6");
    write_bytes(path, "\x89HDF\r\n\x1a\n", 8);
    assert_fails(weights_read(path, &layers, &file), CF_BAD_INPUT, "is no safetensors file");
    assert_fails(weights_read(path_in(scratch_folder(), "none"), &layers, &file), CF_IO, "No such file");
    layer_list_free(&layers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timm_names_are_all_mapped),
        cmocka_unit_test(mobilenets_convolutions_and_norms_fit),
        cmocka_unit_test(wrappers_are_taken_off),
        cmocka_unit_test(two_tensors_of_one_name_are_refused),
        cmocka_unit_test(a_checkpoint_holds_what_pytorch_says),
        cmocka_unit_test(views_are_copied_right),
        cmocka_unit_test(hostile_pickles),
        cmocka_unit_test(copies_are_bounded),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(hostile_archives),
        cmocka_unit_test(other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
