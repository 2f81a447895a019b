/* The corpus of fuzz_pth: pickles with what each opcode is for, and an archive. And floats of other widths for fuzz_safetensors. */
#include "make_corpus.h"
#include "pth_making.h"

#define MATRIX PTH_VIEW(PTH_STORAGE("Float", "0", "\x10"), "\1", "(K\2K\3t", "(K\3K\1t")
#define TURNED PTH_VIEW(PTH_STORAGE("Half", "1", "\x0c"), "\0", "K\4K\3\x86", "K\1K\4\x86")
#define VALUE  PTH_VIEW(PTH_STORAGE("Float", "0", "\x10"), "\7", ")", ")")

/* A training's state: numbers of each kind, a list, a parameter; the memo; _metadata by BUILD; long numbers. */
static const char training[] = "\x80\x02}q\0(" PTH_NAME1("n") "M\1\2" PTH_NAME1("f") "G\0\0\0\0\0\0\0\0" PTH_NAME1(
    "l") "](K\1J\xff\xff\xff\xff\x8a\2\0\1N\x88"
         "e" PTH_NAME1("m") "]K\1aX\x0a\0\0\0state_dictccollections\nOrderedDict\nr\1\0\0\0)Rq\2(X\x10\0\0\0module._"
                            "bn0.biasq\3" MATRIX
                            "X\x19\0\0\0blocks.1.0.conv_pw.weightctorch._utils\n_rebuild_parameter\n(" TURNED
                            "\x88h\1)Rt"
                            "R" PTH_NAME1("k") "j\3\0\0\0" PTH_NAME1("z") VALUE "u}" PTH_NAME1("v") "K\1sbu.";

void make_weights(const Corpus *corpus) {
    static const struct {
        const char *bytes;
        size_t size;
    } pickles[] = {
        {PTH_DICT PTH_NAME1("a") MATRIX PTH_NAME6("fc.bia") VALUE PTH_NAME1("t") TURNED PTH_END,
         sizeof(PTH_DICT PTH_NAME1("a") MATRIX PTH_NAME6("fc.bia") VALUE PTH_NAME1("t") TURNED PTH_END) - 1},
        {training, sizeof training - 1},
        {"\x80\x02}" PTH_NAME1("a") MATRIX "s.", sizeof("\x80\x02}" PTH_NAME1("a") MATRIX "s.") - 1},
    };
    static const char header[] =
        "{\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"BF16\","
        "\"shape\":[1,2],\"data_offsets\":[4,8]},\"d\":{\"dtype\":\"F64\",\"shape\":[1],"
        "\"data_offsets\":[8,16]},\"e\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[8,16]}}"
        "\0"
        "0123456789abcdef";
    unsigned char file[8192];
    for (int i = 0; i < 3; i++) {
        const char name[] = {'p', (char)('0' + i), 0};
        put(corpus, "pth", name, pickles[i].bytes, pickles[i].size);
    }
    put(corpus, "pth", "zip", file, pth_make(training, sizeof training - 1, file));
    put(corpus, "safetensors", "widths", header, sizeof header - 1);
}
