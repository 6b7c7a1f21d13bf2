// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/tls_library.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <stdint.h>

typedef int (*start_fn)(void);

// GnuTLS' own switch for its own constructor.
// clang-format off
GNUTLS_SKIP_GLOBAL_INIT
// clang-format on

static start_fn started;

// libmicrohttpd's constructor calls this, and finds the program's before the library's. Without TLS
// nothing of GnuTLS is used behind it.
int gnutls_global_init(void) {
  return started ? started() : GNUTLS_E_SUCCESS;
}

int tls_library_start(struct err *err) {
  if (started)
    return RC_OK;
  start_fn start = (start_fn)(uintptr_t)dlsym(RTLD_NEXT, "gnutls_global_init");
  int code = start ? start() : GNUTLS_E_INTERNAL_ERROR;
  if (code < 0)
    return err_set(err, RC_INTERNAL, "GnuTLS cannot start: %s",
                   start ? gnutls_strerror(code) : "it is not there");
  started = start;
  return RC_OK;
}
