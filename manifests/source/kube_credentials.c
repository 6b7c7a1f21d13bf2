// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_credentials.h"
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "manifests/source/file.h"
#include "manifests/source/kube_exec_run.h"

#define FILE_AGE_MS 60000
#define FILE_MAX (1u << 20)
#define REFUSED_AGE_MS 1000 // files are not read again, and plugins not run, more often than this
#define FAILED_AGE_MS 5000  // a plugin that failed is not run again before
#define EARLY_MS 5000       // before a credential expires

struct kept_file { // "" when there is none
  struct arena arena;
  struct str text;
};

struct kube_credentials {
  struct uv_loop_s *loop;
  const struct kube_config *config;
  struct kept_file token, ca, cert, key;
  int64_t read_ms; // steady clock; 0: never
  uint64_t number; // of what we show: grows with each change
  // Plugins.
  struct exec_run *run; // NULL: none runs
  struct arena arena;   // of the credential
  struct kube_exec_credential credential;
  bool has_credential;
  int64_t got_ms, failed_ms; // steady clock; 0: never
  struct err failure;
  struct credential_wait *waits;
};

struct kube_credentials *kube_credentials_new(struct uv_loop_s *loop,
                                              const struct kube_config *config) {
  struct kube_credentials *credentials = XNEW(struct kube_credentials);
  credentials->loop = loop;
  credentials->config = config;
  credentials->number = 1;
  return credentials;
}

void kube_credentials_free(struct kube_credentials *credentials) {
  if (!credentials)
    return;
  struct kept_file *files[] = {&credentials->token, &credentials->ca, &credentials->cert,
                               &credentials->key};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    arena_dispose(&files[i]->arena);
  if (credentials->run)
    exec_run_abandon(credentials->run);
  arena_dispose(&credentials->arena);
  xfree(credentials);
}

// --- files ---

// A file that cannot be read is kept as it was: the server says whether that is still good.
static bool read_again(struct str path, bool trimmed, struct kept_file *kept) {
  struct arena arena = {0};
  struct str text;
  if (!path.len)
    return false;
  int rc = file_read(path.ptr, FILE_MAX, &arena, &text, NULL);
  if (rc == RC_OK && trimmed)
    text = str_trim(text);
  if (rc != RC_OK || str_eq(text, kept->text)) {
    arena_dispose(&arena);
    return false;
  }
  arena_dispose(&kept->arena);
  kept->arena = arena;
  kept->text = text;
  return true;
}

static bool read_files(struct kube_credentials *credentials, int64_t max_age_ms) {
  const struct kube_config *config = credentials->config;
  int64_t now_ms = clock_mono_ms();
  if (credentials->read_ms && now_ms - credentials->read_ms < max_age_ms)
    return false;
  credentials->read_ms = now_ms ? now_ms : 1;
  bool changed = read_again(config->token_file, true, &credentials->token);
  changed |= read_again(config->ca_file, false, &credentials->ca);
  changed |= read_again(config->cert_file, false, &credentials->cert);
  changed |= read_again(config->key_file, false, &credentials->key);
  credentials->number += changed;
  return changed;
}

// --- plugins ---

static bool is_expired(const struct kube_credentials *credentials) {
  int64_t expires_ms = credentials->credential.expires_ms;
  return expires_ms && clock_wall_ms() >= expires_ms - EARLY_MS;
}

bool kube_credentials_must_wait(struct kube_credentials *credentials) {
  return credentials->config->exec.command.len > 0 &&
         (credentials->run || !credentials->has_credential || is_expired(credentials));
}

static void tell(struct kube_credentials *credentials, bool only_canceled, const struct err *err) {
  struct err canceled;
  err_set(&canceled, RC_CANCELED, "canceled");
  struct credential_wait **at = &credentials->waits;
  struct credential_wait *told = NULL, **tail = &told;
  while (*at) {
    struct credential_wait *wait = *at;
    if (only_canceled && !wait->canceled) {
      at = &wait->next;
      continue;
    }
    *at = wait->next;
    wait->next = NULL;
    *tail = wait;
    tail = &wait->next;
  }
  while (told) { // who is told may wait again at once
    struct credential_wait *wait = told;
    told = wait->next;
    wait->done(wait, wait->canceled ? &canceled : err);
  }
}

