/* A program outside the project: compiled as C and as C++, linked to either library. Prints
 * the version, as pkg-config names it. */
#include <fusempnn.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    if (strlen(fmpnn_commit()) != 12 && strcmp(fmpnn_commit(), "unknown") != 0)
        return 1;
    if (strcmp(fmpnn_status_text(FMPNN_OK), "success") != 0)
        return 2;
    puts(fmpnn_version());
    return 0;
}
