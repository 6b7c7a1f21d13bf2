// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/text/base64.h"
#include "manifests/source/file.h"
#include "manifests/source/kube_config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define CONFIG                                                                                     \
  "apiVersion: v1\nkind: Config\ncurrent-context: one\n"                                           \
  "clusters:\n- name: c1\n  cluster: {server: 'https://one:6443/', certificate-authority: "        \
  "ca.pem}\n"                                                                                      \
  "- name: c2\n  cluster: {server: 'https://two', insecure-skip-tls-verify: true}\n"               \
  "- name: c3\n  cluster: {server: 'http://three', proxy-url: 'socks5://p:1', "                    \
  "tls-server-name: api.test}\n"                                                                   \
  "- name: c4\n  cluster: {server: 'https://four', insecure-skip-tls-verify: true, "               \
  "certificate-authority: ca.pem}\n"                                                               \
  "- name: c5\n  cluster: {server: 'https://five', proxy-url: 'ftp://p:1'}\n"                      \
  "contexts:\n- name: one\n  context: {cluster: c1, user: u1, namespace: team1}\n"                 \
  "- name: two\n  context: {cluster: c2, user: u2}\n"                                              \
  "- name: plugin\n  context: {cluster: c2, user: u3}\n"                                           \
  "- name: lost\n  context: {cluster: nowhere, user: u1}\n"                                        \
  "- name: data\n  context: {cluster: c2, user: u4}\n"                                             \
  "- name: plain\n  context: {cluster: c3, user: u2}\n"                                            \
  "- name: exec\n  context: {cluster: c1, user: u5}\n"                                             \
  "- name: files\n  context: {cluster: c1, user: u6}\n"                                            \
  "- name: two-cas\n  context: {cluster: c4, user: u1}\n"                                          \
  "- name: ftp\n  context: {cluster: c5, user: u1}\n"                                              \
  "- name: half\n  context: {cluster: c1, user: u7}\n"                                             \
  "- name: provider\n  context: {cluster: c2, user: u8}\n"                                         \
  "- name: other\n  context: {cluster: c2, user: u9}\n"                                            \
  "- name: both\n  context: {cluster: c2, user: u10}\n"                                            \
  "- name: talks\n  context: {cluster: c2, user: u11}\n"                                           \
  "users:\n- name: u1\n  user: {token: ' abc '}\n"                                                 \
  "- name: u2\n  user: {username: ann, password: pw}\n"                                            \
  "- name: u3\n  user: {exec: {command: gke-auth}}\n"                                              \
  "- name: u4\n  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ, tokenFile: t}\n" \
  "- name: u5\n  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/auth, " \
  "args: [a, 'b c'], env: [{name: N, value: v}], installHint: ' get it ', "                        \
  "provideClusterInfo: true, interactiveMode: IfAvailable}}\n"                                     \
  "- name: u6\n  user: {client-certificate: ca.pem, client-key: ca.pem}\n"                         \
  "- name: u7\n  user: {client-certificate: ca.pem}\n"                                             \
  "- name: u8\n  user: {auth-provider: {name: gcp}}\n"                                             \
  "- name: u9\n  user: {token: t, as: root}\n"                                                     \
  "- name: u10\n  user: {token: t, username: u, password: p}\n"                                    \
  "- name: u11\n  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: c, "         \
  "interactiveMode: Always}}\n"

struct place {
  char dir[64];
  const char *home, *kubeconfig, *host, *port, *state;
};

static void write_file(const char *dir, const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static const char *environment(const char *name, void *data) {
  const struct place *place = data;
  return strcmp(name, "HOME") == 0                      ? place->home
         : strcmp(name, "KUBECONFIG") == 0              ? place->kubeconfig
         : strcmp(name, "KUBERNETES_SERVICE_HOST") == 0 ? place->host
         : strcmp(name, "KUBERNETES_SERVICE_PORT") == 0 ? place->port
         : strcmp(name, "XDG_STATE_HOME") == 0          ? place->state
                                                        : NULL;
}

static int open_place(void **state) {
  struct place *place = XNEW(struct place);
  char path[128];
  snprintf(place->dir, sizeof place->dir, "/tmp/unit-source-XXXXXX");
  if (!mkdtemp(place->dir))
    return -1;
  const char *folders[] = {".kube", "serin", "sa"};
  for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
    snprintf(path, sizeof path, "%s/%s", place->dir, folders[i]);
    mkdir(path, 0700);
  }
  write_file(place->dir, "ca.pem", "CA");
  *state = place;
  return 0;
}

