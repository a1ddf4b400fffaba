/* message_sum: what edges send to one residue, summed. Rows that the next residue reads are on
 * their way while this one's are worked on: between two residues nothing else is known early
 * enough, and a table row comes from the third-level cache or from memory. */

static void ISA(message_sum)(float *dst, const float *own, const float *const *a,
                             const float *const *b, const float *const *d, size_t M,
                             size_t C, const float *panels, size_t N, const float *bias,
                             float *tile, const float *const *ahead, size_t n_ahead)
{
    for (size_t m = 0, n = 0; m < M; m++) {
        ISA(gather_gelu)(tile + m * C, C, own, a ? a + m : NULL, b ? b + m : NULL,
                         d ? d + m : NULL, 1, C);
        for (; n < n_ahead * (m + 1) / M; n++)
            fetch_row(ahead[n], C);
    }
    ISA(gemm_sum)(dst, tile, C, M, C, panels, N, bias, NULL);
}
