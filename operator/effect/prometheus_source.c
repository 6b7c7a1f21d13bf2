// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/prometheus_source.h"
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "manifests/base/map.h"
#include "manifests/kinds/secret.h"
#include "manifests/text/base64.h"
#include "manifests/source/kube_resource.h"
#include "manifests/source/kube_watch.h"

#define UNUSED_MS (10 * 60000) // a Secret nobody asked for that long is watched no more
#define FIRST_READ_MS 5000     // for the API server to answer
#define DEFAULT_TIMEOUT_MS 5000

struct secret_watch {
  struct prometheus_secrets *secrets;
  struct kube_watch *watch; // NULL: it could not be opened
  int64_t opened_ms, used_ms;
  struct err err; // last trouble
};

struct prometheus_secrets {
  struct kube_client *kube;
  struct kube_resource resource;
  struct map watches; // "ns/name" -> struct secret_watch *
  size_t open;
  bool closing;
  void (*released)(void *data);
  void *data;
};

// --- pure: what is asked ---

struct prometheus_source prometheus_source_of(const struct rollout_prometheus *given,
                                              const struct prometheus_default *fallback,
                                              struct str ns, struct arena *arena) {
  bool own = given->address.len > 0;
  struct prometheus_source source = {
      .address = own ? given->address : fallback->address,
      .headers = given->headers,
      .header_count = given->headers_count,
      .insecure_skip_verify =
          given->insecure_skip_verify || (!own && fallback->insecure_skip_verify),
      .timeout_ms = given->timeout_ms > 0 ? given->timeout_ms : DEFAULT_TIMEOUT_MS};
  if (!own && fallback->timeout_ms > source.timeout_ms)
    source.timeout_ms = fallback->timeout_ms;
  if (given->secret_ref) {
    source.secret_ns = ns;
    source.secret_name = given->secret_ref->name;
  } else if (!own) {
    source.secret_ns = fallback->secret_ns;
    source.secret_name = fallback->secret_name;
  }
  while (str_ends(source.address, STR("/")))
    source.address = str_slice(source.address, 0, source.address.len - 1);
  struct buf key;
  buf_init(&key, 1u << 20);
  buf_addf(&key, "%.*s\n%.*s/%.*s\n%d\n%lld", STR_ARG(source.address), STR_ARG(source.secret_ns),
           STR_ARG(source.secret_name), source.insecure_skip_verify, (long long)source.timeout_ms);
  for (size_t i = 0; i < source.header_count; i++)
    buf_addf(&key, "\n%.*s\r%.*s", STR_ARG(source.headers[i].name),
             STR_ARG(source.headers[i].value));
  source.key = arena_str(arena, buf_str(&key));
  buf_dispose(&key);
  return source;
}

static int secret_value(const struct json *secret, const char *key, struct arena *arena,
                        struct str *ret_value, struct err *err) {
  struct str text = json_get_string(json_get(secret, "data"), key);
  if (text.len && !base64_decode(text, arena, ret_value))
    return err_set(err, RC_INVALID, "key %s of Secret %.*s is not base64", key,
                   STR_ARG(kube_name(secret)));
  return RC_OK;
}

static bool is_one_line(struct str text) {
  for (size_t i = 0; i < text.len; i++)
    if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
      return false;
  return true;
}

int prometheus_credentials(const struct json *secret, struct arena *arena,
                           struct http_request *request, struct err *err) {
  struct http_request filled = *request;
  const struct {
    const char *key;
    struct str *value;
    bool one_line;
  } keys[] = {{"token", &filled.bearer, true},          {"username", &filled.user, true},
              {"password", &filled.password, true},     {"ca.crt", &filled.tls.ca_pem, false},
              {"tls.crt", &filled.tls.cert_pem, false}, {"tls.key", &filled.tls.key_pem, false}};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    int rc = secret_value(secret, keys[i].key, arena, keys[i].value, err);
    if (rc != RC_OK)
      return rc;
    if (keys[i].one_line) {
      *keys[i].value = str_trim(*keys[i].value); // files end in a newline
      if (!is_one_line(*keys[i].value))
        return err_set(err, RC_INVALID, "key %s of Secret %.*s has more than one line", keys[i].key,
                       STR_ARG(kube_name(secret)));
    }
  }
  if (filled.bearer.len && filled.user.len)
    return err_set(err, RC_INVALID, "Secret %.*s has both token and username: keep one",
                   STR_ARG(kube_name(secret)));
  if (!filled.tls.cert_pem.len != !filled.tls.key_pem.len)
    return err_set(err, RC_INVALID, "Secret %.*s needs both tls.crt and tls.key, or neither",
                   STR_ARG(kube_name(secret)));
  *request = filled;
  return RC_OK;
}

// --- the Secrets ---

struct prometheus_secrets *prometheus_secrets_new(struct kube_client *kube,
                                                  void (*released)(void *data), void *data) {
  struct prometheus_secrets *secrets = XNEW(struct prometheus_secrets);
  secrets->kube = kube;
  secrets->resource = kube_resource_of(&secret_kind, NULL);
  secrets->released = released;
  secrets->data = data;
  map_init(&secrets->watches);
  return secrets;
}

size_t prometheus_secrets_open(const struct prometheus_secrets *secrets) {
  return secrets->open;
}

static void on_closed(void *data) {
  struct secret_watch *watch = data;
  struct prometheus_secrets *secrets = watch->secrets;
  xfree(watch);
  secrets->open--;
  if (secrets->released)
    secrets->released(secrets->data);
}