static int close_place(void **state) {
  struct place *place = *state;
  const char *files[] = {"ca.pem",           "one",       "two",          ".kube/config",
                         "sa/token",         "sa/ca.crt", "sa/namespace", "serin/lock",
                         "serin/kubeconfig", ".kube",     "serin",        "sa"};
  char path[256];
  for (size_t i = 0; i < ARRAY_LEN(files); i++) {
    snprintf(path, sizeof path, "%s/%s", place->dir, files[i]);
    remove(path);
  }
  rmdir(place->dir);
  xfree(place);
  return 0;
}

static void test_contexts(void **state) {
  struct place *place = *state;
  struct kube_config config;
  struct err err = {0};
  char file[128];
  snprintf(file, sizeof file, "%s/one", place->dir);
  assert_int_equal(kube_config_parse(STR(CONFIG), str_of(file), STR(""), &config, &err), RC_OK);
  assert_true(str_eq_z(config.server, "https://one:6443"));
  assert_true(str_eq_z(config.ns, "team1"));
  assert_true(str_eq_z(config.token, "abc"));
  assert_true(str_eq_z(config.tls.ca_pem, "CA"));
  kube_config_dispose(&config);
  assert_int_equal(kube_config_parse(STR(CONFIG), str_of(file), STR("two"), &config, &err), RC_OK);
  assert_true(str_eq_z(config.ns, "default"));
  assert_true(str_eq_z(config.user, "ann"));
  assert_true(config.tls.insecure);
  kube_config_dispose(&config);
  assert_int_equal(kube_config_parse(STR(CONFIG), str_of(file), STR("data"), &config, &err), RC_OK);
  assert_true(str_eq_z(config.tls.cert_pem, "CERT"));
  assert_true(str_eq_z(config.tls.key_pem, "KEY"));
  assert_true(str_ends(config.token_file, STR("/t")));
  kube_config_dispose(&config);
}

static void test_what_rotates_is_named(void **state) {
  struct place *place = *state;
  struct kube_config config;
  struct err err = {0};
  char file[128];
  snprintf(file, sizeof file, "%s/one", place->dir);
  assert_int_equal(kube_config_parse(STR(CONFIG), str_of(file), STR("files"), &config, &err),
                   RC_OK);
  assert_true(str_ends(config.ca_file, STR("/ca.pem")));
  assert_true(str_ends(config.cert_file, STR("/ca.pem")));
  assert_true(str_ends(config.key_file, STR("/ca.pem")));
  assert_true(str_eq_z(config.tls.key_pem, "CA"));
  kube_config_dispose(&config);
}

static void test_plain_http_gets_no_credentials(void **state) {
  (void)state;
  struct kube_config config;
  assert_int_equal(kube_config_parse(STR(CONFIG), STR("/f"), STR("plain"), &config, NULL), RC_OK);
  assert_int_equal(config.user.len + config.password.len, 0);
  assert_true(str_eq_z(config.proxy, "socks5://p:1"));
  assert_true(str_eq_z(config.tls.server_name, "api.test"));
  kube_config_dispose(&config);
}

static void test_plugins_are_read(void **state) {
  struct place *place = *state;
  struct kube_config config;
  struct err err = {0};
  char file[128];
  snprintf(file, sizeof file, "%s/one", place->dir);
  assert_int_equal(kube_config_parse(STR(CONFIG), str_of(file), STR("exec"), &config, &err), RC_OK);
  const struct kube_exec *exec = &config.exec;
  assert_true(str_starts(exec->command, str_of(place->dir))); // beside the file
  assert_true(str_ends(exec->command, STR("/bin/auth")));
  assert_int_equal(exec->arg_count, 2);
  assert_true(str_eq_z(exec->args[1], "b c"));
  assert_int_equal(exec->env_count, 1);
  assert_true(str_eq_z(exec->env[0].value, "v"));
  assert_true(str_eq_z(exec->install_hint, "get it"));
  assert_string_equal(exec->info.ptr,
                      "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
                      "v1\",\"spec\":{\"cluster\":{\"server\":\"https://one:6443/\","
                      "\"certificate-authority-data\":\"Q0E=\"},\"interactive\":false}}");
  kube_config_dispose(&config);
}

