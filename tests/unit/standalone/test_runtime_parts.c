// SPDX-License-Identifier: Apache-2.0
// The small parts of the runtime and the shim that stand alone: addresses, listening sockets,
// records, volumes on disk.
#include "operator/standalone/log_times.h"
#include "operator/standalone/prometheus_config.h"
#include "operator/standalone/runtime_address.h"
#include "operator/standalone/runtime_listen.h"
#include "operator/standalone/runtime_volume.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/shim_log.h"
#include "operator/standalone/shim_record.h"
#include "operator/standalone/supervisor_ports.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct arena arena;
static char folder[64];

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  strncpy(folder, "/tmp/serin-unit-XXXXXX", sizeof folder - 1);
  return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  (void)shim_file_remove_all(folder, NULL);
  arena_dispose(&arena);
  return 0;
}

static const char *in_folder(const char *name) {
  return shim_file_join(&arena, folder, str_of(name));
}

static void addresses_are_given_out_once(void **state) {
  (void)state;
  struct address_pool pool;
  struct str first, second, again;
  address_pool_init(&pool, STR("/data/a"));
  assert_int_equal(address_pool_take(&pool, &arena, &first, NULL), RC_OK);
  assert_int_equal(address_pool_take(&pool, &arena, &second, NULL), RC_OK);
  assert_true(str_starts(first, STR("127.")) && !str_starts(first, STR("127.0.")));
  assert_false(str_eq(first, second));
  address_pool_release(&pool, first);
  assert_int_equal(address_pool_take(&pool, &arena, &again, NULL), RC_OK);
  assert_false(str_eq(first, again)); // not soon after
  assert_int_equal(address_pool_save(&pool, in_folder("a.json"), NULL), RC_OK);
  struct address_pool next;
  address_pool_init(&next, STR("/data/moved"));
  assert_int_equal(address_pool_load(&next, in_folder("a.json"), NULL), RC_OK);
  assert_int_equal(next.base, pool.base);
  assert_int_equal(next.next, pool.next);
  struct err err = {0};
  size_t taken = 0;
  while (address_pool_take(&pool, &arena, &again, &err) == RC_OK)
    taken++;
  assert_int_equal(err.rc, RC_LIMIT);
  assert_int_equal(taken, ADDRESS_RANGE - 2);
  address_pool_release(&pool, second);
  assert_int_equal(address_pool_take(&pool, &arena, &again, NULL), RC_OK);
  assert_true(str_eq(again, second));
  address_pool_dispose(&pool);
  address_pool_dispose(&next);
}

static void listening_sockets_are_told_apart(void **state) {
  (void)state;
  static const struct {
    const char *line;
    bool v6, listens;
    enum listen_where where;
    int port;
  } cases[] = {
      {"   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 77 1",
       false, true, LISTEN_ALL, 8080},
      {"   1: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 78 1",
       false, true, LISTEN_LOOPBACK, 80},
      {"   2: 0200057F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 79 1",
       false, true, LISTEN_POD, 8080},
      {"   3: 0300057F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 79 1",
       false, true, LISTEN_OTHER, 8080},
      {"   4: 0200057F:1F90 00000000:0000 01 00000000:00000000 00:00000000 00000000  0 0 79 1",
       false, false, LISTEN_POD, 0},
      {"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", false,
       false, LISTEN_POD, 0},
      {"   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A "
       "00000000:00000000 00:00000000 00000000 0 0 80 1",
       true, true, LISTEN_ALL, 8080},
      {"   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A "
       "00000000:00000000 00:00000000 00000000 0 0 80 1",
       true, true, LISTEN_LOOPBACK, 8080},
      {"   0: 0000000000000000FFFF00000200057F:1F90 00000000000000000000000000000000:0000 0A "
       "00000000:00000000 00:00000000 00000000 0 0 80 1",
       true, true, LISTEN_POD, 8080},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct listen_socket found = {0};
    uint64_t inode;
    assert_int_equal(
        listen_parse(str_of(cases[i].line), cases[i].v6, STR("127.5.0.2"), &found, &inode),
        cases[i].listens);
    if (cases[i].listens) {
      assert_int_equal(found.where, cases[i].where);
      assert_int_equal(found.port, cases[i].port);
    }
  }
}

