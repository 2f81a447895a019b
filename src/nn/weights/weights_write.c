#include "nn/weights/weights_write.h"

cf_status weights_write(const cf_model *model, const char *path) {
    return cf_model_save(model, path);
}