static void test_refusals_say_what_to_do(void **state) {
  (void)state;
  static const struct {
    const char *text, *context;
    int rc;
    const char *says;
  } cases[] = {
      {CONFIG, "plugin", RC_UNSUPPORTED, "gke-auth"}, // without an apiVersion
      {CONFIG, "provider", RC_UNSUPPORTED, "gcp"},
      {CONFIG, "other", RC_UNSUPPORTED, "acts as somebody else"},
      {CONFIG, "both", RC_INVALID, "keep one"},
      {CONFIG, "talks", RC_UNSUPPORTED, "interactiveMode"},
      {CONFIG, "ftp", RC_UNSUPPORTED, "socks5"},
      {CONFIG, "nope", RC_INVALID, "there are: one, two"},
      {CONFIG, "lost", RC_INVALID, "nowhere"},
      {"clusters: []\n", "", RC_INVALID, "no current-context"},
      {"", "", RC_INVALID, "empty"},
      {"- a\n", "", RC_PARSE, "expected one YAML mapping"},
      {"kind: Pod\n", "", RC_PARSE, "expected Config"},
      {"a: [\n", "", RC_PARSE, "/f:"},
      {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
       "clusters: [{name: c, cluster: {server: 'one:6443'}}]\n",
       "", RC_INVALID, "https://HOST:PORT"},
      {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
       "clusters: [{name: c, cluster: {server: 'https://one', "
       "certificate-authority-data: '***'}}]\n",
       "", RC_PARSE, "base64"},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct kube_config config;
    struct err err = {0};
    int rc = kube_config_parse(str_of(cases[i].text), STR("/f"), str_of(cases[i].context), &config,
                               &err);
    assert_int_equal(rc, cases[i].rc);
    if (!strstr(err.msg, cases[i].says))
      print_error("%zu: %s\n", i, err.msg);
    assert_non_null(strstr(err.msg, cases[i].says));
  }
}

static void test_contradictions_are_refused(void **state) {
  struct place *place = *state;
  static const char *const contexts[] = {"two-cas", "half"};
  char file[128];
  snprintf(file, sizeof file, "%s/one", place->dir);
  for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
    struct kube_config config;
    struct err err = {0};
    assert_int_equal(
        kube_config_parse(STR(CONFIG), str_of(file), str_of(contexts[i]), &config, &err),
        RC_INVALID);
    assert_non_null(strstr(err.msg, i ? "only one of" : "keep one"));
  }
}

static void expect_load(struct place *place, struct kube_config_lookup lookup, const char *server) {
  struct kube_config config;
  struct err err = {0};
  lookup.env = environment;
  lookup.env_data = place;
  char sa[128];
  snprintf(sa, sizeof sa, "%s/sa", place->dir);
  lookup.service_account = sa;
  int rc = kube_config_load(&lookup, &config, &err);
  if (!server) {
    assert_int_equal(rc, RC_NOT_FOUND);
    return;
  }
  if (rc)
    print_error("%s\n", err.msg);
  assert_int_equal(rc, RC_OK);
  assert_string_equal(config.server.ptr, server);
  kube_config_dispose(&config);
}

#define ONE_SERVER(url)                                                                            \
  "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: ''}}]\n"                   \
  "clusters: [{name: c, cluster: {server: '" url "'}}]\n"

