// SPDX-License-Identifier: Apache-2.0
// `serin certificates`: how long the API's certificates are good, and new ones.
#include "manifests/base/clock.h"
#include "manifests/text/time.h"
#include "operator/cli/options.h"
#include "operator/cli/session.h"
#include "operator/standalone/pki.h"
#include "operator/standalone/store_file.h"

#include <stddef.h>
#include <stdio.h>

struct certificates_flags {
  struct str data;
  int64_t overlap_ms;
  bool server;
};

#define AT(field) offsetof(struct certificates_flags, field)

static const struct option_row rows[] = {
    {"overlap", 0, OPTION_DURATION, AT(overlap_ms), "DURATION", "24h",
     "rotate: how long clients trust the old authority and the new one; 0 ends that now.", 0, 0},
    {"server", 0, OPTION_FLAG, AT(server), NULL, NULL,
     "rotate: only the server's own certificate, signed by the same authority.", 0, 0},
    {"data", 0, OPTION_STRING, AT(data), "DIR", NULL,
     "Whose (default: $XDG_STATE_HOME/serin, else ~/.local/state/serin).", 0, 0},
};

static void say(struct arena *arena, const char *what, int64_t end_ms) {
  printf("%-12s %.*s\n", what, STR_ARG(end_ms ? time_format(arena, end_ms) : STR("none yet")));
}

static int show(const char *data, struct arena *arena, struct err *err) {
  struct pki_info info;
  int rc = pki_describe(data, &info, err);
  if (rc)
    return rc;
  printf("%-12s %s\n", "CERTIFICATE", "GOOD UNTIL");
  say(arena, "authority", info.ca_end_ms);
  say(arena, "server", info.cert_end_ms);
  if (info.next_end_ms) {
    say(arena, "next", info.next_end_ms);
    printf("the next authority takes over at %.*s\n", STR_ARG(time_format(arena, info.switch_ms)));
  }
  return RC_OK;
}

static int rotate(const struct certificates_flags *flags, const char *data, struct arena *arena,
                  struct err *err) {
  int rc = flags->server ? pki_renew_server(data, err)
                         : pki_rotate(data, clock_wall_ms(), flags->overlap_ms, err);
  return rc ? rc : show(data, arena, err);
}

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)count;
  const struct certificates_flags *flags = options;
  struct arena arena;
  struct str data = STR("");
  struct err err = {0};
  arena_init(&arena);
  bool is_show = str_eq_z(arguments[0], "show");
  int rc = store_file_data(flags->data, &arena, &data, &err);
  if (!rc && !is_show && !str_eq_z(arguments[0], "rotate"))
    rc = err_set(&err, RC_USAGE, "expected show or rotate, found \"%.*s\"", STR_ARG(arguments[0]));
  if (!rc)
    rc = is_show ? show(data.ptr, &arena, &err) : rotate(flags, data.ptr, &arena, &err);
  int code = rc ? session_fail("certificates", &err) : EXIT_DONE;
  arena_dispose(&arena);
  return code;
}

const struct command cmd_certificates = {
    .name = "certificates",
    .arguments = "show | rotate",
    .summary = "How long the certificates of a 'serin up' are good, and new ones for it.",
    .details =
        "rotate makes a new authority. From then on the kubeconfigs of this 'serin up' trust both; "
        "after --overlap the new one signs the server's certificate and the old one is trusted no "
        "more. Copies of the kubeconfig that were made before must be fetched anew until then. "
        "Nothing is restarted. The server's own certificate is renewed by itself a month before "
        "it ends.",
    .size = sizeof(struct certificates_flags),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
