// SPDX-License-Identifier: Apache-2.0
// A request as libcurl wants it: all options of a handle but those of its transfer, which are
// http_client.c's.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/source/http_client.h"

#include <curl/curl.h>

struct http_easy {
  CURL *easy;
  struct curl_slist *headers, *connect_to;
  struct arena *arena; // of what the options point to
  http_may_connect_fn may_connect;
  void *may_connect_data;
};

// Whether method, headers and token may be sent.
int http_easy_check(const struct http_request *request, struct err *err);
// Checks the URL, copies it, and finds what may be shown of it ("GET https://host/path") and
// whether it stays on this machine.
int http_easy_read_url(struct arena *arena, const struct http_request *request, struct str *ret_url,
                       struct str *ret_shown, bool *ret_loopback, struct err *err);
// Makes the handle. Handle and lists are the caller's to free with libcurl's functions.
void http_easy_init(struct http_easy *curl, struct arena *arena, const struct http_request *request,
                    struct str url, bool is_loopback);
// Of what a transfer ended with.
int http_easy_rc(CURLcode code);
