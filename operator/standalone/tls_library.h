// SPDX-License-Identifier: Apache-2.0
// GnuTLS comes with libmicrohttpd, and left alone it starts in every process before main(): a
// megabyte of pages and some milliseconds, for every command. Only the API server speaks TLS by it;
// the others never start it.
#pragma once

#include "manifests/base/err.h"

// Before anything else of GnuTLS; once is enough.
int tls_library_start(struct err *err);
