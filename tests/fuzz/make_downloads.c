/* Mirrors files, and downloads: the right content in all the forms that a server may send, and wrong ones. */
#include "make_corpus.h"

#include "base/memory.h"
#include "data/packing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MD5    "0123456789abcdef0123456789ABCDEF"
#define SHA256 MD5 MD5

static void make_mirrors(const Corpus *corpus) {
    static const char *const texts[] = {
        "only: true\nsets:\n  - name: mnist\n    mirrors: [http://files.lab.example/mnist/, https://a/{set}]\n",
        "sets:\n  - name: lab-digits\n    folder: digits\n    mirrors: [http://name:secret@files.lab.example/{set}/]\n"
        "    files:\n      - name: train.gz\n        size: 7840016\n        sha256: " SHA256 "\n"
        "      - {name: test.mat, size: 1, md5: " MD5 "}\n",
        "sets:\n  - {name: a, mirrors: [http://a], files: [{name: x, size: 4398046511104, md5: " MD5 "}]}\n"
        "  - {name: b, folder: a, mirrors: [http://b], files: [{name: y.gz, size: 2, md5: " MD5 "}]}\n",
        "sets: [{name: lab, folder: .., mirrors: [http://a], files: [{name: x, size: 1, md5: " MD5 "}]}]\n",
        "sets: [{name: lab, mirrors: [http://a], files: [{name: ../../x, size: 1, md5: " MD5 "}]}]\n",
        "sets: [{name: lab, mirrors: [file:///etc], files: [{name: x, size: 1, md5: " MD5 "}]}]\n",
        "sets: [{name: lab, folder: mnist, mirrors: [http://a], files: [{name: train-images-idx3-ubyte, size: 9, md5: "
        "" MD5 "}]}]\n",
        "sets: [{name: lab, mirrors: [http://a], files: [{name: a.part.gz, size: 9, md5: " MD5 "}]}]\n",
        "only: &a [x, x]\nsets: [*a, *a]\n",
        NULL};
    put_texts(corpus, "mirrors", texts);
}

/* The content as a gzip file of so many members. */
static void make_packed(const Corpus *corpus, const char *name, const unsigned char *content, size_t size,
                        size_t members) {
    FILE *stream = fopen(corpus_path(corpus, "content", name), "wb");
    if (!stream) abort();
    for (size_t m = 0, written; m < members; m++) {
        const size_t from = m * size / members, to = (m + 1) * size / members;
        Packing *packing;
        must(packing_new(stream, PACKING_GZIP, &packing));
        must(packing_add(packing, content + from, to - from));
        must(packing_finish(packing, &written));
        packing_free(packing);
    }
    if (fclose(stream) != 0) abort();
}

static void make_contents(const Corpus *corpus) {
    static const char page[] = "<html>Please log in</html>";
    unsigned char content[CORPUS_CONTENT + 1] = {0};
    unsigned char *zeros;
    const size_t bomb = 1 << 24;
    corpus_content(content);
    put(corpus, "content", "plain", content, CORPUS_CONTENT);
    put(corpus, "content", "plain-longer", content, CORPUS_CONTENT + 1);
    put(corpus, "content", "page", page, sizeof page - 1);
    make_packed(corpus, "packed", content, CORPUS_CONTENT, 1);
    make_packed(corpus, "packed-members", content, CORPUS_CONTENT, 3);
    make_packed(corpus, "packed-empty", content, 0, 2);
    make_packed(corpus, "packed-longer", content, CORPUS_CONTENT + 1, 1);
    must(memory_new(bomb, 1, &zeros));
    make_packed(corpus, "bomb", zeros, bomb, 1);
    free(zeros);
}

void make_downloads(const Corpus *corpus) {
    make_mirrors(corpus);
    make_contents(corpus);
}