static void test_the_order_of_places(void **state) {
  struct place *place = *state;
  char path[128], list[256];
  place->home = place->dir;
  expect_load(place, (struct kube_config_lookup){0}, NULL);
  write_file(place->dir, ".kube/config", ONE_SERVER("https://home"));
  expect_load(place, (struct kube_config_lookup){0}, "https://home");
  // A kubeconfig of `serin up` counts only while it runs, that is, while its lock is held.
  place->state = place->dir;
  write_file(place->dir, "serin/kubeconfig", ONE_SERVER("https://up"));
  write_file(place->dir, "serin/lock", "");
  expect_load(place, (struct kube_config_lookup){0}, "https://home");
  snprintf(path, sizeof path, "%s/serin/lock", place->dir);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
  expect_load(place, (struct kube_config_lookup){0}, "https://up");
  expect_load(place, (struct kube_config_lookup){.as_kubectl = true}, "https://home");
  close(fd);
  write_file(place->dir, "sa/token", "tok\n");
  write_file(place->dir, "sa/ca.crt", "CA");
  write_file(place->dir, "sa/namespace", "ns1\n");
  place->host = "::1";
  place->port = "443";
  expect_load(place, (struct kube_config_lookup){0}, "https://[::1]:443");
  expect_load(place, (struct kube_config_lookup){.as_kubectl = true}, "https://home");
  write_file(place->dir, "one", ONE_SERVER("https://env"));
  snprintf(list, sizeof list, "%s/missing::%s/one:%s/.kube/config", place->dir, place->dir,
           place->dir);
  place->kubeconfig = list;
  expect_load(place, (struct kube_config_lookup){0}, "https://env");
  write_file(place->dir, "two", ONE_SERVER("https://flag"));
  snprintf(path, sizeof path, "%s/two", place->dir);
  expect_load(place, (struct kube_config_lookup){.kubeconfig = path}, "https://flag");
  expect_load(place, (struct kube_config_lookup){.kubeconfig = path, .kube_api = "http://api/"},
              "http://api");
  snprintf(path, sizeof path, "%s/three", place->dir);
  expect_load(place, (struct kube_config_lookup){.kubeconfig = path}, NULL);
}

static void test_base64(void **state) {
  (void)state;
  struct arena arena = {0};
  static const char *const pairs[][2] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
  for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
    struct str out;
    assert_string_equal(base64_encode(&arena, str_of(pairs[i][0])).ptr, pairs[i][1]);
    assert_true(base64_decode(str_of(pairs[i][1]), &arena, &out));
    assert_string_equal(out.ptr, pairs[i][0]);
  }
  struct str out;
  static const char *const bad[] = {"Z", "Zg=", "Zg===", "Z*==", "Zg==Zg==", "=", "Zm9v="};
  for (size_t i = 0; i < ARRAY_LEN(bad); i++)
    assert_false(base64_decode(str_of(bad[i]), &arena, &out));
  assert_true(base64_decode(STR("Zm9v\nYg"), &arena, &out));
  assert_string_equal(out.ptr, "foob");
  arena_dispose(&arena);
}

static void test_files_have_limits(void **state) {
  struct place *place = *state;
  struct arena arena = {0};
  struct err err = {0};
  struct str text;
  char path[128];
  snprintf(path, sizeof path, "%s/ca.pem", place->dir);
  assert_int_equal(file_read(path, 2, &arena, &text, &err), RC_OK);
  assert_string_equal(text.ptr, "CA");
  assert_int_equal(file_read(path, 1, &arena, &text, &err), RC_LIMIT);
  assert_int_equal(file_read(place->dir, 100, &arena, &text, &err), RC_INVALID);
  assert_int_equal(file_read("/nonexistent", 100, &arena, &text, &err), RC_NOT_FOUND);
  assert_int_equal(file_read("/proc/self/status", 100, &arena, &text, &err), RC_LIMIT);
  assert_int_equal(file_read("/proc/self/status", 65536, &arena, &text, &err), RC_OK);
  assert_true(str_starts(text, STR("Name:")));
  assert_string_equal(file_beside(&arena, STR("/a/b"), STR("c")).ptr, "/a/c");
  assert_string_equal(file_beside(&arena, STR("b"), STR("c")).ptr, "c");
  assert_string_equal(file_beside(&arena, STR("/a/b"), STR("/c")).ptr, "/c");
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_contexts, open_place, close_place),
      cmocka_unit_test_setup_teardown(test_what_rotates_is_named, open_place, close_place),
      cmocka_unit_test(test_plain_http_gets_no_credentials),
      cmocka_unit_test_setup_teardown(test_plugins_are_read, open_place, close_place),
      cmocka_unit_test(test_refusals_say_what_to_do),
      cmocka_unit_test_setup_teardown(test_contradictions_are_refused, open_place, close_place),
      cmocka_unit_test_setup_teardown(test_the_order_of_places, open_place, close_place),
      cmocka_unit_test(test_base64),
      cmocka_unit_test_setup_teardown(test_files_have_limits, open_place, close_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
