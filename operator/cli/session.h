// SPDX-License-Identifier: Apache-2.0
// One command's conversation with a Kubernetes API: the calls of kube_client.h, waited for. Used by
// the commands of the user; prints the server's warnings.
#pragma once

#include "manifests/source/kube_client.h"
#include "manifests/source/kube_watch.h"
#include "operator/cli/options.h"

#include <uv.h>

struct session {
  uv_loop_t loop;
  struct http_client *http;
  struct kube_config config;
  struct kube_client *kube;
  struct str ns;      // -n, else that of the context
  int64_t timeout_ms; // --timeout, else 0
  uv_timer_t timer;
  bool expired; // the timer has run out
};

// As `kubectl serin` it looks where kubectl looks. An error is printed already; the code is for
// exit.
int session_open(const struct common_options *common, const char *command, struct session *session);
// Without a Kubernetes API: only session_fetch works.
void session_open_bare(struct session *session, int64_t timeout_ms);
void session_close(struct session *session);

// Waits for the answer. *ret_object lives in `arena`. The message of a failed connection names the
// cluster.
int session_call(struct session *session, const struct kube_request *request, struct arena *arena,
                 struct json **ret_object, struct err *err);
int session_get(struct session *session, const struct kube_resource *resource, struct str ns,
                struct str name, struct arena *arena, struct json **ret_object, struct err *err);
// GET of any path, as text.
int session_raw(struct session *session, struct str path, struct arena *arena, struct str *ret_text,
                struct err *err);
// GET of a plain URL without credentials (a proxy's admin endpoint).
int session_fetch(struct session *session, struct str url, struct arena *arena,
                  struct str *ret_text, struct err *err);

// Runs the loop until *flag, or until `timeout_ms` have passed (0: for ever): RC_TIMEOUT.
int session_run_until(struct session *session, const bool *flag, int64_t timeout_ms);
// Stops the loop once after that long, so that uv_run returns; for commands with a loop of their
// own.
void session_wake_after(struct session *session, int64_t ms);

// "https://127.0.0.1:6443 (context serin, from /path)": what verbs that write name.
struct str session_cluster(const struct session *session, struct arena *arena);
// "on CLUSTER" to standard error, for verbs that write.
void session_say_cluster(const struct session *session);
// Prints "serin COMMAND: message" and gives the exit code of err->rc.
int session_fail(const char *command, const struct err *err);
int session_exit_code(int rc);
bool session_is_kubectl(void); // started through the link kubectl-serin
