// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/http_easy.h"

#include "manifests/base/bug.h"
#include "manifests/source/http_text.h"

#include <sys/socket.h>

static void add_line(struct curl_slist **list, const char *line) {
  struct curl_slist *longer = curl_slist_append(*list, line);
  BUG_ON(!longer);
  *list = longer;
}

static void add_header(struct http_easy *curl, const char *line) {
  add_line(&curl->headers, line);
}

// libcurl names and checks the server by the URL's host: so the URL gets the name, and the
// connection and the Host header go where the URL said.
static void set_server_name(struct http_easy *curl, struct str name) {
  char *url = NULL, *host = NULL, *port = NULL, *named = NULL;
  CURLU *parts = curl_url();
  curl_easy_getinfo(curl->easy, CURLINFO_EFFECTIVE_URL, &url);
  if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
      curl_url_set(parts, CURLUPART_HOST, arena_str(curl->arena, name).ptr, 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_URL, &named, 0) == CURLUE_OK) {
    add_line(&curl->connect_to, arena_printf(curl->arena, "::%s:%s", host, port).ptr);
    add_header(curl, arena_printf(curl->arena, "Host: %s:%s", host, port).ptr);
    curl_easy_setopt(curl->easy, CURLOPT_URL, named); // copied
    curl_easy_setopt(curl->easy, CURLOPT_CONNECT_TO, curl->connect_to);
  }
  curl_free(host);
  curl_free(port);
  curl_free(named);
  curl_url_cleanup(parts);
}

static void set_headers(struct http_easy *curl, const struct http_request *request) {
  struct arena *arena = curl->arena;
  bool has_type = false;
  for (size_t i = 0; i < request->header_count; i++) {
    const struct http_header *header = &request->headers[i];
    has_type |= str_eq_nocase(header->name, STR("Content-Type"));
    // libcurl's form of a header without a value is "Name;".
    add_header(curl, arena_printf(arena, header->value.len ? "%.*s: %.*s" : "%.*s;%.*s",
                                  STR_ARG(header->name), STR_ARG(header->value))
                         .ptr);
  }
  if (request->bearer.len)
    add_header(curl,
               arena_printf(arena, "Authorization: Bearer %.*s", STR_ARG(request->bearer)).ptr);
  if (!has_type)
    add_header(curl, "Content-Type:"); // libcurl would say it is a form
  add_header(curl, "Expect:");         // and would wait for 100-continue
  curl_easy_setopt(curl->easy, CURLOPT_HTTPHEADER, curl->headers);
}

static void set_blob(struct http_easy *curl, CURLoption option, struct str pem) {
  if (pem.len == 0)
    return;
  struct str copy = arena_str(curl->arena, pem);
  struct curl_blob blob = {(void *)(uintptr_t)copy.ptr, copy.len, CURL_BLOB_NOCOPY};
  curl_easy_setopt(curl->easy, option, &blob);
}

static void set_security(struct http_easy *curl, const struct http_request *request) {
  CURL *easy = curl->easy;
  set_blob(curl, CURLOPT_CAINFO_BLOB, request->tls.ca_pem);
  set_blob(curl, CURLOPT_SSLCERT_BLOB, request->tls.cert_pem);
  set_blob(curl, CURLOPT_SSLKEY_BLOB, request->tls.key_pem);
  if (request->tls.insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (request->tls.server_name.len)
    set_server_name(curl, request->tls.server_name);
  if (request->user.len) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, arena_str(curl->arena, request->user).ptr);
    curl_easy_setopt(easy, CURLOPT_PASSWORD, arena_str(curl->arena, request->password).ptr);
  }
}

