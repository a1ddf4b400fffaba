/* What a PyTorch file cannot hold is named. That the others load: tests/compat. */
#include "compat/torch_file.h"

#include <setjmp.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_largest_array(void **unused)
{
    (void)unused;
    static const float one = 1;
    const size_t small[] = {1, 1}, large[] = {1 << 15, 1 << 14}; /* 2^31 bytes */
    fmpnn_error err = {""};
    fmpnn_text out;
    fmpnn_torch_file *file = fmpnn_torch_file_create();
    assert_non_null(file);
    fmpnn_text_init(&out);
    fmpnn_torch_file_array(file, "logits", FMPNN_TORCH_F32, 2, small, &one);
    fmpnn_torch_file_array(file, "probs", FMPNN_TORCH_F32, 2, large, NULL);
    assert_int_equal(fmpnn_torch_file_finish(file, "x", &out, &err), FMPNN_EINVAL);
    assert_non_null(strstr(err.message, "x.pt: the array probs has 2147483648 bytes"));
    assert_non_null(strstr(err.message, "room for 2147483647"));
    fmpnn_text_clear(&out);
    fmpnn_torch_file_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_largest_array)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
