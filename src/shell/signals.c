/* Ctrl-C and SIGTERM. */
#include "shell/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static _Atomic int pending;
static struct session *_Atomic running;
static bool is_patient;

static void on_signal(int number) {
    int before = atomic_exchange(&pending, number);
    struct session *session = atomic_load(&running);
    if (!is_patient && (!session || before)) _exit(128 + number);
    if (session) session_cancel(session);
}

void signals_install(bool patient) {
    is_patient = patient;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = 0};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    if (patient)
        signal(SIGTERM, SIG_DFL);
    else
        sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void signals_running(struct session *session) { atomic_store(&running, session); }

int signals_pending(void) { return atomic_load(&pending); }

void signals_clear(void) { atomic_store(&pending, 0); }