static void orders_and_records_read_back(void **state) {
  (void)state;
  struct str argv[] = {STR("a"), STR("b c")}, env[] = {STR("X=\"y\"")};
  struct shim_mount mounts[] = {{STR("/s"), STR("/t"), true}};
  struct shim_start start = {.attempt = 3,
                             .title = STR("n/p/c"),
                             .argv = argv,
                             .argv_count = 2,
                             .env = env,
                             .env_count = 1,
                             .cwd = STR("/"),
                             .log = STR("/l"),
                             .grace_ms = 5,
                             .uid = -1,
                             .gid = 7,
                             .mount_mode = SHIM_MOUNT_USER,
                             .mounts = mounts,
                             .mount_count = 1};
  struct shim_start read;
  assert_int_equal(shim_start_read(shim_start_write(&arena, &start), &arena, &read, NULL), RC_OK);
  assert_int_equal(read.attempt, 3);
  assert_true(str_eq(read.argv[1], argv[1]) && str_eq(read.env[0], env[0]));
  assert_true(read.mount_mode == SHIM_MOUNT_USER && read.mounts[0].read_only && read.gid == 7);
  struct shim_record record = {.attempt = 3,
                               .state = SHIM_EXITED,
                               .process = {.pid = 12, .started = 99, .boot = STR("b")},
                               .exit_code = 137,
                               .signal = 9,
                               .reason = STR("OOMKilled")},
                     back;
  shim_record_read(shim_record_write(&arena, &record), &back);
  assert_true(back.state == SHIM_EXITED && back.exit_code == 137 && back.process.started == 99);
  assert_true(str_eq(back.reason, STR("OOMKilled")) && str_eq(back.process.boot, STR("b")));
  struct err err = {0};
  assert_int_equal(shim_start_read(json_new_object(&arena), &arena, &read, &err), RC_PARSE);
}

static void a_reused_pid_is_not_ours(void **state) {
  (void)state;
  struct proc_id self = proc_identify(getpid());
  assert_true(proc_is_alive(self));
  struct proc_id other = self;
  other.started++;
  assert_false(proc_is_alive(other));
  assert_false(proc_signal(other, 0));
  other = self;
  other.boot = STR("another boot");
  assert_false(proc_is_alive(other));
  assert_false(proc_is_alive((struct proc_id){0}));
}

// A process in a session of its own that waits to be killed.
static pid_t session_start(void) {
  int told[2];
  char byte;
  assert_int_equal(pipe(told), 0);
  pid_t child = fork();
  if (child == 0) {
    setsid();
    (void)!write(told[1], "x", 1);
    for (;;)
      pause();
  }
  assert_int_equal(read(told[0], &byte, 1), 1);
  close(told[0]);
  close(told[1]);
  return child;
}

static void a_session_is_killed_only_when_it_is_ours(void **state) {
  (void)state;
  // As a grandchild, because our own children are killed in any case.
  int told[2];
  pid_t pid = 0;
  assert_int_equal(pipe(told), 0);
  pid_t between = fork();
  if (between == 0) {
    pid = session_start();
    (void)!write(told[1], &pid, sizeof pid);
    _exit(0);
  }
  assert_int_equal(read(told[0], &pid, sizeof pid), sizeof pid);
  close(told[0]);
  close(told[1]);
  (void)waitpid(between, NULL, 0);
  struct proc_id leader = proc_identify(pid), wrong = leader;
  wrong.started++;
  assert_int_equal(proc_kill_session(wrong), 0);
  wrong = leader;
  wrong.boot = STR("another boot");
  assert_int_equal(proc_kill_session(wrong), 0);
  assert_true(proc_is_alive(leader));
  assert_int_equal(proc_kill_session(leader), 1);
  assert_true(proc_wait_gone(leader, 5000));
}

