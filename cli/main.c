/* fusempnn: the table of verbs, and the two options that need none. */
#include "report.h"
#include "verbs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static const verb verbs[] = {
    {"design", VERB_DESIGN, "STRUCTURE... [options]",
     "Sample sequences for backbones; FASTA on stdout, or -o a file or folder.",
     "  fusempnn design 1hpv.pdb -n 8 -T 0.1\n"
     "  fusempnn design complex.cif --chains A --fix A10-25,A40 --omit C\n"
     "  fusempnn design backbones/ -n 100 -T 0.1,0.3 --seed 7 -o designs\n"
     "  fusempnn design dimer.pdb --tie A=B --save-probs -o designs --resume\n",
     cli_design},
    {"score", VERB_SCORE, "STRUCTURE... [options]",
     "Mean -ln p of the native or of given sequences, averaged over decoding orders; lower "
     "is "
     "better.",
     "  fusempnn score 1hpv.pdb\n"
     "  fusempnn score 1hpv.pdb --fasta designs.fa --orders 20 -o scores.tsv\n"
     "  fusempnn score 1hpv.pdb --variants measured.csv -o scored.tsv\n",
     cli_score},
    {"probs", VERB_PROBS, "STRUCTURE... [options]",
     "Log-probabilities of all letters at all positions.",
     "  fusempnn probs 1hpv.pdb\n"
     "  fusempnn probs 1hpv.pdb --mode conditional -o probs.npz\n",
     cli_probs},
    {"scan", VERB_SCAN, "STRUCTURE... [options]",
     "Every point mutation, all other letters known: ln p(mutant) - ln p(native), averaged over "
     "decoding orders.",
     "  fusempnn scan 1hpv.pdb\n"
     "  fusempnn scan 1hpv.pdb --chains A --redesign A20-40 --orders 20 -o scan.tsv\n",
     cli_scan},
    {"pack", VERB_PACK, "STRUCTURE... [options]",
     "Place side chains: structures in -o FOLDER/packed, and how sure each residue is as a table.",
     "  fusempnn pack 1hpv.pdb -o packed\n"
     "  fusempnn pack complex.cif -n 4 --redesign A40-60 --pack-format cif -o packed\n"
     "  fusempnn pack 1hpv.pdb > confidence.tsv\n"
     "  fusempnn design 1hpv.pdb -n 8 --pack 2 -o designs\n",
     cli_pack},
    {"verify", VERB_VERIFY, "STRUCTURE [options]",
     "Difference from double precision on this structure, for every instruction set and precision "
     "here, or those of a device (auto: both); exits 1 where float32-grade ones exceed 2e-4 on "
     "log-probabilities.",
     "  fusempnn verify 1hpv.pdb\n"
     "  fusempnn verify 1hpv.pdb --isa avx2 --json\n"
     "  fusempnn verify 1hpv.pdb --device cuda\n",
     cli_verify},
    {"inspect", VERB_INSPECT, "STRUCTURE... [options]",
     "What the model will see, before running: chains, gaps, selections, warnings.",
     "  fusempnn inspect 1hpv.pdb --chains A --fix A1-10\n"
     "  fusempnn inspect 1hpv.pdb --residues\n"
     "  fusempnn inspect backbones/ --strict --quiet\n",
     cli_inspect},
    {"doctor", VERB_DOCTOR, "[options]",
     "What this machine has or lacks, a line each, and what to do.",
     "  fusempnn doctor\n  fusempnn doctor --json\n", cli_doctor},
    {"bench", 0, "fusion|model [options]",
     "Benchmarks: how fast it is here, against what, and how near the machine's bounds.",
     "  fusempnn bench fusion\n  fusempnn bench model 1hpv.pdb\n  fusempnn bench model --help\n",
     cli_bench},
    {"protein_mpnn_run", 0, "[options]", "Stands in for protein_mpnn_run.py.", "",
     cli_protein_mpnn_run},
    {"ligandmpnn_run", 0, "[options]", "Stands in for LigandMPNN's run.py.", "",
     cli_ligandmpnn_run},
    {"ligandmpnn_score", 0, "[options]", "Stands in for LigandMPNN's score.py.", "",
     cli_ligandmpnn_score},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static void print_help(FILE *out)
{
    fputs("Usage: fusempnn VERB ...\n"
          "Design protein sequences for backbones with the ProteinMPNN family.\n\n"
          "  design STRUCTURE...    sample sequences\n"
          "  score STRUCTURE...     score native or given sequences\n"
          "  probs STRUCTURE...     log-probabilities per position\n"
          "  scan STRUCTURE...      every point mutation\n"
          "  pack STRUCTURE...      place side chains\n"
          "  verify STRUCTURE       difference from double precision on this machine\n"
          "  inspect STRUCTURE...   what the model will see\n"
          "  weights list|get|verify  where weights are, hashes, licences\n"
          "  doctor                 what this machine has or lacks\n"
          "  bench fusion|model     time the fused operation, or whole work on a structure\n"
          "  protein_mpnn_run       stands in for protein_mpnn_run.py, as the names of its\n"
          "                         helper scripts (parse_multiple_chains, ...) do for these\n"
          "  ligandmpnn_run, ligandmpnn_score  stand in for LigandMPNN's run.py, score.py\n\n"
          "fusempnn VERB --help lists a verb's options; --version says what this is.\n\n"
          "Examples:\n"
          "  fusempnn weights get\n"
          "  fusempnn design 1hpv.pdb -n 8 -T 0.1\n"
          "  fusempnn design backbones/ -n 100 -o designs\n",
          out);
}

static int run_verb(int argc, char **argv)
{
    char name[64]; /* the published scripts may keep their ".py" */
    size_t size = strlen(argv[1]);
    if (size > 3 && !strcmp(argv[1] + size - 3, ".py"))
        size -= 3;
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : 0), argv[1]);
    if (cli_is_helper(name))
        return cli_helper(name, argc - 2, argv + 2);
    if (!strcmp(name, "weights"))
        return cli_weights(argc - 1, argv + 1);
    for (size_t i = 0; i < VERBS; i++) {
        if (!strcmp(name, verbs[i].name))
            return verbs[i].run(&verbs[i], argc - 2, argv + 2);
    }
    report_error("unknown %s '%s'; fusempnn --help lists the verbs",
                 *argv[1] == '-' ? "option" : "verb", argv[1]);
    return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("fusempnn %s (commit %s, %s)\n", fmpnn_version(), fmpnn_commit(),
               fmpnn_isa_name(fmpnn_isa_count() - 1));
        return EXIT_DONE;
    }
    return run_verb(argc, argv);
}

/* What is freed is wanted again, or the process ends: glibc would give it back to the system, of
 * 1,000 structures 160 MB after the last record, 1.4 ms for every 20 (EPYC). */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most; it grows by itself until one of both is set */
#endif
}

int main(int argc, char **argv)
{
    keep_memory();
    int code = run(argc, argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
        report_error("stdout cannot be written: %s", strerror(errno));
        code = EXIT_SOME_FAILED;
    }
    return code;
}
