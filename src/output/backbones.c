/* A designed sequence on the input's backbone. */
#include "output/output.h"

#include "structure/structure.h"

#include <math.h>

fmpnn_status fmpnn_backbone_text(const fmpnn_layout *layout, const fmpnn_sample *sample,
                                 const char *format, fmpnn_text *out, fmpnn_error *err)
{
    const fmpnn_structure *st = fmpnn_job_structure(layout->job);
    size_t residues = fmpnn_structure_length(st);
    char *letters = fmpnn_alloc_zero(residues, 1);
    float *bfactor = fmpnn_alloc_zero(residues, sizeof *bfactor);
    fmpnn_status status;
    if (letters && bfactor) {
        for (size_t i = 0; i < layout->L; i++) {
            fmpnn_position at = fmpnn_job_position(layout->job, i);
            size_t residue = fmpnn_layout_residue(layout, i);
            uint8_t letter = sample->letters[i];
            if (at.designed)
                letters[residue] = fmpnn_alphabet()[letter];
            float log_p = sample->log_probs[i * FMPNN_OUTPUT_LETTERS + letter];
            if (at.resolved && isfinite(log_p))
                bfactor[residue] = expf(log_p);
        }
        status = fmpnn_structure_write(st, format, letters, bfactor, out, err);
        if (!status && out->failed)
            status = fmpnn_fail_memory(err, "writing a structure");
    } else
        status = fmpnn_fail_memory(err, "writing a structure");
    fmpnn_release(bfactor);
    fmpnn_release(letters);
    return status;
}
