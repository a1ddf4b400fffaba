/* The inputs of a made case, and its safetensors file. */
#include "make_case.h"

#include "../weights_maker.h"

#include <math.h>
#include <string.h>

/* One tensor of `count` values in the type asked for; sizes end with 0. */
void make_put(maker *m, const char *name, const char *type, const double *values,
              const size_t *shape, size_t rank)
{
    json_t *sizes = json_array();
    size_t count = 1, start = m->data.size;
    fmpnn_text_print(&m->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                     m->header.size ? "," : "{", name, type);
    for (size_t d = 0; d < rank; d++) {
        fmpnn_text_print(&m->header, d ? ",%zu" : "%zu", shape[d]);
        json_array_append_new(sizes, json_integer((json_int_t)shape[d]));
        count *= shape[d];
    }
    for (size_t n = 0; n < count; n++) {
        float f = (float)values[n];
        int32_t i = strcmp(type, "I32") ? 0 : (int32_t)values[n];
        if (!strcmp(type, "F64"))
            fmpnn_text_add(&m->data, (const char *)&values[n], 8);
        else
            fmpnn_text_add(&m->data, strcmp(type, "I32") ? (char *)&f : (char *)&i, 4);
    }
    fmpnn_text_print(&m->header, "],\"data_offsets\":[%zu,%zu]}", start, m->data.size);
    const char *dtype = !strcmp(type, "F64")   ? "float64"
                        : !strcmp(type, "F32") ? "float32"
                                               : "int32";
    json_object_set_new(m->tensors, name,
                        json_pack("{s:s,s:o}", "dtype", dtype, "shape", sizes));
}

void make_put_1(maker *m, const char *name, const char *type, const double *v, size_t a)
{
    make_put(m, name, type, v, &a, 1);
}

void make_put_2(maker *m, const char *name, const char *type, const double *v, size_t a,
                size_t b)
{
    const size_t shape[] = {a, b};
    make_put(m, name, type, v, shape, 2);
}

void make_put_3(maker *m, const char *name, const double *v, size_t a, size_t b, size_t d)
{
    const size_t shape[] = {a, b, d};
    make_put(m, name, "F32", v, shape, 3);
}

/* A result, in float32 and, as f64.NAME, in float64. */
void make_put_result(maker *m, const char *name, const double *v, size_t a, size_t b)
{
    char wide[96];
    const size_t shape[] = {a, b};
    snprintf(wide, sizeof wide, "f64.%s", name);
    make_put(m, name, "F32", v, shape, b ? 2 : 1);
    make_put(m, wide, "F64", v, shape, b ? 2 : 1);
}

void make_put_edges(maker *m, const char *name, const double *v, size_t width)
{
    char wide[96];
    const size_t shape[] = {ROWS, m->K, width};
    snprintf(wide, sizeof wide, "f64.%s", name);
    make_put_3(m, name, v, ROWS, m->K, width);
    make_put(m, wide, "F64", v, shape, 3);
}

static void put_coordinates(maker *m)
{
    size_t atoms = m->ca_only ? 1 : 4, first = m->ca_only ? FMPNN_ATOM_CA : 0;
    double *X = make_room(m->L * atoms * 3, sizeof *X),
           *present = make_room(m->L * atoms, sizeof *X);
    for (size_t n = 0; n < m->L * atoms; n++) {
        const float *p = m->in->xyz + (n / atoms * 4 + first + n % atoms) * 3;
        present[n] = isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
        for (int d = 0; d < 3; d++)
            X[3 * n + (size_t)d] = isnan(p[d]) ? 0 : (double)p[d];
    }
    if (m->ca_only)
        make_put_2(m, "X", "F32", X, m->L, 3);
    else
        make_put_3(m, "X", X, m->L, 4, 3);
    make_put_2(m, "atom_mask", "I32", present, m->L, atoms);
}

#define PUT_INPUT(name, type, src)                                                         \
    do {                                                                                   \
        WIDEN(wide, src, m->L);                                                            \
        make_put_1(m, name, type, wide, m->L);                                             \
    } while (0)

static void put_ties(maker *m)
{
    double *table = make_room(m->L, sizeof *table);
    for (size_t i = 0; i < m->L; i++)
        table[i] = m->rules.member[i];
    make_put_2(m, "tied_groups", "I32", table, m->rules.groups, 2);
    make_put_1(m, "tied_beta", "F32", m->rules.weight, m->L);
    PUT_INPUT("decoding_order_tied", "I32", m->order_sampling);
}

void make_inputs(maker *m)
{
    double omit[FMPNN_LETTERS] = {[20] = 1},
           bias[FMPNN_LETTERS] = {[2] = m->tied ? 0.5 : 0};
    double rows[ROWS];
    put_coordinates(m);
    PUT_INPUT("S", "I32", m->in->native);
    PUT_INPUT("mask", "F32", m->in->mask);
    PUT_INPUT("chain_M", "F32", m->in_designed_chain);
    PUT_INPUT("chain_M_pos", "F32", m->unfixed);
    PUT_INPUT("design_mask", "F32", m->designed);
    PUT_INPUT("residue_idx", "I32", m->in->index);
    PUT_INPUT("chain_encoding", "I32", m->in->chain);
    PUT_INPUT("randn", "F32", m->randn);
    PUT_INPUT("decoding_order", "I32", m->order);
    make_put_1(m, "omit_AA", "F32", omit, FMPNN_LETTERS);
    make_put_1(m, "bias_AA", "F32", bias, FMPNN_LETTERS);
    for (size_t n = 0; n < ROWS; n++)
        rows[n] = m->rows[n];
    make_put_1(m, "rows", "I32", rows, ROWS);
    if (m->tied)
        put_ties(m);
}

void make_write(maker *m)
{
    char path[4096];
    fmpnn_error err;
    fmpnn_text bytes;
    fmpnn_text_init(&bytes);
    fmpnn_text_print(&m->header, "}");
    while (m->header.size % 8)
        fmpnn_text_print(&m->header, " ");
    put_number(&bytes, m->header.size, 8);
    fmpnn_text_add(&bytes, m->header.data, m->header.size);
    fmpnn_text_add(&bytes, m->data.data, m->data.size);
    make_must(!bytes.failed && !m->header.failed && !m->data.failed, "out of memory");
    snprintf(path, sizeof path, "%s/%s.safetensors", m->folder, m->name);
    make_check(fmpnn_file_write(path, bytes.data, bytes.size, false, &err), &err);
    fmpnn_text_clear(&bytes);
    fmpnn_text_clear(&m->header);
    fmpnn_text_clear(&m->data);
}
