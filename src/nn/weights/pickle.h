/* The tensors that a pickle of torch.save names: a reader of data, not of programs.
 *
 * Format: Python's pickle, protocol 2, as torch.save writes it: bytes for a machine with a stack and a memo. Of its opcodes those are known that a dictionary of
 * tensors needs (the table in pickle.c), of what it may call OrderedDict and PyTorch's two functions that put a tensor together;
 * the machine knows what these make and calls nothing. Anything else is refused by its name, with its place.
 */
#pragma once

#include "base/safetensors.h"

typedef struct PickledText {
    const char *text; /* length bytes of the pickle */
    size_t length;
} PickledText;

/* A view of a storage, as it is claimed. */
typedef struct PickledTensor {
    PickledText name;
    const char *type;     /* of base/safetensors.h */
    PickledText storage;  /* its key: the entry data/KEY of the archive */
    size_t storage_count; /* values of the storage */
    size_t offset;        /* of the first, in values */
    int dims;
    size_t shape[TENSOR_MAX_DIMS], strides[TENSOR_MAX_DIMS]; /* in values */
} PickledTensor;

/* Those of the dictionary itself, or of one within it under a name such as state_dict; released by free(). Nothing is known
 * of how they fit their storages. `path` is for messages. */
cf_status pickle_tensors(const char *path, const unsigned char *bytes, size_t size, PickledTensor **tensors,
                         size_t *count);