static void on_exit_of_plugin(void *data, struct str output, const struct err *err) {
  struct kube_credentials *credentials = data;
  const struct kube_exec *exec = &credentials->config->exec;
  struct arena arena = {0};
  struct kube_exec_credential found;
  credentials->run = NULL;
  credentials->failure = (struct err){0};
  int rc = err ? err->rc
               : kube_exec_parse(output, exec->api_version, &arena, &found, &credentials->failure);
  if (rc == RC_OK) {
    arena_dispose(&credentials->arena);
    credentials->arena = arena;
    credentials->credential = found;
    credentials->has_credential = true;
    credentials->number++;
    credentials->got_ms = clock_mono_ms();
    tell(credentials, false, NULL);
    return;
  }
  arena_dispose(&arena);
  if (err)
    credentials->failure = *err;
  credentials->failure.rc = RC_UNAVAILABLE;
  err_wrap(&credentials->failure, RC_UNAVAILABLE, "credentials from \"%.*s\" (exec of %.*s)",
           STR_ARG(exec->command), STR_ARG(credentials->config->origin));
  credentials->failed_ms = clock_mono_ms();
  struct err told = credentials->failure;
  tell(credentials, false, &told);
}

static void on_turn(void *data) {
  struct kube_credentials *credentials = data;
  bool failed_lately =
      credentials->failed_ms && clock_mono_ms() - credentials->failed_ms < FAILED_AGE_MS;
  tell(credentials, true, NULL);
  if (credentials->run && !exec_run_is_started(credentials->run)) {
    struct err told = credentials->failure;
    exec_run_abandon(credentials->run);
    credentials->run = NULL;
    tell(credentials, false, failed_lately ? &told : NULL);
  } else if (credentials->run && !credentials->waits) {
    exec_run_abandon(credentials->run); // nobody wants to know any more
    credentials->run = NULL;
  }
}

void kube_credentials_wait(struct kube_credentials *credentials, struct credential_wait *wait,
                           credential_wait_fn done) {
  *wait = (struct credential_wait){.done = done, .next = credentials->waits};
  credentials->waits = wait;
  if (credentials->run)
    return;
  bool failed_lately =
      credentials->failed_ms && clock_mono_ms() - credentials->failed_ms < FAILED_AGE_MS;
  credentials->run = exec_run_new(credentials->loop, &credentials->config->exec, on_exit_of_plugin,
                                  on_turn, credentials);
  if (failed_lately) // the same answer again, from the loop
    exec_run_turn(credentials->run);
  else
    exec_run_start(credentials->run);
}

void kube_credentials_cancel(struct kube_credentials *credentials, struct credential_wait *wait) {
  wait->canceled = true;
  if (credentials->run)
    exec_run_turn(credentials->run);
}

// --- what is shown ---

static struct str first(struct str a, struct str b) {
  return a.len ? a : b;
}

uint64_t kube_credentials_fill(struct kube_credentials *credentials, struct http_request *request) {
  const struct kube_config *config = credentials->config;
  (void)read_files(credentials, FILE_AGE_MS);
  request->bearer = first(credentials->token.text, config->token);
  request->user = config->user;
  request->password = config->password;
  request->proxy = config->proxy;
  request->tls = config->tls;
  request->tls.ca_pem = first(credentials->ca.text, config->tls.ca_pem);
  request->tls.cert_pem = first(credentials->cert.text, config->tls.cert_pem);
  request->tls.key_pem = first(credentials->key.text, config->tls.key_pem);
  if (credentials->has_credential) {
    request->bearer = first(credentials->credential.token, request->bearer);
    request->tls.cert_pem = first(credentials->credential.cert_pem, request->tls.cert_pem);
    request->tls.key_pem = first(credentials->credential.key_pem, request->tls.key_pem);
  }
  return credentials->number;
}

bool kube_credentials_refused(struct kube_credentials *credentials, uint64_t which) {
  if (read_files(credentials, REFUSED_AGE_MS) || which != credentials->number)
    return true;
  bool is_old = clock_mono_ms() - credentials->got_ms >= REFUSED_AGE_MS;
  if (!credentials->has_credential || !is_old)
    return false;
  credentials->has_credential = false;
  return true;
}

void kube_credentials_reread(struct kube_credentials *credentials) {
  (void)read_files(credentials, REFUSED_AGE_MS);
}
