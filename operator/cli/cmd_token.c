// SPDX-License-Identifier: Apache-2.0
// `serin token`: who may use the API of a `serin up`, and for what.
#include "manifests/base/clock.h"
#include "manifests/text/time.h"
#include "operator/cli/options.h"
#include "operator/cli/session.h"
#include "operator/standalone/auth.h"
#include "operator/standalone/private_file.h"
#include "operator/standalone/store_file.h"

#include <stddef.h>
#include <stdio.h>

struct token_flags {
  struct str data, role, ns, kubeconfig;
  int64_t expires_ms, grace_ms;
};

#define AT(field) offsetof(struct token_flags, field)

static const struct option_row rows[] = {
    {"role", 0, OPTION_STRING, AT(role), "ROLE", "viewer",
     "create: what it may do: admin, viewer, promote, operator, proxy or runtime.", 0, 0},
    {"namespace", 'n', OPTION_STRING, AT(ns), "NAME", NULL, "create: good for this namespace only.",
     0, 0},
    {"expires", 0, OPTION_DURATION, AT(expires_ms), "DURATION", NULL,
     "create: how long it is good; without it until it is deleted.", 0, 0},
    {"grace", 0, OPTION_DURATION, AT(grace_ms), "DURATION", "10m",
     "rotate: how long the old secret is still good.", 0, 0},
    {"kubeconfig", 0, OPTION_STRING, AT(kubeconfig), "FILE", NULL,
     "create, rotate: write a kubeconfig with the secret (0600) instead of printing it.", 0, 0},
    {"data", 0, OPTION_STRING, AT(data), "DIR", NULL,
     "Whose (default: $XDG_STATE_HOME/serin, else ~/.local/state/serin).", 0, 0},
};

struct token_call {
  const struct token_flags *flags;
  struct str name;
  const char *data;
  struct arena arena;
  struct err err;
};

static int hand_out(struct token_call *call, struct str secret) {
  const struct token_flags *flags = call->flags;
  struct str text;
  if (!flags->kubeconfig.len) {
    printf("%.*s\n", STR_ARG(secret));
    return RC_OK;
  }
  int rc = auth_kubeconfig_for(call->data, call->name, secret, flags->ns, &call->arena, &text,
                               &call->err);
  if (!rc)
    rc = private_file_write(arena_str(&call->arena, flags->kubeconfig).ptr, text, &call->err);
  if (!rc)
    printf("wrote %.*s\n", STR_ARG(flags->kubeconfig));
  return rc;
}

static int create(struct token_call *call) {
  const struct token_flags *flags = call->flags;
  int64_t now_ms = clock_wall_ms();
  struct str secret = STR("");
  struct auth_spec spec = {.name = call->name,
                           .role = flags->role,
                           .ns = flags->ns,
                           .expires_ms = flags->expires_ms ? now_ms + flags->expires_ms : 0};
  int rc = auth_create(call->data, &spec, now_ms, &call->arena, &secret, &call->err);
  return rc ? rc : hand_out(call, secret);
}

static int rotate(struct token_call *call) {
  struct str secret = STR("");
  int rc = auth_rotate(call->data, call->name, call->flags->grace_ms, clock_wall_ms(), &call->arena,
                       &secret, &call->err);
  if (rc)
    return rc;
  if (auth_is_own(call->name) && !call->flags->kubeconfig.len) {
    printf("rotated; its file and kubeconfig hold the new secret\n");
    return RC_OK;
  }
  return hand_out(call, secret);
}

static int delete (struct token_call *call) {
  int rc = auth_delete(call->data, call->name, &call->err);
  if (!rc)
    printf("deleted %.*s\n", STR_ARG(call->name));
  return rc;
}

static struct str date_of(struct arena *arena, int64_t ms, const char *none) {
  return ms ? time_format(arena, ms) : str_of(none);
}

static int list(struct token_call *call) {
  struct auth_tokens tokens;
  struct arena *arena = &call->arena;
  int rc = auth_list(call->data, clock_wall_ms(), arena, &tokens, &call->err);
  if (rc)
    return rc;
  printf("%-20s %-10s %-16s %-10s %-22s %s\n", "NAME", "ROLE", "NAMESPACE", "ID", "CREATED",
         "EXPIRES");
  for (size_t i = 0; i < tokens.count; i++) {
    const struct auth_token *token = &tokens.items[i];
    printf("%-20.*s %-10s %-16.*s %-10.*s %-22.*s %.*s\n", STR_ARG(token->name), token->role->name,
           STR_ARG(token->ns.len ? token->ns : STR("<all>")), STR_ARG(auth_token_id(arena, token)),
           STR_ARG(date_of(arena, token->created_ms, "-")),
           STR_ARG(date_of(arena, token->expires_ms, "never")));
  }
  return RC_OK;
}

static int run(const void *options, const struct str *arguments, size_t count) {
  static const struct {
    const char *word;
    bool named;
    int (*act)(struct token_call *call);
  } acts[] = {{"create", true, create},
              {"list", false, list},
              {"rotate", true, rotate},
              {"delete", true, delete}};
  struct token_call call = {.flags = options, .name = count > 1 ? arguments[1] : STR("")};
  struct str data = STR("");
  int rc = RC_OK;
  size_t i = 0;
  while (i < sizeof acts / sizeof acts[0] && !str_eq_z(arguments[0], acts[i].word))
    i++;
  if (i == sizeof acts / sizeof acts[0])
    rc = err_set(&call.err, RC_USAGE, "expected create, list, rotate or delete, found \"%.*s\"",
                 STR_ARG(arguments[0]));
  else if (acts[i].named != (count == 2))
    rc = err_set(&call.err, RC_USAGE,
                 acts[i].named ? "%s needs the NAME of a token" : "%s takes no name", acts[i].word);
  arena_init(&call.arena);
  if (!rc)
    rc = store_file_data(call.flags->data, &call.arena, &data, &call.err);
  call.data = data.ptr;
  if (!rc)
    rc = acts[i].act(&call);
  int code = rc ? session_fail("token", &call.err) : EXIT_DONE;
  arena_dispose(&call.arena);
  return code;
}

const struct command cmd_token = {
    .name = "token",
    .arguments = "create NAME | list | rotate NAME | delete NAME",
    .summary = "Who may use the API of a 'serin up', and for what.",
    .details =
        "Each token has a role. admin may do everything; viewer reads all but Secrets; promote is "
        "viewer who may also promote, abort, pause, resume, retry and undo releases; operator, "
        "proxy and runtime have what those parts of Serin need.\n\n"
        "A secret is shown once, by create and rotate: only its hash is kept. A running server "
        "takes changes at once; what a deleted token had open is ended. The tokens named owner, "
        "operator, proxy and runtime are those of 'serin up' itself: they are rotated, never "
        "deleted, and their kubeconfigs follow.",
    .size = sizeof(struct token_flags),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
