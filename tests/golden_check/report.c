/* What is said about one case through one path, and which stored tensors were accounted for. */
#include "golden.h"

#include <string.h>

void golden_report_init(golden_report *report, const char *name, const char *path,
                        const fmpnn_archive *archive)
{
    *report = (golden_report){
        .name = name, .path = path, .isa = "-", .precision = "-", .archive = archive};
    if (archive)
        report->seen = fmpnn_alloc_zero(fmpnn_archive_count(archive), 1);
}

void golden_report_inherit(golden_report *report, const golden_report *inputs)
{
    if (report->seen && inputs->seen)
        memcpy(report->seen, inputs->seen, fmpnn_archive_count(report->archive));
}

void golden_report_clear(golden_report *report)
{
    fmpnn_text_clear(&report->skipped);
    fmpnn_text_clear(&report->problems);
    fmpnn_text_clear(&report->tensors);
    fmpnn_release(report->seen);
    report->seen = NULL;
}

void golden_problem(golden_report *report, const char *format, ...)
{
    char line[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    report->failed = true;
    fmpnn_text_print(&report->problems, "    %s\n", line);
}

static void find_unaccounted(golden_report *report)
{
    size_t count = report->archive ? fmpnn_archive_count(report->archive) : 0;
    for (size_t n = 0; n < count; n++)
        if (!report->seen || !report->seen[n])
            golden_problem(report, "%s: neither compared, nor an input, nor skipped",
                           fmpnn_archive_at(report->archive, n)->name);
}

void golden_report_close(golden_report *report, golden_totals *totals)
{
    if (!report->failed)
        find_unaccounted(report);
    if (report->tensors.failed || report->problems.failed || report->skipped.failed)
        report->failed = true;
    const char *verdict = report->failed ? "FAIL" : report->approximate ? "REPORTED" : "ok";
    printf("%s %s %s %s %s%s", report->name, report->path, report->isa, report->precision,
           verdict, report->tensors.size ? report->tensors.data : "");
    if (report->skipped.size)
        printf(" skipped:%s", report->skipped.data);
    printf("\n%s", report->problems.size ? report->problems.data : "");
    fflush(stdout);
    totals->failed += report->failed;
    totals->reported += !report->failed && report->approximate;
    totals->passed += !report->failed && !report->approximate;
    golden_report_clear(report);
}

static void mark(golden_report *report, const fmpnn_array *array)
{
    for (size_t n = 0; report->seen && n < fmpnn_archive_count(report->archive); n++)
        if (fmpnn_archive_at(report->archive, n) == array)
            report->seen[n] = 1;
}

const fmpnn_array *golden_tensor(golden_report *report, const char *name, size_t rank, ...)
{
    const fmpnn_array *array = fmpnn_archive_find(report->archive, name);
    if (!array)
        return NULL;
    mark(report, array);
    bool fits = array->rank == rank;
    va_list sizes;
    va_start(sizes, rank);
    for (size_t d = 0; fits && d < rank; d++)
        fits = array->shape[d] == va_arg(sizes, size_t);
    va_end(sizes);
    if (fits)
        return array;
    golden_problem(report, "%s: stored in another shape than the case has", name);
    return NULL;
}

void golden_skip(golden_report *report, const char *name)
{
    const fmpnn_array *array = fmpnn_archive_find(report->archive, name);
    if (!array)
        return;
    mark(report, array);
    fmpnn_text_print(&report->skipped, " %s", name);
}

double golden_value(const fmpnn_array *array, size_t n)
{
    const unsigned char *at = array->data;
    float f;
    double d;
    int32_t i;
    int64_t l;
    switch (array->dtype) {
    case FMPNN_F32:
        memcpy(&f, at + 4 * n, 4);
        return (double)f;
    case FMPNN_F64:
        memcpy(&d, at + 8 * n, 8);
        return d;
    case FMPNN_I32:
        memcpy(&i, at + 4 * n, 4);
        return i;
    case FMPNN_I64:
        memcpy(&l, at + 8 * n, 8);
        return (double)l;
    case FMPNN_U8:
    case FMPNN_BOOL:
        return at[n];
    default:
        return 0.0 / 0.0; /* half precision is not used; NaN never passes */
    }
}
