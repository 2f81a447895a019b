/* Writes a network, images and what it says of them, for the script that holds onnxruntime against it.
 * Usage: onnx_network NAME FOLDER COUNT [WEIGHTS|int8]      NAME: of tests/export/onnx_networks.h ("all": all of them), or of a named model, with
 * weights drawn or those of a safetensors file; int8: those networks that 8-bit integers have, as NAME-int8 in QDQ form. FOLDER/NAME.onnx, NAME.images (bytes, COUNT x H x W x C), NAME.probabilities (float32, COUNT x
 * classes). */
#include "export/onnx_networks.h"

#include "base/files.h"
#include "export/onnx_write.h"
#include "nn/cpu/cpu.h"
#include "nn/models.h"

#include <stdlib.h>

static void succeed(cf_status status) {
    if (!status) return;
    fprintf(stderr, "onnx_network: %s\n", cf_error());
    exit(1);
}

static void put(const char *folder, const char *name, const char *end, const void *bytes, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, end);
    succeed(file_write(path, bytes, size));
}

static void write_network(const cf_model *model, const char *folder, const char *of, size_t count, bool int8) {
    char name[80];
    snprintf(name, sizeof name, "%s%s", of, int8 ? "-int8" : "");
    char path[4096];
    cf_set *set;
    uint32_t *images;
    float *probabilities;
    StepResult result;
    Int8Network *integers = NULL;
    succeed(onnx_images(model->layers.input, count, &set));
    succeed(memory_new(count, sizeof *images, &images));
    succeed(memory_new(count * (size_t)model->classes, sizeof *probabilities, &probabilities));
    for (size_t i = 0; i < count; i++) images[i] = (uint32_t)i;
    const cf_subset subset = {.set = set, .images = images, .count = count, .classes = ONNX_CLASSES};
    if (int8 && int8_network_new(model, &subset, 0, &integers)) goto done; /* not for integers */
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    succeed(onnx_write(model, path, true, integers));
    succeed(classify(model, &subset, &(ClassifyOptions){.engine = cpu_engine(), .int8 = integers}, probabilities, &result));
    put(folder, name, ".images", set->pixels, count * set_image_size(set));
    put(folder, name, ".probabilities", probabilities, count * (size_t)model->classes * sizeof *probabilities);
done:
    int8_network_free(integers);
    free(probabilities);
    free(images);
    cf_set_free(set);
}

static cf_model *named_model(const char *name, const char *weights) {
    const NamedModel *row = model_named(name);
    const char **names;
    cf_model *model;
    char numbers[1000][12];
    succeed(memory_new((size_t)row->classes, sizeof *names, &names));
    for (int c = 0; c < row->classes; c++) {
        snprintf(numbers[c], sizeof numbers[c], "%d", c);
        names[c] = numbers[c];
    }
    succeed(model_new(name, row->images, names, row->classes, 1, &model));
    free(names);
    if (!weights) return model;
    StoredFile file;
    succeed(safetensors_read(weights, &file));
    succeed(bag_take(&file, &model->parameters, "", model->parameters.values, false));
    safetensors_free(&file);
    return model;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) return 2;
    const char *name = argv[1], *folder = argv[2];
    const size_t count = (size_t)strtoul(argv[3], NULL, 10);
    const bool int8 = argc == 5 && strcmp(argv[4], "int8") == 0;
    cf_model *model;
    succeed(file_make_folder(folder));
    for (size_t i = 0; i < COUNT_OF(onnx_networks); i++) {
        if (strcmp(name, "all") != 0 && strcmp(name, onnx_networks[i].name) != 0) continue;
        succeed(onnx_network_new(&onnx_networks[i], &model));
        write_network(model, folder, onnx_networks[i].name, count, int8);
        cf_model_free(model);
    }
    if (model_named(name)) {
        model = named_model(name, int8 ? NULL : argv[4]);
        write_network(model, folder, name, count, int8);
        cf_model_free(model);
    }
    return 0;
}