static curl_socket_t on_open_socket(void *data, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
  const struct http_easy *curl = data;
  (void)purpose;
  if (!curl->may_connect(&address->addr, curl->may_connect_data))
    return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_options(struct http_easy *curl, const struct http_request *request, struct str url,
                        bool is_loopback) {
  CURL *easy = curl->easy;
  const char *method = request->method ? request->method : "GET";
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_URL, url.ptr);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (request->may_connect) {
    BUG_ON(request->proxy.len);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); // one that others opened was not asked about
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, curl);
  } else if (request->proxy.len) {
    curl_easy_setopt(easy, CURLOPT_PROXY, arena_str(curl->arena, request->proxy).ptr);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  } else if (is_loopback) {
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); // $http_proxy is not meant for this machine
  }
  if (request->body.len || !str_eq_z(str_of(method), "GET")) {
    struct str body = arena_str(curl->arena, request->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
  }
  if (str_eq_z(str_of(method), "HEAD"))
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  else
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, arena_strz(curl->arena, method).ptr);
}

int http_easy_read_url(struct arena *arena, const struct http_request *request, struct str *ret_url,
                       struct str *ret_shown, bool *ret_loopback, struct err *err) {
  struct str url = arena_str(arena, request->url);
  char *host = NULL, *scheme = NULL;
  CURLU *parts = curl_url();
  BUG_ON(!parts);
  int rc = RC_OK;
  if (!http_text_is_clean(url) || curl_url_set(parts, CURLUPART_URL, url.ptr, 0) != CURLUE_OK ||
      curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
      curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
    rc = err_set(err, RC_USAGE, "\"%.*s\" is not a URL of the form http://host:port/path",
                 STR_ARG(http_text_public_url(arena, url)));
  } else if (!str_eq_z(str_of(scheme), "http") && !str_eq_z(str_of(scheme), "https")) {
    rc = err_set(err, RC_USAGE, "\"%s\" URLs are not supported, only http and https", scheme);
  } else {
    *ret_url = url;
    *ret_loopback = http_text_is_loopback(str_of(host));
    *ret_shown = arena_printf(arena, "%s %.*s", request->method ? request->method : "GET",
                              STR_ARG(http_text_public_url(arena, url)));
  }
  curl_free(host);
  curl_free(scheme);
  curl_url_cleanup(parts);
  return rc;
}

struct str http_url_host(struct arena *arena, struct str url) {
  char *text = NULL;
  struct str host = STR_NULL;
  CURLU *parts = curl_url();
  BUG_ON(!parts);
  if (http_text_is_clean(url) &&
      curl_url_set(parts, CURLUPART_URL, arena_str(arena, url).ptr, 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_HOST, &text, 0) == CURLUE_OK) {
    for (char *at = text; *at; at++)
      *at = (char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
    host = arena_strz(arena, text);
    while (host.len && host.ptr[host.len - 1] == '.')
      host.len--;
  }
  curl_free(text);
  curl_url_cleanup(parts);
  return host;
}

int http_easy_check(const struct http_request *request, struct err *err) {
  if (request->method && !http_text_is_token(str_of(request->method)))
    return err_set(err, RC_USAGE, "the HTTP method \"%s\" is not one word", request->method);
  for (size_t i = 0; i < request->header_count; i++)
    if (!http_text_is_token(request->headers[i].name) ||
        !http_text_is_clean(request->headers[i].value))
      return err_set(err, RC_USAGE, "header %zu (\"%.*s\") has characters a header may not have", i,
                     STR_ARG(request->headers[i].name));
  if (!http_text_is_clean(request->bearer))
    return err_set(err, RC_USAGE, "the token has characters a header may not have");
  return RC_OK;
}

void http_easy_init(struct http_easy *curl, struct arena *arena, const struct http_request *request,
                    struct str url, bool is_loopback) {
  *curl = (struct http_easy){.easy = curl_easy_init(),
                             .arena = arena,
                             .may_connect = request->may_connect,
                             .may_connect_data = request->may_connect_data};
  BUG_ON(!curl->easy);
  set_options(curl, request, url, is_loopback);
  set_security(curl, request);
  set_headers(curl, request);
}

int http_easy_rc(CURLcode code) {
  switch ((int)code) {
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL: return RC_USAGE;
  case CURLE_OPERATION_TIMEDOUT: return RC_TIMEOUT;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_ISSUER_ERROR: return RC_DENIED;
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT:
  case CURLE_GOT_NOTHING:
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_PARTIAL_FILE:
  case CURLE_SSL_CONNECT_ERROR: return RC_UNAVAILABLE;
  default: return RC_IO;
  }
}