static struct str content(const char *path) {
  struct str text = STR("?");
  (void)shim_file_read(path, &arena, &text, NULL);
  return text;
}

static void volumes_change_at_once_and_drop_what_went(void **state) {
  (void)state;
  struct pod_file files[] = {{STR("a"), STR("1"), 0644}, {STR("d/b"), STR("2"), 0400}};
  struct pod_volume_plan plan = {.name = STR("v"), .files = files, .file_count = 2};
  assert_int_equal(volume_write(&plan, folder, NULL), RC_OK);
  assert_true(str_eq(content(in_folder("v/a")), STR("1")));
  assert_true(str_eq(content(in_folder("v/d/b")), STR("2")));
  struct stat about;
  assert_int_equal(stat(in_folder("v/d/b"), &about), 0);
  assert_int_equal(about.st_mode & 0777, 0400);
  char before[64] = "", after[64] = "";
  assert_true(readlink(in_folder("v/..data"), before, sizeof before - 1) > 0);
  assert_int_equal(volume_write(&plan, folder, NULL), RC_OK); // the same: nothing is written
  assert_true(readlink(in_folder("v/..data"), after, sizeof after - 1) > 0);
  assert_string_equal(before, after);
  files[0].content = STR("new");
  plan.file_count = 1;
  assert_int_equal(volume_write(&plan, folder, NULL), RC_OK);
  assert_true(str_eq(content(in_folder("v/a")), STR("new")));
  assert_int_equal(access(in_folder("v/d"), F_OK), -1);
  assert_int_equal(lstat(in_folder("v/d"), &about), -1);
}

static void an_empty_dir_keeps_its_content(void **state) {
  (void)state;
  struct pod_volume_plan plan = {.name = STR("e"), .type = POD_VOLUME_EMPTY};
  assert_int_equal(volume_write(&plan, folder, NULL), RC_OK);
  assert_int_equal(shim_file_write(in_folder("e/x"), STR("kept"), 0600, NULL), RC_OK);
  assert_int_equal(volume_write(&plan, folder, NULL), RC_OK);
  assert_true(str_eq(content(in_folder("e/x")), STR("kept")));
}

static void logs_rotate_by_size(void **state) {
  (void)state;
  struct log_file log;
  assert_int_equal(log_file_open(&log, in_folder("logs/c.log"), 10, 2, NULL), RC_OK);
  static const char *const lines[] = {"one1\n", "two2\n", "three3\n", "four4\n", "five5\n"};
  for (size_t i = 0; i < 5; i++)
    log_file_write(&log, str_of(lines[i]));
  log_file_close(&log);
  assert_true(str_eq(content(in_folder("logs/c.log")), STR("five5\n")));
  assert_true(str_eq(content(in_folder("logs/c.log.1")), STR("four4\n")));
  assert_true(str_eq(content(in_folder("logs/c.log.2")), STR("three3\n")));
  assert_int_equal(access(in_folder("logs/c.log.3"), F_OK), -1);
  log_file_keep_previous(in_folder("logs/c.log"));
  assert_true(str_eq(content(in_folder("logs/c.previous.log")), STR("five5\n")));
  // The times go where their log goes.
  assert_int_equal(access(in_folder("logs/c.log.1.times"), F_OK), 0);
  assert_int_equal(access(in_folder("logs/c.previous.log.times"), F_OK), 0);
  assert_int_equal(access(in_folder("logs/c.log.times"), F_OK), -1);
}

