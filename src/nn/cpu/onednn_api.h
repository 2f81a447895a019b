/* oneDNN's C API as version 3 has it, for versions 2 and 3: what onednn.c calls, and nothing else.
 *
 * Version 2 describes an operation in a struct of its own before its primitive, and a layout in a struct by value where 3 has
 * an opaque object; the functions of 3 are made of its own here. Where 2 is no longer wanted, these lines go, and Layout is
 * dnnl_memory_desc_t.
 */
#pragma once

#include <dnnl.h>

#if DNNL_VERSION_MAJOR == 3

typedef dnnl_memory_desc_t Layout; /* owned: dnnl_memory_desc_destroy, which takes NULL */
typedef const_dnnl_memory_desc_t ConstLayout;

#elif DNNL_VERSION_MAJOR == 2

#include "base/memory.h"

#include <stdlib.h>

typedef dnnl_memory_desc_t *Layout;
typedef const dnnl_memory_desc_t *ConstLayout;

static inline dnnl_status_t dnnl_memory_desc_destroy(Layout layout) {
    free(layout);
    return dnnl_success;
}

static inline dnnl_status_t dnnl_memory_desc_create_with_tag(Layout *layout, int ndims, const dnnl_dims_t dims,
                                                             dnnl_data_type_t type, dnnl_format_tag_t tag) {
    if (memory_new(1, sizeof **layout, layout)) return dnnl_out_of_memory;
    return dnnl_memory_desc_init_by_tag(*layout, ndims, dims, type, tag);
}

static inline dnnl_status_t dnnl_convolution_forward_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_prop_kind_t kind, dnnl_alg_kind_t algorithm, ConstLayout x,
    ConstLayout weights, ConstLayout bias, ConstLayout y, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t pad_before, const dnnl_dims_t pad_after, const_dnnl_primitive_attr_t attributes) {
    dnnl_convolution_desc_t of;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(&of, kind, algorithm, x, weights, bias, y,
                                                                      strides, dilates, pad_before, pad_after);
    return status ? status : dnnl_primitive_desc_create(made, &of, attributes, engine, NULL);
}

static inline dnnl_status_t dnnl_convolution_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_alg_kind_t algorithm, ConstLayout dx, ConstLayout weights,
    ConstLayout dy, const dnnl_dims_t strides, const dnnl_dims_t dilates, const dnnl_dims_t pad_before,
    const dnnl_dims_t pad_after, const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes) {
    dnnl_convolution_desc_t of;
    dnnl_status_t status = dnnl_dilated_convolution_backward_data_desc_init(&of, algorithm, dx, weights, dy, strides,
                                                                            dilates, pad_before, pad_after);
    return status ? status : dnnl_primitive_desc_create(made, &of, attributes, engine, forward);
}

static inline dnnl_status_t dnnl_convolution_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_alg_kind_t algorithm, ConstLayout x, ConstLayout dw,
    ConstLayout dbias, ConstLayout dy, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t pad_before, const dnnl_dims_t pad_after, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attributes) {
    dnnl_convolution_desc_t of;
    dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(&of, algorithm, x, dw, dbias, dy,
                                                                               strides, dilates, pad_before, pad_after);
    return status ? status : dnnl_primitive_desc_create(made, &of, attributes, engine, forward);
}

#else
#error "nn/cpu/onednn.c is written for oneDNN 2.x and 3.x; this version may have another C API"
#endif