static void close_watch(struct secret_watch *watch) {
  if (watch->watch)
    kube_watch_close(watch->watch, on_closed, watch);
  else
    xfree(watch);
}

void prometheus_secrets_close(struct prometheus_secrets *secrets) {
  secrets->closing = true;
  struct map_iter it = map_begin(&secrets->watches);
  while (map_each(&it)) {
    struct secret_watch *watch = it.value;
    map_del(&secrets->watches, it.key);
    close_watch(watch);
  }
}

void prometheus_secrets_free(struct prometheus_secrets *secrets) {
  if (!secrets)
    return;
  map_dispose(&secrets->watches);
  xfree(secrets);
}

static void on_error(struct kube_watch *kube_watch, const struct err *err, void *data) {
  (void)kube_watch;
  struct secret_watch *watch = data;
  watch->err = *err;
}

static void sweep(struct prometheus_secrets *secrets, int64_t now_ms) {
  struct map_iter it = map_begin(&secrets->watches);
  while (map_each(&it)) {
    struct secret_watch *watch = it.value;
    if (now_ms - watch->used_ms < UNUSED_MS)
      continue;
    map_del(&secrets->watches, it.key);
    close_watch(watch);
  }
}

static struct secret_watch *watch_of(struct prometheus_secrets *secrets,
                                     const struct prometheus_source *source) {
  struct arena arena;
  int64_t now_ms = clock_mono_ms();
  arena_init(&arena);
  struct str key =
      arena_printf(&arena, "%.*s/%.*s", STR_ARG(source->secret_ns), STR_ARG(source->secret_name));
  struct secret_watch *watch = map_get(&secrets->watches, key);
  if (!watch && !secrets->closing) {
    sweep(secrets, now_ms);
    watch = XNEW(struct secret_watch);
    watch->secrets = secrets;
    watch->opened_ms = now_ms;
    struct kube_watch_options options = {
        .resource = &secrets->resource,
        .ns = source->secret_ns,
        .field_selector = arena_printf(&arena, "metadata.name=%.*s", STR_ARG(source->secret_name)),
        .error = on_error,
        .data = watch};
    if (kube_watch_open(secrets->kube, &options, &watch->watch, &watch->err) == RC_OK)
      secrets->open++;
    map_put(&secrets->watches, key, watch);
  }
  if (watch)
    watch->used_ms = now_ms;
  arena_dispose(&arena);
  return watch;
}

static const struct json *secret_of(struct prometheus_secrets *secrets,
                                    const struct prometheus_source *source) {
  struct secret_watch *watch = watch_of(secrets, source);
  return watch && watch->watch
             ? kube_watch_get(watch->watch, source->secret_ns, source->secret_name)
             : NULL;
}

enum prometheus_ready prometheus_source_ready(struct prometheus_secrets *secrets,
                                              const struct prometheus_source *source,
                                              struct err *err) {
  if (!source->secret_name.len)
    return SOURCE_READY;
  struct secret_watch *watch = watch_of(secrets, source);
  if (secret_of(secrets, source))
    return SOURCE_READY;
  if (watch && watch->watch && !kube_watch_is_synced(watch->watch)) {
    if (clock_mono_ms() - watch->opened_ms < FIRST_READ_MS && !watch->err.rc)
      return SOURCE_WAITS;
    err_set(err, RC_UNAVAILABLE, "Secret %.*s/%.*s with the credentials cannot be read: %s",
            STR_ARG(source->secret_ns), STR_ARG(source->secret_name),
            watch->err.rc ? watch->err.msg : "the API server has not answered");
    return SOURCE_BROKEN;
  }
  err_set(err, RC_NOT_FOUND, "Secret %.*s/%.*s with the credentials does not exist",
          STR_ARG(source->secret_ns), STR_ARG(source->secret_name));
  return SOURCE_BROKEN;
}

int prometheus_source_request(struct prometheus_secrets *secrets,
                              const struct prometheus_source *source, const char *path,
                              const char *type, struct arena *arena,
                              struct http_request *ret_request, struct err *err) {
  struct http_header *headers = ARENA_ARRAY(arena, struct http_header, source->header_count + 1);
  struct http_request request = {.method = "POST",
                                 .url =
                                     arena_printf(arena, "%.*s%s", STR_ARG(source->address), path),
                                 .headers = headers,
                                 .tls = {.insecure = source->insecure_skip_verify},
                                 .deadline_ms = source->timeout_ms};
  if (type)
    headers[request.header_count++] = (struct http_header){STR("Content-Type"), str_of(type)};
  for (size_t i = 0; i < source->header_count; i++)
    headers[request.header_count++] =
        (struct http_header){source->headers[i].name, source->headers[i].value};
  if (source->secret_name.len) {
    const struct json *secret = secret_of(secrets, source);
    if (!secret)
      return err_set(err, RC_NOT_FOUND, "Secret %.*s/%.*s with the credentials does not exist",
                     STR_ARG(source->secret_ns), STR_ARG(source->secret_name));
    int rc = prometheus_credentials(secret, arena, &request, err);
    if (rc != RC_OK)
      return rc;
  }
  *ret_request = request;
  return RC_OK;
}

void prometheus_request_secrets(const struct http_request *request, struct arena *arena,
                                struct str ret_secrets[PROMETHEUS_SECRETS]) {
  struct str both =
      arena_printf(arena, "%.*s:%.*s", STR_ARG(request->user), STR_ARG(request->password));
  // The longest first: it may have another one in it.
  ret_secrets[0] = request->user.len ? base64_encode(arena, both) : STR_NULL;
  ret_secrets[1] = request->bearer;
  ret_secrets[2] = request->password;
}