static void times_of_a_log_are_found(void **state) {
  (void)state;
  int fd = log_times_open(in_folder("timed.log"), O_RDWR | O_CREAT | O_APPEND);
  assert_int_equal(log_times_since(fd, 5, 70), 70);
  static const struct log_time times[] = {{0, 1000}, {10, 2000}, {30, 3000}};
  for (size_t i = 0; i < 3; i++)
    log_times_add(fd, times[i]);
  assert_int_equal(log_times_since(fd, 5, 70), 0);
  assert_int_equal(log_times_since(fd, 1001, 70), 10);
  assert_int_equal(log_times_since(fd, 3000, 70), 30);
  assert_int_equal(log_times_since(fd, 3001, 70), 70);
  assert_int_equal(log_times_since(fd, 3000, 20), 20); // the record of a byte that is not there
  struct log_times walk;
  log_times_start(&walk, fd);
  assert_int_equal(log_times_at(&walk, 0), 1000);
  assert_int_equal(log_times_at(&walk, 9), 1000);
  assert_int_equal(log_times_at(&walk, 40), 3000);
  close(fd);
  log_times_start(&walk, -1); // a log of before there were times
  assert_int_equal(log_times_at(&walk, 4), 0);
  assert_int_equal(log_times_since(-1, 5, 70), 70);
}

static void ports_are_kept_and_a_taken_one_is_an_error(void **state) {
  (void)state;
  const int64_t none[PORT_NAMES] = {0};
  struct ports first, second;
  struct err err = {0};
  assert_int_equal(ports_open(&first, in_folder("ports.json"), none, 3, &err), RC_OK);
  assert_int_equal(first.worker_count, 3);
  assert_int_equal(ports_open(&second, in_folder("ports.json"), none, 1, &err), RC_EXISTS);
  assert_non_null(strstr(err.msg, "ports.json"));
  const int64_t asked[PORT_NAMES] = {[PORT_HTTP] = first.numbers[PORT_HTTP]};
  assert_int_equal(ports_open(&second, in_folder("other.json"), asked, 1, &err), RC_EXISTS);
  assert_non_null(strstr(err.msg, "--http-port"));
  int kept = first.numbers[PORT_API];
  ports_close(&first);
  assert_int_equal(ports_open(&second, in_folder("ports.json"), none, 1, &err), RC_OK);
  assert_int_equal(second.numbers[PORT_API], kept);
  ports_close(&second);
}

static void prometheus_scrapes_proxy_and_operator(void **state) {
  (void)state;
  struct buf text;
  buf_init(&text, 65536);
  prometheus_config_write(&text, 1234, 5678);
  assert_non_null(strstr(buf_z(&text), "targets: ['127.0.0.1:1234']"));
  assert_non_null(strstr(buf_z(&text), "targets: ['127.0.0.1:5678']"));
  assert_non_null(strstr(buf_z(&text), "scrape_interval: 1s"));
  buf_dispose(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(addresses_are_given_out_once, setup, teardown),
      cmocka_unit_test_setup_teardown(listening_sockets_are_told_apart, setup, teardown),
      cmocka_unit_test_setup_teardown(orders_and_records_read_back, setup, teardown),
      cmocka_unit_test_setup_teardown(a_reused_pid_is_not_ours, setup, teardown),
      cmocka_unit_test_setup_teardown(a_session_is_killed_only_when_it_is_ours, setup, teardown),
      cmocka_unit_test_setup_teardown(volumes_change_at_once_and_drop_what_went, setup, teardown),
      cmocka_unit_test_setup_teardown(an_empty_dir_keeps_its_content, setup, teardown),
      cmocka_unit_test_setup_teardown(logs_rotate_by_size, setup, teardown),
      cmocka_unit_test_setup_teardown(times_of_a_log_are_found, setup, teardown),
      cmocka_unit_test_setup_teardown(ports_are_kept_and_a_taken_one_is_an_error, setup, teardown),
      cmocka_unit_test_setup_teardown(prometheus_scrapes_proxy_and_operator, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
