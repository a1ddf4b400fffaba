#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    (void)number;
    caught = 1;
}

void interrupt_install(void)
{
    struct sigaction action = {0};
    action.sa_handler = on_signal;
    /* Restart: a write of results must not fail because somebody asked us to stop after it. */
    action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupt_caught(void)
{
    return caught != 0;
}
