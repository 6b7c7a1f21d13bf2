// SPDX-License-Identifier: Apache-2.0
// What a client shows the server, kept fresh: token, CA, certificate and key files are read again
// as they are replaced (each minute, and when the server refuses what we have), credential plugins
// are run, with a deadline, when there is no credential yet, when it expires and when it is
// refused. Private to this folder.
#pragma once

#include "manifests/source/http_client.h"
#include "manifests/source/kube_config.h"

struct kube_credentials;
struct credential_wait;

// err NULL: kube_credentials_fill now has what to show.
typedef void (*credential_wait_fn)(struct credential_wait *wait, const struct err *err);

struct credential_wait { // embedded by who waits
  credential_wait_fn done;
  struct credential_wait *next;
  bool canceled;
};

// `config` must outlive it.
struct kube_credentials *kube_credentials_new(struct uv_loop_s *loop,
                                              const struct kube_config *config);
// When nobody waits.
void kube_credentials_free(struct kube_credentials *credentials);

// True when a plugin must be run first: then kube_credentials_wait.
bool kube_credentials_must_wait(struct kube_credentials *credentials);
// `done` comes from the loop, once, after kube_credentials_cancel with RC_CANCELED.
void kube_credentials_wait(struct kube_credentials *credentials, struct credential_wait *wait,
                           credential_wait_fn done);
void kube_credentials_cancel(struct kube_credentials *credentials, struct credential_wait *wait);
// Sets bearer, user, password, tls and proxy. The strings are valid until the loop turns. The
// number says which credentials these are.
uint64_t kube_credentials_fill(struct kube_credentials *credentials, struct http_request *request);
// The server refused those credentials (401), or a handshake failed: true when there are others
// by now, or may be after a wait, so that the request is worth another try.
bool kube_credentials_refused(struct kube_credentials *credentials, uint64_t which);
// A connection failed: the files are read again for the next request.
void kube_credentials_reread(struct kube_credentials *credentials);
