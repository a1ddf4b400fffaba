/* A program outside the project: compiled as C and as C++, linked to either library. Prints
 * the version, as pkg-config names it. */
#include <fusempnn.h>
#include <stdio.h>
#include <string.h>

/* An exception of the C++ inside must not reach a C program: a file that its parser refuses is
 * a status and a message. */
static int refuses_garbage(void)
{
    static const char cif[] = "data_x\nloop_\n_atom_site.id\n'never closed\n";
    fmpnn_structure *st = NULL;
    fmpnn_error err = {""};
    return fmpnn_structure_parse("garbage", cif, sizeof cif - 1, NULL, &st, &err) ==
               FMPNN_EFORMAT &&
           strstr(err.message, "garbage") != NULL;
}

int main(void)
{
    if (strlen(fmpnn_commit()) != 12 && strcmp(fmpnn_commit(), "unknown") != 0)
        return 1;
    if (strcmp(fmpnn_status_text(FMPNN_OK), "success") != 0)
        return 2;
    if (!refuses_garbage())
        return 3;
    puts(fmpnn_version());
    return 0;
}
